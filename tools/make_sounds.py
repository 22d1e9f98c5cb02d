"""Makes the toy's own short sounds: `python tools/make_sounds.py` writes pommai/resources/sounds/*.wav anew.

A small music box in C major, pentatonic, so that any two sounds that meet agree. What opens or begins rises, what ends
or fails falls; what went wrong is low and soft, never a buzzer. Pitches stay between 200 and 1400 Hz, where a speaker
as small as a toy's still sings. The files are committed; a test holds them to this script.
"""

from __future__ import annotations

import array
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pommai.io.wav import frames_of, write_wav
from pommai.protocol.audio import FRAME_SAMPLES, SAMPLE_RATE

FOLDER = Path(__file__).parent.parent / "pommai" / "resources" / "sounds"
PEAK = 10 ** (-12 / 20)
"""Loudest sample of every sound, of full scale: -12 dBFS, a little below speech."""
ATTACK = 0.008
"""Seconds in which a note swells, so that it does not click."""
RELEASE = 0.06
"""Seconds in which a note fades at its end."""

C4, E4, G4, A4 = 261.63, 329.63, 392.00, 440.00
C5, D5, E5, G5, A5 = 523.25, 587.33, 659.26, 783.99, 880.00
C6, D6, E6 = 1046.50, 1174.66, 1318.51


@dataclass(frozen=True)
class Note:
    """A tone of `pitch` Hz from `start`, for `length` seconds; it glides when `to` is another pitch."""

    start: float
    length: float
    pitch: float
    level: float = 1.0
    to: float | None = None


Timbre = Callable[[float, float, Note], float]
"""Phase in turns, seconds since the note began, and the note: the sample."""


def bell(turns: float, t: float, note: Note) -> float:
    """A kalimba: the tone rings, its high partials are gone at once."""
    ring = math.exp(-t / 0.16)
    return ring * (
        math.sin(math.tau * turns)
        + 0.25 * math.exp(-t / 0.05) * math.sin(math.tau * 2 * turns)
        + 0.10 * math.exp(-t / 0.02) * math.sin(math.tau * 4 * turns)
    )


def hum(turns: float, t: float, note: Note) -> float:
    """Somebody humming with closed lips: it swells and fades."""
    swell: float = math.sin(math.pi * t / note.length) ** 0.7
    return swell * (
        math.sin(math.tau * turns) + 0.4 * math.sin(math.tau * 2 * turns) + 0.15 * math.sin(math.tau * 3 * turns)
    )


def tune(pitches: Sequence[float], step: float, ring: float = 0.3) -> list[Note]:
    """Notes one after another, `step` seconds apart, each ringing for `ring` seconds."""
    return [Note(index * step, ring, pitch) for index, pitch in enumerate(pitches)]


SOUNDS: dict[str, tuple[Timbre, list[Note]]] = {
    "press": (bell, tune([G5, C6], 0.04, 0.08)),  # short, 120 ms: the child may be speaking already
    "wake": (bell, tune([C6, E6], 0.08, 0.22)),  # "yes?"
    "listening_ended": (bell, tune([C6, G5], 0.07, 0.20)),
    "nothing_heard": (bell, [*tune([E5, E5], 0.18, 0.25), Note(0.36, 0.35, G5, 0.8)]),
    "took_too_long": (bell, tune([A5, G5, E5], 0.22, 0.40)),
    "error": (hum, [Note(0.0, 0.22, G4), Note(0.25, 0.40, E4, 0.9)]),
    "offline": (bell, tune([C6, G5, D5], 0.12, 0.40)),
    "connected": (bell, tune([D5, G5, C6], 0.10, 0.40)),
    "safe_mode": (hum, [Note(0.0, 0.95, C4, 1.0), Note(0.08, 0.87, G4, 0.7), Note(0.16, 0.79, E5, 0.4)]),
    "volume_limit": (hum, [Note(0.0, 0.13, C4), Note(0.16, 0.13, C4, 0.8)]),  # as if it bumped against something soft
    "toy_switch": (bell, tune([C5, E5, G5, A5, C6, E6], 0.07, 0.40)),
    "hello": (bell, tune([G5, C6, E6, C6], 0.12, 0.45)),
    "goodbye": (bell, tune([E6, C6, G5, C5], 0.16, 0.45)),
    "sorry": (hum, [Note(0.0, 0.30, G4, 0.9, to=A4), Note(0.30, 0.50, A4, 1.0, to=C4)]),
}


def render(name: str) -> list[bytes]:
    """The frames of a sound."""
    timbre, notes = SOUNDS[name]
    seconds = max(note.start + note.length for note in notes)
    samples = [0.0] * (math.ceil(seconds * SAMPLE_RATE / FRAME_SAMPLES) * FRAME_SAMPLES)
    for note in notes:
        first, count = round(note.start * SAMPLE_RATE), round(note.length * SAMPLE_RATE)
        turns = 0.0
        for index in range(count):
            t = index / SAMPLE_RATE
            share = t / note.length
            edge = min(1.0, t / ATTACK, (note.length - t) / RELEASE)
            soft = 0.5 - 0.5 * math.cos(math.pi * edge)
            samples[first + index] += note.level * soft * timbre(turns, t, note)
            turns += (note.pitch if note.to is None else note.pitch * (note.to / note.pitch) ** share) / SAMPLE_RATE
    scale = 32767 * PEAK / max(map(abs, samples))
    return frames_of(array.array("h", [round(sample * scale) for sample in samples]).tobytes())


def write(folder: Path) -> None:
    """Write every sound into `folder`."""
    for name in SOUNDS:
        write_wav(folder / f"{name}.wav", render(name))


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
