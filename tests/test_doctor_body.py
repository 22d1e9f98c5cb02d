"""Lights and button, with whoever stands before the toy."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gpiozero
import pytest
from doctor_material import PI, RUNNING, Asked, look, settings, world
from gpiozero.pins.mock import MockFactory

from pommai.doctor import body
from pommai.doctor.finding import Finding, Mark
from pommai.errors import DeviceError
from pommai.events import Event
from pommai.io.button_gpio import GpioButton
from pommai.io.lights import Apa102, SimulatedLights
from pommai.io.lights_terminal import TerminalLights
from pommai.io.ports import Emit


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "SHOWN_SECONDS", 0.0)
    monkeypatch.setattr(body, "PRESS_SECONDS", 0.05)


class Bus:
    """An SPI bus that remembers; `broken` is what it does in place of that."""

    max_speed_hz = 0

    def __init__(self, broken: OSError | None = None) -> None:
        self.sent: list[bytes] = []
        self.is_closed = False
        self._broken = broken

    def writebytes2(self, values: bytes) -> None:
        if self._broken is not None:
            raise self._broken
        self.sent.append(values)

    def close(self) -> None:
        self.is_closed = True


def lights(folder: Path, bus: Bus, **more: Any) -> Finding:
    return look(body.lights, world(folder, lights=lambda _: Apa102(open_spi=lambda *_: bus), computer=PI, **more))


def test_red_green_and_blue_are_shown_and_the_lights_are_dark_again(tmp_path: Path) -> None:
    bus, person = Bus(), Asked(True)
    found = lights(tmp_path, bus, person=person)
    assert (found.mark, found.figures["seen"]) == (Mark.OK, True)
    colours = [frame[5:8] for frame in bus.sent]
    assert colours == [b"\0\0\0", b"\0\0\xff", b"\0\xff\0", b"\xff\0\0", b"\0\0\0"], "blue, green, red on the wire"
    assert bus.is_closed
    assert person.questions == ["Did they shine red, then green, then blue?"]
    assert len(person.told) == 3


def test_lights_that_nobody_saw_are_broken_and_without_anybody_they_are_well(tmp_path: Path) -> None:
    assert lights(tmp_path, Bus(), person=Asked(False)).mark is Mark.BROKEN
    found = lights(tmp_path, Bus(), person=Asked(None))
    assert (found.mark, found.figures["seen"]) == (Mark.OK, None)


def test_lights_that_do_not_answer_are_broken_and_let_go(tmp_path: Path) -> None:
    bus = Bus(OSError(5, "Input/output error"))
    found = lights(tmp_path, bus)
    assert (found.mark, "Input/output error" in found.words) == (Mark.BROKEN, True)
    assert bus.is_closed


def test_a_bus_that_is_closed_to_the_user_is_broken_with_what_to_do(tmp_path: Path) -> None:
    def refuse(*_: int) -> Bus:
        raise PermissionError(13, "Permission denied")

    found = look(body.lights, world(tmp_path, lights=lambda _: Apa102(open_spi=refuse), computer=PI))
    assert found.mark is Mark.BROKEN
    assert "Permission denied" in found.words
    assert "do_spi" in found.next_step


def test_a_hat_whose_bus_is_switched_off_is_broken(tmp_path: Path) -> None:
    files = {"/proc/asound/cards": " 1 [seeed2micvoicec]: seeed2micvoicec - seeed2micvoicec\n"}
    bus = Bus()
    there = world(tmp_path, files, lights=lambda _: Apa102(open_spi=lambda *_: bus), computer=PI)
    found = look(body.lights, there)
    assert (found.mark, "dtparam=spi=on" in found.next_step) == (Mark.BROKEN, True)
    (tmp_path / "root" / "dev").mkdir()
    (tmp_path / "root" / "dev" / "spidev0.0").touch()
    assert look(body.lights, there).mark is Mark.OK


def test_a_desk_has_no_lights_and_a_pi_should(tmp_path: Path) -> None:
    assert look(body.lights, world(tmp_path, lights=lambda _: SimulatedLights())).mark is Mark.NOTE
    assert look(body.lights, world(tmp_path, lights=lambda _: TerminalLights(io.StringIO()))).mark is Mark.NOTE
    there = world(tmp_path, lights=lambda _: SimulatedLights(), computer=PI)
    assert look(body.lights, there).mark is Mark.BROKEN


def test_a_running_toy_keeps_its_lights_and_its_button(tmp_path: Path) -> None:
    bus = Bus()
    assert lights(tmp_path, bus, unit=RUNNING).mark is Mark.NOTE
    assert bus.sent == []
    assert button(tmp_path, unit=RUNNING).mark is Mark.NOTE


# -- the button ----------------------------------------------------------------------------


@pytest.fixture
def pins(monkeypatch: pytest.MonkeyPatch) -> MockFactory:
    factory = MockFactory()
    monkeypatch.setattr(gpiozero.Device, "pin_factory", factory)
    return factory


def button(folder: Path, **more: Any) -> Finding:
    more.setdefault("button", lambda *_: GpioButton(17))
    return look(body.button, world(folder, computer=PI, **more))


def test_a_press_is_felt_and_the_pin_is_let_go(tmp_path: Path, pins: MockFactory) -> None:
    press: Callable[[], None] = lambda: pins.pin(17).drive_low()  # noqa: E731
    found = button(tmp_path, person=Asked(True, press))
    assert (found.mark, found.words) == (Mark.OK, "pressed, and felt at GPIO17")
    pins.pin(17).drive_high()
    assert button(tmp_path, person=Asked(None)).mark is Mark.OK, "the pin is free again"


def test_no_press_is_broken(tmp_path: Path, pins: MockFactory) -> None:
    found = button(tmp_path, person=Asked(True))
    assert (found.mark, "closes to ground" in found.next_step) == (Mark.BROKEN, True)


def test_a_button_that_is_down_all_the_time_is_broken_and_nobody_is_asked(tmp_path: Path) -> None:
    class Down:
        def start(self, emit: Emit) -> None:
            emit(Event("button.pressed"))

        def close(self) -> None:
            pass

    person = Asked(True)
    found = button(tmp_path, button=lambda *_: Down(), person=person)
    assert (found.mark, "down all the time" in found.words) == (Mark.BROKEN, True)
    assert person.questions == []


def test_who_does_not_want_to_press_need_not(tmp_path: Path, pins: MockFactory) -> None:
    assert button(tmp_path, person=Asked(False)).mark is Mark.NOTE


def test_a_pin_that_cannot_be_had_is_broken_with_the_reason(tmp_path: Path) -> None:
    class Taken:
        def start(self, emit: Emit) -> None:
            raise DeviceError("no button on GPIO pin 17: pin is taken (is the pin free?)")

        def close(self) -> None:
            pass

    found = button(tmp_path, button=lambda *_: Taken())
    assert found.mark is Mark.BROKEN
    assert (found.words, found.next_step) == ("no button on GPIO pin 17: pin is taken", "is the pin free?")


def test_other_events_of_a_button_are_no_press(tmp_path: Path) -> None:
    class Chatty:
        def start(self, emit: Emit) -> None:
            emit(Event("wake.heard", {"phrase": "x", "score": 1.0}))

        def close(self) -> None:
            pass

    assert button(tmp_path, button=lambda *_: Chatty(), person=Asked(True)).mark is Mark.BROKEN


def test_a_desk_has_its_keyboard(tmp_path: Path) -> None:
    assert look(body.button, world(tmp_path)).mark is Mark.NOTE
    assert button(tmp_path, settings=settings(tmp_path, button="none")).mark is Mark.NOTE
    assert button(tmp_path, button=lambda *_: None).mark is Mark.NOTE
