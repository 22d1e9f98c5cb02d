"""A toy whose sound system hangs: what it tells and when it ends; and a real one, on a pipe with nobody at its end."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pommai.events import Event
from pommai.io.clock import SystemClock
from pommai.io.control_thread import Hang
from pommai.io.memory_simulated import SimulatedMemory
from pommai.io.portaudio import PortAudioMicrophone, PortAudioSpeaker
from pommai.io.ports import METRICS
from pommai.io.simulated_audio import SimulatedMicrophone, SimulatedSpeaker
from pommai.io.speaker_copy import SpeakerCopy
from pommai.qa.virtual_time import run
from pommai.toy import sound_watch
from pommai.toy.sound_watch import (
    END_SECONDS,
    FACT,
    LOOK,
    MOST_SECONDS,
    PATIENCE_SECONDS,
    REST_SECONDS,
    TELL_SECONDS,
    WELL_SECONDS,
    SoundWatch,
    sound_gaps,
)


class Scene:
    """A watch whose sound system hangs when told to."""

    def __init__(self, memory: SimulatedMemory | None = None) -> None:
        self.memory = memory or SimulatedMemory(SystemClock())
        self.posted: list[Event] = []
        self.ended_at: float | None = None
        self.hung_at: float | None = None
        self.watch = SoundWatch(self.stop, self.posted.append, self.memory, self.hang)

    def stop(self) -> None:
        self.ended_at = asyncio.get_running_loop().time()

    def hang(self) -> Hang | None:
        if self.hung_at is None:
            return None
        return Hang("opening the speaker", asyncio.get_running_loop().time() - self.hung_at)

    async def hangs_for(self, seconds: float) -> float | None:
        """Have it hang from now on; gives how long it took the toy to end, if it did."""
        self.hung_at = asyncio.get_running_loop().time()
        watching = asyncio.create_task(self.watch.run())
        await asyncio.sleep(seconds)
        watching.cancel()
        await asyncio.wait([watching])
        return None if self.ended_at is None else self.ended_at - self.hung_at


def metrics(memory: SimulatedMemory) -> list[str]:
    return [str(item.for_server()["name"]) for item in memory.waiting.values() if item.kind == METRICS]


def test_a_toy_at_rest_tells_of_it_and_ends_after_a_while_with_a_sentence_that_helps(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        scene = Scene()
        scene.watch.on_configuration(True)
        took = await scene.hangs_for(60)
        assert took == pytest.approx(END_SECONDS, abs=2 * LOOK)
        (told,) = scene.posted
        assert told == Event(
            "error.activity", {"activity": "sound", "error": "opening the speaker has not come back"}
        ), "once, and the light shows it"
        assert metrics(scene.memory) == ["sound_hangs"]
        assert scene.memory.fact(FACT) == "1"
        for part in ("opening the speaker has not come back for 20 s", "start the toy again", "restart the machine"):
            assert part in scene.watch.trouble

    run(main())
    assert [record.getMessage() for record in caplog.records] == ["sound system hangs"]


def test_what_comes_back_by_itself_in_time_is_not_even_told() -> None:
    async def main() -> None:
        scene = Scene()
        scene.watch.on_configuration(True)
        watching = asyncio.create_task(scene.watch.run())
        for _ in range(20):
            scene.hung_at = asyncio.get_running_loop().time()
            await asyncio.sleep(TELL_SECONDS - 1.5 * LOOK)
            scene.hung_at = None
            await asyncio.sleep(2 * LOOK)
        assert (scene.posted, scene.ended_at, scene.watch.trouble) == ([], None, "")
        watching.cancel()
        await asyncio.wait([watching])

    run(main())


def test_a_toy_that_is_busy_is_not_interrupted_but_waited_for_only_so_long() -> None:
    async def main() -> None:
        scene = Scene()
        scene.watch.on_configuration(False)
        took = await scene.hangs_for(300)
        assert took == pytest.approx(END_SECONDS + PATIENCE_SECONDS, abs=2 * LOOK)
        assert scene.posted == [], "the chart knows what was lost; a story goes on"

        scene = Scene()
        scene.watch.on_configuration(False)
        rests = asyncio.get_running_loop().call_later(END_SECONDS + 10, scene.watch.on_configuration, True)
        assert await scene.hangs_for(300) == pytest.approx(END_SECONDS + 10 + REST_SECONDS, abs=2 * LOOK)
        assert not rests.cancelled()
        assert [event.name for event in scene.posted] == ["error.activity"], "as soon as it rests"

    run(main())


def test_each_time_in_a_row_it_waits_twice_as_long_and_a_good_while_without_begins_anew() -> None:
    async def main() -> None:
        memory, took = SimulatedMemory(SystemClock()), []
        for _ in range(9):
            scene = Scene(memory)
            scene.watch.on_configuration(True)
            took.append(await scene.hangs_for(2 * MOST_SECONDS))
        wanted = [min(END_SECONDS * 2**times, MOST_SECONDS) for times in range(9)]
        assert took == pytest.approx(wanted, abs=2 * LOOK)
        assert wanted[-1] == MOST_SECONDS

        scene = Scene(memory)
        watching = asyncio.create_task(scene.watch.run())
        await asyncio.sleep(WELL_SECONDS - 2 * LOOK)
        assert memory.fact(FACT) == "9"
        await asyncio.sleep(4 * LOOK)
        assert memory.fact(FACT) is None
        watching.cancel()
        await asyncio.wait([watching])

    run(main())


def test_a_fact_that_somebody_has_spoiled_counts_as_none() -> None:
    async def main() -> None:
        for spoiled in ("", "-1", "²", "9" * 50):
            memory = SimulatedMemory(SystemClock())
            memory.keep_fact(FACT, spoiled)
            scene = Scene(memory)
            scene.watch.on_configuration(True)
            assert await scene.hangs_for(2 * MOST_SECONDS) is not None

    run(main())


TOY = """
import sys
from pommai.io import portaudio_host
from pommai.toy import sound_watch
portaudio_host.OPEN_SECONDS = 0.5
sound_watch.LOOK, sound_watch.TELL_SECONDS, sound_watch.END_SECONDS, sound_watch.REST_SECONDS = 0.05, 0.1, 1.5, 0.3
from pommai.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_a_toy_whose_driver_never_comes_back_says_so_in_log_and_trace_and_ends_with_1(tmp_path: Path) -> None:
    silent = tmp_path / "silent"
    os.mkfifo(silent)  # nobody is at its other end: PortAudio waits for ever while it looks for devices
    (tmp_path / "asound.conf").write_text(
        f'pcm.default {{ type file slave.pcm {{ type null }} file "/dev/null" infile "{silent}" format raw }}\n'
    )
    trace = tmp_path / "trace.jsonl"
    done = subprocess.run(
        [
            *(sys.executable, "-c", TOY, "run", "--button", "none", "--lights", "none", "--vosk-model", "none"),
            *("--microphone", "portaudio", "--speaker", "portaudio", "--cache-dir", str(tmp_path / "cache")),
            *("--memory", str(tmp_path / "memory.db"), "--memory-copy", "none", "--url", "ws://127.0.0.1:9/"),
            *("--updates", str(tmp_path / "updates"), "--trace", str(trace), "--log-format", "json"),
        ],
        env={**os.environ, "ALSA_CONFIG_PATH": str(tmp_path / "asound.conf")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1, done.stderr
    last = done.stderr.splitlines()[-1]
    assert re.match(
        r"the sound system hangs: opening the (microphone|speaker) has not come back for \d s, and only", last
    )
    assert '"event": "sound system hangs"' in done.stderr
    lines = [json.loads(line) for line in trace.read_text().splitlines()]
    assert any(line["kind"] == "event" and line["name"] == "error.activity" for line in lines)
    assert any(line["kind"] == "operation" and line["name"] == "error_red" for line in lines), "the light shows it"
    assert sound_watch.portaudio_hang() is None, "not in this process"


def test_what_was_lost_is_counted_over_all_cards_and_what_is_none_counts_nothing(tmp_path: Path) -> None:
    microphone, speaker = PortAudioMicrophone(), PortAudioSpeaker()
    microphone.dropped, microphone._stream.xruns = 1, 2
    speaker.underruns, speaker._stream.xruns = 4, 8
    assert sound_gaps(microphone, SpeakerCopy(speaker, tmp_path / "copy.wav")) == 15
    assert sound_gaps(SimulatedMicrophone(), SpeakerCopy(SimulatedSpeaker(), tmp_path / "copy.wav")) == 0
