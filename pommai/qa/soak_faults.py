"""What each kind of fault does in a house: enter `fault_at_work`, and it is so; leave it, and all is whole again."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final, TypeVar

from pommai.qa.soak_agent import set_clock
from pommai.qa.soak_house import END_SECONDS, House
from pommai.qa.soak_plan import CLOCK_JUMPS, LONGEST_DELAY, Fault
from pommai.qa.soak_program import Program

T = TypeVar("T")
Work = Callable[[House, Fault], AbstractAsyncContextManager[str]]
"""Entering it says what was done, in words, where the kind alone does not."""
_AGAIN_S: Final = 0.25
"""Between two times that memory is taken away, or room on a disk."""


def fault_at_work(house: House, fault: Fault) -> AbstractAsyncContextManager[str]:
    """Let it be so while this is entered."""
    return WORKS[fault.kind](house, fault)


@asynccontextmanager
async def _cut(house: House, fault: Fault) -> AsyncIterator[str]:
    house.network.cut()
    yield ""


@asynccontextmanager
async def _refuse(house: House, fault: Fault) -> AsyncIterator[str]:
    house.network.refuses = True
    house.network.cut()
    try:
        yield ""
    finally:
        house.network.refuses = False


@asynccontextmanager
async def _delay(house: House, fault: Fault) -> AsyncIterator[str]:
    house.network.delay = LONGEST_DELAY * max(0.1, fault.dose)
    try:
        yield f"{house.network.delay:.2f} s"
    finally:
        house.network.delay = 0.0


@asynccontextmanager
async def _hang(house: House, fault: Fault) -> AsyncIterator[str]:
    house.network.hang()
    try:
        yield ""
    finally:
        house.network.cut(hanging=True)


@asynccontextmanager
async def _end_gateway(house: House, fault: Fault) -> AsyncIterator[str]:
    number = signal.SIGTERM if fault.kind == "gateway ended" else signal.SIGKILL
    in_time = await house.gateway.end(number, END_SECONDS)
    if not in_time:
        house.gateway.unplanned.append(f"the gateway did not end within {END_SECONDS:g} s of SIGTERM")
    try:
        yield ""
    finally:
        await house.start_gateway()


@asynccontextmanager
async def _stop(house: House, fault: Fault) -> AsyncIterator[str]:
    program = _program(house, fault)
    program.send(signal.SIGSTOP)
    try:
        yield ""
    finally:
        program.send(signal.SIGCONT)


@asynccontextmanager
async def _fill_disk(house: House, fault: Fault) -> AsyncIterator[str]:
    """A full disk if it has one, else files that may not grow. Half of the time others write to the disk, too: what the
    program gives up there it cannot use.
    """
    program = _program(house, fault)
    disk = house.disks.get(program.name)
    if disk is None:
        program.limit_files(0)
        try:
            yield "EFBIG"
        finally:
            program.limit_files(None)
        return
    disk.fill()
    try:
        if fault.number % 2:
            yield "ENOSPC"
        else:
            async with _again(disk.fill):
                yield "ENOSPC, and others write"
    finally:
        disk.free()


@asynccontextmanager
async def _jump(house: House, fault: Fault) -> AsyncIterator[str]:
    """Half of the time it jumps back by itself, as when a time server has answered; else it stays wrong."""
    seconds = CLOCK_JUMPS[int(fault.dose * len(CLOCK_JUMPS)) % len(CLOCK_JUMPS)]
    set_clock(house.toy.clock, seconds)
    yield f"{seconds / 3600:+,.0f} h"
    if fault.number % 2:
        set_clock(house.toy.clock, 0.0)


@asynccontextmanager
async def _pull(house: House, fault: Fault) -> AsyncIterator[str]:
    async with _undone(house.pull_card, lambda _: house.plug_card()):
        yield ""


@asynccontextmanager
async def _press_memory(house: House, fault: Fault) -> AsyncIterator[str]:
    async with _again(lambda: house.toy.send(signal.SIGUSR2)):
        yield ""


@asynccontextmanager
async def _damage(house: House, fault: Fault) -> AsyncIterator[str]:
    async with _undone(house.damage_model, house.mend_model) as file:
        yield file.name


@asynccontextmanager
async def _undone(do: Callable[[], T], undo: Callable[[T], None]) -> AsyncIterator[T]:
    """Do something that blocks, and undo it afterwards; also when it was not yet done as the soak ended."""
    doing = asyncio.create_task(asyncio.to_thread(do), name="fault")
    try:
        yield await asyncio.shield(doing)
    finally:
        await asyncio.wait([doing])
        undo(doing.result())


@asynccontextmanager
async def _again(what: Callable[[], None]) -> AsyncIterator[None]:
    """Do it now, and again and again."""

    async def again() -> None:
        while True:
            what()
            await asyncio.sleep(_AGAIN_S)

    task = asyncio.create_task(again(), name="fault, again")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
    if not task.cancelled():
        task.result()


def _program(house: House, fault: Fault) -> Program:
    return house.gateway if fault.kind.startswith("gateway") else house.toy


WORKS: Final[dict[str, Work]] = {
    "link cut": _cut,
    "link refused": _refuse,
    "link slow": _delay,
    "link half open": _hang,
    "gateway ended": _end_gateway,
    "gateway killed": _end_gateway,
    "gateway stopped": _stop,
    "gateway disk full": _fill_disk,
    "toy stopped": _stop,
    "toy disk full": _fill_disk,
    "clock": _jump,
    "card lost": _pull,
    "memory short": _press_memory,
    "model damaged": _damage,
}
