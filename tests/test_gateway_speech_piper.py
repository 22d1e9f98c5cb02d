"""Piper itself, the real one, with a voice that hums: tests/data/piper-tiny/make.py made it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from gateway_material import level_of, loudest_hertz, run, samples_of

from pommai.errors import SpeechError
from pommai.gateway.speech import piper as module
from pommai.gateway.speech.piper import PiperSpeech
from pommai.protocol.audio import FRAME_BYTES
from pommai.protocol.messages import VoiceSettings

TINY = Path(__file__).parent / "data" / "piper-tiny" / "tiny.onnx"
TEXT = "Hello, my friend! How are you today?"
LOW, HIGH = VoiceSettings("low"), VoiceSettings("high")


@asynccontextmanager
async def piper(model: Path = TINY, python: str = sys.executable) -> AsyncIterator[PiperSpeech]:
    speech = PiperSpeech(model, python)
    try:
        yield speech
    finally:
        await speech.close()


def workers() -> set[int]:
    """The processes of Piper that this one has started."""
    found = set()
    for entry in Path("/proc").iterdir():
        try:
            command = (entry / "cmdline").read_text()
            parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
        except (OSError, IndexError):
            continue
        if "piper_worker.py" in command and parent == str(os.getpid()):
            found.add(int(entry.name))
    return found


async def until(holds: Callable[[], object]) -> None:
    while not holds():
        await asyncio.sleep(0.02)


def test_sentences_become_frames_of_the_speaker_that_the_persona_names() -> None:
    async def test() -> None:
        async with piper() as speech:
            for voice, hertz in ((LOW, 160), (HIGH, 240)):
                frames = await speech.speak(TEXT, voice)
                assert {len(frame) for frame in frames} == {FRAME_BYTES}
                sound = samples_of(b"".join(frames))
                assert abs(loudest_hertz(sound) - hertz) < 2
                assert level_of(sound) > 0.05
            assert len(workers()) == 1
            # A name that the model does not know is always the same one of its speakers.
            assert await speech.speak(TEXT, VoiceSettings("honey")) == await speech.speak(TEXT, VoiceSettings("honey"))
        assert not workers()

    run(test())


@pytest.mark.parametrize(("speed", "pitch"), [(0.95, 1.1), (1.05, 0.7), (2.0, 1.0), (0.5, 2.0), (1.0, 0.5)])
def test_speed_and_pitch_are_the_personas(speed: float, pitch: float) -> None:
    async def test() -> None:
        async with piper() as speech:
            plain = await speech.speak(TEXT, LOW)
            frames = await speech.speak(TEXT, VoiceSettings("low", speed, pitch))
            assert loudest_hertz(samples_of(b"".join(frames))) == pytest.approx(160 * pitch, rel=0.01)
            assert len(frames) == pytest.approx(len(plain) / speed, rel=0.03)

    run(test())


def test_what_cannot_be_said_is_not_said_and_nothing_steers_the_voice() -> None:
    async def test() -> None:
        async with piper() as speech:
            assert await speech.speak("\U0001f43b <script>", LOW) == ()
            assert await speech.speak('Hello "\\ \n {"text": 1}', LOW)
            assert await speech.speak("[[ h@l@U ]] <b>Hello</b>", LOW) == await speech.speak("Hello", LOW)

    run(test())


def test_sentences_of_several_toys_are_said_one_after_the_other_and_all_of_them() -> None:
    async def test() -> None:
        async with piper() as speech:
            said = await asyncio.gather(*(speech.speak(f"Number {number}.", HIGH) for number in range(20)))
            assert all(said)

    run(test())


def test_who_is_no_longer_wanted_is_not_waited_for_and_the_next_ones_are_said() -> None:
    async def test() -> None:
        async with piper() as speech:
            await speech.speak("Hello.", LOW)
            tasks = [asyncio.create_task(speech.speak(TEXT * 10, LOW)) for _ in range(5)]
            await asyncio.sleep(0)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            assert all(task.cancelled() for task in tasks)
            assert await speech.speak("Hello.", LOW)
            assert len(workers()) == 1

    run(test())


def test_a_process_that_is_killed_is_followed_by_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AGAIN_SECONDS", 0.0)

    async def test() -> None:
        async with piper() as speech:
            assert await speech.speak("Hello.", LOW)
            (first,) = workers()
            os.kill(first, signal.SIGKILL)
            with pytest.raises(SpeechError, match=r"end by itself|in the middle"):
                await speech.speak("Hello.", LOW)
            assert await speech.speak("Hello.", LOW)
            assert first not in workers()

    run(test())


def test_a_process_that_hangs_is_ended_and_whoever_waits_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AGAIN_SECONDS", 0.0)

    async def test() -> None:
        async with piper() as speech:
            assert await speech.speak("Hello.", LOW)
            (first,) = workers()
            monkeypatch.setattr(module, "SECONDS", 0.2)
            os.kill(first, signal.SIGSTOP)
            with pytest.raises(SpeechError, match=r"not spoken within|in the middle"):
                await speech.speak("Hello.", LOW)
            await until(lambda: first not in workers())
            monkeypatch.setattr(module, "SECONDS", 6.0)
            assert await speech.speak("Hello.", LOW)

    run(test())


def test_more_than_can_be_said_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 1)

    async def test() -> None:
        async with piper() as speech:
            waiting = asyncio.create_task(speech.speak("Hello.", LOW))
            await asyncio.sleep(0)
            with pytest.raises(SpeechError, match="too much to say"):
                await speech.speak("Hello.", LOW)
            assert await waiting

    run(test())


@pytest.mark.parametrize("damage", ["model", "config"])
def test_a_model_that_is_none_is_told_and_not_tried_again_and_again(damage: str, tmp_path: Path) -> None:
    model = tmp_path / "voice.onnx"
    model.write_bytes(b"no model" if damage == "model" else TINY.read_bytes())
    config = TINY.with_name("tiny.onnx.json").read_text() if damage == "model" else "{}"
    (tmp_path / "voice.onnx.json").write_text(config)

    async def test() -> None:
        async with piper(model) as speech:
            for _ in range(3):
                with pytest.raises(SpeechError, match="cannot load its model"):
                    await speech.speak("Hello.", LOW)
            assert not workers()

    run(test())


def test_a_python_without_piper_or_none_at_all_is_told(tmp_path: Path) -> None:
    async def test(python: str, words: str) -> None:
        async with piper(python=python) as speech:
            with pytest.raises(SpeechError, match=words):
                await speech.speak("Hello.", LOW)

    run(test(str(tmp_path / "no-python"), "cannot be started"))
    run(test("/bin/true", "end by itself"))


def test_closed_nothing_is_said_and_no_process_is_left() -> None:
    async def test() -> None:
        async with piper() as speech:
            assert await speech.speak("Hello.", LOW)
        with pytest.raises(SpeechError, match="was ended"):
            await speech.speak("Hello.", LOW)
        await speech.close()
        assert not workers()

    run(test())
