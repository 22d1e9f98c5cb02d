"""Speech on board, with the real espeak-ng; and with programs that behave worse than it does."""

from __future__ import annotations

import asyncio
import gc
import itertools
import math
import os
from array import array
from collections.abc import Sequence
from pathlib import Path

import pytest
from audio_material import rms, samples

from pommai.errors import CodecError, SpeechError
from pommai.io import speech
from pommai.io.ports import Speech
from pommai.io.speech import CACHE_BYTES, FRIENDLY, VOICES, EspeakSpeech
from pommai.protocol.audio import FRAME_BYTES, FRAME_SECONDS
from pommai.protocol.messages import VoiceSettings

SENTENCE = "Once upon a time there was a little bear who could not sleep."
PLAIN = VoiceSettings()


def say(text: str, voice: VoiceSettings = PLAIN, program: str = "espeak-ng") -> list[bytes]:
    return list(asyncio.run(EspeakSpeech(program).speak(text, voice)))


def program(folder: Path, text: str) -> str:
    """A program of that text in place of espeak-ng."""
    path = folder / "espeak-ng"
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return str(path)


def pitch(frames: list[bytes]) -> float:
    """Hertz of the voice: the distance at which the loudest part of it repeats itself."""
    values = samples(frames)
    loudest = max(range(0, len(values) - 1600, 320), key=lambda at: rms(values[at : at + 1600]))
    part = values[loudest : loudest + 1600]

    def likeness(lag: int) -> float:
        pairs = list(zip(part, part[lag:], strict=False))
        return sum(a * b for a, b in pairs) / math.sqrt(sum(a * a for a, _ in pairs) * sum(b * b for _, b in pairs))

    likenesses = {lag: likeness(lag) for lag in range(35, 400)}
    best = max(likenesses.values())
    return 16_000 / next(lag for lag, value in likenesses.items() if value > 0.95 * best)


def alike(one: list[bytes], other: list[bytes]) -> bool:
    """Whether it is the same voice with the same words. espeak-ng 1.52 breathes a little differently each time."""
    if len(one) != len(other):
        return False
    a, b = samples(one), samples(other)
    return sum(x * y for x, y in zip(a, b, strict=True)) > 0.9 * len(a) * rms(a) * rms(b)


def test_a_sentence_is_spoken_in_whole_frames_at_the_pace_of_somebody_who_reads_to_children() -> None:
    port: Speech = EspeakSpeech()
    frames = list(asyncio.run(port.speak(SENTENCE, PLAIN)))
    assert {len(frame) for frame in frames} == {FRAME_BYTES}
    assert 3.0 < len(frames) * FRAME_SECONDS < 4.5
    values = samples(frames)
    assert values[0] == 0
    assert 20 * math.log10(max(map(abs, values)) / 32767) <= -3
    assert -19 < 20 * math.log10(rms(values) / 32767) < -15


def test_the_same_words_are_the_same_sound() -> None:
    assert alike(say(SENTENCE), say(SENTENCE))


def test_speed_and_pitch_are_heard() -> None:
    plain, slow, fast = (len(say(SENTENCE, VoiceSettings(speed=speed))) for speed in (1.0, 0.7, 1.5))
    assert fast < 0.8 * plain
    assert slow > 1.2 * plain
    low, middle, high = (pitch(say("Aaaah", VoiceSettings("en-us", pitch=factor))) for factor in (0.7, 1.0, 1.4))
    assert low / middle == pytest.approx(0.7, rel=0.1)
    assert high / middle == pytest.approx(1.4, rel=0.1)


@pytest.mark.parametrize(("factor", "speed", "pitch"), [(0.25, 80, 0), (1.0, 155, 50), (4.0, 450, 99)])
def test_speed_and_pitch_go_as_far_as_they_go(factor: float, speed: int, pitch: int) -> None:
    assert speech._speed(factor) == speed
    assert speech._pitch(factor) == pitch
    assert say("Hi", VoiceSettings(speed=factor, pitch=factor))


def test_every_voice_of_ours_speaks_and_no_two_personas_sound_alike() -> None:
    for voices in (VOICES, FRIENDLY):
        spoken = [say(SENTENCE, VoiceSettings(voice_id)) for voice_id in voices]
        assert not any(alike(one, other) for one, other in itertools.combinations(spoken, 2))


@pytest.mark.parametrize(
    "voice_id", ["21m00Tcm4TlvDq8ikWAM", "nova", "cat", "-w/tmp/x", "--help", "../../secret", "en-us+f3 -w x", "\ud800"]
)
def test_for_a_voice_that_only_the_server_has_the_same_friendly_one_speaks_always(voice_id: str) -> None:
    spoken = say("Hi", VoiceSettings(voice_id))
    assert alike(spoken, say("Hi", VoiceSettings(voice_id)))
    assert sum(alike(spoken, say("Hi", VoiceSettings(friendly))) for friendly in FRIENDLY) == 1


def test_espeak_voices_go_by_their_own_names() -> None:
    assert not alike(say("Guten Tag", VoiceSettings("de+f2")), say("Guten Tag", VoiceSettings("en-us+f2")))


def test_a_voice_espeak_does_not_have_is_asked_for_once(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        voice = EspeakSpeech()
        for text in ("one", "two", "three"):
            assert await voice.speak(text, VoiceSettings("cat"))

    asyncio.run(main())
    assert [record.message for record in caplog.records] == ["no such voice"]


@pytest.mark.parametrize("text", ["", "🐻", "[[h@l@U]]", "..."])
def test_where_there_are_no_words_nothing_is_said(text: str) -> None:
    assert say(text, program="/no/such/program") == []


def test_the_text_goes_in_at_stdin_and_nowhere_else(tmp_path: Path) -> None:
    fake = program(tmp_path, f'echo "$@" > {tmp_path}/arguments; cat > {tmp_path}/text; exit 1')
    with pytest.raises(SpeechError, match="exit code 1: it did not say why"):
        say("-w /tmp/owned $(reboot); 'quote", VoiceSettings("honey"), fake)
    assert (tmp_path / "text").read_text() == "-w /tmp/owned $(reboot); 'quote"
    assert (tmp_path / "arguments").read_text().split() == (
        ["--stdin", "--stdout", "-z", "-b", "1", "-v", VOICES["honey"], "-s", "155", "-p", "50"]
    )


def test_what_was_said_lately_is_said_again_at_once(tmp_path: Path) -> None:
    real = f'echo >> {tmp_path}/runs; exec espeak-ng "$@"'

    async def main() -> None:
        voice = EspeakSpeech(program(tmp_path, real))
        first = await voice.speak("Hello", PLAIN)
        assert await voice.speak(" Hello 🐻", PLAIN) is first
        await voice.speak("Hello", VoiceSettings("tin"))
        await voice.speak("Hello", PLAIN)
        assert (tmp_path / "runs").read_text() == "\n\n"

    asyncio.run(main())


def test_what_was_said_long_ago_is_forgotten() -> None:
    async def main() -> None:
        voice = EspeakSpeech(cache_bytes=100_000)
        for number in range(12):
            await voice.speak(f"Number {number}", PLAIN)
            await voice.speak("Number 0", PLAIN)
        kept = [request.text for request in voice._cache]
        assert "Number 0" in kept
        assert "Number 11" in kept
        assert "Number 1" not in kept
        size = sum(len(frames) * FRAME_BYTES for frames in voice._cache.values())
        assert voice._cached == size <= 100_000
        nothing = EspeakSpeech(cache_bytes=0)
        await nothing.speak("This is between us", PLAIN)
        assert not nothing._cache

    asyncio.run(main())
    assert CACHE_BYTES <= 2_000_000


def test_a_toy_without_the_program_says_which_package_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(SpeechError, match="apt-get install espeak-ng"):
        say("Hi", program=str(tmp_path / "espeak-ng"))


def test_a_program_that_cannot_be_started_says_why(tmp_path: Path) -> None:
    (tmp_path / "espeak-ng").write_bytes(b"")
    with pytest.raises(SpeechError, match="cannot be started: Permission denied"):
        say("Hi", program=str(tmp_path / "espeak-ng"))


def test_a_toy_without_the_resampler_says_which_package_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object) -> bytes:
        raise CodecError("sudo apt-get install libsoxr0")

    monkeypatch.setattr(speech, "resample", missing)
    with pytest.raises(SpeechError, match="libsoxr0"):
        say("Hi")


def test_the_programs_own_words_are_told(tmp_path: Path) -> None:
    with pytest.raises(SpeechError, match="exit code 3: no phonemes left"):
        say("Hi", program=program(tmp_path, "echo no phonemes left >&2; exit 3"))


HEADER = b"RIFF\xff\xff\xff\x7fWAVEfmt \x10\0\0\0\x01\0%b\0\x22\x56\0\0\x44\xac\0\0\x02\0\x10\0"


@pytest.mark.parametrize(
    "wav",
    [
        b"",
        b"RIFF",
        b"I am no sound at all, but long enough for a header",
        HEADER % b"\x01",
        HEADER % b"\x02" + b"data\xff\xff\xff\x7f" + bytes(100),
        b"RIFF\0\0\0\0WAVEdata\0\0\0\0",
        b"RIFF\0\0\0\0WAVE" + b"junk\0\0\0\0" * 100,
    ],
)
def test_what_is_no_sound_is_an_error(tmp_path: Path, wav: bytes) -> None:
    (tmp_path / "wav").write_bytes(wav)
    with pytest.raises(SpeechError, match="no sound that can be played"):
        say("Hi", program=program(tmp_path, f"cat {tmp_path}/wav"))


def test_other_chunks_and_half_a_sample_are_no_trouble(tmp_path: Path) -> None:
    tone = array("h", [round(9000 * math.sin(i / 20)) for i in range(2205)]).tobytes()
    header = HEADER % b"\x01"
    (tmp_path / "wav").write_bytes(header + b"LIST\x03\0\0\0abc\0" + b"data\xff\xff\xff\x7f" + tone + b"\x01")
    assert 4 <= len(say("Hi", program=program(tmp_path, f"cat {tmp_path}/wav"))) <= 6


def test_a_program_that_never_ends_talking_is_ended_and_what_it_said_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speech, "_MOST_BYTES", 44_100)
    (tmp_path / "header").write_bytes(HEADER % b"\x01" + b"data\xff\xff\xff\x7f")
    endless = f"echo $$ > {tmp_path}/pid; cat {tmp_path}/header; exec tr '\\0' '~' < /dev/zero"
    frames = say("Hi", program=program(tmp_path, endless))
    assert 45 <= len(frames) <= 51
    assert_gone(tmp_path)


def assert_gone(folder: Path) -> None:
    """The program is neither running nor a zombie."""
    pid = int((folder / "pid").read_text())
    assert not Path(f"/proc/{pid}").exists()


SLEEPER = "echo $$ > {0}/pid.new; mv {0}/pid.new {0}/pid; exec sleep 100"


def test_a_program_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speech, "SECONDS", 0.3)
    with pytest.raises(SpeechError, match=r"not spoken within 0.3 s"):
        say("Hi", program=program(tmp_path, SLEEPER.format(tmp_path)))
    assert_gone(tmp_path)


def test_being_interrupted_leaves_no_process_and_nothing_open(tmp_path: Path) -> None:
    async def main() -> None:
        voice = EspeakSpeech(program(tmp_path, SLEEPER.format(tmp_path)))
        files = len(os.listdir("/proc/self/fd"))
        for _ in range(3):
            (tmp_path / "pid").unlink(missing_ok=True)
            speaking = asyncio.create_task(voice.speak("Hi", PLAIN))
            while not (tmp_path / "pid").exists():
                await asyncio.sleep(0.005)
            speaking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await speaking
            assert_gone(tmp_path)
        assert len(os.listdir("/proc/self/fd")) <= files + 1
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())
    gc.collect()  # would warn of what was left open


@pytest.mark.parametrize("moment", [0.0, 0.001, 0.005, 0.02, 0.05])
def test_it_may_be_interrupted_at_any_moment(moment: float) -> None:
    async def main() -> None:
        voice = EspeakSpeech()
        speaking = asyncio.create_task(voice.speak(SENTENCE, PLAIN))
        await asyncio.sleep(moment)
        speaking.cancel()
        await asyncio.wait([speaking])
        assert await voice.speak("Hi", PLAIN)

    asyncio.run(main())
    gc.collect()


def test_two_may_speak_at_once() -> None:
    async def main() -> list[Sequence[bytes]]:
        voice = EspeakSpeech()
        return await asyncio.gather(voice.speak("one", PLAIN), voice.speak("two", PLAIN))

    one, two = asyncio.run(main())
    assert alike(list(one), say("one"))
    assert alike(list(two), say("two"))
