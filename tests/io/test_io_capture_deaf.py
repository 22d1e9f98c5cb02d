"""The toy does not hear itself: capture and playback together, simulated and on a real PortAudio."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from audio_material import number, numbered, run_virtually
from hypothesis import given, settings
from hypothesis import strategies as st

from pommai.io.alsa_pipes import AlsaPipes
from pommai.io.capture import ECHO_SECONDS, FADED_SECONDS, PATIENT_SECONDS, PREROLL_SECONDS, Capture
from pommai.io.playback import Playback
from pommai.io.ports import FrameStream
from pommai.io.simulated_audio import SimulatedMicrophone, SimulatedSpeaker
from pommai.protocol.audio import FRAME_SECONDS, frames_in

PREROLL = frames_in(PREROLL_SECONDS)


class Batching(SimulatedMicrophone):
    """Hands over five frames at a time while nobody attends, as a real card's does."""

    def __init__(self) -> None:
        super().__init__()
        self.held: list[bytes] = []
        self.told: list[float] = []

    def attend(self, within: float) -> None:
        super().attend(within)
        self.told.append(within)
        if not within:
            self._hand_over()

    def hear(self, frame: bytes) -> None:
        self.held.append(frame)
        if not self.attended or len(self.held) == 5:
            self._hand_over()

    def _hand_over(self) -> None:
        held, self.held = self.held, []
        for frame in held:
            self.feed(frame)


class Toy:
    """A microphone that hears a numbered frame every 20 ms, and a speaker in the same room."""

    def __init__(self) -> None:
        self.microphone = Batching()
        self.capture = Capture(self.microphone)
        self.speaker = SimulatedSpeaker()
        self.voice = Playback(self.speaker, on_sound=self.capture.deafen)
        self.sounding: set[int] = set()
        """Numbers of the frames in which the microphone must have heard the toy."""
        self._count = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Toy]:
        tasks = [asyncio.create_task(part.run(lambda _: None, lambda: None)) for part in (self.capture, self.voice)]
        await asyncio.sleep(0)
        tasks.append(asyncio.create_task(self._room()))
        await asyncio.sleep(0)
        try:
            yield self
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def _room(self) -> None:
        while True:
            await asyncio.sleep(FRAME_SECONDS)
            self._count += 1
            now = asyncio.get_running_loop().time()
            if any(-1e-6 <= now - at < 2 * FRAME_SECONDS - 1e-6 for at, _ in self.speaker.played[-3:]):
                self.sounding.add(self._count)
            self.microphone.hear(numbered(self._count)[-1])


def taken(stream: FrameStream) -> list[int]:
    return [number(frame) for frame in stream.drain()]


@pytest.mark.parametrize("patient", [False, True])
def test_what_the_toy_says_reaches_no_listener_and_what_comes_before_and_after_does(patient: bool) -> None:
    async def main() -> None:
        async with Toy().running() as toy:
            stream = toy.capture.subscribe(preroll=False, patient=patient)
            await asyncio.sleep(0.511)
            toy.voice.play(numbered(25))
            await asyncio.sleep(1.5)
            toy.capture.subscribe(preroll=False).close()  # what the microphone still holds back is delivered
            heard = taken(stream)
            assert heard[: heard.index(25) + 1] == list(range(1, 26)), "all before the sound"
            later = heard[heard.index(25) + 1 :]
            assert later == list(range(later[0], toy._count + 1)), "all after it has faded"
            assert not toy.sounding & set(heard)
            deaf = ECHO_SECONDS if patient else FADED_SECONDS
            assert 0.5 + deaf - 0.1 < (later[0] - 25) * FRAME_SECONDS < 0.5 + deaf + 0.1
            assert len(toy.sounding) >= 24

    run_virtually(main())


def test_a_press_during_a_sound_records_nothing_of_it_not_even_as_preroll() -> None:
    async def main() -> None:
        async with Toy().running() as toy:
            await asyncio.sleep(1.011)
            toy.voice.play(numbered(20))
            await asyncio.sleep(0.2)
            stream = toy.capture.subscribe(preroll=True)
            toy.voice.stop()
            await asyncio.sleep(0.5)
            heard = taken(stream)
            assert heard[:PREROLL] == list(range(36, 51)), "what was said just before the sound"
            assert not toy.sounding & set(heard)
            assert heard[PREROLL] <= 60 + frames_in(FADED_SECONDS) + 2
            assert heard[PREROLL:] == list(range(heard[PREROLL], toy._count + 1))

    run_virtually(main())


@pytest.mark.parametrize("echo", [0.0, 0.1, 0.3, 1.5])
def test_the_wake_word_is_left_alone_until_the_room_is_quiet_and_a_press_meanwhile_loses_nothing(echo: float) -> None:
    async def main() -> None:
        made = Toy()
        made.capture = Capture(made.microphone, echo)
        made.voice = Playback(made.speaker, on_sound=made.capture.deafen)
        async with made.running() as toy:
            wake = toy.capture.subscribe(preroll=False, patient=True)
            await asyncio.sleep(0.511)
            toy.voice.play(numbered(25))
            await asyncio.sleep(0.5 + FADED_SECONDS + 0.06)
            pressed = toy._count
            recording = toy.capture.subscribe(preroll=True)
            await asyncio.sleep(2.0)
            heard = [value for value in taken(recording) if value > pressed]
            assert heard == list(range(pressed + 1, toy._count + 1)), "every frame from the press on"
            woken = [value for value in taken(wake) if value > 25]
            assert woken == list(range(woken[0], toy._count + 1)), "and every frame from the end of the echo on"
            silent_for = (woken[0] - 25) * FRAME_SECONDS - 0.5
            assert max(echo, FADED_SECONDS) - 0.1 < silent_for < max(echo, FADED_SECONDS) + 0.1

    run_virtually(main())


def test_after_a_long_sound_what_was_heard_before_it_is_old() -> None:
    async def main() -> None:
        async with Toy().running() as toy:
            await asyncio.sleep(1.011)
            toy.voice.play(numbered(20))
            await asyncio.sleep(0.39)
            assert taken(toy.capture.subscribe(preroll=True)) == []
            await asyncio.sleep(0.4)
            heard = taken(toy.capture.subscribe(preroll=True))
            assert heard
            assert not toy.sounding & set(heard)
            assert heard == list(range(heard[0], toy._count + 1))

    run_virtually(main())


def test_a_wake_listener_and_the_toys_own_sounds_leave_the_microphone_its_pauses() -> None:
    async def main() -> None:
        async with Toy().running() as toy:
            patient = toy.capture.subscribe(preroll=False, patient=True)
            await asyncio.sleep(0.5)
            toy.voice.play(numbered(5))
            await asyncio.sleep(0.5)
            own = [0.0, PATIENT_SECONDS]
            assert toy.microphone.told == [PATIENT_SECONDS, *own * 2], "only to get what it held back"
            recording = toy.capture.subscribe(preroll=True)
            recording.close()
            assert toy.microphone.told[5:] == own
            patient.close()

    run_virtually(main())


@pytest.mark.parametrize("patient", [False, True])
def test_what_a_busy_toy_has_not_been_handed_yet_belongs_to_the_time_before(patient: bool) -> None:
    async def main() -> None:
        async with Toy().running() as toy:
            stream = toy.capture.subscribe(preroll=False, patient=patient)
            toy.microphone.held = numbered(3)
            toy.capture.deafen(True)
            toy.microphone.held = numbered(6)[3:]
            toy.capture.deafen(False)
            toy.capture._echoing = 0
            toy.microphone.feed(numbered(7)[6])
            assert taken(stream) == [1, 2, 3, 7]

    run_virtually(main())


def test_telling_it_twice_changes_nothing() -> None:
    async def main() -> None:
        async with Toy().running() as toy:
            stream = toy.capture.subscribe(preroll=False)
            for deaf in (False, True, True, False, False):
                toy.capture.deafen(deaf)
            toy.microphone.hear(numbered(1)[0])
            assert taken(stream) == [1]

    run_virtually(main())


DEEDS = st.lists(
    st.tuples(
        st.sampled_from(["play", "stream", "stop", "cancel", "listen", "listen patiently", "close", "vanish", "back"]),
        st.integers(0, 40),
    ),
    max_size=15,
)


@settings(max_examples=60, deadline=None)
@given(DEEDS)
def test_whatever_happens_nobody_hears_the_toy_itself(deeds: list[tuple[str, int]]) -> None:
    async def main() -> None:
        async def sound() -> AsyncIterator[bytes]:
            for frame in numbered(30):
                yield frame

        async with Toy().running() as toy:
            streams = []
            tasks: list[asyncio.Task[None]] = []
            for deed, pause in deeds:
                if deed == "play":
                    toy.voice.play(numbered(10))
                elif deed == "stream":
                    tasks.append(asyncio.create_task(toy.voice.stream(sound())))
                elif deed == "stop":
                    toy.voice.stop()
                elif deed == "cancel" and tasks:
                    tasks[-1].cancel()
                elif deed.startswith("listen"):
                    streams.append(toy.capture.subscribe(preroll=True, patient=deed != "listen"))
                elif deed == "close" and streams:
                    streams[-1].close()
                elif deed == "vanish":
                    toy.speaker.vanish()
                elif deed == "back":
                    toy.speaker.broken = None
                await asyncio.sleep(pause * 0.01 + 0.001)
            if tasks:
                await asyncio.wait(tasks)
                for task in tasks:
                    if not task.cancelled():
                        task.exception()
            await asyncio.sleep(4)  # a speaker that was away is tried again, and what has waited for it is played
            last = toy.capture.subscribe(preroll=True)
            for stream in [*streams, last]:
                heard = taken(stream)
                assert heard == sorted(set(heard)), "in order, none twice"
                assert not toy.sounding & set(heard)
            assert toy._count in {number(frame) for frame in toy.capture._preroll}, "the toy hears again"

    run_virtually(main())


SCENE = """
import asyncio, json, sys
sys.path.insert(0, {tests!r})
from audio_material import number, numbered
from pommai.io.capture import Capture
from pommai.io.playback import Playback
from pommai.io.portaudio import PortAudioMicrophone, PortAudioSpeaker

async def until(truth):
    async with asyncio.timeout(60):
        while not truth():
            await asyncio.sleep(0.005)

async def main():
    microphone, captured = PortAudioMicrophone(), [0]
    take = microphone._captured
    def tap(frame):
        take(frame)
        captured[0] = number(frame)
    microphone._captured = tap
    capture = Capture(microphone)
    changes = []
    def on_sound(sounding):
        before = captured[0]
        capture.deafen(sounding)
        changes.append((sounding, before, captured[0], asyncio.get_running_loop().time()))
    voice = Playback(PortAudioSpeaker(), on_sound=on_sound)
    heard, patient = [], []
    async def listen(stream, into):
        async for frame in stream:
            into.append(number(frame))
    up = []
    tasks = [asyncio.create_task(part.run(print, lambda: up.append(1))) for part in (capture, voice)]
    await until(lambda: len(up) == 2)
    tasks.append(asyncio.create_task(listen(capture.subscribe(preroll=False, patient=True), patient)))
    recording = capture.subscribe(preroll=False)
    tasks.append(asyncio.create_task(listen(recording, heard)))
    print("ready", flush=True)
    await until(lambda: 40 in heard)
    voice.play(numbered(20))
    await until(lambda: len(changes) == 2)
    preroll = [number(frame) for frame in capture.subscribe(preroll=True).drain()]
    await until(lambda: captured[0] in patient[-20:] and patient[-1] > changes[1][2] + 20)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    return heard, patient, preroll, changes

print(json.dumps(asyncio.run(main())), flush=True)
"""


def test_on_a_real_sound_system_the_sound_leaves_a_hole_in_what_is_heard_and_nothing_else(card: AlsaPipes) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SCENE.format(tests=str(Path(__file__).parent)))],
        env={**os.environ, **card.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", process.communicate()[1]
        card.say(numbered(2000))
        out, err = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 0, err
    heard, patient, preroll, changes = json.loads(out)
    assert [sounding for sounding, *_ in changes] == [True, False]
    assert changes[1][3] - changes[0][3] > 20 * FRAME_SECONDS + FADED_SECONDS - 0.05
    begin, end = hole(heard)
    # What the card had captured by then, as seen just before and just after; one may have been on its way.
    assert changes[0][1] < begin <= changes[0][2] + 2, "what came before is heard whole"
    assert changes[1][1] <= end <= changes[1][2] + 1, "and so is what comes after it has faded"
    assert hole(patient) == (begin, end + frames_in(ECHO_SECONDS - FADED_SECONDS))
    said = [value for value in preroll if value]
    assert not [value for value in said if value not in heard], "the pre-roll has nothing of the sound either"


def hole(heard: list[int]) -> tuple[int, int]:
    """The first and the last number that is missing: all others are there, in order, from 1 on."""
    values = [value for value in heard if value]
    missing = sorted(set(range(1, values[-1] + 1)) - set(values))
    assert values == sorted(set(values))
    assert missing == list(range(missing[0], missing[-1] + 1)), "one hole"
    return missing[0], missing[-1]
