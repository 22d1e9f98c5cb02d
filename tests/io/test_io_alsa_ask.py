"""Whether ALSA opens a device, asked before PortAudio is."""

from __future__ import annotations

import errno

import pytest
from portaudio_scene import Scene

from pommai.io.alsa_ask import refusal
from pommai.io.alsa_pipes import AlsaPipes


def test_portaudio_is_not_asked_for_what_alsa_does_not_open_while_another_stream_runs(card: AlsaPipes) -> None:
    scene = Scene(
        """
        import os
        from pathlib import Path

        async def main():
            speaker = PortAudioSpeaker()
            await speaker.open(never)
            file = Path(os.environ["ALSA_CONFIG_PATH"])
            file.write_text(file.read_text().replace('capture.pcm "microphone"', 'capture.pcm "hw:99"'))
            os.utime(file, (1, 1))  # ALSA looks at whole seconds
            try:
                await PortAudioMicrophone("default").open(lambda frame: None, never)
            except DeviceError as caught:
                return str(caught)
            finally:
                await speaker.close()
        """,
        card.environment,
    )
    words, err = scene.result()
    assert words == "the microphone 'default' cannot be opened: No such file or directory"
    assert "Expression" not in err, "that is what PortAudio says of a call that fails"


def test_a_sound_card_is_asked_for_by_its_number_and_all_else_by_its_name(card: AlsaPipes) -> None:
    scene = Scene(
        """
        import ctypes
        from pommai.io.alsa_ask import refusal

        async def main():
            before = refusal("speaker", "there is none")
            ctypes.CDLL("libasound.so.2")
            names = ("default", "USB Audio: - (hw:99,0)", "there is none")
            return [before, *(refusal(way, name) for way in ("speaker", "microphone") for name in names)]
        """,
        card.environment,
    )
    found, _ = scene.result()
    assert found == [0, *2 * [0, errno.ENOENT, errno.ENOENT]]


def test_where_there_is_no_alsa_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object, **__: object) -> None:
        raise OSError("libasound.so.2: cannot open shared object file")

    monkeypatch.setattr("pommai.io.alsa_ask.ctypes.CDLL", none)
    assert refusal("microphone", "default") == 0
