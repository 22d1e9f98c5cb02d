"""Whoever is killed, and whatever the network does: what a toy keeps reaches the server once, in order.

Real toys with a real memory talk through a bad network to a real `pommai gateway` with its archive in a file. Toys and
gateway are killed (SIGKILL) at any moment, many times. Then all live on in peace, and everything is told.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import sqlite3
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest
from lossy_gateway import Fate, LossyGateway, Odds
from speech_material import VOSK_TINY, frames, say, silence
from sync_material import TOKEN, UNWANTED, ids

from pommai.io.clock import SystemClock
from pommai.io.memory import SqliteMemory
from pommai.io.memory_lock import ITEM, REASON
from pommai.io.memory_schema import REFUSED, SENT, WAITING
from pommai.io.seal import KeySeal, NoSeal
from pommai.io.seal_key import key_file_of, read_key_file
from pommai.io.secret import keep_secret
from pommai.io.wav import write_wav
from pommai.protocol.messages import Conversation, SyncAck

HERE = Path(__file__).parent
SEED = 4
TALKING = (("desk-1", 22), ("desk-2", 22))
"""Toys without a body that have something happen all the time, and how often each is killed."""
WHOLE = (("house-1", 4), ("house-2", 4), ("house-3", 4), ("house-4", 4))
"""Whole toys, likewise."""
GATEWAY_DEATHS = 6
GOOD = Odds(0, 0, 0, 0)
NONE_AT_ALL = Odds(lost=0, repeated=0, held=0, cut=1, spared=0)
PATIENCE = 180.0
"""Seconds; a busy machine may be slow, and what hangs fails in the end."""


def environment() -> dict[str, str]:
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("POMMAI_", "CONVEX_", "DEVICE_"))
    }
    return clean | {"PYTHONPATH": str(HERE.parent), "POMMAI_GATEWAY_TOKEN": TOKEN}


Row = dict[str, Any]
"""An item as it came over the wire."""


class GatewayProcess:
    """A gateway that comes back to its port and its archive after every death."""

    def __init__(self, archive: Path, log: Path) -> None:
        self.archive = archive
        self._log = log
        self._port = "0"
        self._process: Process | None = None

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self._port}/audio-stream"

    async def start(self) -> None:
        arguments = (
            "-m",
            "pommai",
            "gateway",
            "--port",
            self._port,
            "--http-port",
            "none",
            "--data",
            str(self.archive),
        )
        with self._log.open("a") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, *arguments, stdin=PIPE, stdout=PIPE, stderr=log, env=environment(), cwd=HERE.parent
            )
        assert self._process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            while not (line := await self._process.stdout.readline()).startswith(b"listening on"):
                assert line, self._log.read_text()
        self._port = line.decode().rpartition(":")[2].partition("/")[0]

    async def tell(self, *lines: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        with suppress(ConnectionError):
            self._process.stdin.write("".join(f"{line}\n" for line in lines).encode())
            await self._process.stdin.drain()

    async def die(self) -> None:
        assert self._process is not None
        if self._process.returncode is None:
            self._process.kill()
        # What it printed is read to its end: a transport that nobody reads is never closed.
        await self._process.communicate()

    def kept(self, device: str) -> dict[str, Row]:
        """What the archive has of a device, by id, in the order in which it came."""
        with contextlib.closing(sqlite3.connect(self.archive)) as database:
            rows = database.execute("SELECT id, item FROM items WHERE device = ? ORDER BY number", (device,)).fetchall()
        assert len({id_ for id_, _ in rows}) == len(rows), "an id is there twice"
        return {id_: json.loads(item) for id_, item in rows}


@dataclass(slots=True)
class Ledger:
    """What was promised about the items of one device, over all its lives."""

    device: str
    memory: Path
    deaths: int = 0
    written: set[str] = field(default_factory=set)
    """Words that `flush` has promised to remember."""
    on_disk: dict[str, str] = field(default_factory=dict)
    """The words of every item ever seen in the memory's file, by id."""
    settled: set[str] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)
    """Why the server does not want it, by id."""
    sent_again: set[str] = field(default_factory=set)
    """Ids that were sent although the server's word on them had been written down."""

    def note(self, line: str) -> None:
        """Take down what a toy of sync_material has said."""
        word, _, name = line.partition(" ")
        match word:
            case "written":
                self.written.add(name)
            case "settled":
                self.settled.add(name)
            case "sent":
                if name in self.settled:
                    self.sent_again.add(name)
            case _:
                assert line == f"alive {self.device}"

    def look(self, gateway: GatewayProcess) -> int:
        """Hold the memory of a dead toy against the archive; how many items wait."""
        with contextlib.closing(sqlite3.connect(self.memory)) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            begun = database.execute("SELECT 1 FROM sqlite_schema WHERE name = 'items'").fetchall()
            assert begun or not self.on_disk
            rows = database.execute("SELECT id, state, reason, body FROM items").fetchall() if begun else []
        kept = gateway.kept(self.device)
        states = {id_: state for id_, state, _, _ in rows}
        assert not {id_ for id_ in self.settled if states.get(id_) == WAITING}, "acknowledged, and still queued"
        taken = self.on_disk.keys() - {id_ for id_, state in states.items() if state in (WAITING, REFUSED)}
        taken |= {id_ for id_, state in states.items() if state == SENT}
        assert not taken - kept.keys(), "let go of, and the server does not have it"
        key = read_key_file(key_file_of(self.memory))
        seal = NoSeal() if key is None else KeySeal(key)
        for id_, state, reason, body in rows:
            self.on_disk[id_] = words_of(json.loads(seal.open(body, ITEM.format(id_))))
            if state == REFUSED:
                self.refused[id_] = seal.open(reason, REASON.format(id_))
        assert self.refused.keys() <= {id_ for id_, state in states.items() if state == REFUSED}
        return sum(state == WAITING for state in states.values())


def words_of(item: Row) -> str:
    """What tells one happening from another, whatever its id."""
    return str(item.get("reason") or item.get("user_input") or item.get("name") or item.get("event"))


@asynccontextmanager
async def process(*arguments: str | Path) -> AsyncIterator[Process]:
    """A toy of sync_material, killed at the end if it lives so long."""
    toy = await asyncio.create_subprocess_exec(
        sys.executable, HERE / "sync_material.py", *arguments, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=environment()
    )
    try:
        yield toy
    finally:
        with suppress(ProcessLookupError):
            toy.kill()
        await toy.communicate()


async def talking_toy(ledger: Ledger, deaths: int, gateway: GatewayProcess, lossy: LossyGateway) -> None:
    """Live and die so often; then live until everything is told."""
    chance = Random(f"{SEED} {ledger.device}")
    for life in range(deaths + 1):
        last = life == deaths
        words = ["telling" if last else "talking", ledger.memory, lossy.url, ledger.device]
        if last:
            lossy.odds = GOOD
        else:
            words.append(str(life * 100_000))
        async with process(*words) as toy:
            assert toy.stdout is not None
            assert toy.stderr is not None
            first = await toy.stdout.readline()
            assert first, (await toy.stderr.read()).decode()
            if not last:
                asyncio.get_running_loop().call_later(chance.uniform(0.0, 0.6), toy.kill)
            async with asyncio.timeout(PATIENCE):
                said, log = await toy.communicate()
        assert toy.returncode == (0 if last else -9), log.decode()
        for line in (first + said).decode().splitlines():
            ledger.note(line)
        ledger.deaths += not last
        waiting = ledger.look(gateway)
    assert waiting == 0


async def whole_toy(ledger: Ledger, deaths: int, gateway: GatewayProcess, lossy: LossyGateway, tmp_path: Path) -> None:
    """Likewise; a child asks something when the server is away, and grown-ups call for pauses."""
    chance = Random(f"{SEED} {ledger.device}")
    words = tmp_path / "joke.wav"
    quiet = tmp_path / "quiet.wav"
    trace = tmp_path / f"{ledger.device}.jsonl"
    settings = {
        "memory": ledger.memory,
        "url": lossy.url,
        "device-id": ledger.device,
        "token-file": keep_secret(tmp_path / f"{ledger.device}.token", TOKEN),
        "vosk-model": VOSK_TINY,
        "microphone": f"wav:{quiet}",
        "speaker": "none",
        "lights": "none",
        "button": "lines",
        "cache-dir": tmp_path / "cache",
        "log-level": "warning",
        "trace": trace,
    }
    arguments = [word for name, value in settings.items() for word in (f"--{name}", str(value))]

    async def live(toy: Process) -> None:
        assert toy.stdin is not None
        lossy.odds = NONE_AT_ALL
        await seen("idle", trace)
        toy.stdin.write(b"press\n")
        await seen("first_frame_captured", trace)
        toy.stdin.write(f"say {words}\n".encode())
        await seen("speech.ended", trace)
        toy.stdin.write(b"release\n")
        await asyncio.sleep(chance.uniform(0.0, 3.5))
        lossy.odds = Odds()
        while True:
            await asyncio.sleep(chance.uniform(0.2, 0.6))
            await gateway.tell("pause", "resume")

    await an_afternoon_alone(ledger)
    for _ in range(deaths):
        trace.write_text("")
        async with process("whole", "run", *arguments) as toy:
            with suppress(TimeoutError, ConnectionError):
                async with asyncio.timeout(chance.uniform(0.3, 11.0)):
                    await live(toy)
            assert toy.returncode is None
            toy.kill()
            _, log = await toy.communicate()
        assert toy.returncode == -9
        assert b"Traceback" not in log, log.decode()
        ledger.deaths += 1
        ledger.look(gateway)
    lossy.odds = GOOD
    async with process("whole", "run", *arguments) as toy, asyncio.timeout(PATIENCE):
        while ledger.look(gateway):
            await gateway.tell("resume")  # the one before may have been lost: safe mode outlives the toy
            await asyncio.sleep(0.5)
        _, log = await toy.communicate(b"quit\n")
        assert toy.returncode == 0, log.decode()


async def an_afternoon_alone(ledger: Ledger) -> None:
    """Much has happened before the server is there for the first time: more than a batch."""
    memory = await SqliteMemory.open(ledger.memory, SystemClock())
    for number in range(120):
        words = f"{ledger.device} afternoon {number}"
        memory.keep_conversation(Conversation(words, "pommai-bear", words, "yes", "now", True))
        if number % 2:
            memory.keep_safety_event({"id": f"incident {number}", "reason": f"incident in {words}", "timestamp": "now"})
        ledger.written.add(words)
    assert await memory.flush()
    await memory.close()


async def seen(name: str, trace: Path) -> None:
    """Wait until there is a line of this name in a toy's trace."""

    def is_there() -> bool:
        return f'"name":"{name}' in trace.read_text()

    while not is_there():
        await asyncio.sleep(0.02)


async def kill_the_gateway(gateway: GatewayProcess) -> None:
    """Now and then, at any moment; it is back at once."""
    chance = Random(SEED)
    for _ in range(GATEWAY_DEATHS):
        await asyncio.sleep(chance.uniform(0.5, 3.0))
        await gateway.die()
        await gateway.start()


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    write_wav(tmp_path / "joke.wav", frames(say("tell me a joke") + silence(0.3)))
    write_wav(tmp_path / "quiet.wav", frames(silence(0.1)))
    return tmp_path


def test_toys_and_gateway_killed_at_any_moment_lose_nothing_and_tell_nothing_twice(sounds: Path) -> None:
    async def test() -> None:
        gateway = GatewayProcess(sounds / "archive.db", sounds / "gateway.log")
        ledgers = [Ledger(device, sounds / f"{device}.db") for device, _ in (*TALKING, *WHOLE)]
        await gateway.start()
        try:
            fates = await live_through_it(ledgers, gateway, sounds)
        finally:
            await gateway.die()
        for ledger in ledgers:
            hold_to_account(ledger, gateway)
        assert sum(ledger.deaths for ledger in ledgers) >= 50
        assert {*fates} > {"passed"}, "a busy machine lets toys say less in their lives"
        assert all(ledger.refused and len(ledger.settled) > 100 for ledger in ledgers[: len(TALKING)])

    asyncio.run(test())


async def live_through_it(ledgers: list[Ledger], gateway: GatewayProcess, sounds: Path) -> Counter[Fate]:
    """All toys side by side, each on a bad network of its own; what became of their messages."""
    async with contextlib.AsyncExitStack() as stack:
        networks = [
            await stack.enter_async_context(LossyGateway(gateway.url, Random(number))) for number in range(len(ledgers))
        ]
        async with asyncio.TaskGroup() as group:
            group.create_task(kill_the_gateway(gateway))
            toys = zip(ledgers, networks, (*TALKING, *WHOLE), strict=True)
            for ledger, lossy, (device, deaths) in toys:
                if (device, deaths) in TALKING:
                    group.create_task(talking_toy(ledger, deaths, gateway, lossy))
                else:
                    group.create_task(whole_toy(ledger, deaths, gateway, lossy, sounds))
        return sum((network.fates for network in networks), Counter[Fate]())


def hold_to_account(ledger: Ledger, gateway: GatewayProcess) -> None:
    """When all is told: everything that was promised is in the archive once, in order, or was refused for a reason."""
    kept = gateway.kept(ledger.device)
    refused = {ledger.on_disk[id_] for id_ in ledger.refused}
    assert ledger.on_disk.keys() <= kept.keys() | ledger.refused.keys(), "seen on the disk, and nobody has it"
    assert ledger.written <= {words_of(item) for item in kept.values()} | refused, "promised, and nobody has it"
    assert not ledger.sent_again
    times = Counter(words_of(item) for item in kept.values())
    assert not [words for words in ledger.written if times[words] > 1], "there twice, under two ids"
    assert refused == {words for words in ledger.on_disk.values() if words.startswith(UNWANTED)}
    assert all("at most" in why or "1 to 128 characters" in why for why in ledger.refused.values())
    assert not kept.keys() & ledger.refused.keys()
    numbers = [item["sequence"] for item in kept.values()]
    assert len(set(numbers)) == len(numbers), "two have the same place in the sequence"
    for name, line in queues(kept).items():
        assert line == sorted(line), f"{name}: not in the order in which it happened"


def queues(kept: Mapping[str, Row]) -> dict[str, list[int]]:
    """Places in the sequence, in the order in which they came to the server: of what is as urgent as each other."""
    found: dict[str, list[int]] = defaultdict(list)
    for item in kept.values():
        if "user_input" in item:
            kind = "conversations"
        elif "value" in item:
            kind = "figures"
        else:
            kind = "logs" if "level" in item else f"incidents, {item.get('severity')}"
        found[kind].append(item["sequence"])
    return found


def test_nothing_is_sent_before_it_is_on_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"

    def on_disk() -> set[str]:
        with contextlib.closing(sqlite3.connect(path)) as database:
            return {id_ for (id_,) in database.execute("SELECT id FROM items")}

    async def talk(memory: SqliteMemory) -> None:
        for number in itertools.count():
            while memory.unsent >= 20:  # less than a batch: the newest is always in the next
                await asyncio.sleep(0)
            memory.keep_conversation(Conversation(f"c{number}", "bear", "hello", "hi", "now", True))
            await asyncio.sleep(0)

    async def test() -> None:
        memory = await SqliteMemory.open(path, SystemClock())
        talking = asyncio.create_task(talk(memory))
        try:
            for _ in range(20):
                batch = await memory.batch(safety=False)
                if batch is None:
                    await memory.changed(safety=False)
                    continue
                assert set(ids(batch)) <= on_disk()
                await memory.settle(SyncAck(batch.batch, tuple(ids(batch))))
        finally:
            talking.cancel()
            await asyncio.wait([talking])
            await memory.close()

    asyncio.run(test())


def test_what_a_power_cut_has_taken_keeps_its_place_though_the_server_alone_knows_of_it(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"

    def files() -> dict[Path, bytes]:
        return {file: file.read_bytes() for file in tmp_path.iterdir()}

    async def live(*names: str) -> tuple[dict[Path, bytes], list[Any]]:
        """What is on the card for certain since the beginning, and the places of what is told."""
        memory = await SqliteMemory.open(path, SystemClock())
        certain = files()
        for name in names:
            memory.keep_conversation(Conversation(name, "bear", "hello", "hi", "now", True))
        batch = await memory.batch(safety=False)
        await memory.close()
        assert batch is not None
        return certain, [item["sequence"] for item in batch.conversations]

    async def test() -> None:
        for number in range(2):  # with a memory that was empty, and one that was not
            certain, told = await live("lost", "lost, too")
            for file in files():
                file.unlink()
            for file, data in certain.items():
                file.write_bytes(data)
            _, after = await live(f"new {number}")
            assert max(told) < max(after)

    asyncio.run(test())
