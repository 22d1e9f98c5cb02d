"""The sound card's adapters, with the real PortAudio on a card made of pipes.

ALSA reads its configuration when PortAudio starts, so each scene plays in a process of its own.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from audio_material import number, numbered
from portaudio_scene import Scene

from pommai.io.alsa_pipes import AlsaPipes
from pommai.io.portaudio import _Stream
from pommai.io.wav import read_wav


@pytest.fixture
def no_card(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "none.conf").write_text("pcm.default { type hw card 99 }\nctl.default { type hw card 99 }\n")
    return {"ALSA_CONFIG_PATH": str(tmp_path / "none.conf")}


def test_every_sample_said_is_captured_and_every_sample_written_is_played(card: AlsaPipes, tmp_path: Path) -> None:
    scene = Scene(
        """
        async def main():
            heard, counts = [], []
            microphone, speaker = PortAudioMicrophone(), PortAudioSpeaker("SPEAK")
            assert not speaker.write(bytes(640))
            await asyncio.gather(microphone.open(heard.append, never), speaker.open(never))
            await until(lambda: len(heard) > 10)
            assert [speaker.write(frame) for frame in numbered(51)].count(True) >= 50
            ready()
            await speaker.drained()
            await until(lambda: 60 in map(number, heard))
            await speaker.close()
            await microphone.close()
            silence = len(heard)
            counts += [microphone.xruns, microphone.dropped, speaker.xruns, speaker.underruns]
            await microphone.close()
            assert portaudio_host.HOST._users == 0

            await microphone.open(heard.append, never)
            await speaker.open(never)
            assert portaudio_host.HOST._users == 2
            speaker.write(numbered(100)[99])
            await speaker.drained()
            await until(lambda: len(heard) > silence + 5)
            await speaker.close()
            await microphone.close()
            return [[number(frame) for frame in heard[:silence]], {len(frame) for frame in heard} == {640}, counts]
        """,
        card.environment,
    )
    scene.until_ready()
    card.say(numbered(60))
    (heard, whole, counts), errors = scene.result()
    card.stop()
    said = [value for value in heard if value]
    assert said == list(range(1, 61))
    assert heard[heard.index(1) : heard.index(60) + 1] == said, "no silence in between"
    assert whole
    assert counts[1] == 0
    assert errors == ""
    played = [number(frame) for frame in read_wav(tmp_path / "played.wav")]
    assert played[:50] == list(range(1, 51)), "the first frame is not clipped"
    assert played[-1] == 100


def test_flushing_makes_the_card_silent_at_once(card: AlsaPipes, tmp_path: Path) -> None:
    scene = Scene(
        """
        async def main():
            speaker = PortAudioSpeaker()
            await speaker.open(never)
            for frame in numbered(50):
                speaker.write(frame)
            await until(lambda: speaker.queued <= 45)
            speaker.flush()
            left = speaker.queued
            await speaker.drained()
            await asyncio.sleep(0.1)
            speaker.write(numbered(100)[99])
            await speaker.drained()
            await asyncio.sleep(0.3)
            await speaker.close()
            return left
        """,
        card.environment,
    )
    assert scene.result()[0] == 0
    card.stop()
    played = [value for frame in read_wav(tmp_path / "played.wav") if (value := number(frame))]
    assert 5 <= len(played[:-1]) < 50, "five, and what was played until a busy machine looked"
    assert played == [*range(1, len(played)), 100]


def test_a_busy_event_loop_costs_the_oldest_frames_and_they_are_counted(card: AlsaPipes) -> None:
    scene = Scene(
        """
        async def main():
            heard = []
            microphone = PortAudioMicrophone()
            await microphone.open(lambda frame: heard.append(number(frame)), never)
            await until(lambda: len(heard) > 5)
            ready()
            await until(lambda: 1 in heard)
            while microphone.dropped < 20:
                time.sleep(0.02)
            await until(lambda: 100 in heard)
            await microphone.close()
            return [[value for value in heard if value], microphone.dropped]
        """,
        card.environment,
    )
    scene.until_ready()
    card.say(numbered(100))
    (heard, dropped), _ = scene.result()
    assert heard == sorted(set(heard)), "in order, none twice"
    assert dropped >= 20
    assert len(heard) + dropped == 100


def test_the_event_loop_is_woken_for_every_frame_only_while_somebody_listens(card: AlsaPipes) -> None:
    scene = Scene(
        """
        class Watched(PortAudioMicrophone):
            def _hand_over(self):
                self.sizes.append(len(self._frames))
                super()._hand_over()

        async def main():
            heard, idle, patient, attended = [], [], [], []
            microphone = Watched()
            microphone.sizes = idle
            await microphone.open(heard.append, never)
            await until(lambda: len(idle) == 2)
            microphone.attend(0.1)
            microphone.sizes = patient
            await until(lambda: len(patient) == 4)
            microphone.attend(0.0)
            microphone.sizes = attended
            await until(lambda: 1 in attended)
            await microphone.close()
            return idle[:2], patient[:4]
        """,
        card.environment,
    )
    (idle, patient), _ = scene.result()
    assert min(idle) >= 25
    assert min(patient[1:]) >= 5, "the first was held back before"


VANISHING = """
async def main():
    reasons, heard = [], []
    microphone, speaker = PortAudioMicrophone(), PortAudioSpeaker()
    await microphone.open(heard.append, lambda reason: reasons.append(reason))
    await speaker.open(lambda reason: reasons.append(reason))
    await until(lambda: len(heard) > 5)
    for frame in numbered(50):
        speaker.write(frame)
    ready()
    await until(lambda: len(reasons) == 2)
    await speaker.drained()
    assert not speaker.write(bytes(640))
    await asyncio.sleep(0.6)
    began = time.monotonic()
    await microphone.close()
    await speaker.close()
    return [sorted(reasons), time.monotonic() - began]
"""


def test_a_card_that_is_pulled_out_is_noticed_by_both_streams_once(card: AlsaPipes) -> None:
    scene = Scene(VANISHING, card.environment)
    scene.until_ready()
    card.stop()
    (reasons, closing), _ = scene.result()
    microphone, speaker = reasons
    assert (microphone.startswith("the microphone "), speaker.startswith("the speaker ")) == (True, True)
    assert all(reason.endswith("its card must be gone") for reason in reasons)
    assert closing < 5


class Watched:
    """A stream of PortAudio's as its watch sees it; the time is the test's."""

    def __init__(self) -> None:
        self.is_changing, self.now = False, 100.0
        self.reasons: list[str] = []
        self.stream = _Stream("microphone", None)
        self.stream._stream = self  # type: ignore[assignment]
        self.stream._looked_at = self.now
        self.stream._lost = self.reasons.append

    def is_active(self) -> bool:
        return True

    def time(self) -> float:
        return self.now

    def call_later(self, *_: object) -> None:
        pass

    def look(self, frames: int, seconds: float = 0.5) -> list[str]:
        self.now += seconds
        self.stream._turns += frames
        self.stream._look(self)  # type: ignore[arg-type]
        return self.reasons


def test_a_stream_that_is_opened_anew_together_with_another_may_take_its_time_and_has_not_been_lost() -> None:
    watched = Watched()
    watched.is_changing = True
    assert [*map(watched.look, [25, 0, 0, 0, 0, 0])] == [[]] * 6
    watched.is_changing = False
    assert watched.look(0) == []
    assert watched.look(0) == ["the microphone has not moved for a second; its card must be gone"]


@pytest.mark.parametrize(
    ("frames", "seconds", "looks"),
    [(25, 0.5, None), (26, 0.5, None), (1450, 28.0, None), (120, 0.5, 19), (700, 0.5, 3), (1501, 0.5, 1)],
)
def test_a_stream_that_runs_ahead_of_time_is_told_however_busy_the_machine(
    frames: int, seconds: float, looks: int | None
) -> None:
    watched = Watched()
    for look in range(1, 5001):
        if reasons := watched.look(frames, seconds):
            assert (look, reasons) == (looks, ["the microphone runs far too fast; its card must be gone"])
            return
    assert looks is None


def test_a_card_that_hangs_is_noticed_and_closing_it_does_not_hang(card: AlsaPipes) -> None:
    scene = Scene(VANISHING, card.environment)
    scene.until_ready()
    card._stopping.set()  # the pipes stay, but nothing moves in them any more
    (reasons, closing), _ = scene.result()
    assert reasons == [
        "the microphone has not moved for a second; its card must be gone",
        "the speaker has not moved for a second; its card must be gone",
    ]
    assert closing < 5


def test_a_sound_system_that_hangs_at_opening_is_given_up_and_not_asked_again(tmp_path: Path) -> None:
    silent = tmp_path / "silent"
    os.mkfifo(silent)  # nobody is at its other end: PortAudio waits for ever while it looks for devices
    (tmp_path / "asound.conf").write_text(
        f'pcm.default {{ type file slave.pcm {{ type null }} file "/dev/null" infile "{silent}" format raw }}\n'
    )
    scene = Scene(
        """
        portaudio_host.OPEN_SECONDS = 0.5

        async def main():
            words = []
            for device in (PortAudioMicrophone(), PortAudioSpeaker()):
                try:
                    await (device.open(never, never) if words == [] else device.open(never))
                except DeviceError as error:
                    words.append(str(error))
                await device.close()
            return words
        """,
        {"ALSA_CONFIG_PATH": str(tmp_path / "asound.conf")},
    )
    assert scene.result()[0] == [
        "the sound system hangs: opening the microphone took longer than 0.5 s",
        "the sound system hangs: opening the microphone has not come back",
    ]


def test_a_machine_without_a_sound_card_says_so_and_nothing_else(no_card: dict[str, str]) -> None:
    scene = Scene(
        """
        async def main():
            words = []
            for device, listeners in ((PortAudioMicrophone(), 2), (PortAudioSpeaker(), 1), (PortAudioSpeaker("x"), 1)):
                try:
                    await device.open(*[never] * listeners)
                except AudioDeviceError as error:
                    words.append(str(error))
            return words
        """,
        no_card,
    )
    words, errors = scene.result()
    assert [word.startswith("there is no sound card; `arecord -l`") for word in words] == [True] * 3
    assert errors == ""


def test_a_name_nobody_has_is_answered_with_the_devices_there_are(card: AlsaPipes) -> None:
    scene = Scene(
        """
        async def main():
            try:
                await PortAudioMicrophone("micraphone").open(never, never)
            except AudioDeviceError as error:
                return str(error), [device.name for device in await portaudio_host.HOST.devices()]
        """,
        card.environment,
    )
    (words, names), _ = scene.result()
    lines = words.splitlines()
    assert lines[0] == "there is no microphone named 'micraphone'; did you mean 'microphone'? There are:"
    assert "  default (128 in, 128 out, 44,100 Hz)" in lines
    assert {"microphone", "speaker", "default"} <= set(names)


def test_a_process_that_forgets_to_close_still_ends(card: AlsaPipes) -> None:
    scene = Scene(
        """
        async def main():
            heard = []
            await PortAudioMicrophone().open(heard.append, never)
            await PortAudioSpeaker().open(never)
            await until(lambda: len(heard) > 5)
            return True
        """,
        card.environment,
    )
    assert scene.result()[0] is True
