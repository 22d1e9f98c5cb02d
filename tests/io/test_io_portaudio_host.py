"""Choosing a device by name, and the one thread that makes PortAudio's calls."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from pommai.errors import AudioDeviceError, DeviceError
from pommai.io.portaudio_host import Direction, SoundDevice, _ControlThread, choose

DEVICES = [
    SoundDevice(0, "bcm2835 Headphones: - (hw:0,0)", 0, 8, 44_100.0),
    SoundDevice(1, "seeed2micvoicec: bcm2835-i2s-wm8960-hifi (hw:1,0)", 2, 2, 48_000.0),
    SoundDevice(2, "USB Audio Device: - (hw:2,0)", 1, 2, 44_100.0),
    SoundDevice(3, "USB Audio", 1, 0, 44_100.0),
    SoundDevice(4, "default", 32, 32, 44_100.0),
]


@pytest.mark.parametrize(
    ("direction", "name", "index"),
    [
        ("microphone", "seeed", 1),
        ("microphone", "SEEED2MIC", 1),
        ("speaker", "headphones", 0),
        ("speaker", "bcm2835", 0),
        ("microphone", "bcm2835", 1),  # the first of that name has no microphone
        ("microphone", "usb audio", 3),  # the very name goes before the first that contains it
        ("speaker", "usb audio", 2),
        ("speaker", "default", 4),
    ],
)
def test_a_device_is_chosen_by_part_of_its_name(direction: Direction, name: str, index: int) -> None:
    assert choose(DEVICES, direction, name).index == index


def test_a_name_nobody_has_is_answered_with_the_nearest_and_the_list() -> None:
    with pytest.raises(AudioDeviceError) as caught:
        choose(DEVICES, "microphone", "seed2micvoicecard")
    first, *listing = str(caught.value).splitlines()
    assert first == ("there is no microphone named 'seed2micvoicecard'; did you mean 'seeed2micvoicec'? There are:")
    assert listing[0] == "  bcm2835 Headphones: - (0 in, 8 out, 44,100 Hz)".replace(": -", ": - (hw:0,0)")
    assert len(listing) == len(DEVICES)


def test_where_there_are_no_devices_there_is_no_sound_card() -> None:
    with pytest.raises(AudioDeviceError, match="no sound card"):
        choose([], "speaker", "anything")


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
        control = _ControlThread()
        threads = await asyncio.gather(*(control.call("asking", 10, threading.current_thread) for _ in range(5)))
        assert {thread.name for thread in threads} == {"portaudio"}
        assert len(set(threads)) == 1

    asyncio.run(main())


def test_what_goes_wrong_in_a_call_is_raised_where_it_was_asked_for() -> None:
    def wrong() -> None:
        raise AudioDeviceError("no such device")

    async def main() -> None:
        control = _ControlThread()
        with pytest.raises(AudioDeviceError, match="no such device"):
            await control.call("opening", 10, wrong)
        assert await control.call("asking", 10, lambda: 1) == 1

    asyncio.run(main())


@pytest.mark.parametrize("ending", ["time limit", "cancellation"])
def test_what_comes_after_nobody_waits_any_more_is_undone(ending: str) -> None:
    async def main() -> None:
        control, hanging = _ControlThread(), Hanging()
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
        closed: list[bool] = []
        with pytest.raises(DeviceError, match="has not come back"):
            await control.call("closing", 10, lambda: closed.append(True))

        hanging.go.set()
        await until(lambda: bool(closed))
        assert undone == ["late"], "and closing was made up for"
        assert await control.call("asking", 10, lambda: 1) == 1

    asyncio.run(main())


def test_a_call_cancelled_before_its_turn_is_never_made() -> None:
    async def main() -> None:
        control, hanging = _ControlThread(), Hanging()
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
