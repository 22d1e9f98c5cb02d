"""The button on a GPIO pin of a Raspberry Pi, through gpiozero.

On the ReSpeaker 2-Mics HAT it is GPIO17, closing to ground. gpiozero's own debounce and hold times stay
unused: its debounce waits before it reports, and each factory has another.
"""

from __future__ import annotations

import asyncio
import warnings
from typing import TYPE_CHECKING

from pommai.errors import DeviceError
from pommai.io.button import Watch
from pommai.io.ports import Emit

if TYPE_CHECKING:
    from gpiozero import DigitalInputDevice


class GpioButton:
    """A button between a GPIO pin (BCM number) and ground, with the pin's pull-up switched on."""

    def __init__(self, pin: int = 17) -> None:
        self._pin = pin
        self._device: DigitalInputDevice | None = None
        self._watch: Watch | None = None

    def start(self, emit: Emit) -> None:
        """Begin to watch; a button that is down already counts as pressed now. Raises DeviceError."""
        import gpiozero

        try:
            with warnings.catch_warnings():
                # Off a Pi it warns of each driver it tries; the error below says it once.
                warnings.simplefilter("ignore")
                device = gpiozero.DigitalInputDevice(self._pin, pull_up=True)
        except Exception as caught:  # each of gpiozero's drivers has errors of its own
            reason = str(caught).strip() or type(caught).__name__
            raise DeviceError(
                f"no button on GPIO pin {self._pin}: {reason} (is this a Raspberry Pi, and is the pin free? "
                "on a desk use the keyboard: --button keyboard)"
            ) from caught
        loop = asyncio.get_running_loop()
        watch = Watch(emit)
        # From the driver's thread; a level that arrives after close() is ignored by the watch.
        device.when_activated = lambda: loop.call_soon_threadsafe(watch.level, True)
        device.when_deactivated = lambda: loop.call_soon_threadsafe(watch.level, False)
        self._device, self._watch = device, watch
        if device.is_active:  # gpiozero tells of edges alone, and a button that is down already makes none
            watch.found_down()

    @property
    def first_press(self) -> float | None:
        """See the port."""
        return None if self._watch is None else self._watch.first_press

    def close(self) -> None:
        """Stop, release the pin. Harmless when called again."""
        if self._device is not None and self._watch is not None:
            self._device.close()
            self._watch.close()
            self._device = self._watch = None
