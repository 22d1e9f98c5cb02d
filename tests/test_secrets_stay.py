"""A whole toy and a whole gateway, as processes of their own, with secrets planted: where each may be found, and where
none may."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

from test_cloud_end_to_end import PATIENCE, Process, addresses, gateway, register, rows, running, toy

from pommai.io import memory_guardian as guardian
from pommai.io.clock import SystemClock
from pommai.io.memory import SqliteMemory
from pommai.io.ports import CONVERSATIONS, LOGS, METRICS, SAFETY
from pommai.protocol.messages import Conversation, ToyProfile

WORDS = ("quokkaquestion", "marmaladeanswer", "uncletranscript", "zebrakeptfact", "pelicanname")
"""What was said, and what the toy was told."""
ITEMS = (CONVERSATIONS, SAFETY, METRICS, LOGS)


async def live_before(memory_file: Path) -> None:
    """What waits for the server when the toy starts."""
    memory = await SqliteMemory.open(memory_file, SystemClock())
    memory.keep_conversation(Conversation("talk-1", "pommai-bear", WORDS[0], WORDS[1], "now", True))
    memory.keep_safety_event({"id": "danger-1", "reason": "test", "timestamp": "now", "transcript": WORDS[2]})
    memory.keep_fact("something", WORDS[3])
    memory.keep_toy(ToyProfile("other", WORDS[4]))
    await memory.flush()
    await memory.close()


def everything(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def told_to_everybody(*processes: Process) -> Iterator[bytes]:
    """What every user of the machine can read of a process, and what it hands on to those it starts."""
    for process in processes:
        for name in ("cmdline", "comm", "environ"):
            yield Path(f"/proc/{process.process.pid}/{name}").read_bytes()


def test_no_secret_and_no_word_is_where_it_does_not_belong(tmp_path: Path) -> None:
    os.umask(0o022)
    secret = register(tmp_path)
    asyncio.run(live_before(tmp_path / "memory.db"))
    arguments = gateway(tmp_path, 3600.0)
    with running(*arguments) as server, running(*toy(tmp_path, addresses(server))) as bear:
        query = "SELECT count(*) FROM items WHERE id IN ('talk-1', 'danger-1')"
        bear.wait(lambda: rows(tmp_path, query) == [(2,)], "items at the gateway")
        bear.wait(lambda: "link up" in bear.log, "link")
        for shown in told_to_everybody(server, bear):
            assert secret.encode() not in shown
            assert not [word for word in WORDS if word.encode() in shown]
        bear.process.send_signal(signal.SIGABRT)  # it crashes: what it leaves behind then counts, too
        bear.process.wait(PATIENCE)
        server.end()

    found = everything(tmp_path)
    assert secret.encode() not in b"".join(data for name, data in found.items() if name != "secret")
    ours = {name: data for name, data in found.items() if not name.startswith("toys.db")}  # there they belong
    assert {name for name, data in ours.items() for word in WORDS if word.encode() in data} == set()
    tokens = re.compile(rb"(?i)bearer [\w.~+/-]{16,}|eyJ[\w-]{10,}\.[\w-]{10,}")
    assert {name for name, data in ours.items() if tokens.search(data)} == set()

    kept = [name for name in found if name.startswith(("memory.db", "toys.db", "secret"))]
    assert {name for name in kept if stat.S_IMODE((tmp_path / name).stat().st_mode) & 0o077} == set()
    seen = guardian.read(tmp_path / "memory.db")
    assert WORDS[0] in str(seen)  # whom it belongs to can read it
    left = {name: sent["kind"] for sent in seen["sent"] for name in sent["items"]}
    assert (left["talk-1"], left["danger-1"]) == ("conversations:create", "guardian:reportEvent")
    assert {sent["to"] for sent in seen["sent"]} == {"127.0.0.1"}
