"""WAV files as sound, microphone and speaker."""

from __future__ import annotations

import asyncio
import errno
import shutil
import subprocess
import sys
import wave
from pathlib import Path

import pytest
from audio_material import SENTENCE, number, numbered, run_virtually, speech
from hypothesis import given
from hypothesis import strategies as st

from pommai.errors import AudioDeviceError, SoundError
from pommai.io.wav import WavMicrophone, WavRecorder, WavSpeaker, read_wav, write_wav
from pommai.protocol.audio import FRAME_BYTES, SILENCE


def never(reason: str) -> None:
    raise AssertionError(reason)


def make(path: Path, *, rate: int = 16_000, channels: int = 1, width: int = 2, data: bytes = bytes(1280)) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setframerate(rate)
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.writeframes(data)
    return path


def test_what_is_written_is_read_again_and_the_wave_module_agrees(tmp_path: Path) -> None:
    path = tmp_path / "numbers.wav"
    write_wav(path, numbered(7))
    assert read_wav(path) == numbered(7)
    with wave.open(str(path)) as file:
        assert file.getparams()[:4] == (1, 2, 16_000, 7 * 320)


def test_the_last_frame_is_filled_up_with_silence(tmp_path: Path) -> None:
    frames = read_wav(make(tmp_path / "short.wav", data=b"\1\2" * 321))
    assert [len(frame) for frame in frames] == [FRAME_BYTES, FRAME_BYTES]
    assert frames[1] == b"\1\2".ljust(FRAME_BYTES, b"\0")


@pytest.mark.parametrize(
    ("rate", "channels", "width", "words"),
    [
        (44_100, 2, 2, "44,100 Hz, stereo, 16 bit"),
        (16_000, 6, 2, "16,000 Hz, 6 channels, 16 bit"),
        (16_000, 1, 1, "16,000 Hz, mono, 8 bit"),
        (8_000, 1, 2, "8,000 Hz, mono, 16 bit"),
    ],
)
def test_another_format_is_named_and_the_command_given_really_converts_it(
    tmp_path: Path, rate: int, channels: int, width: int, words: str
) -> None:
    path = make(tmp_path / "it's mine.wav", rate=rate, channels=channels, width=width, data=bytes(24_000))
    with pytest.raises(SoundError, match=words) as caught:
        read_wav(path)
    command = str(caught.value).partition("Convert it with: ")[2]
    assert shutil.which("sox"), "sox belongs to the system packages of the tests"
    subprocess.run(command, shell=True, check=True, capture_output=True)
    assert read_wav(path.with_suffix(".16k.wav"))


def test_a_file_that_is_missing_or_a_folder_is_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(SoundError, match="there is no file"):
        read_wav(tmp_path / "nothing.wav")
    with pytest.raises(SoundError, match="cannot be read"):
        read_wav(tmp_path)


def test_a_file_that_breaks_off_is_refused_at_every_length(tmp_path: Path) -> None:
    whole = make(tmp_path / "whole.wav").read_bytes()
    part = tmp_path / "part.wav"
    for length in range(len(whole)):
        part.write_bytes(whole[:length])
        with pytest.raises(SoundError):
            read_wav(part)


@given(st.binary(max_size=100), st.booleans())
def test_garbage_is_no_sound(tmp_path_factory: pytest.TempPathFactory, garbage: bytes, header: bool) -> None:
    path = tmp_path_factory.getbasetemp() / "garbage.wav"
    path.write_bytes((b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0" if header else b"") + garbage)
    try:
        read_wav(path)
    except SoundError as error:
        words = str(error)
    else:
        words = "by chance a sound"
    assert words


def test_the_microphone_says_its_file_at_real_time_pace_and_then_silence() -> None:
    async def main() -> list[tuple[float, bytes]]:
        heard: list[tuple[float, bytes]] = []
        loop = asyncio.get_running_loop()
        microphone = WavMicrophone(SENTENCE)
        await microphone.open(lambda frame: heard.append((loop.time(), frame)), never)
        await microphone.said()
        await asyncio.sleep(0.5)
        await microphone.close()
        await microphone.close()
        await asyncio.sleep(0.5)
        return heard

    heard = run_virtually(main())
    said = speech()
    assert [frame for _, frame in heard] == said + [SILENCE] * 25
    assert [time for time, _ in heard] == pytest.approx([0.02 * (index + 1) for index in range(len(heard))])


def test_the_microphone_is_told_what_to_say_at_a_moment() -> None:
    async def main() -> list[int]:
        heard: list[int] = []
        microphone = WavMicrophone()
        await microphone.said()
        await microphone.open(lambda frame: heard.append(number(frame)), never)
        await asyncio.sleep(0.05)
        microphone.say(numbered(2))
        microphone.say(numbered(1))
        await microphone.said()
        await asyncio.sleep(0.021)
        await microphone.close()
        return heard

    assert run_virtually(main()) == [0, 0, 1, 2, 1, 0]


def test_the_speaker_keeps_the_timing_inside_a_reply_and_shortens_the_waiting_between(tmp_path: Path) -> None:
    path = tmp_path / "reply.wav"

    async def main() -> None:
        speaker = WavSpeaker(path)
        await speaker.open(never)
        for pause in (3.0, 0.1, 60.0):
            await asyncio.sleep(pause)
            for frame in numbered(2):
                speaker.write(frame)
            await speaker.drained()
        await asyncio.sleep(2)
        await speaker.close()
        await speaker.close()

    run_virtually(main())
    assert [number(frame) for frame in read_wav(path)] == [1, 2] + [0] * 5 + [1, 2] + [0] * 50 + [1, 2]


def test_a_speaker_opened_again_goes_on_with_its_file(tmp_path: Path) -> None:
    async def main() -> None:
        speaker = WavSpeaker(tmp_path / "reply.wav")
        for frame in numbered(2):
            await speaker.open(never)
            speaker.write(frame)
            await speaker.drained()
            await speaker.close()

    run_virtually(main())
    assert [number(frame) for frame in read_wav(tmp_path / "reply.wav")] == [1, 2]


def test_a_speaker_that_played_nothing_leaves_an_empty_sound(tmp_path: Path) -> None:
    async def main() -> None:
        speaker = WavSpeaker(tmp_path / "reply.wav")
        await speaker.open(never)
        await speaker.close()

    run_virtually(main())
    assert read_wav(tmp_path / "reply.wav") == []


def test_a_recording_is_a_valid_file_when_the_process_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "killed.wav"
    program = (
        "import os, sys; from pathlib import Path; from pommai.io.wav import WavRecorder\n"
        f"recorder = WavRecorder(Path({str(path)!r})); recorder.open()\n"
        "for index in range(120): recorder.add(bytes([1]) * 640)\n"
        "os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 9
    assert len(read_wav(path)) == 100


def test_a_folder_that_is_not_there_is_an_error_with_its_name(tmp_path: Path) -> None:
    async def main() -> None:
        with pytest.raises(AudioDeviceError, match=r"missing/reply\.wav"):
            await WavSpeaker(tmp_path / "missing" / "reply.wav").open(never)

    asyncio.run(main())


def test_a_full_disk_at_opening_is_an_error_with_its_reason() -> None:
    async def main() -> None:
        speaker = WavSpeaker(Path("/dev/full"))
        with pytest.raises(AudioDeviceError, match="/dev/full cannot be written: No space left"):
            await speaker.open(never)
        await speaker.close()

    asyncio.run(main())


def test_a_disk_that_fills_up_while_playing_is_told_once_as_the_loss_of_the_speaker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_recorder: WavRecorder, _frame: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    async def main() -> list[str]:
        reasons: list[str] = []
        speaker = WavSpeaker(tmp_path / "reply.wav")
        await speaker.open(reasons.append)
        monkeypatch.setattr(WavRecorder, "add", full)
        speaker.write(SILENCE)
        await speaker.drained()
        await asyncio.sleep(1)
        assert not speaker.write(SILENCE)
        await speaker.close()
        return reasons

    assert [reason.rpartition(": ")[2] for reason in run_virtually(main())] == ["No space left on device"]


def test_silence_alone_is_never_written(tmp_path: Path) -> None:
    recorder = WavRecorder(tmp_path / "silence.wav")
    recorder.open()
    for _ in range(500):
        recorder.add(SILENCE)
    recorder.close()
    assert read_wav(tmp_path / "silence.wav") == []
