"""A whole toy and what it has on board: answers without a server, and becoming another toy. PortAudio, real engines.

An answer begins when its first frame is written to the ring that PortAudio's next callback empties (at most 20 ms
later).
"""

from __future__ import annotations

import asyncio
import sys

from benchmarks.desk import ROOT, VOSK_TINY, Desk, desk, when
from benchmarks.figures import Figure, figure
from pommai.io.wav import frames_of

sys.path.append(str(ROOT / "tests"))

from speech_material import say

LIVES = 6
TURNS = 5
"""Questions to one toy: fewer than what makes it rest."""
QUESTIONS = tuple(
    (text, voice)
    for text in ("tell me a joke", "please sing me a song", "good morning teddy")
    for voice in ("en-us+m7", "en-us+Annie")
)
SWITCHES = 12
MODEL = ("--vosk-model", str(VOSK_TINY))
CALLED = {"pommai-bear": "hey pommai", "robo-rex": "okay nabu"}


def measure() -> list[Figure]:
    """Milliseconds from release to the answer, model cold, warm and shared; seconds of becoming another toy."""
    cold, warm = asyncio.run(_answers("robo-rex"))
    shared, _ = asyncio.run(_answers("pommai-bear"))
    return [
        figure("release to answer from on board, model not loaded", cold, "ms", goal=700.0, goal_on="p99"),
        figure("release to answer from on board, model loaded", warm, "ms", goal=700.0, goal_on="p99"),
        figure(
            *("release to answer from on board, first of a toy", shared, "ms"),
            goal=700.0,
            goal_on="p99",
            note="called by Vosk: the wake word has loaded the model",
        ),
        *asyncio.run(_switches()),
    ]


# -- answers -------------------------------------------------------------------------------


async def _answers(toy: str) -> tuple[list[float], list[float]]:
    """First answers, and later ones."""
    first: list[float] = []
    later: list[float] = []
    async with desk(server=False) as made:
        for life in range(LIVES + 1):
            await made.start_toy("--toy-id", toy, *MODEL)
            await made.until("idle")
            await made.until_called(CALLED[toy])
            answers = [await _answer(made, life + turn) for turn in range(TURNS)]
            if life:  # in the first life the model is new to the toy, and tried before it is used
                first.append(answers[0])
                later.extend(answers[1:])
            await made.stop_toy()
    return first, later


async def _answer(made: Desk, number: int) -> float:
    """Milliseconds from release to the first frame of an answer."""
    await asyncio.sleep(1.0)
    made.button("press")
    await made.until("listening")
    await asyncio.sleep(0.4)
    await made.say(frames_of(say(*QUESTIONS[number % len(QUESTIONS)])))
    await asyncio.sleep(0.1)
    released = made.button("release")
    lines = await made.until("first_sample", kind="mark")
    made.button("press")  # the child has heard enough
    made.button("release")
    await made.until("idle")
    return (when(lines, "first_sample") - released) * 1e3


# -- becoming another toy ------------------------------------------------------------------


async def _switches() -> list[Figure]:
    """There and back between a toy that is called by Vosk and one that is called by microWakeWord."""
    rests: list[float] = []
    listens: list[float] = []
    async with desk() as made:
        await made.start_toy("--toy-id", "pommai-bear", *MODEL)
        await made.until("idle")
        await made.until_called(CALLED["pommai-bear"])
        for number in range(SWITCHES + 2):
            await asyncio.sleep(3.0)  # the greeting is over
            toy = ("robo-rex", "pommai-bear")[number % 2]
            asked = made.operator(f"switch {toy}")
            await made.until("switching_toy")
            rested = (await made.until("idle"))[-1]["t_us"] / 1e6
            listening = await made.until_called(CALLED[toy])
            if number >= 2:  # the very first time each engine reads its files
                rests.append((rested - asked) * 1e3)
                listens.append((listening - asked) * 1e3)
    return [
        figure("switch asked for to being the other toy", rests, "ms", goal=1000.0, goal_on="p99"),
        figure("switch asked for to listening to its name", listens, "ms", goal=1000.0, goal_on="p99"),
    ]
