"""All checks, in the order in which they are run and shown: what others stand on comes first."""

from __future__ import annotations

from typing import Final

from pommai.doctor import (
    behaviour,
    board,
    body,
    cards,
    clock,
    kept,
    loop,
    secrets,
    server,
    service,
    software,
    system,
    trust,
    updates,
    words,
)
from pommai.doctor.finding import Check

CHECKS: Final = (
    Check("system", "Machine", "Python and the system", system.check_system),
    Check("packages", "Machine", "Python packages", system.check_packages),
    Check("libraries", "Machine", "native libraries", system.libraries),
    Check("power", "Machine", "heat, throttling and the supply", board.power),
    Check("ram", "Machine", "free memory", board.check_memory),
    Check("disk", "Machine", "disks", board.check_disk),
    Check("user", "Machine", "the toy's user and its groups", service.check_groups),
    Check("service", "Machine", "the service", service.check_service),
    Check("software", "Machine", "the software and who renews it", software.check_software),
    Check("cards", "Sound", "sound cards of the kernel", cards.check_cards),
    Check("mixer", "Sound", "the HAT's mixer", cards.mixer),
    Check("devices", "Sound", "sound devices of PortAudio", cards.devices),
    Check("loop", "Sound", "speaker and microphone together", loop.loop, after=("devices",), sounds=True),
    Check("lights", "Body", "the lights", body.lights, asks=True, seconds=300.0),
    Check("button", "Body", "the button", body.button, asks=True, seconds=300.0),
    Check("behaviour", "Mind", "chart, lights, answers and sounds", behaviour.check_behaviour, seconds=300.0),
    Check("updates", "Mind", "update bundles", updates.check_updates),
    Check("model", "Mind", "the speech model", words.check_model, seconds=120.0),
    Check("wake", "Mind", "every toy's wake words", words.check_wake_words, seconds=120.0),
    Check("voice", "Mind", "the voice on board", words.voice),
    Check("memory", "Mind", "what the toy remembers", kept.check_remembered),
    Check("token", "Server", "the token", secrets.token),
    Check("keys", "Server", "pinned keys, and those of updates", trust.check_keys),
    Check("network", "Server", "the way to the server", server.network),
    Check("tls", "Server", "the server's certificate", server.tls, after=("network",)),
    Check("gateway", "Server", "the toy's own connection", server.gateway, after=("network", "tls")),
    Check("cloud", "Server", "the cloud's functions", secrets.cloud),
    Check("clock", "Server", "the clock", clock.clock),
)
NAMES: Final = tuple(check.id for check in CHECKS)
