"""Registers of offers: told in any order and twice, all who hear them end with the same."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from offer_material import kept, says

from pommai.gateway.data_file import DataFile
from pommai.gateway.offer_registers import Line, Mark, OfferRegisters, Word
from pommai.gateway.offers import Told
from pommai.gateway.offers_file import FileOffers
from pommai.protocol.wire import encode_message

TWELVE = replace(kept(12), made=10)
SHA = TWELVE.sha256


def line(changed: int, device: str = "bear", outcome: str = "refused") -> Line:
    return Line(SHA, device, changed, Told(changed, 1, outcome, ""))


CHANGES = st.one_of(
    st.builds(
        lambda changed, withdrawn, everybody: Mark(replace(TWELVE, everybody=everybody), changed, withdrawn),
        st.integers(10, 30),
        st.booleans(),
        st.booleans(),
    ),
    st.builds(lambda changed: Mark(replace(TWELVE, made=changed), changed), st.integers(11, 30)),
)


@settings(max_examples=40)
@given(st.lists(CHANGES, min_size=1, max_size=6, unique_by=lambda each: each.changed), st.randoms())
def test_bundles_that_are_told_in_any_order_end_as_the_last_change_says(marks: list[Mark], random: Any) -> None:
    async def test() -> None:
        async with await DataFile.open() as data:
            registers = OfferRegisters(data)
            told = marks * 2
            random.shuffle(told)
            for mark in told:
                await registers.put_marks([mark], untold=False)
            last = max(marks, key=lambda each: each.changed)
            assert await registers.mark(SHA) == last
            assert (await FileOffers(data).find(SHA) is None) == last.withdrawn

    asyncio.run(test())


def test_of_an_offer_to_a_toy_the_later_word_counts_and_none_of_an_earlier_offer() -> None:
    async def test() -> None:
        async with await DataFile.open() as data:
            registers = OfferRegisters(data)
            await registers.put_lines([line(20)])
            assert await registers.lines(SHA, ("bear", "rex", "cat")) == {}, "of a bundle that nobody offers"
            await registers.put_marks([Mark(TWELVE, 10)])
            await registers.put_lines([line(20), line(15), line(10, "cat"), line(12, "rex")])
            assert await registers.lines(SHA, ("bear", "rex", "cat")) == {"bear": line(20), "rex": line(12, "rex")}
            await registers.put_marks([Mark(replace(TWELVE, made=15), 15)])  # it was withdrawn and brought again
            assert await registers.lines(SHA, ("bear", "rex", "cat")) == {"bear": line(20)}
            await registers.put_lines([line(40)])
            await registers.put_marks([Mark(TWELVE, 30, withdrawn=True)])
            assert await registers.lines(SHA, ("bear", "rex", "cat")) == {}, "said before it was known here"
            await registers.put_lines([line(50)])
            assert await registers.lines(SHA, ("bear", "rex", "cat")) == {}

    asyncio.run(test())


def test_of_two_with_the_same_number_what_comes_from_others_counts() -> None:
    async def test() -> None:
        async with await DataFile.open() as data:
            registers = OfferRegisters(data)
            await registers.put_marks([Mark(TWELVE, 10)])
            await registers.put_lines([line(20)])
            await registers.put_lines([line(20, outcome="taken")], untold=False)
            assert (await registers.lines(SHA, ("bear", "rex", "cat")))["bear"].told.outcome == "taken"
            assert await registers.untold_lines(9) == []

    asyncio.run(test())


def test_what_others_have_yet_to_hear_is_known_until_they_have_heard_just_that() -> None:
    async def test() -> None:
        async with await DataFile.open() as data:
            offers = FileOffers(data)
            registers = offers.registers
            await offers.keep(kept(12))
            await offers.offer(SHA, ["bear", "rex"])
            await offers.hear({"bear": says(), "cat": says(3)})
            (mark,), lines = await registers.untold_marks(), await registers.untold_lines(9)
            words = await registers.untold_words(9)
            assert {each.device_id for each in lines} == {"bear", "rex"}
            assert {each.device_id for each in words} == {"bear", "cat"}
            assert len(await registers.untold_lines(1)) == len(await registers.untold_words(1)) == 1
            await offers.tell(SHA, "rex")  # meanwhile
            await registers.marks_were_told([mark])
            await registers.lines_were_told(lines)
            await registers.words_were_told(words)
            assert await registers.untold_marks() == await registers.untold_words(9) == []
            assert [each.device_id for each in await registers.untold_lines(9)] == ["rex"]
            await registers.tell_all()
            assert len(await registers.untold_lines(9)) == len(await registers.untold_words(9)) == 2
            assert len(await registers.untold_marks()) == 1

    asyncio.run(test())


def test_what_a_toy_has_said_last_counts_and_only_so_many_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pommai.gateway.offer_registers.MOST_REPORTS", 2)

    async def test() -> None:
        async with await DataFile.open() as data:
            offers = FileOffers(data)
            await offers.keep(kept(12))
            text = {version: encode_message(says(version)) for version in (1, 2)}
            await offers.registers.put_words([Word("bear", 20, text[2]), Word("bear", 19, text[1])], untold=False)
            assert (await offers.read()).reports == {"bear": says(2)}
            await offers.registers.put_words([Word("cat", 30, text[1]), Word("rex", 31, text[1])], untold=False)
            assert set((await offers.read()).reports) == {"cat", "rex"}
            assert await offers.registers.untold_words(9) == []

    asyncio.run(test())


def test_offers_of_a_file_from_before_there_were_fleets_of_them_are_told_to_the_fleet(tmp_path: Path) -> None:
    path = tmp_path / "toys.db"

    async def before() -> None:
        async with await DataFile.open(path) as data:
            await FileOffers(data).keep(kept(12))
            await FileOffers(data).offer(SHA, ["bear", "rex"])
            await FileOffers(data).tell(SHA, "rex")
            await FileOffers(data).hear({"bear": says(3)})

    asyncio.run(before())
    with sqlite3.connect(path) as database:
        database.execute("DROP INDEX offered_untold")
        database.execute("DROP INDEX update_reports_untold")
        for table, columns in (
            ("bundles", ("changed", "withdrawn", "untold")),
            ("offered", ("changed", "untold")),
            ("update_reports", ("untold",)),
        ):
            for column in columns:
                database.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        database.execute("PRAGMA user_version = 4")
    database.close()

    async def after() -> None:
        async with await DataFile.open(path) as data:
            registers = OfferRegisters(data)
            (mark,), lines = await registers.untold_marks(), await registers.untold_lines(9)
            assert (mark.kept.version, mark.changed) == (12, mark.kept.made)
            assert {each.device_id: each.told.times for each in lines} == {"bear": 0, "rex": 1}
            assert all(each.changed > mark.kept.made for each in lines)
            assert [each.device_id for each in await registers.untold_words(9)] == ["bear"]
            assert await FileOffers(data).withdraw(SHA)

    asyncio.run(after())
