"""A gateway in a process of its own."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest
from gateway_material import run
from load_material import SPEECH, TOY, until

from pommai.errors import LinkError
from pommai.qa.load_figures import Figures
from pommai.qa.load_gateway import OwnGateway
from pommai.qa.load_run import run_load
from pommai.qa.load_target import Target
from pommai.qa.load_toy import Habits


def is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_it_listens_on_this_machine_answers_toys_and_ends() -> None:
    async def test() -> None:
        processors = os.sched_getaffinity(0)
        async with OwnGateway() as gateway:
            assert gateway.url.startswith("ws://127.0.0.1:")
            assert gateway.epitaph == ""
            if len(processors) > 1:
                assert not os.sched_getaffinity(0) & os.sched_getaffinity(gateway.pid)
            load = await run_load(Target(gateway.url, gateway.token, TOY), (1,), SPEECH, Habits(turns=1))
            pid = gateway.pid
        assert load.well
        assert not is_alive(pid)
        assert os.sched_getaffinity(0) == processors
        assert isinstance(load.steps[0].figures, Figures)

    run(test())


def test_one_that_is_killed_says_so() -> None:
    async def test() -> None:
        async with OwnGateway() as gateway:
            os.kill(gateway.pid, signal.SIGKILL)
            await until(lambda: bool(gateway.epitaph))
            # And what it said last, as where it may open few files.
            assert gateway.epitaph.startswith("the gateway was ended by SIGKILL")

    run(test())


def test_one_that_cannot_start_is_told_in_its_own_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "personas.yaml").write_text("personas: 7\n")
    monkeypatch.chdir(tmp_path)

    async def test() -> None:
        with pytest.raises(LinkError, match=r"(?s)the gateway ended with exit code 1:.*personas\.yaml:1:11: error"):
            async with asyncio.timeout(20), OwnGateway():
                pass

    run(test())
