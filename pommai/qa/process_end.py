"""The end of a process that leads a session of its own, and of all that it has started."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal


def signal_session(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    """Send a signal to the process and to whatever it has started; to one that has ended, none."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)


async def end_session(process: asyncio.subprocess.Process, seconds: float) -> None:
    """Ask them to end, kill what lives `seconds` later, and wait for the process. Cancelled: kill them at once."""
    try:
        signal_session(process, signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), seconds)
    finally:
        signal_session(process, signal.SIGKILL)
    await process.wait()
