from __future__ import annotations

import asyncio
import os
import signal

import pytest
from gateway_material import run

from pommai.cli.gateway_end import End


def test_a_gentle_end_takes_its_time_and_a_second_wish_cuts_it_short() -> None:
    async def test() -> None:
        end, done = End(), []
        end.heed_signals()

        async def farewell() -> None:
            done.append("began")
            try:
                await asyncio.Event().wait()
            finally:
                done.append("cut short")

        waiting = asyncio.create_task(end.wait())
        os.kill(os.getpid(), signal.SIGTERM)
        await waiting
        leaving = asyncio.create_task(end.after(farewell()))
        while not done:
            await asyncio.sleep(0)
        os.kill(os.getpid(), signal.SIGTERM)
        await leaving
        assert done == ["began", "cut short"]

    run(test())


def test_an_end_at_once_has_no_farewell() -> None:
    async def test() -> None:
        end, done = End(), []
        end.heed_signals()

        async def farewell() -> None:
            done.append("began")

        os.kill(os.getpid(), signal.SIGINT)
        await end.wait()
        await end.after(farewell())
        assert done == []

    run(test())


def test_a_farewell_that_fails_is_not_hidden() -> None:
    async def test() -> None:
        end = End()
        end.gently()

        async def farewell() -> None:
            raise RuntimeError("lost")

        with pytest.raises(RuntimeError, match="lost"):
            await end.after(farewell())

    run(test())
