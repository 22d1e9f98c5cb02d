"""Sound cards: what the kernel has, what PortAudio makes of it, which of them the settings mean; and the mixer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from pommai.doctor.finding import Finding, blocking, broken, listed, note, ok, wrong
from pommai.doctor.mixer_controls import codec_of, complaints, read_controls
from pommai.doctor.surroundings import Surroundings
from pommai.errors import DeviceError
from pommai.io.portaudio_host import SoundDevice, choose

HATS = ("seeed2micvoicec", "wm8960soundcard")
"""What the HAT's card is called, by Seeed's driver and by the kernel's own overlay."""
MOST_TOLD = 12
"""Devices that are told a person by name."""
_CARD = re.compile(r"^\s*(\d+) \[(\S+)\s*\]: (.*)$", re.MULTILINE)
_PCM = re.compile(r"^(\d+)-(\d+): (.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Card:
    """A sound card, as the kernel lists it. `pcm` names its chips."""

    number: int
    id: str
    name: str
    pcm: str
    captures: bool
    plays: bool

    @property
    def is_hat(self) -> bool:
        return self.id in HATS

    def __str__(self) -> str:
        can = [word for word, able in (("hears", self.captures), ("plays", self.plays)) if able]
        return f"{self.id} ({' and '.join(can) or 'does nothing'})"


def read_cards(surroundings: Surroundings) -> list[Card]:
    """From /proc/asound, where arecord -l and aplay -l have it from."""
    lines = [(int(card), words) for card, _, words in _PCM.findall(surroundings.text("/proc/asound/pcm"))]
    found = []
    for number, id_, name in _CARD.findall(surroundings.text("/proc/asound/cards")):
        mine = [words for card, words in lines if card == int(number)]
        found.append(
            Card(
                int(number),
                id_,
                name.partition(" - ")[2] or name,
                " ".join(mine),
                any(": capture" in words for words in mine),
                any(": playback" in words for words in mine),
            )
        )
    return found


def held_by(surroundings: Surroundings) -> list[str]:
    """Programs that have a card open now, as far as this user can see."""
    found = {}
    for status in (surroundings.root / "proc/asound").glob("card*/pcm*/sub*/status"):
        owner = re.search(
            r"^owner_pid\s*:\s*(\d+)", surroundings.text(str(status.relative_to(surroundings.root))), re.M
        )
        if owner is not None:
            name = surroundings.text(f"/proc/{owner.group(1)}/comm").strip() or "a program"
            found[owner.group(1)] = f"{name} (process {owner.group(1)})"
    return list(found.values())


def cards(surroundings: Surroundings) -> Finding:
    """What the kernel has."""
    found = read_cards(surroundings)
    figures: dict[str, Any] = {
        "cards": [
            {"number": c.number, "id": c.id, "name": c.name, "hears": c.captures, "plays": c.plays} for c in found
        ]
    }
    words = listed([str(card) for card in found])
    ports = (("a microphone", surroundings.settings.microphone), ("a speaker", surroundings.settings.speaker))
    wanted = [what for what, port in ports if port.kind in ("auto", "portaudio")]
    is_needed = bool(wanted) and surroundings.computer.is_pi  # at a desk sound may come over Bluetooth or the network
    if not found:
        if not is_needed:
            return note("the kernel has none; PortAudio may know of others", "", **figures)
        return broken(
            "the kernel has none: the HAT's driver is not loaded",
            "sudo deploy/install.sh writes the overlay; then restart. If it is there: dmesg | grep -iE 'wm8960|aic3'",
            **figures,
        )
    able = {"a microphone": any(card.captures for card in found), "a speaker": any(card.plays for card in found)}
    if lacks := listed([what for what in wanted if not able[what]]):
        if not is_needed:
            return note(f"{words}: none has {lacks}; PortAudio may know of others", "", **figures)
        step = "arecord -l and aplay -l list what there is; is the HAT seated on all 40 pins?"
        return broken(f"{words}: none has {lacks}", step, **figures)
    return ok(words, **figures)


async def devices(surroundings: Surroundings) -> Finding:
    """What PortAudio sees, and what the settings choose of it."""
    settings = surroundings.settings
    ports = (
        ("microphone", settings.microphone, settings.microphone_device),
        ("speaker", settings.speaker, settings.speaker_device),
    )
    wanted = [(what, name) for what, port, name in ports if port.kind in ("auto", "portaudio")]
    if not wanted:
        return note(f"the settings want none: microphone {settings.microphone}, speaker {settings.speaker}")
    try:
        found = list(await surroundings.sound_devices())
    except DeviceError as caught:
        return broken(str(caught), surroundings.stop_toy if surroundings.holder else "aplay -l; arecord -l")
    figures: dict[str, object] = {
        "devices": [{"name": d.name, "inputs": d.inputs, "outputs": d.outputs, "rate": d.rate} for d in found]
    }
    if not found:
        if surroundings.holder:
            return note(f"PortAudio sees none; {surroundings.holder}", surroundings.stop_toy, **figures)
        return broken("PortAudio sees none", "arecord -l and aplay -l list what the system sees", **figures)
    said: dict[str, list[str]] = {}
    for what, name in wanted:
        able = [device for device in found if device.channels(what)]  # type: ignore[arg-type]
        if name is None and not able:
            return broken(f"none can serve as {what}; there is {_names(found)}", "arecord -l; aplay -l", **figures)
        if name is None:
            said.setdefault("the system's own choice", []).append(what)
            continue
        try:
            chosen = choose(found, what, name)  # type: ignore[arg-type]
        except DeviceError as caught:
            first = str(caught).split(" There are:")[0].split("\n")[0]
            step = f"name one of these in {what}_device: {_names(able) or 'there is none'}"
            return broken(first, step, **figures)
        said.setdefault(f"{chosen.name}, {chosen.rate:,.0f} Hz", []).append(what)
        figures[what] = chosen.name
    words = "; ".join(f"{listed(which)}: {device}" for device, which in said.items())
    hat = next((card for card in read_cards(surroundings) if card.is_hat), None)
    unnamed = [what for what, name in wanted if name is None]
    if hat is not None and unnamed and len(read_cards(surroundings)) > 1:
        return note(
            f"{words}. The HAT is one card of several. There are {_rated(found)}",
            " and ".join(f'{what}_device = "{hat.id[:5]}"' for what in unnamed) + " in pommai.toml makes sure",
            **figures,
        )
    return ok(f"{words}. There are {_rated(found)}", **figures)


def _rated(devices: list[SoundDevice]) -> str:
    told = [f"{device.name} ({device.rate:,.0f} Hz)" for device in devices[:MOST_TOLD]]
    more = len(devices) - len(told)
    return listed([*told, *([f"{more} more (--json tells them)"] if more else [])])


def _names(devices: list[SoundDevice]) -> str:
    return listed([f"'{device.name}'" for device in devices][:6])


async def mixer(surroundings: Surroundings) -> Finding:
    """Whether a HAT's controls let sound through, each way; which of the two HATs it is."""
    found = read_cards(surroundings)
    card = next((card for card in found if card.is_hat), None)
    if card is None:
        return note("there is no ReSpeaker HAT; other cards are left to alsamixer")
    told = await surroundings.command("amixer", "-c", card.id, "scontents")
    if told is None:
        return note("amixer is not installed", "sudo apt-get install alsa-utils")
    if told.status:
        why = told.errors.strip().split("\n")[-1] or f"status {told.status}"
        return note(f"{card.id} is not to be looked at: {why}", surroundings.as_toy or "groups: is audio among them?")
    controls = read_controls(told.text)
    codec = codec_of(controls, card.pcm)
    if codec is None:
        return note(f"{card.id} is neither HAT: its controls are {listed(list(controls)[:6]) or 'none'}")
    bad = complaints(codec, controls)
    figures = {
        "card": card.id,
        "hat": codec.hat,
        "chip": codec.chip,
        "controls": {c.name: {"percent": c.percent, "on": c.on} for c in controls.values()},
        "mend": [complaint.command(card.id) for complaint in bad],
    }
    name = f"HAT {codec.hat} ({codec.chip})"
    if not bad:
        return ok(f"{name}, {len(controls)} controls, those that matter as they should be", **figures)
    words = "; ".join(complaint.words for complaint in bad)
    step = "\n".join([*(complaint.command(card.id) for complaint in bad), "sudo alsactl store"])
    tell = broken if any(complaint.is_silent for complaint in bad) else wrong
    return tell(f"{name}. {words}", step, **figures)


check_cards = blocking(cards)
