"""The end from which a toy begins again, and a server that asks for it all the time."""

from __future__ import annotations

import asyncio

import pytest

from pommai.qa.virtual_time import run
from pommai.toy.ending import BETWEEN_RESTARTS, Ending


def test_a_toy_that_ends_to_begin_again_says_so() -> None:
    async def scene() -> None:
        stopped = asyncio.Event()
        ending = Ending(stopped.set)
        assert not ending.wants_start
        ending.end()
        assert stopped.is_set()
        assert ending.wants_start

    run(scene())


def test_a_server_that_asks_all_the_time_gets_one_new_start_in_five_minutes(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        ends = []
        ending = Ending(lambda: ends.append(asyncio.get_running_loop().time()))
        began = asyncio.get_running_loop().time()
        while not ends:
            ending.begin_again()
            await asyncio.sleep(10)
        assert ends[0] - began >= BETWEEN_RESTARTS
        assert ending.wants_start

    run(scene())
    refused = [record.reason for record in caplog.records if record.message == "restart refused"]
    assert refused[:2] == ["the toy has begun 0 s ago", "the toy has begun 10 s ago"]
