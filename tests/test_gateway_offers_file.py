"""What a gateway notes of the bundles that it offers."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from offer_material import kept, says

from pommai.errors import BundleError
from pommai.gateway.data_file import DataFile
from pommai.gateway.offers import MOST_KEPT, Told
from pommai.gateway.offers_file import FileOffers
from pommai.protocol.messages import UpdateReport

TWELVE = kept(12)


def test_what_was_offered_and_said_outlives_the_gateway(tmp_path: Path) -> None:
    async def test() -> None:
        async with await DataFile.open(tmp_path / "toys.db") as data:
            offers = FileOffers(data)
            for version in (12, 13):
                await offers.keep(kept(version))
            assert await offers.offer(TWELVE.sha256, ["bear", "rex"])
            assert await offers.offer(kept(13).sha256, None)
            await offers.tell(TWELVE.sha256, "bear")
            report = says(11, trial=True, failed=(9,), offer=TWELVE.sha256, outcome="refused", reason="no room")
            await offers.hear({"bear": says(10), "rex": says(12)})
            await offers.hear({"bear": report})
        async with await DataFile.open(tmp_path / "toys.db") as data:
            book = await FileOffers(data).read()
            less = await FileOffers(data).read(reports=False)
            assert await FileOffers(data).find(TWELVE.sha256) == book.of(TWELVE.sha256) == book.kept[1]
            assert await FileOffers(data).find("0" * 64) is None
        assert [(each.version, bool(each.everybody)) for each in book.kept] == [(13, True), (12, False)]
        told = book.told[TWELVE.sha256]
        assert told["rex"] == Told()
        assert told["bear"].at is not None
        assert (told["bear"].times, told["bear"].outcome, told["bear"].reason) == (1, "refused", "no room")
        assert book.reports == {"bear": report, "rex": says(12)}
        assert (less.kept, less.told, less.reports) == (book.kept, book.told, {})

    asyncio.run(test())


def test_to_offer_again_begins_anew_with_those_who_do_not_have_it() -> None:
    async def test() -> None:
        async with await DataFile.open() as data:
            offers = FileOffers(data)
            await offers.keep(TWELVE)
            await offers.offer(TWELVE.sha256, ["bear", "rex", "cat"])
            for device in ("bear", "rex", "cat"):
                await offers.tell(TWELVE.sha256, device)
            for device in ("bear", "cat"):
                await offers.note(TWELVE.sha256, device, "refused", "no room")
            await offers.offer(TWELVE.sha256, ["bear", "rex"])
            told = (await offers.read()).told[TWELVE.sha256]
            assert told["bear"] == Told()
            assert told["rex"].outcome == "told"  # it is about to answer
            assert told["cat"].outcome == "refused"
            await offers.offer(TWELVE.sha256, None)
            assert (await offers.read()).told[TWELVE.sha256]["cat"] == Told()

    asyncio.run(test())


def test_what_is_withdrawn_is_forgotten_and_what_nobody_keeps_is_not_offered() -> None:
    async def test() -> None:
        async with await DataFile.open() as data:
            offers = FileOffers(data)
            await offers.keep(TWELVE)
            await offers.offer(TWELVE.sha256, ["bear"])
            assert await offers.withdraw(TWELVE.sha256)
            assert not await offers.withdraw(TWELVE.sha256)
            assert not await offers.offer(TWELVE.sha256, None)
            await offers.tell(TWELVE.sha256, "bear")
            await offers.hear({"bear": says(offer=TWELVE.sha256, outcome="taken")})
            book = await offers.read()
            assert (book.kept, dict(book.told)) == ((), {})

    asyncio.run(test())


def test_only_so_many_are_kept_and_one_that_is_known_counts_once() -> None:
    async def test() -> None:
        async with await DataFile.open() as data:
            offers = FileOffers(data)
            for version in range(MOST_KEPT):
                await offers.keep(kept(version))
            await offers.keep(kept(0))
            with pytest.raises(BundleError, match="keeps 8 bundles"):
                await offers.keep(kept(99))

    asyncio.run(test())


def test_of_too_many_toys_those_that_spoke_last_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pommai.gateway.offers_file.MOST_REPORTS", 2)

    async def test() -> None:
        async with await DataFile.open() as data:
            offers = FileOffers(data)
            await offers.keep(TWELVE)
            for device in ("a", "b", "c"):
                await offers.hear({device: says()})
                await asyncio.sleep(0.002)  # the server's clock counts in milliseconds
            assert set((await offers.read()).reports) == {"b", "c"}

    asyncio.run(test())


def test_a_word_that_makes_no_sense_any_more_is_passed_over() -> None:
    async def test() -> None:
        async with await DataFile.open() as data:
            offers = FileOffers(data)
            await offers.keep(TWELVE)
            await offers.hear({"bear": says(), "rex": says(3)})
            async with data.transaction() as database:
                await database.execute("UPDATE update_reports SET report = '{' WHERE device = 'bear'")
            assert (await offers.read()).reports == {"rex": UpdateReport(3, "pommai", "home")}

    asyncio.run(test())
