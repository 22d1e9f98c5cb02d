"""Three gateways as processes, a real Redis, a balancer in front, and toys that talk: one gateway is killed."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
import re
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import yaml
from balancer import Balancer
from gateway_material import TOKEN, encode_all, sentence
from live_processes import PATIENCE, Child, child
from redis_server import RedisProcess

from pommai.io.link import WebSocketLink
from pommai.protocol import messages as m

ROOT = Path(__file__).resolve().parent.parent
TOYS = 12
PACKETS = encode_all(sentence(0.6))
BACK_SECONDS = 5.0
"""Within which every toy of a gateway that was killed is served by another one."""


class TalkingToy:
    """A real link and a child that never stops talking. Becomes whom it is told to be, and notes it."""

    def __init__(self, url: str, number: int) -> None:
        self.device_id = f"desk-{number}"
        self.became: list[str] = []
        self.told: list[str] = []
        self.acknowledged: set[str] = set()
        self.answered = 0
        self.is_up = False
        self.back_at = 0.0
        self._ended = asyncio.Event()
        self._sent = 0
        self.link = WebSocketLink(
            url,
            token=TOKEN,
            device_id=self.device_id,
            toy_id="pommai-bear",
            capabilities={"audio": True, "binary_audio": True},
        )

    def on_connecting(self) -> None: ...

    def on_up(self, session: str, server_time: str | None = None) -> None:
        self.is_up, self.back_at = True, time.monotonic()
        self.link.send(m.GetToyConfig(self.link.toy_id))

    def on_down(self, reason: str) -> None:
        self.is_up = False
        self._ended.set()

    def on_message(self, message: m.Message) -> None:
        match message:
            case m.SwitchToy(toy_id):
                self.told.append(toy_id)
                if toy_id != self.link.toy_id:
                    self.became.append(toy_id)
                    self.link.toy_id = toy_id
                    self.link.send(m.GetToyConfig(toy_id))
            case m.SyncAck(_, accepted):
                self.acknowledged |= set(accepted)
            case m.ErrorMessage():
                self._ended.set()

    def on_audio(self, audio: m.DownAudio) -> None:
        if audio.final:
            self.answered += 1
            self._ended.set()

    async def live(self) -> None:
        """Talk, and tell what happened, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.link.run(self))
            tasks.create_task(self._talk())
            tasks.create_task(self._tell())

    async def _talk(self) -> None:
        turn = 0
        while True:
            if not self.is_up:
                await asyncio.sleep(0.05)
                continue
            turn += 1
            self._ended.clear()
            for number, packet in enumerate(PACKETS):
                self.link.send_audio(turn, number, packet, final=number == len(PACKETS) - 1)
                await asyncio.sleep(0.02)
            if self.is_up:
                await self._ended.wait()
            await asyncio.sleep(0.5)

    async def _tell(self) -> None:
        """Items are sent again until they are acknowledged, as a toy does."""
        while True:
            self._sent += 3
            waiting = [f"item-{number}" for number in range(self._sent) if f"item-{number}" not in self.acknowledged]
            items = tuple({"id": each, "name": "talked", "value": 1.0} for each in waiting[:50])
            self.link.send(m.SyncBatch(f"batch-{self._sent}", metrics=items))
            await asyncio.sleep(1.0)


@contextmanager
def three(folder: Path, redis: str) -> Iterator[dict[str, tuple[Child, int]]]:
    """Gateways that share personas, data and a Redis: by name the process, and its port."""
    document: dict[str, Any] = yaml.safe_load((ROOT / "personas.yaml").read_text())
    bear = document["personas"]["pommai-bear"]
    people = {name: copy.deepcopy(bear) for name in ("pommai-bear", "tars", "rex", "owl", "fox", "cat")}
    (folder / "personas.json").write_text(json.dumps({"personas": people}))
    with ExitStack() as stack:
        found = {}
        for name in ("one", "two", "three"):
            arguments = ("gateway", "--port", "0", "--http-port", "none", "--name", name, "--data", "toys.db")
            process = stack.enter_context(
                _killable(folder, name, *arguments, POMMAI_GATEWAY_TOKEN=TOKEN, POMMAI_REDIS_URL=redis)
            )
            found[name] = process
        ports = {}
        for name, process in found.items():
            printed = folder / f"{name}.out"
            url = process.wait(lambda printed=printed: re.search(r"listening on \S+:(\d+)/", printed.read_text()), name)
            ports[name] = (process, int(url[1]))
        yield ports


@contextmanager
def _killable(folder: Path, name: str, *arguments: str, **more: str) -> Iterator[Child]:
    """A child that the test may kill: only those that still live must not have failed."""
    held = child(folder, name, *arguments, "--personas", "personas.json", **more)
    running = held.__enter__()
    try:
        yield running
    finally:
        if running.process.poll() is None:
            held.__exit__(None, None, None)


@asynccontextmanager
async def talking(url: str) -> AsyncIterator[list[TalkingToy]]:
    toys = [TalkingToy(url, number) for number in range(TOYS)]
    lives = [asyncio.create_task(toy.live()) for toy in toys]
    try:
        yield toys
    finally:
        for life in lives:
            life.cancel()
        for outcome in await asyncio.gather(*lives, return_exceptions=True):
            assert isinstance(outcome, asyncio.CancelledError), outcome


async def until(found: Callable[[], Any], what: str) -> Any:
    try:
        async with asyncio.timeout(PATIENCE):
            while not (result := found()):
                await asyncio.sleep(0.02)
            return result
    except TimeoutError:
        raise AssertionError(f"never: {what}") from None


async def told(gateway: Child, line: str, printed: Path) -> str:
    """What the console of a gateway says to a line."""

    def read() -> str:
        return printed.read_text()

    before = len(read())
    gateway.tell(line)
    return str(await until(lambda: (words := read()[before:]).endswith("\n") and words, line))


def test_one_of_three_gateways_is_killed_while_toys_talk_and_nobody_loses_anything(tmp_path: Path) -> None:
    async def seats(gateway: Child, name: str) -> dict[str, tuple[str, str]]:
        """Of each toy that this gateway knows of, who it is and which gateway serves it."""
        words = await told(gateway, "sessions", tmp_path / f"{name}.out")
        found = re.findall(r"(\S+) is (\S+) \(session \w+(?: of (\w+))?\)", words)
        return {device_id: (toy_id, other or name) for device_id, toy_id, other in found}

    async def story(gateways: dict[str, tuple[Child, int]]) -> tuple[list[TalkingToy], float]:
        one, two, three = (process for process, _ in gateways.values())
        changes: list[str] = []
        async with Balancer(*(port for _, port in gateways.values())) as balancer, talking(balancer.url) as toys:

            async def set_by(name: str, toy_id: str) -> None:
                words = await told(gateways[name][0], f"switch {toy_id}", tmp_path / f"{name}.out")
                assert re.fullmatch(rf"asked \d+ toys? to become {toy_id}\n", words), words
                changes.append(toy_id)
                await until(lambda: all(toy.became == changes for toy in toys), f"all are {toy_id}")

            await until(lambda: all(toy.answered for toy in toys), "all were answered")
            await set_by("one", "tars")
            await set_by("two", "rex")
            of_two = {device_id for device_id, (_, name) in (await seats(three, "three")).items() if name == "two"}
            assert len(of_two) == TOYS // 3

            two.tell("switch owl")  # perhaps the last that it does
            two.process.kill()
            killed = time.monotonic()
            await set_by("three", "owl")
            theirs = [toy for toy in toys if toy.device_id in of_two]
            await until(lambda: all(toy.is_up and toy.back_at > killed for toy in theirs), "all are back")
            back = max(toy.back_at for toy in theirs) - killed

            while True:  # the toys of the dead one are where they went
                found = await seats(one, "one")
                if len(found) == TOYS and all(toy_id == "owl" and name != "two" for toy_id, name in found.values()):
                    break
            await set_by("three", "fox")
            answered = [toy.answered for toy in toys]
            kept = [len(toy.acknowledged) for toy in toys]
            await until(
                lambda: all(toy.answered > before for toy, before in zip(toys, answered, strict=True)),
                "all were answered",
            )
            await until(
                lambda: all(len(toy.acknowledged) > before for toy, before in zip(toys, kept, strict=True)),
                "more was kept",
            )
            for toy in toys:
                assert toy.became == ["tars", "rex", "owl", "fox"]
                assert [each for each in toy.told if each != "owl"] == ["tars", "rex", "fox"], "nobody was told twice"
            return toys, back

    async def limited(gateways: dict[str, tuple[Child, int]]) -> tuple[list[TalkingToy], float]:
        async with asyncio.timeout(2 * PATIENCE):
            return await story(gateways)

    with RedisProcess(tmp_path) as redis, three(tmp_path, redis.url) as gateways:
        toys, back = asyncio.run(limited(gateways))
    print(f"all were back {back:.2f} s after the kill")
    assert back < BACK_SECONDS
    with contextlib.closing(sqlite3.connect(tmp_path / "toys.db")) as database:
        kept = set(database.execute("SELECT device, id FROM items WHERE kind = 'metrics'"))
    acknowledged = {(toy.device_id, id_) for toy in toys for id_ in toy.acknowledged}
    assert len(acknowledged) > 5 * TOYS
    assert acknowledged <= kept
