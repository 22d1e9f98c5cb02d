from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from speech_material import VOICES, VOSK_TINY, frames, noise, say, silence

from pommai.errors import RecognitionError
from pommai.io import recogniser as module
from pommai.io.ports import Transcript, WakeSpec
from pommai.io.recogniser import VoskRecogniser
from pommai.io.vosk_model import UNKNOWN, VoskListener, VoskModel, load_model
from pommai.io.wake_vosk import make_vosk_engine
from pommai.protocol.audio import FRAME_BYTES


def understood(*recordings: list[bytes], phrases: tuple[str, ...] = ()) -> list[Transcript]:
    async def main() -> list[Transcript]:
        recogniser = VoskRecogniser(VOSK_TINY, phrases)
        try:
            return [await recogniser.transcribe(recording) for recording in recordings]
        finally:
            await recogniser.close()

    return asyncio.run(main())


class Loads:
    """Counts the models there are now, and those there ever were."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ever = 0
        self.now = 0
        self.gone = asyncio.Event()

        def load(folder: Path, cache: Path | None) -> VoskModel:
            model = load_model(folder, cache)
            close = model.close

            def closed() -> None:
                close()
                self.now -= 1
                self.loop.call_soon_threadsafe(self.gone.set)

            model.close = closed  # type: ignore[method-assign]
            self.ever += 1
            self.now += 1
            return model

        self.loop = asyncio.get_running_loop()
        monkeypatch.setattr(module, "load_model", load)


@pytest.mark.parametrize("voice", VOICES)
def test_a_sentence_becomes_words(voice: str) -> None:
    (said,) = understood(frames(silence(0.3) + say("please sing me a song", voice) + silence(0.3)))
    assert said.text == "please sing me a song"
    assert said.confidence > 0.7


def test_nothing_said_before_a_pause_is_lost() -> None:
    (said,) = understood(frames(say("good morning") + silence(1.5) + say("tell me a joke") + silence(1.5)))
    assert said.text == "good morning tell me a joke"


def test_with_phrases_all_else_is_unknown() -> None:
    command, other = understood(
        frames(say("tell me a joke")), frames(say("broccoli is a healthy vegetable")), phrases=("joke", "sing")
    )
    assert command.text == "joke"
    assert other.text == ""
    assert {word.text for word in other.words} == {UNKNOWN}


def test_phrases_the_model_cannot_hear_are_left_out_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    joke = frames(say("joke"))
    said = understood(joke, joke, phrases=("joke", "knock knock zeppelin", ""))
    assert [transcript.text for transcript in said] == ["joke", "joke"]
    (record,) = (record for record in caplog.records if "does not know" in record.message)
    assert vars(record)["words"] == "knock, zeppelin"


def test_phrases_of_which_none_can_be_heard_are_refused() -> None:
    with pytest.raises(RecognitionError, match="none of the phrases"):
        understood(frames(say("joke")), phrases=("zeppelin",))


@pytest.mark.parametrize(
    "recording",
    [
        pytest.param([], id="nothing"),
        pytest.param([b""], id="an empty frame"),
        pytest.param([b"\1"], id="half a sample"),
        pytest.param(frames(silence(3)), id="silence"),
        pytest.param(frames(noise(2, 100)), id="a room"),
    ],
)
def test_a_recording_without_speech_has_no_words(recording: list[bytes]) -> None:
    assert understood(recording) == [Transcript("")]


def test_frames_of_odd_lengths_are_one_recording() -> None:
    pcm = say("tell me a story")
    (said,) = understood([pcm[:641], pcm[641:642], pcm[642:5001], pcm[5001:], b"\1"])
    assert said.text == "tell me a story"


def test_of_a_long_recording_the_beginning_is_understood() -> None:
    (said,) = understood(frames(say("good morning") + silence(30) + say("tell me a joke")))
    assert said.text == "good morning"


def test_a_missing_model_says_how_to_get_one(tmp_path: Path) -> None:
    async def main() -> None:
        recogniser = VoskRecogniser(tmp_path / "nowhere")
        for _ in range(2):
            with pytest.raises(RecognitionError, match="pommai models get"):
                await recogniser.transcribe([bytes(FRAME_BYTES)])
        await recogniser.close()

    asyncio.run(main())


def test_the_model_is_loaded_when_needed_kept_for_a_while_and_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        loads = Loads(monkeypatch)
        recogniser = VoskRecogniser(VOSK_TINY, keep_seconds=0.5)
        recording = frames(say("joke"))
        assert loads.ever == 0
        for _ in range(2):
            await recogniser.transcribe(recording)
        assert (loads.ever, loads.now) == (1, 1)
        await loads.gone.wait()
        assert loads.now == 0
        assert (await recogniser.transcribe(recording)).text == "joke"
        assert (loads.ever, loads.now) == (2, 1)
        await recogniser.close()
        assert loads.now == 0

    asyncio.run(main())


class Gate:
    """Holds Vosk in the middle of a recording until told to go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._go = threading.Event()
        self.pieces = 0
        self.reached = asyncio.Event()
        loop = asyncio.get_running_loop()
        hear: Callable[[VoskListener, bytes], bool] = VoskListener.hear

        def gated(listener: VoskListener, pcm: bytes) -> bool:
            self.pieces += 1
            loop.call_soon_threadsafe(self.reached.set)
            assert self._go.wait(30)
            return hear(listener, pcm)

        monkeypatch.setattr(VoskListener, "hear", gated)

    def open(self) -> None:
        self._go.set()


def test_who_gives_up_is_free_at_once_and_vosk_stops_at_the_next_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        gate = Gate(monkeypatch)
        recogniser = VoskRecogniser(VOSK_TINY)
        task = asyncio.create_task(recogniser.transcribe(frames(say("tell me a joke") + silence(10))))
        await gate.reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        gate.open()
        assert (await recogniser.transcribe(frames(say("joke")[:3200]))).words is not None
        assert gate.pieces <= 3
        await recogniser.close()

    asyncio.run(main())


def test_closing_waits_for_vosk_and_stops_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        gate = Gate(monkeypatch)
        loads = Loads(monkeypatch)
        recogniser = VoskRecogniser(VOSK_TINY)
        task = asyncio.create_task(recogniser.transcribe(frames(silence(20))))
        await gate.reached.wait()
        closing = [asyncio.create_task(recogniser.close()) for _ in range(2)]
        await asyncio.sleep(0)
        assert not any(each.done() for each in closing)
        gate.open()
        await asyncio.gather(*closing)
        assert await task == Transcript("")
        assert gate.pieces == 1
        assert loads.now == 0
        with pytest.raises(RecognitionError, match="closed"):
            await recogniser.transcribe(frames(say("joke")))

    asyncio.run(main())


def test_recordings_given_together_are_understood_one_after_the_other() -> None:
    async def main() -> list[str]:
        recogniser = VoskRecogniser(VOSK_TINY)
        sentences = ("tell me a joke", "good morning", "sing me a song")
        said = await asyncio.gather(*(recogniser.transcribe(frames(say(sentence))) for sentence in sentences))
        await recogniser.close()
        return [transcript.text for transcript in said]

    assert asyncio.run(main()) == ["tell me a joke", "good morning", "sing me a song"]


def test_the_wake_word_is_listened_for_meanwhile_with_the_same_model() -> None:
    def wake() -> bool:
        engine = make_vosk_engine(VOSK_TINY, WakeSpec("vosk", ("hey pommai",)))
        sound = frames(silence(0.5) + say("hey pommai") + silence(1))
        try:
            return sum(engine.hear(frame) is not None for frame in sound) == 1
        finally:
            engine.close()

    async def main() -> None:
        recogniser = VoskRecogniser(VOSK_TINY)
        for _ in range(3):
            woke, said = await asyncio.gather(
                asyncio.to_thread(wake), recogniser.transcribe(frames(say("tell me a story")))
            )
            assert woke
            assert said.text == "tell me a story"
        await recogniser.close()

    asyncio.run(main())


def test_a_recording_is_written_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    opened: list[str] = []
    watching = True

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if watching and event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR):
            opened.append(str(arguments[0]))

    sys.addaudithook(watch)
    try:
        understood(frames(say("tell me a joke")))
    finally:
        watching = False
    assert [name for name in opened if name != os.devnull and "__pycache__" not in name] == []
    assert list(tmp_path.iterdir()) == []


def test_what_was_said_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    understood(frames(say("tell me a joke")))
    assert "joke" not in caplog.text
