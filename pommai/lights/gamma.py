"""The one place where the brightness a person sees becomes the number an LED gets, and back.

An LED's light is proportional to its PWM duty; an eye's answer to light is not. Levels and colours in
`led_patterns.yaml` are what a person sees, so that "50%" looks half as bright and a breath looks even.
The exponent is 2.2, the average of sRGB's curve: a hex colour then looks on the toy as it does on the
designer's screen. The 2.8 often used for LED strips would push everything under 14 % into the LED's
first step (2.2: under 6 %), and a toy for dark bedrooms lives down there.
"""

from __future__ import annotations

from typing import Final

GAMMA: Final = 2.2

LUMINANCE: Final = (0.2126, 0.7152, 0.0722)
"""Shares of red, green and blue in relative luminance (ITU-R BT.709, as in WCAG 2)."""

DIMMEST: Final = (0.5 / 255) ** (1 / GAMMA)
"""The least seen brightness (0..1) of one primary that an 8-bit LED shows at all: 5.9 %."""


def linear(seen: float) -> float:
    """Light, 0..1, of a brightness as a person sees it, 0..1."""
    light: float = seen**GAMMA
    return light


def to_led(seen: float) -> int:
    """The 8-bit number, 0..255, for a brightness as a person sees it, 0..1."""
    light: float = seen**GAMMA
    return int(255.0 * light + 0.5)


def from_led(value: int) -> int:
    """The 8-bit screen value, 0..255, that looks as an LED given `value` does."""
    return _FROM_LED[value]


_FROM_LED: Final[tuple[int, ...]] = tuple(round(255 * (value / 255) ** (1 / GAMMA)) for value in range(256))
