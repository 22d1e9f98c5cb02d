"""Wake engines side by side: what hearing costs, what is heard, how late, and what is heard that was not said.

Each engine has a process of its own and listens as in an idle toy: through the WakeListener, 100 ms at a time. It hears
its wake word from 72 voices of espeak-ng, none of which Vosk's tiny model was trained on, and then a quarter of an hour
of other sentences. Synthetic voices compare engines; how well they hear children they do not say.
"""

from __future__ import annotations

import array
import asyncio
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, figure
from pommai.io.ports import WakeHit, WakeSpec
from pommai.io.wake import WakeListener, make_engine_for
from pommai.protocol.audio import FRAME_BYTES, FRAME_SECONDS, SAMPLE_BYTES, SAMPLE_RATE, frames_in

ROOT = Path(__file__).resolve().parent.parent
TINY = ROOT / "tests" / "data" / "vosk-tiny" / "model"
VARIANTS = ("f4", "m7", "Annie", "Jacky", "Andy", "Alicia", "steph", "edward2", "iven3", "Tweaky", "Denis", "klatt2")
VOICES = [(f"{accent}+{name}", pace) for name in VARIANTS for accent in ("en-us", "en") for pace in (135, 165, 195)]
"""A voice of espeak-ng and its words a minute. The README of the tiny model says which it was not trained on."""
OTHERS = (
    "the committee approved a modest budget",
    "seventeen engineers inspected the bridge",
    "tomatoes and cucumbers grow well in august",
    "he painted an enormous portrait",
    "several customers complained about parking",
    "the weather forecast promises thunder",
    "we ordered curry and rice",
    "a squirrel buried seven acorns",
    "nobody answered the telephone",
    "put the trousers in the drawer",
)
PAUSE = bytes(frames_in(0.5) * FRAME_BYTES)
TAIL = bytes(frames_in(1.5) * FRAME_BYTES)
AT_ONCE = frames_in(0.1)
LOUD = 500
"""The last sample of a phrase is the last one above this, of 32,768."""

ENGINES: dict[str, tuple[WakeSpec, str]] = {
    "vosk (tiny test model)": (WakeSpec("vosk", ("hey pommai",)), "hey pommai"),
    "microwakeword": (WakeSpec("microwakeword", models=("alexa",)), "alexa"),
    "microwakeword, 2 models": (WakeSpec("microwakeword", models=("alexa", "okay_nabu")), "okay nabu"),
    "openwakeword": (WakeSpec("openwakeword", models=("hey_jarvis_v0.1",)), "hey jarvis"),
}
OPEN_MODELS = Path(os.environ.get("POMMAI_OPENWAKEWORD_MODELS", "/nonexistent"))
"""openwakeword is measured when it is installed and this folder holds hey_jarvis_v0.1.onnx and what goes with it."""


def measure() -> list[Figure]:
    """Percent of a core, MB, percent of the calls, milliseconds and alarms an hour, for each engine there is."""
    with tempfile.TemporaryDirectory(prefix="pommai-wake-") as name:
        others = Path(name) / "others.raw"
        others.write_bytes(b"".join(PAUSE + _spoken(text, *voice) for text in OTHERS for voice in VOICES[::2]))
        found = []
        for engine, (spec, phrase) in ENGINES.items():
            if spec.engine == "openwakeword" and not (_has_openwakeword() and OPEN_MODELS.is_dir()):
                continue
            calls = Path(name) / phrase
            calls.mkdir()
            for number, voice in enumerate(VOICES):
                (calls / f"{number}.raw").write_bytes(PAUSE + _spoken(phrase, *voice) + TAIL)
            found += _figures(engine, phrase, _in_a_process(engine, calls, others))
    return found


def _has_openwakeword() -> bool:
    return importlib.util.find_spec("openwakeword") is not None


def _figures(engine: str, phrase: str, told: dict[str, Any]) -> list[Figure]:
    heard = 100 * len(told["late_ms"]) / len(VOICES)
    alarms = told["alarms"] / (told["heard_seconds"] / 3600)
    hours = f"in {told['heard_seconds'] / 60:.0f} minutes of other speech"
    return [
        figure(f"{engine}: hearing", told["shares"], "% of a core"),
        Figure(f"{engine}: memory added", told["added_mb"], told["added_mb"], "MB"),
        Figure(f"{engine}: calls heard", heard, heard, "%", note=f'"{phrase}" from {len(VOICES)} voices'),
        figure(f"{engine}: phrase ended to hit", told["late_ms"], "ms", note="of sound; frames come every 100 ms"),
        Figure(f"{engine}: false alarms", alarms, alarms, "an hour", note=f"{told['alarms']} {hours}"),
    ]


def _spoken(text: str, voice: str, pace: int) -> bytes:
    """Whole frames of 16 kHz."""
    said = subprocess.run(
        ["espeak-ng", "-v", voice, "-s", str(pace), "--stdout", text], capture_output=True, check=True
    ).stdout
    raw = ["-r", str(SAMPLE_RATE), "-c", "1", "-b", "16", "-e", "signed", "-t", "raw", "-"]
    pcm = subprocess.run(["sox", "-D", "-t", "wav", "-", *raw], input=said, capture_output=True, check=True).stdout
    return pcm[: len(pcm) // FRAME_BYTES * FRAME_BYTES]


def _in_a_process(engine: str, calls: Path, others: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.wake", engine, str(calls), str(others)]
    told: dict[str, Any] = json.loads(subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout)
    return told


# -- in the process of one engine ----------------------------------------------------------


class Recording:
    """A FrameStream of what was recorded: 100 ms at a time, as fast as they are taken. `taken` counts frames."""

    def __init__(self, pcm: bytes) -> None:
        self._pieces = self._cut(pcm)
        self._more: list[bytes] = []
        self.taken = 0
        self.spent: list[float] = []
        """CPU seconds of this process at each whole second of the recording."""

    def __aiter__(self) -> Recording:
        return self

    async def __anext__(self) -> bytes:
        if self.taken % frames_in(1.0) == 0:
            self.spent.append(time.process_time())
        piece = next(self._pieces, None)
        if piece is None:
            raise StopAsyncIteration
        self.taken += len(piece)
        first, *self._more = piece
        return first

    def drain(self) -> list[bytes]:
        more, self._more = self._more, []
        return more

    def close(self) -> None:
        """There is nothing to let go."""

    @staticmethod
    def _cut(pcm: bytes) -> Iterator[list[bytes]]:
        for start in range(0, len(pcm), AT_ONCE * FRAME_BYTES):
            ends = min(start + AT_ONCE * FRAME_BYTES, len(pcm))
            yield [pcm[i : i + FRAME_BYTES] for i in range(start, ends, FRAME_BYTES)]


async def _listen(engine: str, calls: Iterable[bytes], others: bytes) -> dict[str, Any]:
    spec, _ = ENGINES[engine]
    before = _resident_mb()
    listener = WakeListener(make_engine_for(TINY, OPEN_MODELS))
    listener.want(spec)
    late_ms = []
    for call in calls:
        hits: list[float] = []
        recording = Recording(call)
        await listener.listen(recording, lambda hit, recording=recording, hits=hits: hits.append(recording.taken))
        if hits:
            late_ms.append((hits[0] * FRAME_SECONDS - _ended(call)) * 1e3)
    assert listener.loaded == spec, f"{engine} did not load"
    alarms: list[WakeHit] = []
    recording = Recording(others)
    await listener.listen(recording, alarms.append)
    added = _resident_mb() - before
    await listener.close()
    shares = [(later - sooner) * 100 for sooner, later in zip(recording.spent, recording.spent[1:], strict=False)]
    seconds = recording.taken * FRAME_SECONDS
    return {"shares": shares, "added_mb": added, "late_ms": late_ms, "alarms": len(alarms), "heard_seconds": seconds}


def _ended(pcm: bytes) -> float:
    """Seconds until the last loud sample."""
    samples = array.array("h", pcm)
    last = next(i for i in range(len(samples) - 1, 0, -1) if abs(samples[i]) > LOUD)
    return last * SAMPLE_BYTES / FRAME_BYTES * FRAME_SECONDS


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    name, folder, file = sys.argv[1:]
    spoken = [path.read_bytes() for path in sorted(Path(folder).glob("*.raw"))]
    print(json.dumps(asyncio.run(_listen(name, spoken, Path(file).read_bytes()))))
