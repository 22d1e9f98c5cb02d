"""What a guardian sees, takes away and erases: nothing of it is left in any file."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from memory_material import DAY, Machine, ids, incident, raw, said, sync

from pommai.errors import StoreError
from pommai.io import memory_guardian as guardian
from pommai.io.memory import SqliteMemory
from pommai.io.memory_files import damaged_files, part_of
from pommai.protocol.messages import Rejected, SyncAck, ToyProfile

SECRET = "my hamster is called Wotan"


def fill(memory: SqliteMemory) -> None:
    for number in range(40):
        memory.keep_conversation(said(f"conversation-{number:04}", f"{SECRET} {number}", "What a name!"))
        memory.keep_safety_event(incident(f"incident-{number:06}") | {"transcript": f"hidden words {number}"})
    memory.keep_metric("turns", 3)
    memory.keep_toy(ToyProfile("bear", "Bear", "Likes honey"))
    memory.keep_fact("safe_mode", "on")


def kept(path: Path, copy: Path | None = None) -> None:
    """A toy has lived, and is switched off."""

    async def scene() -> None:
        async with Machine().memory(path, persistent=copy) as memory:
            fill(memory)

    asyncio.run(scene())


def test_everything_that_is_kept_can_be_read_while_the_toy_runs(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"

    async def scene() -> None:
        async with Machine().memory(path) as memory:
            fill(memory)
            batch = await memory.batch(safety=False)
            assert batch is not None
            answer = SyncAck(batch.batch, ("conversation-0000",), (Rejected("conversation-0001", "too long"),))
            await memory.settle(answer)
            found = guardian.read(path)
            assert [item["state"] for item in found["conversations"][:3]] == ["sent", "refused", "waiting"]
            assert found["conversations"][1]["reason_refused"] == "too long"
            assert found["conversations"][2]["user_input"] == f"{SECRET} 2"
            assert found["conversations"][2]["kept"] == {"time": "2026-09-21T12:00:00.000Z", "trusted": True}
            assert len(found["safety"]) == 40
            assert found["metrics"][0]["value"] == 3
            assert found["toys"][0]["personality_prompt"] == "Likes honey"
            assert found["facts"] == {"safe_mode": "on"}
            assert found["retention_days"] == {"conversations": 30, "safety_events": 90, "metrics": 7, "logs": 7}
            json.dumps(found)

    asyncio.run(scene())


@pytest.mark.parametrize("running", [False, True])
@pytest.mark.parametrize(
    ("what", "gone", "left"),
    [
        ("conversations", [SECRET, "hamster", "conversation-0003"], ["hidden words", "Likes honey", "safe_mode"]),
        ("safety", ["hidden words", "incident-000003"], [SECRET, "Likes honey", "safe_mode"]),
        ("toys", ["Likes honey"], [SECRET, "hidden words", "safe_mode"]),
        ("metrics", ["turns"], [SECRET, "hidden words", "Likes honey", "safe_mode"]),
        ("everything", ["hamster", "hidden words", "Likes honey", "turns", "safe_mode"], []),
    ],
)
def test_what_is_erased_is_in_no_file_any_more(
    tmp_path: Path, what: str, gone: list[str], left: list[str], running: bool
) -> None:
    path, copy = tmp_path / "memory.db", tmp_path / "card" / "copy.db"
    kept(path, copy)
    path.with_name("memory.db.damaged-7").write_bytes(SECRET.encode())
    part_of(copy).write_bytes(SECRET.encode())

    async def scene() -> None:
        machine = Machine("second")
        async with machine.memory(path, persistent=copy, copy_every=3600.0) as memory:
            memory.keep_conversation(said("conversation-late", SECRET))
            await memory.flush()
            done = await asyncio.to_thread(guardian.erase, path, what, copy)
            assert done.left == []
            assert not set(gone) & {word for word in gone if word.encode() in raw(path)}
            await memory.flush()
            if what == "everything":
                assert memory.unsent == 0
                assert memory.fact("safe_mode") is None
            memory.keep_conversation(said("conversation-new", "a new sentence"))
            assert "conversation-new" in ids(await memory.batch(safety=False)) + await sync(memory)

    if running:
        asyncio.run(scene())
    else:
        done = guardian.erase(path, what, copy)
        assert done.left == []
        assert done.rows > 0
        assert done.searched == {"metrics": 2, "toys": 2, "everything": 164}.get(what, 80)
    for file in (path, copy):
        for word in gone:
            assert word.encode() not in raw(file), (file, word)
        for word in left:
            assert word.encode() in raw(file), (file, word)
    assert damaged_files(path) == []
    assert not part_of(copy).exists()


def test_what_is_too_old_is_in_no_file_any_more_either(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"

    async def scene() -> None:
        machine = Machine()
        async with machine.memory(path) as memory:
            fill(memory)
            await memory.flush()
            assert SECRET.encode() in raw(path)
            machine.seconds += 3 * DAY
            memory.retain({"conversations": 2})
            await memory.flush()
            assert SECRET.casefold().encode() not in raw(path).lower()
            assert b"hidden words" in raw(path)

    asyncio.run(scene())


def test_what_was_not_overwritten_is_found_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "memory.db"
    kept(path)
    rest = path.read_bytes()
    monkeypatch.setattr(guardian, "_bytes", lambda _: [rest])
    done = guardian.erase(path, "safety", None)
    assert done.left == [f"40 of 40 erased things were still found in the files of {path}"]


def test_a_memory_that_is_not_there_or_not_ours_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no memory at"):
        guardian.find(tmp_path / "memory.db")
    assert list(tmp_path.iterdir()) == []
    garbage = tmp_path / "memory.db"
    garbage.write_bytes(b"garbage" * 1000)
    with pytest.raises(StoreError, match=r"cannot be read: .*the toy moves it aside"):
        guardian.read(garbage)
    with pytest.raises(StoreError, match="cannot be read"):
        guardian.erase(garbage, "safety", None)
    assert guardian.erase(garbage, "everything", None).files == [garbage]
    assert not garbage.exists()
