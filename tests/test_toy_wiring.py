"""Which device a setting stands for, and a toy that cannot begin."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import threading
from pathlib import Path

import pytest

from pommai.errors import ChartError, TableError
from pommai.io.button_keyboard import KeyboardButton
from pommai.io.button_lines import LineButton
from pommai.io.lights import Apa102, RgbLed, SimulatedLights
from pommai.io.lights_terminal import TerminalLights
from pommai.io.silence import SilentSpeaker
from pommai.io.speaker_copy import SpeakerCopy
from pommai.io.wav import WavMicrophone, WavSpeaker, write_wav
from pommai.protocol.audio import SILENCE
from pommai.toy import wiring
from pommai.toy.setting_kinds import SoundPort
from pommai.toy.settings import RESOURCES, Settings


def settings(**more: object) -> Settings:
    return Settings(**more)  # type: ignore[arg-type]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch):
    """Makes this machine one with or without a Pi's hardware, PyAudio, a terminal."""

    def make(*, pi: bool = False, pyaudio: bool = False, terminal: bool = False, spi: bool = False) -> None:
        monkeypatch.setattr(wiring, "on_a_pi", lambda: pi)
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: object() if pyaudio else None)
        for stream in (wiring.sys.stdin, wiring.sys.stdout):
            monkeypatch.setattr(stream, "isatty", lambda: terminal, raising=False)
        monkeypatch.setattr(os.path, "exists", lambda path: spi)

    return make


def test_without_pyaudio_a_toy_is_deaf_and_mute_and_says_so(machine, caplog):
    machine()
    assert isinstance(wiring.make_microphone(settings()), WavMicrophone)
    assert isinstance(wiring.make_speaker(settings()), SilentSpeaker)
    assert [record.device for record in caplog.records] == ["microphone", "speaker"]


def test_with_pyaudio_sound_is_portaudios(machine):
    machine(pyaudio=True)
    assert type(wiring.make_microphone(settings())).__name__ == "PortAudioMicrophone"
    assert type(wiring.make_speaker(settings())).__name__ == "PortAudioSpeaker"


def test_sound_may_be_files(tmp_path):
    write_wav(tmp_path / "in.wav", [SILENCE])
    port = SoundPort("wav", tmp_path / "in.wav")
    assert isinstance(wiring.make_microphone(settings(microphone=port)), WavMicrophone)
    assert isinstance(wiring.make_speaker(settings(speaker=port)), WavSpeaker)
    copied = wiring.make_speaker(settings(speaker=SoundPort("none"), speaker_copy=tmp_path / "copy.wav"))
    assert isinstance(copied, SpeakerCopy)


@pytest.mark.parametrize(
    ("kind", "has", "made"),
    [
        ("auto", {"terminal": True}, KeyboardButton),
        ("auto", {}, LineButton),
        ("keyboard", {}, KeyboardButton),
        ("lines", {"terminal": True}, LineButton),
        ("none", {"terminal": True}, type(None)),
    ],
)
def test_the_button_is_what_is_asked_for_or_what_there_is(machine, kind, has, made):
    machine(**has)
    button = wiring.make_button(settings(button=kind), lambda: None, WavMicrophone())
    assert type(button) is made


def test_on_a_pi_the_button_is_on_its_pin(machine):
    machine(pi=True, terminal=True)
    button = wiring.make_button(settings(button_pin=22), lambda: None, WavMicrophone())
    assert type(button).__name__ == "GpioButton"


@pytest.mark.parametrize(
    ("kind", "has", "made"),
    [
        ("auto", {"pi": True, "spi": True}, Apa102),
        ("auto", {"pi": True}, RgbLed),
        ("auto", {"terminal": True}, TerminalLights),
        ("auto", {}, SimulatedLights),
        ("none", {"terminal": True}, SimulatedLights),
        ("terminal", {}, TerminalLights),
    ],
)
def test_the_lights_are_what_is_asked_for_or_what_there_is(machine, kind, has, made):
    machine(**has)
    assert type(wiring.make_lights(settings(lights=kind))) is made


# -- beginning -----------------------------------------------------------------------------


def quiet(tmp_path: Path, **more: object) -> Settings:
    return settings(
        url="ws://127.0.0.1:9/",
        microphone=SoundPort("none"),
        speaker=SoundPort("none"),
        button="none",
        lights="none",
        cache_dir=tmp_path / "cache",
        memory=tmp_path / "memory.db",
        trace=tmp_path / "trace.jsonl",
        **more,
    )


def test_a_toy_runs_until_it_is_stopped_and_leaves_its_trace(tmp_path):
    async def main() -> None:
        async with asyncio.timeout(30):
            await wiring.run_toy(quiet(tmp_path), lambda stop: asyncio.get_running_loop().call_later(0.1, stop))

    asyncio.run(main())
    lines = (tmp_path / "trace.jsonl").read_text().splitlines()
    assert '"name":"start"' in lines[0]
    assert "trace" not in [thread.name for thread in threading.enumerate()]


def test_a_toy_that_is_cancelled_ends_well(tmp_path):
    async def main() -> None:
        async with asyncio.timeout(30):
            started = asyncio.Event()
            running = asyncio.create_task(wiring.run_toy(quiet(tmp_path), lambda stop: started.set()))
            await started.wait()
            running.cancel()
            await asyncio.wait([running])
            assert running.cancelled()

    asyncio.run(main())


def test_a_button_that_is_not_there_is_no_reason_to_be_silent(tmp_path, monkeypatch, caplog):
    class Missing(LineButton):
        def __init__(self, *arguments: object, **more: object) -> None:
            super().__init__(lambda: None, descriptor=9999)

    monkeypatch.setattr(wiring, "make_button", Missing)

    async def main() -> None:
        async with asyncio.timeout(30):
            await wiring.run_toy(quiet(tmp_path), lambda stop: asyncio.get_running_loop().call_later(0.1, stop))

    asyncio.run(main())
    assert "no button" in [record.message for record in caplog.records]


def test_a_toy_that_nobody_has_set_up_starts_and_says_so(tmp_path, monkeypatch, caplog):
    said: list[str] = []

    async def speak(self, text, settings=None):
        said.append(text)
        return []

    monkeypatch.setattr("pommai.io.speech.EspeakSpeech.speak", speak)

    async def main() -> None:
        def stop_when_said(stop):
            async def wait() -> None:
                while not said:
                    await asyncio.sleep(0.01)
                stop()

            tasks.append(asyncio.create_task(wait()))

        tasks: list[asyncio.Task[None]] = []
        async with asyncio.timeout(30):
            await wiring.run_toy(quiet(tmp_path), stop_when_said)
            await tasks[0]

    asyncio.run(main())
    assert "grown-up" in said[0]
    assert "not_set_up" in (tmp_path / "trace.jsonl").read_text()
    assert "nobody has set this toy up" in [record.message for record in caplog.records]


def test_a_table_of_another_toy_is_refused_and_no_thread_is_left_behind(tmp_path):
    from pommai.toy.charts import compile_file, tables

    patterns = wiring.read_patterns(settings(cache_dir=tmp_path / "cache"))
    sounds = wiring.SoundFolder(RESOURCES / "sounds").names()
    text = tables.dump(compile_file(settings().chart, patterns, sounds)).replace("begin_turn", "begin_dance")
    chart = tmp_path / "other.json"
    chart.write_text(text)
    with pytest.raises(TableError, match="begin_dance"):
        asyncio.run(wiring.run_toy(quiet(tmp_path, chart=chart)))
    assert not {"trace", "codec_0"} & {thread.name for thread in threading.enumerate()}


def test_a_chart_with_a_mistake_is_refused_before_any_file_is_made(tmp_path):
    chart = tmp_path / "chart.yaml"
    chart.write_text("states: 5")
    with pytest.raises(ChartError):
        asyncio.run(wiring.run_toy(quiet(tmp_path, chart=chart)))
    assert not (tmp_path / "trace.jsonl").exists()
