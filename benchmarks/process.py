"""The toy as a process: how soon it rests after it was started, what it needs, what it costs to do nothing.

Each toy rests with its microphone and speaker open, connected to a server, and with another way to be called by name.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
from typing import NamedTuple

from benchmarks.desk import ROOT, VOSK_TINY, Desk, desk, resident_mb
from benchmarks.figures import Figure, figure
from pommai.io.wav import read_wav

STARTS = 7
IDLE_SECONDS = 10.0
SETTLED_SECONDS = 3.0
"""From being called by name until what was needed to begin has been let go."""


class Kind(NamedTuple):
    """A toy, and what it may need at rest."""

    arguments: tuple[str, ...]
    phrase: str | None
    """What it is called by, which it has to load first."""
    mb: float | None
    share: float


KINDS = {
    "no wake word": Kind(("--toy-id", "pommai-bear"), None, 60.0, 2.0),
    "microwakeword": Kind(("--toy-id", "robo-rex"), "okay nabu", 90.0, 5.0),
    "vosk": Kind(("--toy-id", "pommai-bear", "--vosk-model", str(VOSK_TINY)), "hey pommai", None, 20.0),
}
BEYOND_THE_MODEL_MB = 70.0
OPEN = "microphone, speaker and server there, LED breathing"


class Rest(NamedTuple):
    """What toys of one kind were measured to need."""

    starts: list[float]
    resident: list[float]
    own: list[float]
    shares: list[float]


def measure() -> list[Figure]:
    """Start to idle (seconds), memory (MB), and CPU at rest (percent of one core), of each kind of toy."""
    found = []
    for name, kind in KINDS.items():
        rest = asyncio.run(_rest(kind))
        found += [
            figure(f"start to idle, {name}", rest.starts, "s", goal=0.5),
            figure(f"resident at rest, {name}", rest.resident, "MB", goal=kind.mb),
            figure(f"proportional at rest, {name}", rest.own, "MB", note="shared libraries by parts (PSS)"),
            figure(f"CPU at rest, {name}", rest.shares, "% of a core", goal=kind.share, note=OPEN),
        ]
        if name == "vosk":
            found += _beside_the_model(rest)
    return found


async def _rest(kind: Kind) -> Rest:
    rest = Rest([], [], [], [])
    async with desk() as made:
        for i in range(STARTS + 1):
            await made.start_toy(*kind.arguments)
            lines = await made.until("idle")
            if i:  # the first start compiles the chart and fills the caches
                rest.starts.append(lines[-1]["t_us"] / 1e6 - made.began)
            if kind.phrase is not None:
                await made.until_called(kind.phrase)
            await asyncio.sleep(SETTLED_SECONDS)
            rest.resident.append(made.used()[1])
            rest.own.append(made.own_mb())
            if i == STARTS:
                rest.shares.extend(await _shares(made))
            await made.stop_toy()
    return rest


async def _shares(made: Desk) -> list[float]:
    shares = []
    for _ in range(3):
        before = made.used()[0]
        await asyncio.sleep(IDLE_SECONDS)
        shares.append((made.used()[0] - before) / IDLE_SECONDS * 100)
    return shares


def _beside_the_model(rest: Rest) -> list[Figure]:
    """What Vosk and a model need by themselves, and what the toy needs beside them."""
    models = [_model_mb() for _ in range(STARTS)]
    beyond = [mb - statistics.median(models) for mb in rest.resident]
    return [
        figure("Vosk and its tiny model alone", models, "MB", note="in a Python that does nothing else"),
        figure("resident at rest, beyond Vosk and model", beyond, "MB", goal=BEYOND_THE_MODEL_MB),
    ]


def _model_mb() -> float:
    """What a process grows by when it loads Vosk and the tiny model, and listens for a name."""
    command = [sys.executable, "-m", "benchmarks.process"]
    return float(subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True).stdout)


# -- in a process of its own ---------------------------------------------------------------


def _grow() -> float:
    from pommai.io.vosk_model import load_model

    before = resident_mb()
    model = load_model(VOSK_TINY)
    listener = model.listener(["hey pommai"])
    for frame in read_wav(ROOT / "tests" / "data" / "sentence.wav"):
        listener.hear(frame)
    return resident_mb() - before


if __name__ == "__main__":
    print(_grow())
