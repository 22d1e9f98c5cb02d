from __future__ import annotations

import asyncio
import json
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from gateway_material import run
from hypothesis import given, settings
from hypothesis import strategies as st

from pommai.errors import ProtocolError, StoreError
from pommai.gateway import archive as module
from pommai.gateway import data_file
from pommai.gateway.archive import MOST_ITEMS, Alert, Archive, Count
from pommai.io.ports import CONVERSATIONS, LOGS, METRICS, SAFETY
from pommai.protocol import messages as m

TALK = m.Conversation("c1", "robo-rex", "what are you?", "A dinosaur!", "1970-01-01T00:00:07Z", was_offline=True)
ALERT = m.GuardianAlert("high", "asked for help", "2026-01-01T00:00:00Z", "help me", id="s1")


def metric(id_: str, value: object = 1.0) -> dict[str, Any]:
    return {"id": id_, "name": "wake.hits", "value": value}


def metrics(*ids: str) -> m.SyncBatch:
    return m.SyncBatch("b1", metrics=tuple(metric(id_) for id_ in ids))


async def kept(archive: Archive) -> list[tuple[str, str]]:
    return [(item.device_id, item.id) for item in await archive.items(METRICS)]


def test_what_is_new_is_kept_and_what_is_known_counts_as_accepted_and_changes_nothing() -> None:
    async def test() -> None:
        async with await Archive.open() as archive:
            assert await archive.take("desk-1", "robo-rex", metrics("a", "b")) == m.SyncAck("b1", ("a", "b"))
            again = m.SyncBatch("b2", metrics=(metric("b", 99), metric("c"), metric("c", 98)))
            assert await archive.take("desk-1", "robo-rex", again) == m.SyncAck("b2", ("b", "c"))
            assert [item.item["value"] for item in await archive.items(METRICS)] == [1.0, 1.0, 1.0]
            assert await kept(archive) == [("desk-1", "a"), ("desk-1", "b"), ("desk-1", "c")]

    run(test())


def test_items_of_other_devices_and_kinds_may_have_the_same_id() -> None:
    async def test() -> None:
        async with await Archive.open() as archive:
            both = m.SyncBatch("b1", metrics=(metric("a"),), logs=({"id": "a", "event": "hello"},))
            for device in ("desk-1", "desk-2"):
                assert await archive.take(device, "robo-rex", both) == m.SyncAck("b1", ("a",))
            assert await archive.counts() == (
                Count("desk-1", LOGS, 1),
                Count("desk-1", METRICS, 1),
                Count("desk-2", LOGS, 1),
                Count("desk-2", METRICS, 1),
            )
            assert [item.device_id for item in await archive.items(LOGS, "desk-2")] == ["desk-2"]

    run(test())


def test_an_item_is_kept_as_it_was_sent_with_who_sent_it_when() -> None:
    async def test() -> None:
        item = {"id": "a", "deep": [{"naïve": "\x00 \x1b[31m 🐻", "zero": 0.0}], "toy_id": 3}
        async with await Archive.open() as archive:
            await archive.take("desk-1", "robo-rex", m.SyncBatch("b1", logs=(item,)))
            (found,) = await archive.items(LOGS)
            assert (found.kind, found.device_id, found.id, found.toy_id) == (LOGS, "desk-1", "a", "robo-rex")
            assert found.item == item
            assert found.received.endswith("+00:00")

    run(test())


def test_what_is_wrong_is_rejected_with_its_reason_and_the_rest_is_kept() -> None:
    async def test() -> None:
        async with await Archive.open() as archive:
            batch = m.SyncBatch(
                "b1",
                conversations=({"id": "c1", "toy_id": "robo-rex", "user_input": "hi"},),
                metrics=(metric("a"), metric("b", "many"), metric("x" * 200)),
            )
            ack = await archive.take("desk-1", "robo-rex", batch)
            assert ack.accepted == ("a",)
            assert ack.rejected == (
                m.Rejected("c1", "needs 'toy_response'"),
                m.Rejected("b", "value must be a finite number, not 'many'"),
                m.Rejected("x" * 200, "id must be 1 to 128 printable characters"),
            )
            assert await kept(archive) == [("desk-1", "a")]

    run(test())


def test_what_was_kept_once_is_accepted_whatever_comes_under_its_id_later() -> None:
    async def test() -> None:
        async with await Archive.open() as archive:
            await archive.take("desk-1", "robo-rex", metrics("a"))
            late = m.SyncBatch("b2", metrics=(metric("a", None),))
            assert await archive.take("desk-1", "robo-rex", late) == m.SyncAck("b2", ("a",))

    run(test())


def test_more_items_than_are_taken_at_a_time_are_refused_in_words_and_none_is_kept() -> None:
    async def test() -> None:
        async with await Archive.open() as archive:
            names = [str(number) for number in range(MOST_ITEMS + 1)]
            with pytest.raises(ProtocolError, match="a batch of 501 items; at most 500"):
                await archive.take("desk-1", "robo-rex", metrics(*names))
            assert await archive.counts() == ()
            assert len((await archive.take("desk-1", "robo-rex", metrics(*names[1:]))).accepted) == MOST_ITEMS

    run(test())


# -- alerts and conversations --------------------------------------------------------------


def test_an_alert_and_the_safety_event_that_is_synced_for_it_are_one() -> None:
    async def test() -> None:
        told: list[Alert] = []
        async with await Archive.open() as archive:
            archive.on_alert = told.append
            await archive.alert("desk-1", "robo-rex", ALERT)
            event = {"id": "s1", "reason": "asked for help", "trusted": True}
            ack = await archive.take("desk-1", "robo-rex", m.SyncBatch("b1", safety_events=(event,)))
            await archive.alert("desk-1", "robo-rex", ALERT)
            assert ack.accepted == ("s1",)
            assert [alert[1:] for alert in told] == [("desk-1", "high", "asked for help")]
            assert [alert[1:] for alert in await archive.alerts()] == [("desk-1", "high", "asked for help")]
            (found,) = await archive.items(SAFETY)
            assert found.item["transcript"] == "help me"

    run(test())


def test_an_alert_gives_its_place_to_the_incident_it_told_of_and_that_is_never_changed() -> None:
    async def test() -> None:
        async with await Archive.open() as archive:
            await archive.alert("desk-1", "robo-rex", ALERT)
            await archive.alert("desk-2", "robo-rex", ALERT)
            incident = {"id": "s1", "reason": "asked for help", "sequence": 7, "clock_trusted": False}
            ack = await archive.take("desk-1", "robo-rex", m.SyncBatch("b1", safety_events=(incident,)))
            assert ack.accepted == ("s1",)
            for later in (incident | {"sequence": 8}, incident | {"reason": ""}):
                await archive.take("desk-1", "robo-rex", m.SyncBatch("b2", safety_events=(later,)))
            await archive.alert("desk-1", "robo-rex", ALERT)
            mine, other = await archive.items(SAFETY)
            assert mine.item == incident
            assert other.item["transcript"] == "help me"

    run(test())


def test_an_alert_that_waited_offline_is_told_when_it_is_synced() -> None:
    async def test() -> None:
        told: list[Alert] = []
        async with await Archive.open() as archive:
            archive.on_alert = told.append
            event = {"id": "s1", "reason": "asked for help", "timestamp": "1970-01-01T00:00:09Z"}
            for name in ("b1", "b2"):
                await archive.take("desk-1", "robo-rex", m.SyncBatch(name, safety_events=(event,)))
            await archive.alert("desk-1", "robo-rex", ALERT)
            assert [alert[1:] for alert in told] == [("desk-1", "unknown", "asked for help")]

    run(test())


def test_alerts_without_an_id_are_all_kept() -> None:
    async def test() -> None:
        async with await Archive.open() as archive:
            for reason in ("first", "second"):
                await archive.alert("desk-1", "robo-rex", m.GuardianAlert("low", reason, "now"))
            assert [alert.reason for alert in await archive.alerts()] == ["first", "second"]
            assert [alert.reason for alert in await archive.alerts(1)] == ["second"]

    run(test())


def test_an_alert_that_cannot_be_kept_is_told_all_the_same_and_once() -> None:
    async def test() -> None:
        told: list[Alert] = []
        archive = await Archive.open()
        archive.on_alert = told.append
        await archive.close()
        for _ in range(2):
            with pytest.raises(StoreError, match="the archive is closed"):
                await archive.alert("desk-1", "robo-rex", ALERT)
        with pytest.raises(StoreError):
            await archive.take("desk-1", "robo-rex", m.SyncBatch("b1", safety_events=({"id": "s2", "reason": "ow"},)))
        assert [alert.reason for alert in told] == ["asked for help", "ow"]

    run(test())


def test_a_wrong_alert_is_told_and_refused() -> None:
    async def test() -> None:
        told: list[Alert] = []
        async with await Archive.open() as archive:
            archive.on_alert = told.append
            with pytest.raises(ProtocolError, match="reason must be text of 1 to 4096"):
                await archive.alert("desk-1", "robo-rex", m.GuardianAlert("high", "help! " * 800, "now", id="s1"))
            assert told[0].reason.endswith("…")
            assert len(told[0].reason) == module.LONGEST_SHOWN
            assert await archive.counts() == ()

    run(test())


def test_an_alert_for_a_terminal_is_one_line_and_cannot_write_elsewhere_on_it() -> None:
    async def test() -> None:
        async with await Archive.open() as archive:
            nasty = m.GuardianAlert("very high\n", "he\x1b[2Jlp\r\nalert desk-2 low all is well\x00", "now")
            await archive.alert("desk-1", "robo-rex", nasty)
            ((_, device, severity, reason),) = await archive.alerts()
            assert (device, severity, reason) == ("desk-1", "very-high", "he[2Jlp alert desk-2 low all is well")

    run(test())


def test_a_listener_that_fails_keeps_nothing_from_being_kept(caplog: pytest.LogCaptureFixture) -> None:
    def fail(alert: Alert) -> None:
        raise BrokenPipeError

    async def test() -> None:
        async with await Archive.open() as archive:
            archive.on_alert = fail
            await archive.alert("desk-1", "robo-rex", ALERT)
            assert len(await archive.alerts()) == 1

    run(test())
    assert "alert not shown" in caplog.text


def test_what_was_told_does_not_grow_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_TOLD", 3)

    async def test() -> None:
        told: list[Alert] = []
        async with await Archive.open() as archive:
            archive.on_alert = told.append
            for number in range(10):
                await archive.alert("desk-1", "robo-rex", m.GuardianAlert("low", str(number), "now", id=f"s{number}"))
            assert len(told) == 10
            assert len(archive._told) == 3

    run(test())


def test_a_conversation_is_kept_under_its_id_and_its_own_toy() -> None:
    async def test() -> None:
        async with await Archive.open() as archive:
            for _ in range(2):
                await archive.save("desk-1", TALK)
            (found,) = await archive.items(CONVERSATIONS)
            assert (found.id, found.toy_id, found.item["toy_response"]) == ("c1", "robo-rex", "A dinosaur!")
            assert found.item["was_offline"] is True
            synced = {**found.item, "extra": 1}
            ack = await archive.take("desk-1", "pommai-bear", m.SyncBatch("b1", conversations=(synced,)))
            assert ack.accepted == ("c1",)
            assert len(await archive.items(CONVERSATIONS)) == 1
            with pytest.raises(ProtocolError, match="this cannot be kept: id must be"):
                await archive.save("desk-1", m.Conversation("", "robo-rex", "", "", "now", was_offline=False))

    run(test())


# -- the file ------------------------------------------------------------------------------


def test_a_file_remembers_across_restarts_and_tells_no_alert_twice(tmp_path: Path) -> None:
    file = tmp_path / "toys.db"

    async def test() -> None:
        for round_ in range(3):
            told: list[Alert] = []
            async with await Archive.open(file) as archive:
                archive.on_alert = told.append
                await archive.alert("desk-1", "robo-rex", ALERT)
                ack = await archive.take("desk-1", "robo-rex", metrics("a", str(round_)))
                assert ack.accepted == ("a", str(round_))
            assert len(told) == (round_ == 0)
        async with await Archive.open(file) as archive:
            assert await archive.counts() == (Count("desk-1", METRICS, 4), Count("desk-1", SAFETY, 1))

    run(test())


def test_a_file_is_read_by_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "toys.db"

    async def test() -> dict[str, int]:
        async with await Archive.open(file) as archive:
            await archive.take("desk-1", "robo-rex", metrics("a"))
            return modes(tmp_path)

    assert set(run(test()).values()) == {0o600}


def modes(folder: Path) -> dict[str, int]:
    """Who may do what with each file."""
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


def damaged(path: Path) -> None:
    path.write_text("this is a shopping list, and no database at all\n" * 100)


def of_another_program(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE bookmarks (url)")
    database.close()


def of_the_future(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE items (id)")
        database.execute(f"PRAGMA application_id = {data_file.APPLICATION}")
        database.execute("PRAGMA user_version = 99")
    database.close()


def folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (damaged, "file is not a database"),
        (of_another_program, "database of another program; give the archive a file of its own"),
        (of_the_future, rf"another version of Pommai \(99; this one writes {data_file.VERSION}\)"),
        (folder, "unable to open database file"),
    ],
)
def test_a_file_that_is_something_else_is_left_alone_and_told(tmp_path: Path, spoil: Any, words: str) -> None:
    file = tmp_path / "toys.db"
    spoil(file)
    before = file.read_bytes() if file.is_file() else b""
    with pytest.raises(StoreError, match=words) as caught:
        run(Archive.open(file))
    assert str(file) in str(caught.value)
    assert not before or file.read_bytes() == before
    assert not [thread for thread in threading.enumerate() if "_connection_worker" in thread.name]


def test_a_folder_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"toys\.db cannot be opened: No such file or directory"):
        run(Archive.open(tmp_path / "nowhere" / "toys.db"))


def test_a_full_disk_acknowledges_nothing_keeps_nothing_of_the_batch_and_heals(tmp_path: Path) -> None:
    async def test() -> None:
        async with await Archive.open(tmp_path / "toys.db") as archive:
            await archive.take("desk-1", "robo-rex", metrics("before"))
            database = archive.data._database
            assert database is not None
            ((pages,),) = await database.execute_fetchall("PRAGMA page_count")
            await database.execute_fetchall(f"PRAGMA max_page_count = {pages + 2}")
            large = tuple(metric(str(number)) | {"words": "x" * 1000} for number in range(100))
            batch = m.SyncBatch("b1", metrics=large)
            for _ in range(3):
                with pytest.raises(StoreError, match="cannot be used: database or disk is full"):
                    await archive.take("desk-1", "robo-rex", batch)
                assert await kept(archive) == [("desk-1", "before")]
            await database.execute_fetchall("PRAGMA max_page_count = 100000")
            assert len((await archive.take("desk-1", "robo-rex", batch)).accepted) == 100

    run(test())


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MEMORY_BYTES", 250_000)

    async def test() -> None:
        async with await Archive.open() as archive:
            outcomes = await asyncio.gather(
                *(
                    archive.take(
                        "desk-1", "robo-rex", m.SyncBatch("b1", logs=({"id": str(number), "x": "x" * 10_000},))
                    )
                    for number in range(20)
                ),
                return_exceptions=True,
            )
            kept = await archive.items(LOGS)
            assert 5 <= len(kept) <= 15
            assert [item.id for item in kept] == [ack.accepted[0] for ack in outcomes if isinstance(ack, m.SyncAck)]
            refusals = {str(error) for error in outcomes if isinstance(error, StoreError)}
            assert len(refusals) == 1
            assert "the memory is full: 0 MiB of 0; shorten retention_days" in refusals.pop()

    run(test())


def test_another_program_that_holds_the_file_delays_nothing_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_file, "BUSY_SECONDS", 0.01)
    file = tmp_path / "toys.db"

    async def test() -> None:
        async with await Archive.open(file) as archive:
            other = sqlite3.connect(file, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreError, match="database is locked"):
                await archive.take("desk-1", "robo-rex", metrics("a"))
            other.execute("COMMIT")
            other.close()
            assert (await archive.take("desk-1", "robo-rex", metrics("a"))).accepted == ("a",)

    run(test())


def test_a_taker_that_is_cancelled_leaves_the_archive_in_order(tmp_path: Path) -> None:
    async def test() -> None:
        async with await Archive.open(tmp_path / "toys.db") as archive:
            for hops in range(12):
                name = str(hops)
                taking = asyncio.create_task(archive.take("desk-1", "robo-rex", metrics(f"{name}a", f"{name}b")))
                for _ in range(hops):
                    await asyncio.sleep(0)
                taking.cancel()
                await asyncio.wait([taking])
                await archive.take("desk-2", "robo-rex", metrics(name))
            found = [id_ for device, id_ in await kept(archive) if device == "desk-1"]
            assert {id_[:-1] + "a" for id_ in found} == {id_[:-1] + "a" for id_ in found if id_.endswith("b")}
            assert len([device for device, _ in await kept(archive) if device == "desk-2"]) == 12

    run(test())


def test_many_at_once_are_taken_one_after_the_other() -> None:
    async def test() -> None:
        async with await Archive.open() as archive:
            batches = [metrics(*(str(number) for number in range(start, start + 20))) for start in range(0, 200, 10)]
            acks = await asyncio.gather(*(archive.take("desk-1", "robo-rex", batch) for batch in batches))
            assert all(len(ack.accepted) == 20 for ack in acks)
            assert sorted(int(id_) for _, id_ in await kept(archive)) == list(range(210))

    run(test())


KILLED = """
import asyncio, sys
from pathlib import Path
from pommai.gateway.archive import Archive
from pommai.protocol.messages import SyncBatch

async def main():
    archive = await Archive.open(Path(sys.argv[1]))
    for number in range(int(sys.argv[2]), 10**9):
        batch = SyncBatch("b", metrics=tuple({"id": f"{number}-{n}", "name": "x", "value": n} for n in range(5)))
        ack = await archive.take("desk-1", "robo-rex", batch)
        print(*ack.accepted, flush=True)

asyncio.run(main())
"""


def test_what_was_acknowledged_survives_a_kill_at_any_moment(tmp_path: Path) -> None:
    file, acknowledged = tmp_path / "toys.db", []
    for start, lines in ((0, 1), (1000, 7), (2000, 20), (3000, 3)):
        command = [sys.executable, "-c", KILLED, str(file), str(start)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            acknowledged += [process.stdout.readline() for _ in range(lines)]
            process.kill()
            acknowledged += [line for line in process.stdout if line.endswith("\n")]

    async def test() -> set[str]:
        async with await Archive.open(file) as archive:
            return {id_ for _, id_ in await kept(archive)}

    found = run(test())
    assert {id_ for line in acknowledged for id_ in line.split()} <= found
    assert len(found) % 5 == 0, "batches are kept whole"


SENT = st.tuples(
    st.sampled_from(["desk-1", "desk-2"]),
    st.lists(
        st.tuples(st.sampled_from([SAFETY, METRICS, LOGS]), st.sampled_from("abc"), st.sampled_from([1, "x", None])),
        max_size=5,
    ),
)


@given(st.lists(SENT, max_size=8))
@settings(max_examples=60, deadline=None)
def test_whatever_is_sent_the_first_good_item_of_each_id_is_kept_and_nothing_else(
    sent: list[tuple[str, list[tuple[str, str, object]]]],
) -> None:
    expected: dict[tuple[str, str, str], object] = {}

    async def test() -> None:
        async with await Archive.open() as archive:
            for device, items in sent:
                batch: dict[str, list[Mapping[str, object]]] = {SAFETY: [], METRICS: [], LOGS: []}
                mine: dict[tuple[str, str, str], object] = {}
                for kind, id_, value in items:
                    batch[kind].append({"id": id_, "name": "x", "value": value, "reason": value})
                    mine.setdefault((device, kind, id_), value)
                good = {METRICS: 1, SAFETY: "x"}
                for key, value in mine.items():
                    if key in expected or value == good.get(key[1], value):
                        expected.setdefault(key, value)
                lists = {kind: tuple(some) for kind, some in batch.items()}
                ack = await archive.take(device, "robo-rex", m.SyncBatch("b", **lists))
                kept_ = {id_ for _, kind, id_ in mine if (device, kind, id_) in expected}
                refused = {id_ for _, kind, id_ in mine if (device, kind, id_) not in expected}
                assert {item.id for item in ack.rejected} == refused
                assert set(ack.accepted) == kept_ - refused
            found = {
                (item.device_id, kind, item.id): item.item["value"]
                for kind in (SAFETY, METRICS, LOGS)
                for item in await archive.items(kind)
            }
            assert found == expected
            assert json.dumps([*found.values()]) == json.dumps([expected[key] for key in found])

    run(test())


def test_what_alarms_nobody_is_kept_and_not_told() -> None:
    async def test() -> None:
        async with await Archive.open() as archive:
            told: list[Alert] = []
            archive.on_alert = told.append
            note = {"id": "s7", "severity": m.NOTE, "reason": "safe mode ended: safety.resume"}
            await archive.take("desk-1", "robo-rex", m.SyncBatch("b1", safety_events=(note,)))
            assert [item.id for item in await archive.items(SAFETY)] == ["s7"]
            assert told == []

    run(test())
