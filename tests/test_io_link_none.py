"""The link of a toy that nobody has set up."""

from __future__ import annotations

import asyncio

import pytest

from pommai.io.link_none import NoLink
from pommai.io.ports import Link, LinkListener
from pommai.protocol.messages import Ping


class Deaf(LinkListener):
    """Nobody ever calls it."""


def test_it_calls_nobody_and_takes_nothing() -> None:
    async def scene() -> None:
        link: Link = NoLink("bear")
        running = asyncio.create_task(link.run(Deaf()))
        await asyncio.sleep(0)
        assert not running.done()
        assert not link.send(Ping("2026-01-01T00:00:00Z"))
        assert not link.send_audio(1, 0, b"sound", final=True)
        assert (link.is_up, link.backlog, link.toy_id) == (False, 0, "bear")
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(scene())
