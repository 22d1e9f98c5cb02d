"""Mixer controls of both HATs, as amixer writes them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mixer_material import WM8960, aic3104, wm8960

from pommai.doctor.mixer_controls import CODECS, Codec, Control, codec_of, complaints, read_controls

V1, V2 = CODECS


def test_levels_and_switches_are_read_the_lower_channel_counting() -> None:
    controls = read_controls(WM8960)
    assert controls["Speaker"] == Control("Speaker", 85, None)
    assert controls["Capture"] == Control("Capture", 76, True)
    assert controls["Left Output Mixer PCM"] == Control("Left Output Mixer PCM", None, True)
    assert controls["DAC Mono Mix"] == Control("DAC Mono Mix")
    uneven = read_controls(WM8960.replace("Front Right: Playback 108 [85%]", "Front Right: Playback 0 [0%]"))
    assert uneven["Speaker"].percent == 0
    half = read_controls(
        WM8960.replace("Front Right: Capture 48 [76%] [-18.75dB] [on]", "Front Right: Capture 48 [off]")
    )
    assert half["Capture"].on is False


def test_the_two_hats_are_told_apart_by_their_controls() -> None:
    assert codec_of(read_controls(wm8960())) is V1
    assert codec_of(read_controls(aic3104())) is V2
    assert codec_of({"Master": Control("Master", 50, True)}) is None
    assert codec_of({}) is None


def test_what_the_kernel_calls_the_chip_counts_first() -> None:
    assert codec_of({}, "bcm2835-i2s-wm8960-hifi wm8960-hifi-0") is V1
    assert codec_of({}, "3f203000.i2s-tlv320aic3x-hifi tlv320aic3x-hifi-0") is V2


@pytest.mark.parametrize(("codec", "text"), [(V1, wm8960()), (V2, aic3104())])
def test_controls_as_they_should_be_have_no_complaints(codec: object, text: str) -> None:
    assert complaints(codec, read_controls(text)) == []  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "is_silent", "words", "command"),
    [
        ({"Speaker": 0}, True, "Speaker is at 0 %", "amixer -c hat sset 'Speaker' 85%"),
        ({"Speaker": 40}, False, "hardly heard on its speaker", "amixer -c hat sset 'Speaker' 85%"),
        ({"Capture": False}, True, "Capture is off", "amixer -c hat sset 'Capture' 75% cap"),
        ({"Capture": 100}, False, "everything distorted", "amixer -c hat sset 'Capture' 75% cap"),
        (
            {"Left Input Boost Mixer LINPUT1": 0},
            False,
            "LINPUT1 is at 0 %: the toy is hard of hearing",
            "amixer -c hat sset 'Left Input Boost Mixer LINPUT1' 67%",
        ),
        ({"Left Output Mixer PCM": False}, True, "silent", "amixer -c hat sset 'Left Output Mixer PCM' on"),
        ({"Left Boost Mixer LINPUT1": False}, True, "deaf", "amixer -c hat sset 'Left Boost Mixer LINPUT1' on"),
        ({"Headphone": 0}, False, "on the plug", "amixer -c hat sset 'Headphone' 80%"),
    ],
)
def test_a_control_of_the_first_hat_that_is_not_right_is_told_with_the_line_that_mends_it(
    changes: dict[str, int | bool], is_silent: bool, words: str, command: str
) -> None:
    (found,) = complaints(V1, read_controls(wm8960(**changes)))
    assert found.is_silent is is_silent
    assert words in found.words
    assert found.command("hat") == command


@pytest.mark.parametrize(
    ("changes", "is_silent", "words", "command"),
    [
        ({"Line": False}, True, "its speaker is switched off", "amixer -c hat sset 'Line' on"),
        ({"Left Line Mixer DACL1": False}, True, "left wire", "amixer -c hat sset 'Left Line Mixer DACL1' on"),
        ({"PGA": 0}, True, "PGA is at 0 %", "amixer -c hat sset 'PGA' 45% cap"),
        ({"PGA": 100}, False, "distorted", "amixer -c hat sset 'PGA' 45% cap"),
        ({"PGA": False}, True, "PGA is off", "amixer -c hat sset 'PGA' 45% cap"),
        ({"Left PGA Mixer Line1L": False}, True, "deaf", "amixer -c hat sset 'Left PGA Mixer Line1L' on"),
        ({"Left HP Mixer DACL1": False}, False, "of the plug", "amixer -c hat sset 'Left HP Mixer DACL1' on"),
        ({"PCM": 20}, False, "PCM is at 20 %", "amixer -c hat sset 'PCM' 100%"),
        ({"AGC": True}, False, "AGC is on", "amixer -c hat sset 'AGC' off"),
    ],
)
def test_a_control_of_the_second_hat_that_is_not_right_is_told_with_the_line_that_mends_it(
    changes: dict[str, int | bool], is_silent: bool, words: str, command: str
) -> None:
    (found,) = complaints(V2, read_controls(aic3104(**changes)))
    assert found.is_silent is is_silent
    assert words in found.words
    assert found.command("hat") == command


def test_what_silences_the_toy_is_told_first() -> None:
    found = complaints(V1, read_controls(wm8960(Playback=10, Capture=False)))
    assert [complaint.control.name for complaint in found] == ["Capture", "Playback"]


@pytest.mark.parametrize(("codec", "marker"), [(V1, "# WM8960"), (V2, "# TLV320AIC3104")])
def test_what_the_mixers_service_sets_at_each_start_is_what_the_doctor_wants(codec: Codec, marker: str) -> None:
    script = (Path(__file__).parents[1] / "deploy" / "pommai-mixer").read_text()
    part = script.partition(marker)[2].partition("# TLV")[0]
    set_to = dict(re.findall(r"^    set_control '(.*)' (.+)$", part, re.MULTILINE))
    assert {wish.name: wish.set_to for wish in codec.wishes}.items() <= set_to.items()


@given(st.text(), st.text(alphabet="Simple mxercontrl'0,\n:[]%-onff 123"))
def test_no_text_is_too_odd(one: str, two: str) -> None:
    read_controls(one)
    for control in read_controls(f"Simple mixer control 'A',0\n{two}\nSimple mixer control 'B',0\n{one}").values():
        assert control.percent is None or isinstance(control.percent, int)
