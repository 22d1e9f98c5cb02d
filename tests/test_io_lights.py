"""LEDs, real drivers up to the wire and simulated ones."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import gpiozero
import pytest
from gpiozero.pins.mock import MockFactory, MockPWMPin

from pommai.errors import DeviceError
from pommai.io.lights import Apa102, RgbLed, SimulatedLights, SpiBus
from pommai.io.ports import Lights

DARK = (0, 0, 0)


@pytest.fixture
def pins() -> Iterator[MockFactory]:
    before = gpiozero.Device.pin_factory
    factory = MockFactory(pin_class=MockPWMPin)
    gpiozero.Device.pin_factory = factory
    yield factory
    factory.reset()
    gpiozero.Device.pin_factory = before


class RecordingSpi:
    """Stands in for spidev.SpiDev: keeps what was written."""

    def __init__(self) -> None:
        self.max_speed_hz = 0
        self.written: list[bytes] = []
        self.closed = 0
        self.fault: OSError | None = None

    def writebytes2(self, values: bytes) -> None:
        if self.fault is not None:
            raise self.fault
        self.written.append(values)

    def close(self) -> None:
        self.closed += 1


# -- one RGB LED on PWM pins ---------------------------------------------------------------------


def test_an_rgb_led_gets_its_colour_as_pwm_on_pins_5_6_and_13(pins: MockFactory) -> None:
    led = RgbLed()
    led.start()
    assert [pins.pin(number).state for number in (5, 6, 13)] == [0, 0, 0]
    led.show([(255, 51, 0)])
    assert [pins.pin(number).state for number in (5, 6, 13)] == [1.0, 0.2, 0.0]
    led.close()


def test_an_rgb_led_on_other_pins_with_a_common_anode_is_lit_by_low(pins: MockFactory) -> None:
    led = RgbLed((17, 27, 22), active_high=False)
    led.start()
    led.show([(255, 0, 51)])
    assert [pins.pin(number).state for number in (17, 27, 22)] == pytest.approx([0.0, 1.0, 0.8])
    led.close()


def test_a_closed_rgb_led_is_dark_its_pins_are_free_and_closing_again_does_nothing(pins: MockFactory) -> None:
    led = RgbLed()
    led.start()
    led.show([(255, 255, 255)])
    led.close()
    led.close()
    assert [pins.pin(number).state for number in (5, 6, 13)] == [0, 0, 0]
    with pytest.raises(DeviceError, match="not open"):
        led.show([DARK])
    led.start()
    led.close()


def test_pins_that_are_in_use_are_a_device_error_that_names_them(pins: MockFactory) -> None:
    first = RgbLed()
    first.start()
    with pytest.raises(DeviceError, match=r"no RGB LED on GPIO 5, 6 and 13: .*in use"):
        RgbLed().start()
    first.close()


def test_a_machine_without_gpio_is_told_in_a_sentence_and_in_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> None:
        warnings.warn(gpiozero.PinFactoryFallback("Falling back from lgpio"), stacklevel=2)
        raise gpiozero.BadPinFactory("no driver at all")

    monkeypatch.setattr(gpiozero.Device, "pin_factory", None)
    monkeypatch.setattr(gpiozero.Device, "_default_pin_factory", none)
    with pytest.raises(DeviceError, match=r"no RGB LED on GPIO 5, 6 and 13: no driver at all .*on a desk"):
        RgbLed().start()


# -- three APA102 on SPI -------------------------------------------------------------------------


def opened(spi: RecordingSpi, brightness: int = 8) -> Apa102:
    def open_spi(bus: int, device: int) -> SpiBus:
        assert (bus, device) == (0, 0)
        return spi

    lights = Apa102(brightness=brightness, open_spi=open_spi)
    lights.start()
    return lights


def test_apa102_get_a_start_frame_brightness_blue_green_red_and_an_end_frame() -> None:
    spi = RecordingSpi()
    opened(spi).show([(1, 2, 3), (255, 0, 16), (0, 128, 0)])
    assert spi.written[-1].hex(" ", 4) == "00000000 e8030201 e81000ff e8008000 ffffffff"
    assert spi.max_speed_hz == 8_000_000


def test_apa102_are_dark_once_open_and_dark_when_closed() -> None:
    spi = RecordingSpi()
    lights = opened(spi, brightness=31)
    dark = "00000000 ff000000 ff000000 ff000000 ffffffff"
    assert [frame.hex(" ", 4) for frame in spi.written] == [dark]
    lights.show([(9, 9, 9)] * 3)
    lights.close()
    lights.close()
    assert spi.written[-1].hex(" ", 4) == dark
    assert spi.closed == 1


def test_a_missing_spi_bus_says_how_to_switch_it_on() -> None:
    def missing(bus: int, device: int) -> SpiBus:
        raise FileNotFoundError(2, "No such file or directory")

    with pytest.raises(DeviceError, match=r"no LEDs on /dev/spidev0\.0: No such file.*raspi-config"):
        Apa102(open_spi=missing).start()


def test_without_the_spidev_package_the_error_says_what_to_install() -> None:
    def no_package(bus: int, device: int) -> SpiBus:
        raise ModuleNotFoundError("No module named 'spidev'")

    with pytest.raises(DeviceError, match=r"package spidev \(pip install 'pommai\[pi\]'\)"):
        Apa102(open_spi=no_package).start()


def test_apa102_that_vanish_are_a_device_error_and_can_still_be_closed() -> None:
    spi = RecordingSpi()
    lights = opened(spi)
    spi.fault = OSError(5, "Input/output error")
    with pytest.raises(DeviceError, match="do not answer: Input/output error"):
        lights.show([DARK] * 3)
    lights.close()
    assert spi.closed == 1
    with pytest.raises(DeviceError, match="not open"):
        lights.show([DARK] * 3)


def test_a_brightness_that_apa102_do_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match=r"0\.\.31, not 32"):
        Apa102(brightness=32)


# -- simulated -----------------------------------------------------------------------------------


def test_simulated_lights_remember_changes_with_their_time_and_nothing_else() -> None:
    now = 0.0
    lights = SimulatedLights(2, lambda: now)
    lights.start()
    for colours in ([DARK, DARK], [(1, 2, 3), DARK], [(1, 2, 3), DARK]):
        now += 1.0
        lights.show(colours)
    now += 1.0
    lights.close()
    lights.close()
    assert list(lights.changes) == [(0.0, (DARK, DARK)), (2.0, ((1, 2, 3), DARK)), (4.0, (DARK, DARK))]


def test_simulated_lights_break_down_and_come_back_when_told() -> None:
    lights = SimulatedLights()
    lights.start()
    lights.break_down("the cable is out")
    with pytest.raises(DeviceError, match="the cable is out"):
        lights.show([DARK])
    with pytest.raises(DeviceError, match="the cable is out"):
        lights.start()
    lights.repair()
    lights.start()
    lights.show([(1, 1, 1)])
    assert lights.colours == ((1, 1, 1),)


def test_simulated_lights_take_one_colour_per_led() -> None:
    lights = SimulatedLights(3)
    lights.start()
    with pytest.raises(ValueError, match="1 colours for 3 LEDs"):
        lights.show([DARK])


def test_every_device_is_lights() -> None:
    devices: list[Lights] = [RgbLed(), Apa102(), SimulatedLights(3)]
    assert [device.count for device in devices] == [1, 3, 3]
