"""Choosing a device by name."""

from __future__ import annotations

import pytest

from pommai.errors import AudioDeviceError
from pommai.io.portaudio_host import Direction, SoundDevice, choose

DEVICES = [
    SoundDevice(0, "bcm2835 Headphones: - (hw:0,0)", 0, 8, 44_100.0),
    SoundDevice(1, "seeed2micvoicec: bcm2835-i2s-wm8960-hifi (hw:1,0)", 2, 2, 48_000.0),
    SoundDevice(2, "USB Audio Device: - (hw:2,0)", 1, 2, 44_100.0),
    SoundDevice(3, "USB Audio", 1, 0, 44_100.0),
    SoundDevice(4, "default", 32, 32, 44_100.0),
]


@pytest.mark.parametrize(
    ("direction", "name", "index"),
    [
        ("microphone", "seeed", 1),
        ("microphone", "SEEED2MIC", 1),
        ("speaker", "headphones", 0),
        ("speaker", "bcm2835", 0),
        ("microphone", "bcm2835", 1),  # the first of that name has no microphone
        ("microphone", "usb audio", 3),  # the very name goes before the first that contains it
        ("speaker", "usb audio", 2),
        ("speaker", "default", 4),
    ],
)
def test_a_device_is_chosen_by_part_of_its_name(direction: Direction, name: str, index: int) -> None:
    assert choose(DEVICES, direction, name).index == index


def test_a_name_nobody_has_is_answered_with_the_nearest_and_the_list() -> None:
    with pytest.raises(AudioDeviceError) as caught:
        choose(DEVICES, "microphone", "seed2micvoicecard")
    first, *listing = str(caught.value).splitlines()
    assert first == ("there is no microphone named 'seed2micvoicecard'; did you mean 'seeed2micvoicec'? There are:")
    assert listing[0] == "  bcm2835 Headphones: - (0 in, 8 out, 44,100 Hz)".replace(": -", ": - (hw:0,0)")
    assert len(listing) == len(DEVICES)


def test_where_there_are_no_devices_there_is_no_sound_card() -> None:
    with pytest.raises(AudioDeviceError, match="no sound card"):
        choose([], "speaker", "anything")
