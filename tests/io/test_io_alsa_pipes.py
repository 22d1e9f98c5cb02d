"""The card made of pipes, seen from the ends ALSA has. With PortAudio on it: see test_io_portaudio."""

from __future__ import annotations

import array
import asyncio
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from audio_material import number, numbered

from pommai.errors import AudioDeviceError
from pommai.io.alsa_pipes import WIDTH, AlsaPipes, bytes_in
from pommai.io.wav import read_wav
from pommai.protocol.audio import FRAME_BYTES


@pytest.fixture
def card(tmp_path: Path) -> Iterator[AlsaPipes]:
    pipes = AlsaPipes(tmp_path, tmp_path / "played.wav")
    pipes.start()
    yield pipes
    pipes.stop()


def wide(frame: bytes) -> bytes:
    """A frame as ALSA writes it: the sound in the first of WIDTH channels."""
    samples = array.array("h", bytes(WIDTH * FRAME_BYTES))
    samples[::WIDTH] = array.array("h", frame)
    return samples.tobytes()


def test_starting_makes_two_pipes_and_the_configuration_that_names_them(card: AlsaPipes, tmp_path: Path) -> None:
    configuration = Path(card.environment["ALSA_CONFIG_PATH"]).read_text()
    for name in ("microphone.fifo", "speaker.fifo"):
        assert stat.S_ISFIFO((tmp_path / name).stat().st_mode)
        assert f'"{tmp_path / name}"' in configuration


def test_what_is_said_comes_out_of_the_microphones_pipe_in_order(card: AlsaPipes, tmp_path: Path) -> None:
    with (tmp_path / "microphone.fifo").open("rb", buffering=0) as pipe:
        for _ in range(3):
            assert number(pipe.read(FRAME_BYTES)) == 0
        card.say(numbered(5))
        card.say(numbered(2))
        heard: list[int] = []
        while heard[-1:] != [0] or 1 not in heard:
            heard.append(number(pipe.read(FRAME_BYTES)))
    assert [value for value in heard if value] == [1, 2, 3, 4, 5, 1, 2]
    assert heard.index(1) + 8 == len(heard), "no silence in between"


def test_what_nobody_listened_to_is_gone(card: AlsaPipes, tmp_path: Path) -> None:
    async def main() -> None:
        card.say(numbered(25))
        await card.said()

    asyncio.run(main())
    with (tmp_path / "microphone.fifo").open("rb", buffering=0) as pipe:
        heard = [number(pipe.read(FRAME_BYTES)) for _ in range(10)]
    assert len([value for value in heard if value]) <= 6, "no more than the pipe holds"


def test_what_is_written_to_the_speakers_pipe_is_recorded(card: AlsaPipes, tmp_path: Path) -> None:
    def play(data: bytes) -> None:
        with (tmp_path / "speaker.fifo").open("wb", buffering=0) as pipe:
            while data:
                data = data[pipe.write(data) :]
        while bytes_in(card._speaker) or card._partial:
            time.sleep(0.01)

    play(b"".join(map(wide, numbered(5))) + bytes(100))  # killed within a frame
    play(b"".join(map(wide, numbered(7)[5:])))
    card.stop()
    played = [number(frame) for frame in read_wav(tmp_path / "played.wav")]
    assert [value for value in played if value] == [1, 2, 3, 4, 5, 6, 7]


def test_waiting_for_what_is_said_ends_when_the_card_is_unplugged(card: AlsaPipes) -> None:
    async def main() -> None:
        card.say(numbered(10_000))
        waiting = asyncio.create_task(card.said())
        await asyncio.sleep(0)
        card.stop()
        await waiting

    asyncio.run(main())


def test_a_card_can_be_plugged_in_again(tmp_path: Path) -> None:
    pipes = AlsaPipes(tmp_path, tmp_path / "played.wav")
    for _ in range(2):
        pipes.start()
        with (tmp_path / "microphone.fifo").open("rb", buffering=0) as pipe:
            assert len(pipe.read(FRAME_BYTES)) == FRAME_BYTES
        pipes.stop()
        pipes.stop()


def test_who_hangs_on_a_card_that_was_unplugged_comes_free_when_it_is_plugged_in_again(tmp_path: Path) -> None:
    pipes = AlsaPipes(tmp_path, tmp_path / "played.wav")
    pipes.start()
    with (tmp_path / "speaker.fifo").open("wb", buffering=0) as player:
        pipes.stop()
        os.set_blocking(player.fileno(), False)
        while player.write(bytes(4096)):  # as much as there is room for; a player would wait now
            pass
        os.set_blocking(player.fileno(), True)
        pipes.start()
        assert player.write(bytes(65_536)) == 65_536
        player.close()
        pipes.stop()
    assert not pipes._left, "and then nobody plays any more"


def test_a_folder_that_is_not_there_is_an_error_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(AudioDeviceError, match=r"no sound pipes can be made in .*missing: No such file"):
        AlsaPipes(tmp_path / "missing", tmp_path / "played.wav").start()
