"""The GPIO button: the real adapter over gpiozero's mock pins."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import gpiozero
import pytest
from gpiozero.pins.mock import MockFactory, MockPin

from pommai.errors import DeviceError
from pommai.events import Event
from pommai.io.button_gpio import GpioButton


@pytest.fixture
def pins() -> Iterator[MockFactory]:
    before = gpiozero.Device.pin_factory
    factory = gpiozero.Device.pin_factory = MockFactory()
    yield factory
    factory.reset()
    gpiozero.Device.pin_factory = before


class PinUnderAFinger(MockPin):  # type: ignore[misc]
    """A pin that is connected to ground already when its pull-up is switched on."""

    def _set_pull(self, value: str) -> None:
        super()._set_pull(value)
        self.drive_low()


def on_a_thread(*calls: object) -> None:
    """Move pins where a driver would: on another thread."""

    def work() -> None:
        for call in calls:
            call()  # type: ignore[operator]

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


async def next_of(events: asyncio.Queue[Event]) -> str:
    async with asyncio.timeout(10):
        return (await events.get()).name


def test_a_finger_on_the_pin_is_heard_on_the_loops_thread(pins: MockFactory) -> None:
    async def scenario() -> None:
        events: asyncio.Queue[Event] = asyncio.Queue()
        threads = set()

        def emit(event: Event) -> None:
            threads.add(threading.current_thread())
            events.put_nowait(event)

        button = GpioButton()
        button.start(emit)
        pin = pins.pin(17)
        on_a_thread(pin.drive_low)
        assert await next_of(events) == "button.pressed"
        assert button.first_press is None
        on_a_thread(pin.drive_high)
        assert await next_of(events) == "button.released"
        button.close()
        button.close()
        assert threads == {threading.current_thread()}

    asyncio.run(scenario())


def test_the_pull_up_is_on_and_the_pin_is_free_again_after_close(pins: MockFactory) -> None:
    async def scenario() -> None:
        for _ in range(2):
            button = GpioButton(5)
            button.start(lambda _: None)
            assert pins.pin(5).pull == "up"
            button.close()

    asyncio.run(scenario())


def test_a_button_that_is_down_at_the_start_counts_as_pressed(pins: MockFactory) -> None:
    async def scenario() -> None:
        events: list[Event] = []
        pins.pin_class = PinUnderAFinger
        button = GpioButton()
        button.start(events.append)
        assert [event.name for event in events] == ["button.pressed"]
        assert button.first_press is not None
        on_a_thread(pins.pin(17).drive_high)
        await asyncio.sleep(0.1)
        assert [event.name for event in events] == ["button.pressed", "button.released"]
        held = button.first_press
        on_a_thread(pins.pin(17).drive_low)
        await asyncio.sleep(0.01)
        assert button.first_press == held
        button.close()
        assert button.first_press is None

    asyncio.run(scenario())


def test_an_edge_that_arrives_after_close_is_not_heard(pins: MockFactory) -> None:
    async def scenario() -> None:
        events: list[Event] = []
        button = GpioButton()
        button.start(events.append)
        on_a_thread(pins.pin(17).drive_low)  # handed to the loop, which has had no turn yet
        button.close()
        await asyncio.sleep(0)
        assert events == []

    asyncio.run(scenario())


def test_a_machine_without_gpio_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpiozero.Device, "pin_factory", None)
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "there-is-none")

    async def scenario() -> None:
        with pytest.raises(DeviceError, match=r"no button on GPIO pin 17: .*--button keyboard"):
            GpioButton().start(lambda _: None)

    asyncio.run(scenario())


def test_a_pin_that_is_in_use_is_told(pins: MockFactory) -> None:
    async def scenario() -> None:
        first, second = GpioButton(17), GpioButton(17)
        first.start(lambda _: None)
        with pytest.raises(DeviceError, match="already in use"):
            second.start(lambda _: None)
        second.close()
        first.close()

    asyncio.run(scenario())
