"""LEDs: a plain RGB LED on PWM pins, the three APA102 of a ReSpeaker HAT, and simulated ones."""

from __future__ import annotations

import time
import warnings
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Protocol

from pommai.errors import DeviceError
from pommai.io.ports import Colour

_DARK: Colour = (0, 0, 0)


class RgbLed:
    """One RGB LED on three PWM pins, through gpiozero.

    `pins` are BCM numbers for red, green and blue. `active_high` is false for an LED with a common anode.
    """

    count = 1

    def __init__(self, pins: tuple[int, int, int] = (5, 6, 13), *, active_high: bool = True) -> None:
        self._pins = pins
        self._active_high = active_high
        self._led: Any = None

    def start(self) -> None:
        import gpiozero

        red, green, blue = self._pins
        try:
            with warnings.catch_warnings():
                # Off a Pi it warns of each driver it tries; the error below says it once.
                warnings.simplefilter("ignore")
                self._led = gpiozero.RGBLED(red, green, blue, active_high=self._active_high)
        except Exception as caught:  # every pin factory has errors of its own
            raise DeviceError(
                f"there is no RGB LED on GPIO {red}, {green} and {blue}: {caught} "
                "(on a toy, install lgpio and let its user into the group gpio; on a desk, use the terminal's lights)"
            ) from caught

    def show(self, colours: Sequence[Colour]) -> None:
        if self._led is None:
            raise DeviceError("the RGB LED is not open")
        red, green, blue = colours[0]
        try:
            self._led.value = (red / 255, green / 255, blue / 255)
        except Exception as caught:
            raise DeviceError(f"the RGB LED does not answer: {caught}") from caught

    def close(self) -> None:
        led, self._led = self._led, None
        if led is None:
            return
        # A device that has gone has nothing more to do.
        with suppress(Exception):
            led.off()
        with suppress(Exception):
            led.close()


class SpiBus(Protocol):
    """What is used of `spidev.SpiDev`."""

    max_speed_hz: int

    def writebytes2(self, values: bytes) -> None: ...

    def close(self) -> None: ...


def _open_spidev(bus: int, device: int) -> SpiBus:
    import spidev

    opened: SpiBus = spidev.SpiDev(bus, device)
    return opened


class Apa102:
    """The three APA102 LEDs of a ReSpeaker 2-Mics HAT, on SPI.

    `brightness`, 0..31, is the LEDs' own current limit on top of the colours. 31 dazzles at arm's length;
    8 suits a bedroom and leaves all 8 bits of colour for fine steps.
    """

    count = 3
    SPEED_HZ = 8_000_000

    def __init__(
        self,
        bus: int = 0,
        device: int = 0,
        *,
        brightness: int = 8,
        open_spi: Callable[[int, int], SpiBus] = _open_spidev,
    ) -> None:
        if not 0 <= brightness <= 31:
            raise ValueError(f"brightness must be in 0..31, not {brightness}")
        self._bus = bus
        self._device = device
        self._brightness = brightness
        self._open_spi = open_spi
        self._spi: SpiBus | None = None

    def start(self) -> None:
        name = f"/dev/spidev{self._bus}.{self._device}"
        try:
            self._spi = self._open_spi(self._bus, self._device)
            self._spi.max_speed_hz = self.SPEED_HZ
        except ImportError as caught:
            raise DeviceError(f"the LEDs on {name} need the package spidev (pip install 'pommai[pi]')") from caught
        except OSError as caught:
            raise DeviceError(
                f"there are no LEDs on {name}: {caught.strerror or caught} "
                "(switch SPI on with `sudo raspi-config nonint do_spi 0`; the toy's user must be in the group spi)"
            ) from caught
        self.show([_DARK] * self.count)

    def show(self, colours: Sequence[Colour]) -> None:
        if self._spi is None:
            raise DeviceError("the APA102 LEDs are not open")
        head = 0xE0 | self._brightness
        frame = bytearray(4)
        for red, green, blue in colours:
            frame += bytes((head, blue, green, red))
        frame += b"\xff\xff\xff\xff"
        try:
            self._spi.writebytes2(bytes(frame))
        except OSError as caught:
            raise DeviceError(f"the APA102 LEDs do not answer: {caught.strerror or caught}") from caught

    def close(self) -> None:
        if self._spi is None:
            return
        # A device that has gone has nothing more to do.
        with suppress(DeviceError):
            self.show([_DARK] * self.count)
        with suppress(OSError):
            self._spi.close()
        self._spi = None


class SimulatedLights:
    """LEDs that remember what they showed.

    `changes` holds the last 4,096 changes as (time, colours), the time from `clock`, in seconds.
    `break_down` makes the device fail as a real one does, until `repair`.
    """

    def __init__(self, count: int = 1, clock: Callable[[], float] = time.monotonic) -> None:
        self.count = count
        self.changes: deque[tuple[float, tuple[Colour, ...]]] = deque(maxlen=4096)
        self.is_open = False
        self._clock = clock
        self._fault: str | None = None

    @property
    def colours(self) -> tuple[Colour, ...]:
        """What the LEDs show now."""
        return self.changes[-1][1] if self.changes else (_DARK,) * self.count

    def break_down(self, reason: str) -> None:
        """From now on `start` and `show` raise DeviceError with this sentence."""
        self._fault = reason

    def repair(self) -> None:
        self._fault = None

    def start(self) -> None:
        self._check()
        self.is_open = True
        self._record((_DARK,) * self.count)

    def show(self, colours: Sequence[Colour]) -> None:
        self._check()
        if not self.is_open:
            raise DeviceError("the simulated LEDs are not open")
        if len(colours) != self.count:
            raise ValueError(f"{len(colours)} colours for {self.count} LEDs")
        self._record(tuple(colours))

    def close(self) -> None:
        if self.is_open:
            self.is_open = False
            self._record((_DARK,) * self.count)

    def _check(self) -> None:
        if self._fault is not None:
            raise DeviceError(self._fault)

    def _record(self, colours: tuple[Colour, ...]) -> None:
        if not self.changes or colours != self.changes[-1][1]:
            self.changes.append((self._clock(), colours))
