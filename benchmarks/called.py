"""From the end of the toy's name to the beginning of the sound that answers: a whole toy, PortAudio, real engines.

The clock starts when the last sample of the name goes into the card, and stops when the first frame of the answering
sound is written to the ring that PortAudio's next callback empties (at most 20 ms later).
"""

from __future__ import annotations

import asyncio
import sys

from benchmarks.desk import ROOT, VOSK_TINY, Desk, desk, when
from benchmarks.figures import Figure, figure
from pommai.io.wav import frames_of
from pommai.protocol.audio import FRAME_BYTES

sys.path.append(str(ROOT / "tests"))

from speech_material import say

PACES = (145, 165, 185)
"""Words a minute."""
UNDERSTOOD = tuple(f"en-us+{name}" for name in ("m7", "Annie", "steph", "Jacky"))
MANY = (*UNDERSTOOD, *(f"en-us+{name}" for name in ("f4", "Andy", "Alicia", "edward2", "iven3", "Denis")))
"""Voices of espeak-ng. What each engine hears of 72 calls, `benchmarks.wake` says."""
TOYS: dict[str, tuple[tuple[str, ...], str, tuple[str, ...]]] = {
    "vosk (tiny test model)": (("--toy-id", "pommai-bear", "--vosk-model", str(VOSK_TINY)), "hey pommai", UNDERSTOOD),
    "microwakeword": (("--toy-id", "robo-rex"), "okay nabu", MANY),
}
ROUNDS = {"vosk (tiny test model)": 3, "microwakeword": 1}
GIVEN_UP_SECONDS = 2.5
"""A call that was not answered by then was not heard."""
AGAIN_SECONDS = 2.5
"""Pause between two calls, in which the toy's own sounds fade and the engines' cooldown passes."""


def measure() -> list[Figure]:
    """Milliseconds from the last sample of the name to the first of the answering sound."""
    return [each for name in TOYS for each in asyncio.run(_called(name))]


async def _called(name: str) -> list[Figure]:
    arguments, phrase, voices = TOYS[name]
    calls = [_spoken(phrase, voice, pace) for voice in voices for pace in PACES] * ROUNDS[name]
    answered: list[float] = []
    async with desk() as made:
        await made.start_toy(*arguments)
        await made.until("idle")
        await made.until_called(phrase)
        for call in calls:
            await asyncio.sleep(AGAIN_SECONDS)
            late = await _answered(made, call)
            if late is not None:
                answered.append(late * 1e3)
                made.button("press")  # the child has nothing to say after all
                made.button("release")
                await made.until("idle")
    note = f'"{phrase}"; {len(answered)} of {len(calls)} calls were heard'
    return [figure(f"name ended to answering sound, {name}", answered, "ms", goal=300.0, goal_on="p99", note=note)]


async def _answered(made: Desk, call: list[bytes]) -> float | None:
    """Seconds from the end of the call to the sound; None when it was not heard."""
    ended = await made.say(call)
    try:
        lines = await made.until("acknowledge", kind="operation", limit=GIVEN_UP_SECONDS)
    except TimeoutError:
        return None
    return when(lines, "acknowledge", op="call") - ended


def _spoken(phrase: str, voice: str, pace: int) -> list[bytes]:
    """Frames of which the last ends with the last sample of the phrase."""
    pcm = say(phrase, voice, pace)
    return frames_of(bytes(-len(pcm) % FRAME_BYTES) + pcm)
