"""Sound cards that are not as the toy would like them: what converting costs, and how soon a lost card is back.

Converting runs on PortAudio's thread, for every 20 ms of each direction. Its delay is that of a click's highest sample.
The card that goes and comes back is made of pipes, the toy a whole one; the clock starts when the card is there again.
"""

from __future__ import annotations

import asyncio
import functools
import time
from array import array
from collections.abc import Callable, Sequence

from benchmarks.desk import ROOT, Desk, desk
from benchmarks.figures import Figure, figure, time_rounds
from pommai.io.card_format import TOYS_OWN, CardFormat, from_card, to_card
from pommai.io.speexdsp import FRAMES_A_SECOND, FrameResampler
from pommai.io.wav import read_wav
from pommai.protocol.audio import SAMPLE_BYTES, SAMPLE_RATE

CARDS = (TOYS_OWN, CardFormat(SAMPLE_RATE, 2), CardFormat(48_000, 2), CardFormat(44_100, 2))
LOSSES = 8
AWAY_SECONDS = 3.0


def measure() -> list[Figure]:
    """Microseconds a frame, milliseconds of delay, and milliseconds from a card's return to its use."""
    made = []
    said = read_wav(ROOT / "tests" / "data" / "sentence.wav")[:100]
    for card in CARDS:
        captured = [to_card(card)(frame) for frame in said]
        hear, play = from_card(card), to_card(card)
        paths: tuple[tuple[str, Callable[[bytes], bytes], Sequence[bytes]], ...] = (
            ("microphone", hear, captured),
            ("speaker", play, said),
        )
        for name, work, frames in paths:
            taken = time_rounds(functools.partial(_all, work, frames), len(frames), 30)
            note = "nothing in the path" if card == TOYS_OWN else f"adds {_delay(name, card):.2g} ms"
            made.append(figure(f"{name} at {card}", taken, "us a frame", note=note))
    return made + asyncio.run(_returns())


def _all(work: Callable[[bytes], bytes], frames: Sequence[bytes]) -> None:
    for frame in frames:
        work(frame)


def _delay(direction: str, card: CardFormat) -> float:
    """Milliseconds that a click is later than without converting."""
    if card.rate == SAMPLE_RATE:
        return 0.0
    rates = (card.rate, SAMPLE_RATE) if direction == "microphone" else (SAMPLE_RATE, card.rate)
    resampler = FrameResampler(*rates)
    silence = bytes(rates[0] // FRAMES_A_SECOND * SAMPLE_BYTES)
    click = array("h", silence)
    click[0] = 20_000
    heard = array("h", resampler.push(click.tobytes()) + resampler.push(silence))
    return max(range(len(heard)), key=lambda i: abs(heard[i])) / rates[1] * 1e3


async def _returns() -> list[Figure]:
    samples: dict[str, list[float]] = {"microphone": [], "speaker": []}
    async with desk(server=False) as made:
        await made.start_toy()
        await made.until("idle")
        for i in range(LOSSES):
            await asyncio.sleep(1.0)
            made.pipes.stop()
            await asyncio.sleep(AWAY_SECONDS + i / LOSSES)
            came = time.monotonic()
            made.pipes.start()
            for name, moment in (await _back(made, came)).items():
                samples[name].append((moment - came) * 1e3)
    return [figure(f"card back to {name} back", samples[name], "ms", goal=2000.0, goal_on="p99") for name in samples]


async def _back(made: Desk, since: float) -> dict[str, float]:
    """When each device was in use again."""
    moments: dict[str, float] = {}
    while missing := [name for name in ("microphone", "speaker") if name not in moments]:
        for line in await made.until(f"{missing[0]}.back", kind="event"):
            device, _, what = line["name"].partition(".")
            if what == "back" and line["t_us"] / 1e6 > since:
                moments[device] = line["t_us"] / 1e6
    return moments
