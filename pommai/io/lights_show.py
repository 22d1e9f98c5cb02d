"""Plays light patterns on LEDs."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Mapping

from pommai.errors import DeviceError
from pommai.io.ports import Colour, Lights
from pommai.lights.patterns import LightPatterns
from pommai.lights.render import FRAME_S, Animation

logger = logging.getLogger(__name__)

RETRY_S = 5.0
"""Seconds between two attempts to open LEDs that are missing."""

_HAIR_S = 0.0005
"""How much later than a frame begins it is shown: a timer that fires a hair early would find the old frame."""


class LightShow:
    """Owns the LEDs: shows one pattern at a time, the first colours at once, the rest from `run`.

    LEDs that fail never stop the toy: their loss is logged once, and they are tried again every 5 s.
    All methods are called on the event loop's thread.
    """

    def __init__(self, lights: Lights, patterns: LightPatterns, frame_s: float = FRAME_S) -> None:
        """`frame_s`: seconds between two changes of a moving light, about."""
        self.frame_s = frame_s
        self._lights = lights
        self._patterns = patterns
        self._theme: Mapping[str, str] = {}
        self._animations: dict[str, Animation] = {}
        self._asked: str | None = None
        self._animation: Animation | None = None
        self._began = 0.0
        self._shown: tuple[Colour, ...] = ()
        self._is_open = False
        self._is_lost = False
        self._timer: asyncio.TimerHandle | None = None  # until the light changes
        self._over: asyncio.Future[None]  # of the LEDs that are open: done when they are lost

    @property
    def pattern(self) -> str | None:
        """Name of the pattern that was asked for last; None before the first. A theme may show another in its place."""
        return self._asked

    @property
    def shown_for(self) -> float:
        """Seconds since the pattern that is shown began; 0.0 before the first."""
        return 0.0 if self._animation is None else asyncio.get_running_loop().time() - self._began

    def set_pattern(self, name: str) -> None:
        """Show this pattern from its beginning; the one that is shown already goes on undisturbed.

        The LEDs have the first colours when this returns. Raises KeyError when there is no such pattern.
        """
        if name == self._asked:
            return
        self._show(name)

    def set_theme(self, theme: Mapping[str, str]) -> None:
        """Show these patterns (values) in place of those (keys) from now on; names nobody knows are logged."""
        known = {old: new for old, new in theme.items() if old in self._patterns and new in self._patterns}
        if len(known) < len(theme):
            strange = ", ".join(f"{old}: {new}" for old, new in theme.items() if old not in known)
            logger.warning("light theme has strange patterns", extra={"patterns": strange})
        if known == self._theme:
            return
        before, self._theme = self._theme, known
        if self._asked is not None and before.get(self._asked) != known.get(self._asked):
            self._show(self._asked)

    def _show(self, name: str) -> None:
        shown = self._theme.get(name, name)
        animation = self._animations.get(shown)
        if animation is None:
            animation = self._animations[shown] = Animation(self._patterns[shown], self._lights.count, self.frame_s)
        self._asked = name
        self._animation = animation
        self._began = asyncio.get_running_loop().time()
        if self._is_open:
            self._draw()

    async def run(self) -> None:
        """Open the LEDs and keep them moving until cancelled, then leave them dark and closed."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                self._over = loop.create_future()
                self._start()
                await self._over
                await asyncio.sleep(RETRY_S)
        finally:
            self._is_open = False
            self._sleep()
            self._lights.close()

    def _start(self) -> None:
        try:
            self._lights.start()
        except DeviceError as caught:
            self._lose(caught)
            return
        self._is_open = True
        self._shown = ()
        self._draw()

    def _draw(self) -> None:
        """Show what is to be seen now, and come back when that changes.

        A light that breathes does so dozens of times a second while the toy rests: so a timer calls this, and no task
        is woken for it.
        """
        self._sleep()
        if self._animation is None:
            return
        loop = asyncio.get_running_loop()
        since = loop.time() - self._began
        self._push(self._animation.colours(since))
        rest = self._animation.unchanged_for(since)
        if self._is_open and not math.isinf(rest):
            self._timer = loop.call_at(self._began + since + rest + _HAIR_S, self._draw_again)

    def _draw_again(self) -> None:
        try:
            self._draw()
        except Exception as caught:
            if not self._over.done():
                self._over.set_exception(caught)

    def _sleep(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _push(self, colours: tuple[Colour, ...]) -> None:
        if colours == self._shown:
            return
        try:
            self._lights.show(colours)
        except DeviceError as caught:
            self._lose(caught)
            return
        self._shown = colours
        if self._is_lost:
            self._is_lost = False
            logger.info("lights are back")

    def _lose(self, error: DeviceError) -> None:
        self._is_open = False
        self._lights.close()
        if not self._over.done():
            self._over.set_result(None)
        if not self._is_lost:
            self._is_lost = True
            logger.warning("lights lost", extra={"reason": str(error)})
