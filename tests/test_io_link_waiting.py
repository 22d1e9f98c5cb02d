"""A toy that cannot read its token calls nobody, and calls as soon as it can."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from pommai.errors import SecretError
from pommai.io.link_none import NoLink
from pommai.io.link_waiting import WaitingLink
from pommai.io.ports import Link, LinkListener
from pommai.io.secret import SecretFile, keep_secret
from pommai.protocol.messages import Message, Ping


class Telling(NoLink):
    """A link that tells when it runs, and what it was given."""

    def __init__(self) -> None:
        super().__init__("bear")
        self.runs = asyncio.Event()
        self.given: list[object] = []

    async def run(self, listener: LinkListener) -> None:
        self.runs.set()

    def send(self, message: Message) -> bool:
        self.given.append(message)
        return True

    def send_audio(self, turn: int, sequence: int, packet: bytes, *, final: bool) -> bool:
        self.given.append(packet)
        return True

    @property
    def is_up(self) -> bool:
        return self.runs.is_set()

    @property
    def backlog(self) -> int:
        return 7


class Nobody(LinkListener):
    """Hears nothing."""


def test_it_calls_as_soon_as_the_secret_can_be_read(tmp_path: Path) -> None:
    async def scene() -> None:
        file = tmp_path / "token"
        inner = Telling()
        link: Link = WaitingLink(inner, SecretFile(file), readable=False, look_seconds=0.01)
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            group.create_task(link.run(Nobody()))
            file.touch(0o644)
            file.write_text("a-token-of-a-toy\n")
            for _ in range(20):
                await asyncio.sleep(0.01)
            assert not link.is_up, "it is open to everybody"
            file.chmod(0o600)
            await inner.runs.wait()
        assert link.is_up

    asyncio.run(scene())


class Losing(Telling):
    """A link that cannot read its secret from when it is told so."""

    def __init__(self) -> None:
        super().__init__()
        self.lost = asyncio.Event()
        self.began = 0

    async def run(self, listener: LinkListener) -> None:
        self.began += 1
        self.runs.set()
        await self.lost.wait()
        self.lost.clear()
        raise SecretError("the file is gone")


def test_a_secret_that_is_lost_meanwhile_is_told_once_and_looked_for_until_it_is_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene() -> None:
        file, inner, told = tmp_path / "token", Losing(), list[bool]()
        link = WaitingLink(inner, SecretFile(file), readable=True, on_change=told.append, look_seconds=0.01)
        running = asyncio.create_task(link.run(Nobody()))
        async with asyncio.timeout(60):
            await inner.runs.wait()
            assert (inner.began, told) == (1, []), "it is not read twice at the start"
            inner.runs.clear()
            inner.lost.set()
            for _ in range(20):
                await asyncio.sleep(0.01)
            assert (inner.began, told) == (1, [False])
            keep_secret(file, "a-token-of-a-toy")
            await inner.runs.wait()
            assert (inner.began, told) == (2, [False, True])
        running.cancel()
        await asyncio.wait([running])

    with caplog.at_level("INFO"):
        asyncio.run(scene())
    logged = [(record.levelname, record.message, getattr(record, "reason", "")) for record in caplog.records]
    assert [each for each in logged if each[1] != "Using selector: EpollSelector"] == [
        ("ERROR", "secret not read", "the file is gone"),
        ("INFO", "set up", ""),
    ]


def test_all_else_is_the_other_links(tmp_path: Path) -> None:
    async def scene() -> None:
        inner = Telling()
        link: Link = WaitingLink(inner, SecretFile(tmp_path / "token"), readable=True)
        link.toy_id = "owl"
        assert (inner.toy_id, link.toy_id, link.backlog, link.is_up) == ("owl", "owl", 7, False)
        assert link.send(Ping("now"))
        assert link.send_audio(1, 0, b"sound", final=True)
        assert inner.given == [Ping("now"), b"sound"]

    asyncio.run(scene())
