"""A program of a soak: a gateway, with what comes first and last in its life."""

from __future__ import annotations

import asyncio
import resource
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from pommai.errors import PommaiError
from pommai.qa.soak_agent import set_clock
from pommai.qa.soak_program import Program

GATEWAY = ["gateway", "--port", "0", "--http-port", "none"]
PATIENCE = 60.0


@asynccontextmanager
async def gateway(tmp_path: Path, *words: str) -> AsyncIterator[Program]:
    program = Program("gateway", tmp_path, tmp_path, tmp_path / "gateway.log")
    set_clock(program.clock, 0.0)
    await program.start([*GATEWAY, *words], {"POMMAI_GATEWAY_TOKEN": "only-for-tests"})
    try:
        yield program
    finally:
        await program.end(signal.SIGKILL, 10.0)


def test_it_says_something_takes_lines_and_ends_when_it_is_asked_to(tmp_path: Path) -> None:
    async def test() -> None:
        async with gateway(tmp_path) as program:
            assert (await program.said(PATIENCE)).startswith("listening on ws://")
            await program.tell("sessions")
            assert await program.said(PATIENCE)
            _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
            program.limit_files(0)
            assert resource.prlimit(program.pid, resource.RLIMIT_FSIZE) == (0, hard)
            program.limit_files(None)
            assert resource.prlimit(program.pid, resource.RLIMIT_FSIZE) == (hard, hard)
            assert program.alive
            assert await program.end(signal.SIGTERM, 20.0)
            assert not program.alive
            await program.tell("nobody hears this")
            program.send(signal.SIGUSR1)
            program.limit_files(None)
        assert program.unplanned == []
        assert program.troubles == []
        assert program.log_lines == len((tmp_path / "gateway.log").read_text().splitlines()) > 0

    asyncio.run(test())


def test_an_end_that_nobody_wanted_is_noted_with_its_last_words(tmp_path: Path) -> None:
    async def test() -> None:
        async with gateway(tmp_path, "--personas", "missing.yaml") as program:
            with pytest.raises(PommaiError, match=r"the gateway did not say what it should.*\n.*missing\.yaml"):
                await program.said(PATIENCE)
        (words,) = program.unplanned
        assert words.startswith("life 1 of the gateway ended with exit code ")
        assert "missing.yaml" in words

    asyncio.run(test())


def test_one_that_does_not_heed_a_signal_is_killed(tmp_path: Path) -> None:
    async def test() -> None:
        async with gateway(tmp_path) as program:
            await program.said(PATIENCE)
            assert not await program.end(signal.SIGWINCH, 0.2)
            assert not program.alive
        assert program.unplanned == []

    asyncio.run(test())


def test_lines_that_no_log_should_have_are_found_and_a_log_has_a_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pommai.qa.soak_program.LOG_BYTES", 60)
    program = Program("toy", tmp_path, tmp_path, tmp_path / "toy.log")
    with (tmp_path / "toy.log").open("w") as file:
        for line in (
            "12:00 info all is well",
            "  Traceback (most recent call last):",
            "Task exception was never retrieved",
        ):
            program._take(line, file)
        for _ in range(100):
            program._take("12:00 info all is well", file)
    assert program.troubles == [
        "toy.log, line 2:   Traceback (most recent call last):",
        "toy.log, line 3: Task exception was never retrieved",
    ]
    assert program.log_lines == 103
    assert (tmp_path / "toy.log").stat().st_size < 200
