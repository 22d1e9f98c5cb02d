"""Sound cards as the kernel lists them, and PortAudio's devices."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from doctor_material import PI, RUNNING, commands, look, settings, world
from mixer_material import aic3104, wm8960

from pommai.doctor import cards
from pommai.doctor.finding import Finding, Mark
from pommai.doctor.surroundings import Output, Surroundings
from pommai.errors import DeviceError
from pommai.io.portaudio_host import SoundDevice

HDMI = " 0 [vc4hdmi        ]: vc4-hdmi - vc4-hdmi\n                      vc4-hdmi\n"
HAT = " 1 [seeed2micvoicec]: seeed2micvoicec - seeed2micvoicec\n                      seeed2micvoicec\n"
HDMI_PCM = "00-00: MAI PCM i2s-hifi-0 : MAI PCM i2s-hifi-0 : playback 1\n"
HAT_PCM = "01-00: bcm2835-i2s-{0}-hifi {0}-hifi-0 : bcm2835-i2s-{0}-hifi {0}-hifi-0 : playback 1 : capture 1\n"
BOTH = {"/proc/asound/cards": HDMI + HAT, "/proc/asound/pcm": HDMI_PCM + HAT_PCM.format("wm8960")}


def test_the_kernels_cards_are_read_with_what_they_can(tmp_path: Path) -> None:
    found = look(cards.check_cards, world(tmp_path, BOTH, computer=PI))
    assert found.mark is Mark.OK
    assert found.words == "vc4hdmi (plays) and seeed2micvoicec (hears and plays)"


def test_no_card_is_broken_on_a_pi_and_noted_at_a_desk(tmp_path: Path) -> None:
    none = {"/proc/asound/cards": "--- no soundcards ---\n"}
    found = look(cards.check_cards, world(tmp_path, none, computer=PI))
    assert (found.mark, "overlay" in found.next_step) == (Mark.BROKEN, True)
    assert look(cards.check_cards, world(tmp_path)).mark is Mark.NOTE


def test_cards_that_cannot_hear_are_broken_on_a_pi_and_noted_at_a_desk(tmp_path: Path) -> None:
    files = {"/proc/asound/cards": HDMI, "/proc/asound/pcm": HDMI_PCM}
    found = look(cards.check_cards, world(tmp_path, files, computer=PI))
    assert (found.mark, found.words) == (Mark.BROKEN, "vc4hdmi (plays): none has a microphone")
    desk = look(cards.check_cards, world(tmp_path, files))
    assert (desk.mark, "PortAudio may know" in desk.words) == (Mark.NOTE, True)


@pytest.mark.parametrize("files", [{}, {"/proc/asound/cards": HDMI, "/proc/asound/pcm": HDMI_PCM}])
def test_what_the_settings_do_not_want_no_card_need_have(tmp_path: Path, files: dict[str, str]) -> None:
    mute = settings(tmp_path, microphone="none", speaker="none")
    assert look(cards.check_cards, world(tmp_path, files, settings=mute, computer=PI)).mark is not Mark.BROKEN


# -- PortAudio -----------------------------------------------------------------------------

DEVICES = [
    SoundDevice(0, "vc4-hdmi: MAI PCM (hw:0,0)", 0, 8, 44100.0),
    SoundDevice(1, "seeed2micvoicec: wm8960 (hw:1,0)", 2, 2, 48000.0),
    SoundDevice(2, "default", 32, 32, 44100.0),
]


def devices(folder: Path, there: list[SoundDevice] | DeviceError, **more: Any) -> Finding:
    async def ask() -> list[SoundDevice]:
        if isinstance(there, DeviceError):
            raise there
        return there

    return look(cards.devices, world(folder, more.pop("files", None), sound_devices=ask, **more))


def test_the_devices_that_the_settings_mean_are_told_with_their_rates(tmp_path: Path) -> None:
    wanted = settings(tmp_path, microphone_device="seeed", speaker_device="HDMI")
    found = devices(tmp_path, DEVICES, settings=wanted)
    assert found.mark is Mark.OK
    assert "microphone: seeed2micvoicec: wm8960 (hw:1,0), 48,000 Hz" in found.words
    assert found.figures["speaker"] == "vc4-hdmi: MAI PCM (hw:0,0)"


def test_all_devices_are_told_by_name_with_their_rates(tmp_path: Path) -> None:
    assert devices(tmp_path, DEVICES).words == (
        "microphone and speaker: the system's own choice. There are vc4-hdmi: MAI PCM (hw:0,0) (44,100 Hz), "
        "seeed2micvoicec: wm8960 (hw:1,0) (48,000 Hz) and default (44,100 Hz)"
    )
    assert devices(tmp_path, DEVICES * 5).words.endswith("(44,100 Hz) and 3 more (--json tells them)")


def test_a_device_that_is_not_there_is_broken_with_those_there_are(tmp_path: Path) -> None:
    found = devices(tmp_path, DEVICES, settings=settings(tmp_path, microphone_device="seed4mic"))
    assert found.mark is Mark.BROKEN
    assert "no microphone named 'seed4mic'" in found.words
    assert "seeed2micvoicec" in found.next_step
    assert "hdmi" not in found.next_step, "it cannot hear"


def test_no_devices_and_none_that_hears_are_broken(tmp_path: Path) -> None:
    assert devices(tmp_path, []).mark is Mark.BROKEN
    deaf = devices(tmp_path, DEVICES[:1])
    assert (deaf.mark, "none can serve as microphone" in deaf.words) == (Mark.BROKEN, True)
    hangs = devices(tmp_path, DeviceError("the sound system hangs"))
    assert (hangs.mark, hangs.words) == (Mark.BROKEN, "the sound system hangs")


def test_devices_that_a_running_toy_holds_are_a_note(tmp_path: Path) -> None:
    found = devices(tmp_path, [], unit=RUNNING)
    assert (found.mark, "systemctl stop" in found.next_step) == (Mark.NOTE, True)


def test_a_hat_among_other_cards_should_be_named(tmp_path: Path) -> None:
    found = devices(tmp_path, DEVICES, files=BOTH)
    assert (found.mark, 'microphone_device = "seeed"' in found.next_step) == (Mark.NOTE, True)


def test_settings_without_a_card_want_none(tmp_path: Path) -> None:
    assert devices(tmp_path, [], settings=settings(tmp_path, microphone="none", speaker="none")).mark is Mark.NOTE


# -- the mixer -----------------------------------------------------------------------------


def hat(folder: Path, text: str | Output, chip: str = "wm8960") -> Surroundings:
    files = BOTH | {"/proc/asound/pcm": HDMI_PCM + HAT_PCM.format(chip)}
    return world(folder, files, computer=PI, command=commands({"amixer -c seeed2micvoicec scontents": text}))


@pytest.mark.parametrize(("text", "chip", "hat_name"), [(wm8960(), "wm8960", "v1"), (aic3104(), "tlv320aic3x", "v2")])
def test_a_mixer_as_it_should_be_is_well_and_says_which_hat_it_is(
    tmp_path: Path, text: str, chip: str, hat_name: str
) -> None:
    found = look(cards.mixer, hat(tmp_path, text, chip))
    assert (found.mark, found.figures["hat"]) == (Mark.OK, hat_name)


def test_a_mixer_that_silences_the_toy_is_broken_with_the_lines_that_mend_it(tmp_path: Path) -> None:
    found = look(cards.mixer, hat(tmp_path, wm8960(Speaker=0, Playback=30)))
    assert found.mark is Mark.BROKEN
    assert found.next_step.splitlines() == [
        "amixer -c seeed2micvoicec sset 'Speaker' 85%",
        "amixer -c seeed2micvoicec sset 'Playback' 100%",
        "sudo alsactl store",
    ]


def test_a_mixer_that_is_a_little_off_is_wrong(tmp_path: Path) -> None:
    assert look(cards.mixer, hat(tmp_path, aic3104(PGA=100), "tlv320aic3x")).mark is Mark.WRONG


def test_a_mixer_that_is_not_to_be_seen_is_a_note_with_the_reason(tmp_path: Path) -> None:
    denied = look(cards.mixer, hat(tmp_path, Output(1, "", "amixer: Mixer attach hw:1 error: Permission denied\n")))
    assert (denied.mark, "Permission denied" in denied.words) == (Mark.NOTE, True)
    assert look(cards.mixer, world(tmp_path / "desk")).words.startswith("there is no ReSpeaker HAT")
    missing = replace(hat(tmp_path, ""), command=commands({}))
    assert "alsa-utils" in look(cards.mixer, missing).next_step
    assert "neither HAT" in look(cards.mixer, hat(tmp_path, "Simple mixer control 'Master',0\n", "other")).words
