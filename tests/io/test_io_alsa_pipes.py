"""The card made of pipes, seen from the ends ALSA has. With PortAudio on it: see test_io_portaudio."""

from __future__ import annotations

import array
import asyncio
import os
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from audio_material import number, numbered, speech

from pommai.errors import AudioDeviceError
from pommai.io.alsa_pipes import HEARD_LATE, WIDTH, AlsaPipes, _see_off, bytes_in
from pommai.io.card_format import TOYS_OWN, CardFormat, to_card
from pommai.io.wav import read_wav
from pommai.protocol.audio import FRAME_BYTES, SAMPLE_BYTES


def wide(frame: bytes) -> bytes:
    """A frame as ALSA writes it: the sound in the first of WIDTH channels."""
    samples = array.array("h", bytes(WIDTH * FRAME_BYTES))
    samples[::WIDTH] = array.array("h", frame)
    return samples.tobytes()


def test_starting_makes_two_pipes_and_the_configuration_that_names_them(card: AlsaPipes, tmp_path: Path) -> None:
    configuration = Path(card.environment["ALSA_CONFIG_PATH"]).read_text()
    for name in ("microphone.fifo", "speaker.fifo"):
        assert stat.S_ISFIFO((tmp_path / "card" / name).stat().st_mode)
        assert f'"{tmp_path / "card" / name}"' in configuration


def test_what_is_said_comes_out_of_the_microphones_pipe_in_order(card: AlsaPipes, tmp_path: Path) -> None:
    with (tmp_path / "card" / "microphone.fifo").open("rb", buffering=0) as pipe:
        for _ in range(3):
            assert number(pipe.read(FRAME_BYTES)) == 0
        card.say(numbered(5))
        card.say(numbered(2))
        heard: list[int] = []
        while heard[-1:] != [0] or 1 not in heard:
            heard.append(number(pipe.read(FRAME_BYTES)))
    assert [value for value in heard if value] == [1, 2, 3, 4, 5, 1, 2]
    assert heard.index(1) + 8 == len(heard), "no silence in between"


def beats(card: AlsaPipes, count: int) -> None:
    """So many beats by hand, in place of the pacer's."""
    if not card._stopping.is_set():
        card._stopping.set()
        assert card._thread is not None
        card._thread.join()
    for _ in range(count):
        card._speak()


@pytest.mark.parametrize("card_format", [TOYS_OWN, CardFormat(16_000, 2), CardFormat(48_000, 1), CardFormat(48_000, 2)])
def test_who_is_held_up_for_less_than_a_second_misses_nothing(tmp_path: Path, card_format: CardFormat) -> None:
    card = AlsaPipes(tmp_path, tmp_path / "played.wav", card_format)
    card.start()
    beats(card, 1)
    size = card_format.frame_samples * card_format.channels * SAMPLE_BYTES
    with (tmp_path / "card" / "microphone.fifo").open("rb", buffering=0) as pipe:
        pipe.read(bytes_in(card._microphone))
        card.say(speech()[:HEARD_LATE])
        beats(card, HEARD_LATE)
        wanted = to_card(card_format)
        for frame in speech()[:HEARD_LATE]:
            assert pipe.read(size) == wanted(frame)
        card.say(numbered(7))
        beats(card, 7)
        assert len(pipe.read(8 * size)) == 7 * size, "and who has kept up again neither"
    card.stop()


def test_what_nobody_listened_to_is_gone(card: AlsaPipes, tmp_path: Path) -> None:
    beats(card, 0)
    with (tmp_path / "card" / "microphone.fifo").open("rb", buffering=0) as pipe:
        card.say(numbered(60))
        beats(card, 25)
        assert number(pipe.read(bytes_in(card._microphone))[-FRAME_BYTES:]) == 25
        beats(card, 25)
        assert number(pipe.read(FRAME_BYTES)) == 26
        beats(card, 10)
        assert bytes_in(card._microphone) == 34 * FRAME_BYTES
        beats(card, HEARD_LATE - 10)
        card.say(numbered(3))
        beats(card, 3)
        assert number(pipe.read(bytes_in(card._microphone))) == 3, "nothing but the latest"


def test_who_hears_too_slowly_for_too_long_loses_what_waits(card: AlsaPipes, tmp_path: Path) -> None:
    beats(card, 0)
    with (tmp_path / "card" / "microphone.fifo").open("rb", buffering=0) as pipe:
        card.say(numbered(200))
        heard = []
        for _ in range(40):
            beats(card, 5)
            heard.append(number(pipe.read(FRAME_BYTES)))
    assert heard == sorted(set(heard)), "in order, none twice"
    assert heard[-1] > 100, "and not for ever later"


def test_what_is_written_to_the_speakers_pipe_is_recorded(card: AlsaPipes, tmp_path: Path) -> None:
    def play(data: bytes) -> None:
        with (tmp_path / "card" / "speaker.fifo").open("wb", buffering=0) as pipe:
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
        with (tmp_path / "card" / "microphone.fifo").open("rb", buffering=0) as pipe:
            assert len(pipe.read(FRAME_BYTES)) == FRAME_BYTES
        pipes.stop()
        pipes.stop()


def until(truth: Callable[[], bool]) -> None:
    limit = time.monotonic() + 10
    while not truth():
        assert time.monotonic() < limit
        time.sleep(0.005)


def test_a_card_that_was_unplugged_refuses_whoever_opens_it_and_nothing_waits_for_ever(tmp_path: Path) -> None:
    pipes = AlsaPipes(tmp_path, tmp_path / "played.wav")
    for _ in range(3):
        pipes.start()
        pipes.stop()
        for name, mode in (("microphone.fifo", os.O_RDONLY), ("speaker.fifo", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)):
            with pytest.raises(FileNotFoundError):  # even one who makes what is not there, as ALSA does
                os.open(tmp_path / "card" / name, mode, 0o600)
    until(lambda: sorted(path.name for path in tmp_path.iterdir()) == ["asound.conf", "played.wav"])


def test_who_plays_while_the_card_is_unplugged_goes_on_into_the_void_and_who_hears_comes_to_the_end(
    tmp_path: Path,
) -> None:
    pipes = AlsaPipes(tmp_path, tmp_path / "played.wav")
    pipes.start()
    player, ear = (
        (tmp_path / "card" / "speaker.fifo").open("wb", buffering=0),
        os.open(tmp_path / "card" / "microphone.fifo", os.O_RDONLY),
    )
    pipes._stopping.set()  # the card hangs first, and its player with it
    os.set_blocking(player.fileno(), False)
    while player.write(bytes(4096)):
        pass
    os.set_blocking(player.fileno(), True)
    pipes.stop()
    assert player.write(bytes(1_000_000)) == 1_000_000
    while os.read(ear, 65_536):
        pass
    pipes.start()  # another one, for others
    assert player.write(bytes(1_000_000)) == 1_000_000
    player.close()
    os.close(ear)
    pipes.stop()
    until(lambda: not list(tmp_path.glob("card*")))


def test_who_had_found_the_microphone_before_it_was_hidden_does_not_wait_for_it_for_ever(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "microphone.fifo")
    os.mkfifo(tmp_path / "speaker.fifo")
    speaker = os.open(tmp_path / "speaker.fifo", os.O_RDONLY | os.O_NONBLOCK)
    heard: list[bytes] = []
    late = threading.Thread(target=lambda: heard.append((tmp_path / "microphone.fifo").read_bytes()))
    late.start()
    _see_off(tmp_path, speaker)
    late.join(10)
    assert heard == [b""]


def test_alsa_notices_every_change_of_the_configuration(tmp_path: Path) -> None:
    # It looks at the inode and at the time in whole seconds, and a card may come and go within one.
    pipes = AlsaPipes(tmp_path, tmp_path / "played.wav")
    seen = []
    for _ in range(5):
        for change in (pipes.start, pipes.stop):
            change()
            found = (tmp_path / "asound.conf").stat()
            seen.append(int(found.st_mtime))
    assert len(set(seen)) == 10


def test_a_folder_that_is_not_there_is_an_error_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(AudioDeviceError, match=r"no sound pipes can be made in .*missing: No such file"):
        AlsaPipes(tmp_path / "missing", tmp_path / "played.wav").start()


@pytest.mark.parametrize("name", ["my toys", "a:b", 'the "big" one', "a\\b"])
def test_a_folder_whose_name_alsa_does_not_take_as_it_is_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(AudioDeviceError, match=r"ALSA takes a space, a colon.* name another folder, in TMPDIR"):
        AlsaPipes(tmp_path / name, tmp_path / "played.wav").start()
    assert not (tmp_path / "played.wav").exists()
