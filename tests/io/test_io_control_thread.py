"""The one thread that makes calls which may never come back."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from pommai.errors import AudioDeviceError, DeviceError
from pommai.io.control_thread import ControlThread, Hang


class Hanging:
    """A call that hangs until it is let go."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.go = threading.Event()

    def __call__(self) -> str:
        self.begun.set()
        assert self.go.wait(10)
        return "late"


async def until(truth: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not truth():
            await asyncio.sleep(0.001)


def test_calls_are_made_one_after_another_on_one_thread() -> None:
    async def main() -> None:
        control = ControlThread("the card")
        threads = await asyncio.gather(*(control.call("asking", 10, threading.current_thread) for _ in range(5)))
        assert {thread.name for thread in threads} == {"the card"}
        assert len(set(threads)) == 1

    asyncio.run(main())


def test_what_goes_wrong_in_a_call_is_raised_where_it_was_asked_for() -> None:
    def wrong() -> None:
        raise AudioDeviceError("no such device")

    async def main() -> None:
        control = ControlThread("the card")
        with pytest.raises(AudioDeviceError, match="no such device"):
            await control.call("opening", 10, wrong)
        assert await control.call("asking", 10, lambda: 1) == 1

    asyncio.run(main())


@pytest.mark.parametrize("ending", ["time limit", "cancellation"])
def test_what_comes_after_nobody_waits_any_more_is_undone(ending: str) -> None:
    async def main() -> None:
        control, hanging = ControlThread("the card"), Hanging()
        undone: list[str] = []
        limit = 0.01 if ending == "time limit" else 10
        opening = asyncio.create_task(control.call("opening the card", limit, hanging, undone.append))
        await until(hanging.begun.is_set)
        if ending == "cancellation":
            opening.cancel()
        with pytest.raises(DeviceError if ending == "time limit" else asyncio.CancelledError):
            await opening

        with pytest.raises(DeviceError, match="opening the card has not come back"):
            await control.call("opening again", 10, lambda: "never made", undone.append)
        assert control.hang is not None
        assert control.hang.what == "opening the card"
        assert control.hang.seconds >= 0.0
        closed: list[bool] = []
        with pytest.raises(DeviceError, match="has not come back"):
            await control.call("closing", 10, lambda: closed.append(True))

        hanging.go.set()
        await until(lambda: bool(closed))
        assert undone == ["late"], "and closing was made up for"
        assert control.hang is None
        assert await control.call("asking", 10, lambda: 1) == 1

    asyncio.run(main())


def test_a_call_cancelled_before_its_turn_is_never_made() -> None:
    async def main() -> None:
        control, hanging = ControlThread("the card"), Hanging()
        made: list[str] = []
        first = asyncio.create_task(control.call("opening", 10, hanging))
        await until(hanging.begun.is_set)
        second = asyncio.create_task(control.call("opening too", 10, lambda: made.append("second"), made.append))
        await asyncio.sleep(0)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        hanging.go.set()
        assert await first == "late"
        assert await control.call("asking", 10, lambda: 1) == 1
        assert made == []

    asyncio.run(main())


def test_a_call_that_takes_its_time_within_its_limit_does_not_hang() -> None:
    async def main() -> None:
        control, slow = ControlThread("the card"), Hanging()
        assert control.hang is None
        calling = asyncio.create_task(control.call("opening", 10, slow))
        await until(slow.begun.is_set)
        assert control.hang is None
        slow.go.set()
        await calling

    asyncio.run(main())


def test_a_call_that_waited_behind_one_that_hung_does_not_hang_from_the_beginning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def main() -> None:
        now = [1000.0]
        monkeypatch.setattr("pommai.io.control_thread.time", SimpleNamespace(monotonic=lambda: now[0]))
        control, opening, closing = ControlThread("the card"), Hanging(), Hanging()
        with pytest.raises(DeviceError, match="took longer than"):
            await control.call("opening", 0.01, opening)
        with pytest.raises(DeviceError, match="opening has not come back"):
            await control.call("closing", 10, closing)
        now[0] = 1030.0
        assert control.hang == Hang("opening", 30.0)
        opening.go.set()
        await until(closing.begun.is_set)
        assert control.hang == Hang("closing", 0.0), "nobody waits for it, but it has only just begun"
        now[0] = 1040.0
        assert control.hang == Hang("closing", 10.0)
        closing.go.set()
        await until(lambda: control.hang is None)
        assert await control.call("asking", 10, lambda: 1) == 1

    asyncio.run(main())
