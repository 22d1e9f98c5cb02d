"""The end of a process and of all that it has started, with real ones."""

from __future__ import annotations

import asyncio
import signal
import sys

import pytest

from pommai.qa.process_end import end_session, signal_session

WILLING = "import signal; print(flush=True); signal.pause()"
STUBBORN = (
    "import signal, subprocess; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    "child = subprocess.Popen(['sleep', '600']); print(flush=True); child.wait()"
)


async def begun(program: str) -> asyncio.subprocess.Process:
    """A process in a session of its own that has come as far as to say so."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program), stdout=asyncio.subprocess.PIPE, start_new_session=True
    )
    assert process.stdout is not None
    await process.stdout.readline()
    return process


async def nobody_speaks(process: asyncio.subprocess.Process) -> None:
    """Returns when nobody holds its output any more: neither it nor what it has started lives."""
    assert process.stdout is not None
    assert await process.stdout.read() == b""


def test_who_ends_when_asked_is_not_killed() -> None:
    async def main() -> None:
        process = await begun(WILLING)
        await end_session(process, 60.0)
        assert process.returncode == -signal.SIGTERM

    asyncio.run(main())


def test_who_does_not_end_is_killed_with_all_that_it_has_started() -> None:
    async def main() -> None:
        process = await begun(STUBBORN)
        await end_session(process, 0.05)
        assert process.returncode == -signal.SIGKILL
        await nobody_speaks(process)

    asyncio.run(main())


def test_who_is_in_a_hurry_leaves_nobody_behind() -> None:
    async def main() -> None:
        process = await begun(STUBBORN)
        ending = asyncio.create_task(end_session(process, 600.0))
        await asyncio.sleep(0)
        ending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await ending
        await nobody_speaks(process)
        assert await process.wait() == -signal.SIGKILL

    asyncio.run(main())


def test_who_has_ended_is_left_alone() -> None:
    async def main() -> None:
        process = await begun("print()")
        assert await process.wait() == 0
        signal_session(process, signal.SIGKILL)
        await end_session(process, 60.0)
        assert process.returncode == 0

    asyncio.run(main())
