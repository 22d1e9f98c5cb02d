"""How well the toy hears its name through this model: hits, false alarms and delay, over voices never trained on.

Run: python tests/data/vosk-tiny/measure_wake.py > tests/data/vosk-tiny/wake-figures.txt      (11 minutes on two cores)

Voices and sentences are those of make/check.py. Each utterance has half a second of room before it and 1.5 s after it.
Delay is counted from the last sound of the phrase to the end of the 20 ms frame with which the engine said so, and
the time that call took is added.
"""

from __future__ import annotations

import ast
import itertools
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[2]), str(HERE.parents[1])]

import numpy as np  # noqa: E402
from speech_material import VOSK_TINY, say  # noqa: E402

from pommai.io.ports import WakeSpec  # noqa: E402
from pommai.io.wake_vosk import make_vosk_engine  # noqa: E402
from pommai.protocol.audio import FRAME_BYTES, SAMPLE_RATE  # noqa: E402

NAMES = {"HELDOUT", "ACCENTS", "RATES", "COMMANDS", "NEGATIVES", "NEAR"}
INSIDE = ("the bear said hey pommai to me", "i like to say hey pommai", "he shouted hey pommai very loudly")
LEAD, TAIL = SAMPLE_RATE // 2, SAMPLE_RATE * 3 // 2
MS = SAMPLE_RATE // 1000


def of_check() -> dict[str, Any]:
    """The constants of make/check.py, without running it."""
    tree = ast.parse((HERE / "make" / "check.py").read_text())
    tree.body = [
        node for node in tree.body if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in NAMES
    ]
    found: dict[str, Any] = {}
    exec(compile(tree, "check.py", "exec"), found)
    return found


@dataclass
class Tally:
    """What came of some sentences by some voices."""

    said: int = 0
    delays: list[float] = field(default_factory=list)
    slowest: float = 0.0
    others: Counter[str] = field(default_factory=Counter)
    """Sentences that woke it, or those that did not where all should have."""


def tally(
    phrases: tuple[str, ...],
    sensitivity: float,
    decibels: float | None,
    sentences: Sequence[str],
    voices: Sequence[tuple[str, int]],
    *,
    wanted: bool,
) -> Tally:
    """Say each sentence in each voice, with white noise so many dB below it, and count."""
    chance = np.random.default_rng(5)
    engine = make_vosk_engine(VOSK_TINY, WakeSpec("vosk", phrases, (), sensitivity))
    counted = Tally()
    for (voice, rate), sentence in itertools.product(voices, sentences):
        speech = np.frombuffer(say(sentence, voice, rate), np.int16).astype(float)
        sound = np.concatenate([np.zeros(LEAD), speech, np.zeros(TAIL)])
        if decibels is not None:
            padded = np.concatenate([np.zeros(4800), speech, np.zeros(9600)])  # as make/check.py measures loudness
            sound += chance.standard_normal(len(sound)) * padded.std() * 10 ** (-decibels / 20)
        pcm = np.clip(sound, -32768, 32767).astype(np.int16).tobytes()
        engine.reset()
        engine.hear(bytes(FRAME_BYTES * 101))  # out of the cooldown of the call before
        engine.reset()
        hit = False
        for start in range(0, len(pcm), FRAME_BYTES):
            began = time.perf_counter()
            heard = engine.hear(pcm[start : start + FRAME_BYTES])
            took = (time.perf_counter() - began) * 1000
            counted.slowest = max(counted.slowest, took)
            if heard and not hit:
                hit = True
                counted.delays.append(((start + FRAME_BYTES) // 2 - LEAD - len(speech)) / MS + took)
        counted.said += 1
        if hit is not wanted:
            counted.others[f"{sentence} ({voice.split('+')[1]})" if wanted else sentence] += 1
    engine.close()
    return counted


def table(job: tuple[tuple[str, ...], float, float | None]) -> list[str]:
    """The figures of one sensitivity in one room."""
    phrases, sensitivity, decibels = job
    check = of_check()
    voices = [(f"{a}+{v}", r) for v in check["HELDOUT"] for a in check["ACCENTS"] for r in check["RATES"]]
    room = "clean" if decibels is None else f"white noise at {decibels:g} dB"
    lines = [f"[{', '.join(phrases)} | sensitivity {sensitivity:g} | {room}]"]
    name = phrases[0]
    for what, sentences in (("called", [name]), ("called, going on", [f"{name} tell me a story"])):
        counted = tally(phrases, sensitivity, decibels, sentences, voices, wanted=True)
        delays = np.percentile(counted.delays, (50, 90, 100))
        line = f"  {what}: hits {len(counted.delays)}/{counted.said}"
        if what == "called":
            line += f"; delay median {delays[0]:.0f} ms, p90 {delays[1]:.0f}, longest {delays[2]:.0f}"
            line += f"; slowest 20 ms took {counted.slowest:.1f} ms"
        if counted.others:
            line += f"; missed {dict(counted.others.most_common(5))}"
        lines.append(line)
    inside = [sentence.replace("hey pommai", name) for sentence in INSIDE]
    for what, sentences in (
        ("inside other speech", inside),
        ("unseen sentences", check["NEGATIVES"]),
        ("commands", check["COMMANDS"]),
        ("near misses", check["NEAR"]),
    ):
        counted = tally(phrases, sensitivity, decibels, sentences, voices[::3], wanted=False)
        line = f"  false alarms, {what}: {counted.others.total()}/{counted.said}"
        lines.append(line + (f" {dict(counted.others.most_common(5))}" if counted.others else ""))
    return lines


def main() -> None:
    jobs = [(("hey pommai",), s, d) for s in (0.2, 0.5, 0.8) for d in (None, 15.0)]
    jobs += [((phrase,), 0.5, None) for phrase in ("pommai", "hello teddy")]
    with multiprocessing.Pool(2) as pool:
        for lines in pool.imap(table, jobs):
            print("\n".join(lines), flush=True)


if __name__ == "__main__":
    main()
