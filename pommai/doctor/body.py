"""Lights and button: opened as the toy opens them, and a person says whether they do what they should."""

from __future__ import annotations

import asyncio
from typing import Final

from pommai.doctor.cards import read_cards
from pommai.doctor.finding import Finding, broken, note, ok
from pommai.doctor.surroundings import Surroundings
from pommai.errors import DeviceError, PommaiError
from pommai.events import Event
from pommai.io.lights import SimulatedLights
from pommai.io.lights_terminal import TerminalLights
from pommai.io.ports import Colour
from pommai.io.simulated_audio import SimulatedMicrophone

COLOURS: Final[tuple[tuple[str, Colour], ...]] = (
    ("red", (255, 0, 0)),
    ("green", (0, 255, 0)),
    ("blue", (0, 0, 255)),
)
SWITCH_ON_SPI: Final = "write dtparam=spi=on into /boot/firmware/config.txt (deploy/install.sh does), and restart"
SHOWN_SECONDS: Final = 0.6
"""Each colour."""
PRESS_SECONDS: Final = 10.0
"""A person has to press the button."""


async def lights(surroundings: Surroundings) -> Finding:
    """Red, green and blue, one after the other."""
    if surroundings.holder:
        return note(f"not tried: {surroundings.holder}", surroundings.stop_toy)
    hat = any(card.is_hat for card in read_cards(surroundings))
    if hat and surroundings.settings.lights == "auto" and not (surroundings.root / "dev/spidev0.0").exists():
        # The toy would take the pins of a plain LED, which this HAT does not have.
        return broken("the HAT's lights are on SPI, and SPI is switched off", SWITCH_ON_SPI)
    device = surroundings.lights(surroundings.settings)
    kind = type(device).__name__
    if isinstance(device, SimulatedLights | TerminalLights):
        if surroundings.settings.lights == "auto" and surroundings.computer.is_pi:
            return broken("there are none", SWITCH_ON_SPI)
        return note("at this desk there are none but the terminal's" if isinstance(device, TerminalLights) else "none")
    person = surroundings.person
    try:
        device.start()
        for name, colour in COLOURS:
            person.tell(f"  the lights are {name} …")
            device.show([colour] * device.count)
            await asyncio.sleep(SHOWN_SECONDS)
        seen = await person.agrees("Did they shine red, then green, then blue?")
    except DeviceError as caught:
        return broken(*_said(caught), kind=kind)
    finally:
        device.close()
    if seen is None:
        return ok(f"{device.count} on {kind}: they take what is sent; nobody was asked", kind=kind, seen=None)
    if not seen:
        step = 'a HAT\'s: lights = "apa102"; a plain LED\'s: lights = "rgb" and led_pins; look at its seat on the pins'
        return broken(f"{kind} takes what is sent, and it is not what is seen", step, kind=kind, seen=False)
    return ok(f"{device.count} on {kind}, red, green and blue seen", kind=kind, seen=True)


async def button(surroundings: Surroundings) -> Finding:
    """Wait for a press."""
    if surroundings.holder:
        return note(f"not tried: {surroundings.holder}", surroundings.stop_toy)
    settings = surroundings.settings
    if settings.button in ("keyboard", "lines", "none") or (
        settings.button == "auto" and not surroundings.computer.is_pi
    ):
        return note(f"at this desk there is none but the keyboard (button = {settings.button})")
    made = surroundings.button(settings, lambda: None, SimulatedMicrophone())
    if made is None:
        return note("the settings want none")
    pressed = asyncio.Event()

    def take(event: Event) -> None:
        if event.name.startswith("button"):
            pressed.set()

    pin = f"GPIO{settings.button_pin}"
    try:
        made.start(take)
        await asyncio.sleep(0)  # one that is held down says so at once
        if pressed.is_set():
            step = f"is something else wired to {pin}? button_pin in pommai.toml names another"
            return broken(f"{pin} is down all the time", step, pin=settings.button_pin)
        asked = await surroundings.person.agrees(
            f"Press the toy's button within {PRESS_SECONDS:.0f} s of Enter. Ready?"
        )
        if asked is None:
            return ok(f"{pin} can be read; nobody was asked to press it", pin=settings.button_pin, pressed=None)
        if not asked:
            return note(f"{pin} can be read; nobody pressed it", pin=settings.button_pin, pressed=None)
        surroundings.person.tell("  now press it …")
        try:
            async with asyncio.timeout(PRESS_SECONDS):
                await pressed.wait()
        except TimeoutError:
            step = f"button_pin ({settings.button_pin}): on the ReSpeaker HAT it is 17; it closes to ground"
            return broken(f"no press came at {pin} within {PRESS_SECONDS:.0f} s", step, pin=settings.button_pin)
    except DeviceError as caught:
        return broken(*_said(caught), pin=settings.button_pin)
    finally:
        made.close()
    return ok(f"pressed, and felt at {pin}", pin=settings.button_pin, pressed=True)


def _said(caught: PommaiError) -> tuple[str, str]:
    """An error's sentence, and the hint in brackets at its end as the next step."""
    words, _, hint = str(caught).rpartition(" (")
    return (words, hint.removesuffix(")")) if words and hint.endswith(")") else (str(caught), "pommai run says more")
