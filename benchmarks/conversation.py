"""Latencies of a conversation: real processes, sockets, Opus and PortAudio; moments read from the toy's trace.

What is measured ends where the toy hands over: a frame given to the socket's writer, a frame written to the ring that
PortAudio's next callback empties (at most 20 ms later).
"""

from __future__ import annotations

import asyncio

from benchmarks.desk import ROOT, Desk, desk, when
from benchmarks.figures import Figure, figure
from pommai.io.wav import read_wav

TURNS = 100
FRAME_MS = 20.0
PREBUFFER_MS = 60.0
GREETING_SECONDS = 2.0
"""A toy that was switched on says hello. It is deaf to its own voice, and for 100 ms after it."""
PAUSE_SECONDS = 1.2
"""Between two turns: so it is with what it says to a press without words, or to three presses one after the other."""


def measure() -> list[Figure]:
    """Milliseconds, over TURNS conversations, every second of which is interrupted."""
    samples = asyncio.run(_measure())
    goals = {
        "press to light": 10.0,
        "press to microphone frames flowing": 10.0,
        "press to first frame on the wire": FRAME_MS + 10.0,
        "last captured to last frame on the wire": 10.0,
        "first reply frame to first sample": PREBUFFER_MS + 10.0,
        "barge-in press to silence": 30.0,
    }
    return [figure(name, samples[name], "ms", goal=goals.get(name), goal_on="p99") for name in samples]


async def _measure() -> dict[str, list[float]]:
    samples: dict[str, list[float]] = {}

    def note(name: str, seconds: float) -> None:
        samples.setdefault(name, []).append(seconds * 1e3)

    speech = read_wav(ROOT / "examples" / "hello.wav")[:60]
    async with desk() as made:
        await made.start_toy()
        await made.until("idle")
        await asyncio.sleep(GREETING_SECONDS)
        for i in range(TURNS):
            await _turn(made, speech, note, interrupt=bool(i % 2))
    return samples


async def _turn(made: Desk, speech: list[bytes], note: object, *, interrupt: bool) -> None:
    assert callable(note)
    made.pipes.say(speech)
    await asyncio.sleep(0.1)
    pressed = made.button("press")
    lines = await made.until("first_frame_sent", kind="mark")
    note("press to light", when(lines, "listening_pulse", op="led") - pressed)
    note("press to microphone frames flowing", when(lines, "first_frame_captured") - pressed)
    note("press to first frame on the wire", when(lines, "first_frame_sent") - pressed)
    await made.pipes.said()
    released = made.button("release")
    lines = await made.until("last_frame_sent", kind="mark")
    captured, sent = when(lines, "last_frame_captured"), when(lines, "last_frame_sent")
    note("last captured to last frame on the wire", sent - captured)
    note("release to last frame on the wire", sent - released)
    lines = await made.until("first_sample", kind="mark")
    note("first reply frame to first sample", when(lines, "first_sample") - when(lines, "first_reply_frame"))
    note("release to first sample", when(lines, "first_sample") - released)
    if interrupt:
        await asyncio.sleep(0.3)
        pressed = made.button("press")
        lines = await made.until("silenced", kind="mark")
        note("barge-in press to silence", when(lines, "silenced") - pressed)
        await asyncio.sleep(0.2)
        made.button("release")
    await made.until("idle")
    await asyncio.sleep(PAUSE_SECONDS)
