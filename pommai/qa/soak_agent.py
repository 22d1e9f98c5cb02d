"""`python -m pommai.qa.soak_agent PARENT CLOCK LOOKS WORDS...`: `pommai WORDS...`, for somebody who tries its patience.

The program itself is the one that everybody runs. What cannot be done to it, or seen of it, from outside without being
root is done here, beside it:

- its time of day goes wrong by the seconds in the file CLOCK (a double), from one moment to the next;
- SIGUSR1: a line of JSON is written into the pipe LOOKS, about what it holds: tasks, timers, objects;
- SIGUSR2: its memory is taken from it as far as it can be read again from files, as a machine does that runs short.

It ends with its parent.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import json
import mmap
import os
import runpy
import signal
import struct
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from pommai.qa.parent import end_with

CLOCK: Final = struct.Struct("d")
"""What the clock's file holds: seconds by which the time of day is wrong."""
MOST_NAMED: Final = 40
"""Kinds of tasks that are told apart in a look: what is written at once into a pipe arrives whole up to 4096 bytes."""
_PAGE_OUT: Final = 21
"""MADV_PAGEOUT of madvise(2), Linux 5.4: contents are kept, in files or in swap."""


def shift_clock(file: Path) -> None:
    """From now on the time of day in this process is wrong by what the file says."""
    with file.open("rb") as opened:
        shift = mmap.mmap(opened.fileno(), CLOCK.size, access=mmap.ACCESS_READ)
    real, real_ns = time.time, time.time_ns

    def wrong() -> float:
        seconds: float = CLOCK.unpack_from(shift)[0]
        return real() + seconds

    def wrong_ns() -> int:
        seconds: float = CLOCK.unpack_from(shift)[0]
        return real_ns() + round(seconds * 1e9)

    vars(time).update(time=wrong, time_ns=wrong_ns)


def set_clock(file: Path, seconds: float) -> None:
    """Let the process with this clock be wrong by so many seconds."""
    with file.open("r+b" if file.exists() else "wb") as opened:
        opened.write(CLOCK.pack(seconds))


def look() -> dict[str, Any]:
    """What the program holds at this moment. Takes some milliseconds."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:  # it has not begun, or is about to end
        return {}
    tasks = Counter(_name(task) for task in asyncio.all_tasks(loop))
    return {
        "tasks": tasks.total(),
        "timers": len(vars(loop).get("_scheduled", ())),
        "objects": len(gc.get_objects()),
        "named": dict(tasks.most_common(MOST_NAMED)),
    }


def _name(task: asyncio.Task[Any]) -> str:
    coroutine = task.get_coro()
    return str(getattr(coroutine, "__qualname__", type(coroutine).__name__))[:60]


def teller(looks: Path) -> Callable[..., None]:
    """What SIGUSR1 calls: a look goes into the pipe, unless nobody reads."""

    def tell(*_signal: object) -> None:
        try:
            pipe = os.open(looks, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            return
        try:
            os.write(pipe, json.dumps(look()).encode()[:4000] + b"\n")
        except OSError:
            return
        finally:
            os.close(pipe)

    return tell


def page_out(*_signal: object) -> int:
    """Give back what memory can be read again; how many bytes of address space that was asked for."""
    library = ctypes.CDLL(None, use_errno=True)
    asked = 0
    for line in Path("/proc/self/maps").read_text().splitlines():
        place, mode = line.split()[:2]
        first, _, last = place.partition("-")
        size = int(last, 16) - int(first, 16)
        if not mode.startswith("r") or "[v" in line:  # vdso and vsyscall are no memory
            continue
        if library.madvise(ctypes.c_void_p(int(first, 16)), ctypes.c_size_t(size), _PAGE_OUT) == 0:
            asked += size
    return asked


def main(words: list[str]) -> None:
    """Take the first three words, and be the program of the rest."""
    parent, clock, looks = int(words[0]), Path(words[1]), Path(words[2])
    end_with(parent)
    shift_clock(clock)
    signal.signal(signal.SIGUSR1, teller(looks))
    signal.signal(signal.SIGUSR2, page_out)
    sys.argv[1:] = words[3:]
    runpy.run_module("pommai", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
