"""The toy that plays to itself: in a simulated room, and through the real PortAudio on a card made of pipes."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import textwrap
from array import array
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
from doctor_material import RUNNING, look, settings, world

from pommai.doctor import loop
from pommai.doctor.finding import Finding, Mark
from pommai.doctor.melody import Heard
from pommai.errors import AudioDeviceError
from pommai.io.alsa_pipes import AlsaPipes
from pommai.io.card_format import CardFormat
from pommai.protocol.audio import FRAME_BYTES, FRAME_SAMPLES


class Room:
    """Microphone and speaker in one: what is played is heard `late` frames later, times `gain`, in noise."""

    def __init__(
        self, *, gain: float = 0.3, late: int = 5, noise: float = 12.0, dead: bool = False, dies_at: int | None = None
    ) -> None:
        self.is_open = [False, False]
        self._gain, self._dead, self._dies_at = gain, dead, dies_at
        self._written: list[bytes] = []
        self._air = [bytes(FRAME_BYTES)] * late
        self._random = Random(1)
        self._noise = noise
        self._task: asyncio.Task[None] | None = None
        self._lost: Callable[[str], None] = lambda reason: None
        self.xruns = self.dropped = self.underruns = 0
        self.card: CardFormat | None = None

    async def open(self, deliver: Callable[..., None], lost: Callable[[str], None] | None = None) -> None:
        if lost is None:  # the speaker's end
            self.is_open[1] = True
            return
        self._lost = lost
        self.is_open[0] = True
        self._task = asyncio.create_task(self._live(deliver))

    async def _live(self, deliver: Callable[[bytes], None]) -> None:
        for beat in range(10_000):
            if beat == self._dies_at:
                self._lost("the microphone has stopped; its card must be gone")
                return
            self._air.append(self._written.pop(0) if self._written else bytes(FRAME_BYTES))
            played = array("h", self._air.pop(0))
            heard = [
                0 if self._dead else max(-32768, min(32767, round(v * self._gain + self._random.gauss(0, self._noise))))
                for v in played
            ]
            deliver(array("h", heard).tobytes())
            await asyncio.sleep(0)

    def attend(self, within: float) -> None:
        pass

    def write(self, frame: bytes) -> bool:
        self._written.append(frame)
        return True

    async def drained(self) -> None:
        while self._written and self._task is not None and not self._task.done():
            await asyncio.sleep(0)

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        self.is_open = [False, False]


def played(folder: Path, room: Room, **more: Any) -> Finding:
    found = look(loop.loop, world(folder, microphone=lambda _: room, speaker=lambda _: room, **more))
    assert room.is_open == [False, False]
    return found


def test_a_toy_that_hears_itself_is_well(tmp_path: Path) -> None:
    found = played(tmp_path, Room(gain=1.0))
    assert found.mark is Mark.OK
    assert found.figures["delay_s"] == pytest.approx(0.1, abs=0.03)
    assert found.figures["noise_dbfs"] == pytest.approx(-68.7, abs=1)
    assert found.words.endswith(" ms later"), "of a simulated card nothing more can be told"


def test_in_what_the_card_was_opened_is_told_and_how_often_its_buffers_ran_over(tmp_path: Path) -> None:
    room = Room(gain=1.0)
    room.card, room.xruns = CardFormat(48_000, 2), 3
    found = played(tmp_path, room)
    assert found.words.endswith(" ms later, opened at 48,000 Hz, 2 channels")
    assert found.figures["xruns"] == 6, "of both"
    heard = Heard(True, -20.0, -60.0, 0.0, 0.1, False)
    two = loop.judge(heard, 60, {"microphone": "48,000 Hz, 1 channel", "speaker": "44,100 Hz, 2 channels"})
    assert two.words.endswith(", opened at 48,000 Hz, 1 channel to hear and 44,100 Hz, 2 channels to play")


@pytest.mark.parametrize(
    ("room", "mark", "words", "step"),
    [
        (Room(dead=True), Mark.BROKEN, "silent", "microphone_device"),
        (Room(gain=0.0, noise=0.4), Mark.BROKEN, "muted", "mixer"),
        (Room(gain=0.0), Mark.BROKEN, "not the toy's own speaker", "speaker plugged in"),
        (Room(gain=30.0), Mark.WRONG, "too loud", "gain down"),
        (Room(gain=1.0, noise=500.0), Mark.WRONG, "hides a child's voice", "quieter"),
        (Room(gain=0.02), Mark.WRONG, "faint", "turn up"),
        (Room(gain=1.0, late=30), Mark.WRONG, "a long way", "PipeWire"),
        (Room(dies_at=20), Mark.BROKEN, "its card must be gone", "aplay"),
    ],
)
def test_each_trouble_of_sound_has_its_words(tmp_path: Path, room: Room, mark: Mark, words: str, step: str) -> None:
    found = played(tmp_path, room)
    assert found.mark is mark
    assert words in found.words
    assert step in found.next_step


def test_a_card_that_cannot_be_opened_is_broken(tmp_path: Path) -> None:
    class Shut(Room):
        async def open(self, *_: object) -> None:
            raise AudioDeviceError("the microphone cannot be opened: Device unavailable\nmore")

    found = played(tmp_path, Shut())
    assert (found.mark, found.words) == (Mark.BROKEN, "the microphone cannot be opened: Device unavailable")


def test_who_has_the_card_is_named(tmp_path: Path) -> None:
    class Shut(Room):
        async def open(self, *_: object) -> None:
            raise AudioDeviceError("the microphone cannot be opened: Device unavailable")

    files = {
        "/proc/asound/card1/pcm0c/sub0/status": "state: RUNNING\nowner_pid   : 812\ntrigger_time: 1.5\n",
        "/proc/asound/card1/pcm0p/sub0/status": "closed\n",
        "/proc/812/comm": "pulseaudio\n",
    }
    found = look(loop.loop, world(tmp_path, files, microphone=lambda _: Shut(), speaker=lambda _: Shut()))
    assert found.next_step == "pulseaudio (process 812) has the card: end it"


def test_a_card_that_stands_still_is_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Still(Room):
        async def _live(self, deliver: Callable[[bytes], None]) -> None:
            await asyncio.Event().wait()

    monkeypatch.setattr(loop, "PATIENCE_SECONDS", -0.55)
    assert "has stopped" in played(tmp_path, Still()).words


def test_nothing_is_tried_while_the_toy_runs_or_has_no_card(tmp_path: Path) -> None:
    busy = played(tmp_path, Room(), unit=RUNNING)
    assert (busy.mark, "systemctl stop" in busy.next_step) == (Mark.NOTE, True)
    assert played(tmp_path, Room(), settings=settings(tmp_path, speaker="none")).mark is Mark.NOTE


def test_it_plays_no_louder_than_the_toy_may(tmp_path: Path) -> None:
    heard: list[bytes] = []

    class Recorded(Room):
        def write(self, frame: bytes) -> bool:
            heard.append(frame)
            return super().write(frame)

    room = Recorded()
    played(tmp_path, room, settings=settings(tmp_path, volume="100", volume_ceiling="10"))
    assert max(array("h", b"".join(heard))) == pytest.approx(0.035 * 32767, rel=0.02)


# -- the real PortAudio --------------------------------------------------------------------

PROGRAM = """
import asyncio, json, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from doctor_material import settings, world
from pommai.doctor.cards import devices
from pommai.doctor.loop import loop
from pommai.io.portaudio_host import HOST

async def main():
    there = world(Path({folder!r}), settings=settings(Path({folder!r}), microphone="portaudio", speaker="portaudio"))
    return [[found.mark, found.words, dict(found.figures)] for found in (await devices(there), await loop(there))]

print(json.dumps(asyncio.run(main())))
"""


class Mirror:
    """Takes the place of the pipes' recorder: what is played is said into the microphone, at half its height."""

    def __init__(self, pipes: AlsaPipes, gain: float) -> None:
        self._pipes, self._gain = pipes, gain

    def open(self) -> None:
        pass

    def add(self, frame: bytes) -> None:
        random = Random(len(frame))
        samples: Sequence[int] = array("h", frame)
        heard = array("h", [round(self._gain * value + random.gauss(0, 10)) for value in samples])
        assert len(heard) == FRAME_SAMPLES
        self._pipes.say([heard.tobytes()])

    def close(self) -> None:
        pass


@pytest.mark.parametrize(("gain", "mark"), [(0.5, "ok"), (0.0, "broken")])
def test_the_real_portaudio_plays_and_hears_through_pipes(tmp_path: Path, gain: float, mark: str) -> None:
    pipes = AlsaPipes(tmp_path, tmp_path / "played.wav")
    pipes._recorder = Mirror(pipes, gain)  # type: ignore[assignment]
    pipes.start()
    try:
        text = textwrap.dedent(PROGRAM).format(tests=str(Path(__file__).parent), folder=str(tmp_path))
        done = subprocess.run(
            [sys.executable, "-c", text],
            env={**os.environ, **pipes.environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        pipes.stop()
    assert done.returncode == 0, done.stderr
    devices, found = json.loads(done.stdout)
    assert devices[0] == "ok", devices
    assert {"name": "microphone", "inputs": 128, "outputs": 128, "rate": 44_100.0} in devices[2]["devices"]
    assert found[0] == mark, found
    assert found[2]["found"] is (mark == "ok")
