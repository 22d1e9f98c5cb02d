"""Mixer controls as `amixer scontents` writes them, and what they should be on the two HATs.

Version 1 of the ReSpeaker 2-Mics HAT has a WM8960, version 2 a TLV320AIC3104, with other controls; either card may be
called seeed2micvoicec. Names and ranges are those of the kernel's drivers (sound/soc/codecs/wm8960.c, tlv320aic3x.c in
raspberrypi/linux). A child's ears are kept by the toy's own ceiling, so a level here is right when the toy can be heard
without distortion.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

_HEAD = re.compile(r"Simple mixer control '(.*)',(\d+)")
_RANGE = re.compile(r"Limits: (?:(?:Playback|Capture) )?(-?\d+) - (-?\d+)")
_LEVEL = re.compile(r": (?:(?:Playback|Capture) )?(-?\d+) \[")
_SWITCH = re.compile(r"\[(on|off)\]")


@dataclass(frozen=True, slots=True)
class Control:
    """One control. `percent` and `on` are None when it has no level, or no switch. Of two channels the lower counts."""

    name: str
    percent: int | None = None
    on: bool | None = None


def read_controls(text: str) -> dict[str, Control]:
    """The controls of a card by name. What is no such text gives none."""
    found: dict[str, Control] = {}
    for part in re.split(r"(?=^Simple mixer control )", text, flags=re.MULTILINE):
        head = _HEAD.match(part)
        if head is None or head.group(1) in found:
            continue
        limits = _RANGE.search(part)
        levels = [int(level) for level in _LEVEL.findall(part)]
        switches = _SWITCH.findall(part)
        percent = None
        if limits is not None and levels and (width := int(limits.group(2)) - int(limits.group(1))) > 0:
            percent = round(100 * (min(levels) - int(limits.group(1))) / width)
        found[head.group(1)] = Control(head.group(1), percent, "off" not in switches if switches else None)
    return found


@dataclass(frozen=True, slots=True)
class Wish:
    """How a control should be. `low` and `high` bound its level in percent; `set_to` is what amixer is given."""

    name: str
    why: str
    """What becomes of the toy when it is not so: completes "the toy is …"."""
    set_to: str
    low: int = 0
    high: int = 100
    silent: bool = True
    """Whether the toy is deaf or silent without it, when the control is off or at its lowest."""


@dataclass(frozen=True, slots=True)
class Codec:
    """A chip, and the version of the HAT that has it."""

    chip: str
    hat: str
    told_by: tuple[str, ...]
    """Controls that only this chip has."""
    in_pcm: str
    """How the kernel's list of sound devices names it."""
    wishes: tuple[Wish, ...]


_DEAFISH: Final = "hard of hearing, or hears everything distorted"

CODECS: Final = (
    Codec(
        "WM8960",
        "v1",
        ("Left Output Mixer PCM", "Left Boost Mixer LINPUT1", "Speaker DC"),
        "wm8960",
        (
            Wish("Left Output Mixer PCM", "silent, no sound reaches the left output", "on"),
            Wish("Right Output Mixer PCM", "silent, no sound reaches the right output", "on"),
            # 0.5 dB a step, 0 dB at 100 %.
            Wish("Playback", "hardly heard", "100%", 85),
            # 1 dB a step, 0 dB at 96 %; below 38 % it is mute.
            Wish("Speaker", "hardly heard on its speaker, or distorts", "85%", 70, 96),
            Wish("Headphone", "hardly heard on the plug", "80%", 60, 96, silent=False),
            Wish("Left Input Mixer Boost", "deaf on the left", "on"),
            Wish("Right Input Mixer Boost", "deaf on the right", "on"),
            Wish("Left Boost Mixer LINPUT1", "deaf, the left microphone is not connected", "on"),
            Wish("Right Boost Mixer RINPUT1", "deaf, the right microphone is not connected", "on"),
            # 0, 13, 20 or 29 dB.
            Wish("Left Input Boost Mixer LINPUT1", _DEAFISH, "67%", 33, 67, silent=False),
            Wish("Right Input Boost Mixer RINPUT1", _DEAFISH, "67%", 33, 67, silent=False),
            # -17 to 30 dB; the chip begins muted.
            Wish("Capture", _DEAFISH, "75% cap", 45, 92),
            Wish("ADC PCM", _DEAFISH, "75%", 60, 92),
        ),
    ),
    Codec(
        "TLV320AIC3104",
        "v2",
        ("Left Line Mixer DACL1", "HPCOM DAC", "Line DAC"),
        "tlv320aic3",
        (
            # Its speaker is at the line output.
            Wish("Left Line Mixer DACL1", "silent, no sound reaches the speaker's left wire", "on"),
            Wish("Right Line Mixer DACR1", "silent, no sound reaches the speaker's right wire", "on"),
            Wish("Line", "silent, its speaker is switched off", "on"),
            # 0.5 dB a step.
            Wish("Line DAC", "hardly heard", "85%", 60),
            Wish("PCM", "hardly heard", "100%", 80),
            Wish("Left HP Mixer DACL1", "silent on the left of the plug", "on", silent=False),
            Wish("Right HP Mixer DACR1", "silent on the right of the plug", "on", silent=False),
            Wish("HP DAC", "hardly heard on the plug", "80%", 55, silent=False),
            # Its microphones are at the line input.
            Wish("Left PGA Mixer Line1L", "deaf, the left microphone is not connected", "on"),
            Wish("Right PGA Mixer Line1R", "deaf, the right microphone is not connected", "on"),
            # 0 to 59.5 dB.
            Wish("PGA", _DEAFISH, "45% cap", 15, 75),
            Wish("AGC", "one day deafened by its own gain control, which turns up and never back", "off", silent=False),
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Complaint:
    """A control that is not as it should be."""

    control: Control
    wish: Wish
    is_silent: bool
    """The toy is deaf or silent for it."""

    @property
    def words(self) -> str:
        how = "off" if self.control.on is False else f"at {self.control.percent} %"
        how = "on" if self.wish.set_to == "off" else how
        return f"{self.control.name} is {how}: the toy is {self.wish.why}"

    def command(self, card: str) -> str:
        """The line that mends it."""
        unmute = " unmute" if self.control.on is False and self.wish.set_to.endswith("%") else ""
        return f"amixer -c {card} sset '{self.control.name}' {self.wish.set_to}{unmute}"


def codec_of(controls: Mapping[str, Control], pcm: str = "") -> Codec | None:
    """The chip: by what the kernel calls it, else by controls that only one of them has; None for any other card."""
    for codec in CODECS:
        if codec.in_pcm in pcm.lower():
            return codec
    counts = {codec.chip: sum(name in controls for name in codec.told_by) for codec in CODECS}
    best = max(CODECS, key=lambda codec: counts[codec.chip])
    return best if counts[best.chip] else None


def complaints(codec: Codec, controls: Mapping[str, Control]) -> Sequence[Complaint]:
    """All that is not as it should be, the worst first. Controls the card does not have are passed over."""
    found = []
    for wish in codec.wishes:
        control = controls.get(wish.name)
        if control is None:
            continue
        if wish.set_to == "off":
            if control.on:
                found.append(Complaint(control, wish, False))
        elif control.on is False:
            found.append(Complaint(control, wish, wish.silent))
        elif control.percent is not None and wish.set_to != "on" and not wish.low <= control.percent <= wish.high:
            found.append(Complaint(control, wish, wish.silent and control.percent == 0))
    return sorted(found, key=lambda complaint: not complaint.is_silent)
