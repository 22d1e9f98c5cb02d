"""Cards that are not as the toy would like them: other rates and channels, gone and back, plugged in later.

The real PortAudio on a card made of pipes. The pipes take any format; that a card refuses is said by PyAudio's `open`,
in the words PortAudio has for it.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from audio_material import number, rms, samples, speech
from portaudio_scene import Scene

from pommai.io.alsa_pipes import AlsaPipes
from pommai.io.card_format import CardFormat
from pommai.io.wav import read_wav

REFUSING = """
import pyaudio
asked = []
plain_open = pyaudio.PyAudio.open

def only(*taken, code=pyaudio.paInvalidSampleRate):
    def open(self, **wanted):
        asked.append((wanted["rate"], wanted["channels"]))
        if asked[-1] not in taken:
            raise OSError(code, "Invalid sample rate")
        return plain_open(self, **wanted)
    pyaudio.PyAudio.open = open

"""
LISTENING = """
from pommai.io.capture import Capture, keep_open
from pommai.io.playback import Playback

class Toy:
    # What a toy does with its card: both streams are kept open, whatever becomes of it.
    def __init__(self):
        self.microphone, self.told, self.heard_at = PortAudioMicrophone(), [], []
        self.capture, self.voice = Capture(self.microphone), Playback(PortAudioSpeaker())
        self.tasks = []

    async def start(self):
        for name, part in (("microphone", self.capture), ("speaker", self.voice)):
            lost = lambda reason, name=name: self.told.append([name + ".lost", time.monotonic()])
            back = lambda name=name: self.told.append([name + ".back", time.monotonic()])
            self.tasks.append(asyncio.create_task(part.run(lost, back)))
        self.tasks.append(asyncio.create_task(self.listen()))

    async def listen(self):
        async for _ in self.capture.subscribe(preroll=False):
            self.heard_at.append(time.monotonic())

    def count(self, event):
        return [name for name, _ in self.told].count(event)

    async def stop(self):
        for task in self.tasks:
            task.cancel()
        await asyncio.wait(self.tasks)
"""


@pytest.fixture
def wide_card(tmp_path: Path) -> Iterator[AlsaPipes]:
    pipes = AlsaPipes(tmp_path, tmp_path / "played.wav", CardFormat(48_000, 2))
    pipes.start()
    yield pipes
    pipes.stop()


def alike(said: list[bytes], heard: list[bytes]) -> float:
    """How much of a sound is in another one: the greatest correlation, 0.0..1.0, when it begins within 100 ms."""
    begins = next(i for i, frame in enumerate(heard) if max(samples([frame])) > 100)
    a, all_heard, best = samples(said[:40]), samples(heard[max(0, begins - 2) :]), 0.0
    for late in range(0, 1600, 4):
        b = all_heard[late : late + len(a)]
        product = sum(x * y for x, y in zip(a[::5], b[::5], strict=True)) / len(a[::5])
        best = max(best, product / (rms(a) * rms(b)))
    return best


def test_a_card_of_48_khz_and_two_channels_hears_and_plays_what_was_said(wide_card: AlsaPipes, tmp_path: Path) -> None:
    scene = Scene(
        REFUSING
        + """
async def main():
    only((48000, 2))
    heard, sound = [], sys.modules["audio_material"].speech()[:50]
    microphone, speaker = PortAudioMicrophone(), PortAudioSpeaker()
    await asyncio.gather(microphone.open(heard.append, never), speaker.open(never))
    await until(lambda: len(heard) > 5)
    ready()
    for frame in sound:
        assert speaker.write(frame)
    await speaker.drained()
    await until(lambda: len(heard) > 100)
    await asyncio.sleep(0.1)
    await speaker.close()
    await microphone.close()
    return [asked, [frame.hex() for frame in heard], microphone.dropped, speaker.underruns]
""",
        wide_card.environment,
    )
    scene.until_ready()
    said = speech()[:50]
    wide_card.say(said)
    (asked, heard_hex, dropped, underruns), errors = scene.result()
    wide_card.stop()
    assert asked == [[16_000, 1], [16_000, 2], [44_100, 1], [44_100, 2], [48_000, 1], [48_000, 2]] * 2
    heard = [bytes.fromhex(frame) for frame in heard_hex]
    assert {len(frame) for frame in heard} == {640}
    assert alike(said, heard) > 0.95
    assert alike(said, read_wav(tmp_path / "played.wav")) > 0.95
    assert (dropped, underruns, errors) == (0, 0, "")


def test_a_card_that_refuses_everything_is_an_error_with_a_hint(card: AlsaPipes) -> None:
    scene = Scene(
        REFUSING
        + """
async def main():
    words = []
    for code in (pyaudio.paInvalidSampleRate, pyaudio.paDeviceUnavailable):
        only(code=code)
        try:
            await PortAudioSpeaker("speaker").open(never)
        except DeviceError as error:
            words.append(str(error))
    assert portaudio_host.HOST._users == 0
    return words, asked[-2:]
""",
        card.environment,
    )
    (words, asked), _ = scene.result()
    assert words[0].startswith("the speaker 'speaker' cannot be opened: Invalid sample rate; no rate the toy knows")
    assert words[1].endswith("another program may be using it")
    assert asked[-1] == [16_000, 1], "a card that is busy is not asked for anything else"


def test_a_name_that_alsa_knows_and_portaudio_does_not_list_is_looked_for_once_each_time_it_comes(
    card: AlsaPipes, tmp_path: Path
) -> None:
    conf = tmp_path / "asound.conf"
    (tmp_path / "cards").write_text("")
    scene = Scene(
        f"""
import os
conf, renewed = type(portaudio_host.CARDS)({str(conf)!r}), []
portaudio_host.CARDS = conf.with_name("cards")
text, times = conf.read_text(), iter(range(1, 100))

def write(added):
    conf.write_text(text + added)
    os.utime(conf, (next(times),) * 2)

async def main():
    host, speaker = portaudio_host.HOST, PortAudioSpeaker("speaker")
    renew = host._renew
    host._renew = lambda: (renewed.append(1), renew())
    await speaker.open(never)
    counts = []
    for added in ("", "pcm.tee {{ type null }}", "pcm.tee {{ type null }}", "", "pcm.tee {{ type null }}"):
        write(added)
        try:
            await PortAudioMicrophone("tee").open(never, never)
        except DeviceError as error:
            assert str(error).startswith("there is no microphone named 'tee'")
        counts.append(len(renewed))
    await speaker.close()
    return counts
""",
        card.environment,
    )
    assert scene.result()[0] == [0, 1, 1, 1, 2]


def test_a_portaudio_that_does_not_start_is_a_device_error(card: AlsaPipes) -> None:
    scene = Scene(
        """
import pyaudio

async def main():
    def fails(self): raise OSError(-9999, "Unanticipated host error")
    plain, pyaudio.PyAudio.__init__ = pyaudio.PyAudio.__init__, fails
    heard, words = [], []
    for ask in (PortAudioMicrophone().open(heard.append, never), portaudio_host.HOST.devices()):
        try:
            await ask
        except DeviceError as error:
            words.append(str(error))
    pyaudio.PyAudio.__init__ = plain
    microphone, speaker = PortAudioMicrophone(), PortAudioSpeaker()
    await speaker.open(lambda reason: None)
    portaudio_host.CARDS = type(portaudio_host.CARDS)(portaudio_host.__file__)  # other cards than before
    pyaudio.PyAudio.__init__ = fails
    try:
        await microphone.open(heard.append, never)
    except DeviceError as error:
        words.append(str(error))
    await microphone.close()
    pyaudio.PyAudio.__init__ = plain
    await microphone.open(heard.append, never)
    await until(lambda: heard)
    await microphone.close()
    await speaker.close()
    return words, portaudio_host.HOST._users
""",
        card.environment,
    )
    words, users = scene.result()[0]
    assert [word.startswith("PortAudio does not start: ") for word in words] == [True] * 3
    assert users == 0, "and is started the next time"


def test_without_the_resampler_the_toy_says_what_to_install(card: AlsaPipes) -> None:
    scene = Scene(
        REFUSING
        + """
async def main():
    only((48000, 1))
    from pommai.io import speexdsp
    speexdsp.ctypes.PyDLL = lambda name: (_ for _ in ()).throw(OSError(name))
    try:
        await PortAudioMicrophone().open(never, never)
    except DeviceError as error:
        return str(error)
""",
        card.environment,
    )
    assert "sudo apt-get install libspeexdsp1" in scene.result()[0]


@pytest.mark.parametrize("hangs", [False, True], ids=["vanishes", "hangs and vanishes"])
def test_a_card_that_comes_back_is_heard_and_heard_from_again_without_a_restart(
    card: AlsaPipes, tmp_path: Path, hangs: bool
) -> None:
    scene = Scene(
        LISTENING
        + """
async def main():
    toy = Toy()
    await toy.start()
    await until(lambda: len(toy.heard_at) > 5 and toy.count("speaker.back"))
    ready()
    await until(lambda: toy.count("microphone.lost") and toy.count("speaker.lost"))
    tries, open_stream = [], portaudio_host.HOST.open_stream
    def counted(*arguments):
        tries.append(arguments)
        return open_stream(*arguments)
    portaudio_host.HOST.open_stream = counted
    await until(lambda: len(tries) > 4)  # which fail
    ready()
    await until(lambda: toy.count("microphone.back") == 2 and toy.count("speaker.back") == 2)
    heard = len(toy.heard_at)
    await until(lambda: len(toy.heard_at) > heard + 5)
    toy.voice.play(numbered(5))
    await asyncio.sleep(0.4)
    await toy.stop()
    return [name for name, _ in toy.told]
""",
        card.environment,
    )
    scene.until_ready()
    if hangs:
        card._stopping.set()
        time.sleep(0.5)
    card.stop()
    scene.until_ready()
    card.start()
    names, _ = scene.result()
    assert sorted(names[2:4]) == ["microphone.lost", "speaker.lost"], "told once each"
    assert sorted(names[4:]) == ["microphone.back", "speaker.back"]
    card.stop()
    assert any(any(samples([frame])) for frame in read_wav(tmp_path / "played.wav")), "and it speaks"


def test_a_toy_that_was_held_up_for_seconds_goes_on_with_its_card(card: AlsaPipes, tmp_path: Path) -> None:
    # As a machine that swaps, or one whose clock was stopped: the card's buffers have run over and empty meanwhile.
    scene = Scene(
        LISTENING
        + """
async def main():
    toy = Toy()
    await toy.start()
    await until(lambda: len(toy.heard_at) > 5 and toy.count("speaker.back"))
    toy.voice.play(numbered(20))
    ready()
    began = time.monotonic()
    await until(lambda: time.monotonic() - began > 2.0, 30.0)
    heard = len(toy.heard_at)
    await until(lambda: len(toy.heard_at) > heard + 60)
    toy.voice.play(numbered(25)[20:])
    await asyncio.sleep(0.5)
    await toy.stop()
    return [name for name, _ in toy.told]
""",
        card.environment,
    )
    scene.until_ready()
    scene.process.send_signal(signal.SIGSTOP)
    time.sleep(2.5)
    scene.process.send_signal(signal.SIGCONT)
    names, _ = scene.result()
    assert sorted(names) == ["microphone.back", "speaker.back"], "nothing was lost"
    card.stop()
    played = [number(frame) for frame in read_wav(tmp_path / "played.wav")]
    assert [value for value in played if value] == list(range(1, 26))


@pytest.mark.parametrize("listed", [True, False], ids=["a card of the system", "known to ALSA alone"])
def test_a_card_plugged_in_while_the_other_one_plays_is_found_and_the_other_one_goes_on(
    card: AlsaPipes, tmp_path: Path, listed: bool
) -> None:
    cards, conf = tmp_path / "cards", tmp_path / "asound.conf"
    both = conf.read_text()
    conf.write_text("".join(line for line in both.splitlines(True) if "pcm.microphone" not in line))
    cards.write_text(" 0 [speaker]\n")
    scene = Scene(
        f"""
from pommai.io.capture import Capture
portaudio_host.CARDS = type(portaudio_host.CARDS)({str(cards)!r})

async def main():
    told, speaker, capture = [], PortAudioSpeaker("speaker"), Capture(PortAudioMicrophone("microphone"))
    await speaker.open(lambda reason: told.append("speaker lost"))
    running = asyncio.create_task(capture.run(lambda reason: told.append("lost"), lambda: told.append("back")))
    await until(lambda: "lost" in told)
    ready()
    await until(lambda: "back" in told)
    stream = capture.subscribe(preroll=False)
    for _ in range(5):
        await anext(stream)
    for frame in numbered(10):
        speaker.write(frame)
    await speaker.drained()
    await asyncio.sleep(1.2)  # long enough for its watch to find it still
    running.cancel()
    await asyncio.wait([running])
    await speaker.close()
    return told, portaudio_host.HOST._users
""",
        card.environment,
    )
    scene.until_ready()
    conf.write_text(both)
    os.utime(conf, (1, 1))  # ALSA looks at whole seconds
    if listed:
        cards.write_text(" 0 [speaker]\n 1 [microphone]\n")
    (told, users), _ = scene.result()
    assert told == ["lost", "back"]
    assert users == 0
    card.stop()
    played = [int.from_bytes(frame[:2], "little") for frame in read_wav(tmp_path / "played.wav")]
    assert [value for value in played if value] == list(range(1, 11))


def test_xruns_are_counted_each_and_told_once_a_minute(card: AlsaPipes) -> None:
    scene = Scene(
        """
import logging
from pommai.io import portaudio
from pommai.io.portaudio import _Stream
portaudio.WATCH_SECONDS = 0.02
told = []

class Watching(logging.Handler):
    def emit(self, record):
        told.append(record.times)

async def main():
    portaudio.logger.addHandler(Watching())
    stream = _Stream("speaker", None)
    callbacks = []
    def watched(process):
        callbacks.append(_Stream._make_callback(stream, process))
        return callbacks[0]
    stream._make_callback = watched
    await stream.open(lambda card: lambda data: bytes(640), never)
    for _ in range(3):
        callbacks[0](None, 320, None, 4)
    await until(lambda: told)
    callbacks[0](None, 320, None, 4)
    callbacks[0](None, 320, None, 4)
    await asyncio.sleep(0.2)
    first = list(told)
    stream._xruns_told_at -= 60
    await until(lambda: len(told) > 1)
    await stream.close()
    return first, told, stream.xruns
""",
        card.environment,
    )
    assert scene.result()[0] == [[3], [3, 2], 5]


def test_a_card_that_is_gone_when_the_cards_are_looked_at_anew_is_told_lost_and_the_new_one_is_used(
    card: AlsaPipes, tmp_path: Path
) -> None:
    cards, conf = tmp_path / "cards", tmp_path / "asound.conf"
    without = "".join(line for line in conf.read_text().splitlines(True) if "pcm.speaker" not in line)
    scene = Scene(
        f"""
cards, conf = (type(portaudio_host.CARDS)(name) for name in {(str(cards), str(conf))!r})
portaudio_host.CARDS = cards

async def main():
    heard, reasons = [], []
    speaker, microphone = PortAudioSpeaker("speaker"), PortAudioMicrophone("microphone")
    await speaker.open(reasons.append)
    conf.write_text({without!r})
    cards.write_text("others")
    await microphone.open(heard.append, never)
    await until(lambda: reasons and len(heard) > 5)
    await microphone.close()
    cards.write_text("others again")
    await microphone.open(heard.append, never)  # before the speaker's stream, which has ended, was closed
    await speaker.close()
    try:
        await speaker.open(never)
    except DeviceError as error:
        reasons.append(str(error).splitlines()[0])
    await speaker.close()
    await microphone.close()
    return reasons, portaudio_host.HOST._users, portaudio_host.HOST._streams
""",
        card.environment,
    )
    (reasons, users, streams), _ = scene.result()
    assert reasons[0] == "the speaker has stopped; its card must be gone"
    assert reasons[1].startswith("there is no speaker named 'speaker'")
    assert (users, streams) == (0, [])
