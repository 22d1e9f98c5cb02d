"""What stands between hearing and answering: whoever makes the answer to a turn."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from pommai.gateway.personas import Persona, Personas


@dataclass(frozen=True, slots=True)
class Heard:
    """A turn as the gateway heard it: `pcm` is s16le, mono, 16 kHz, whole frames; what was lost is concealed."""

    turn: int
    pcm: bytes
    device_id: str = ""
    """Whose turn it is: what was said before belongs to the device, and to no other."""
    personas: Personas = field(default_factory=dict)
    """Everybody there is now, for a child who wants the toy to be somebody else."""


@dataclass(frozen=True, slots=True)
class Said:
    """Words of an answer; their sound comes after them. `user_text` is what the child said, told once."""

    text: str
    user_text: str | None = None


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something a grown-up should know of this turn."""

    severity: str
    reason: str
    transcript: str


@dataclass(frozen=True, slots=True)
class Rest:
    """The toy is to pause for `seconds`, and says `message` itself."""

    seconds: float
    message: str


@dataclass(frozen=True, slots=True)
class Become:
    """The toy is to be this persona from its next rest on, and in the turns that follow. It greets by itself."""

    toy_id: str


@dataclass(frozen=True, slots=True)
class Do:
    """The toy is to obey a command of the wire at once."""

    name: str
    args: Mapping[str, object]


Piece = bytes | Said | Alarm | Rest | Become | Do
"""A part of an answer. Bytes are sound of any length: s16le, mono, 16 kHz."""


class Responder(Protocol):
    """Makes answers."""

    def answer(self, heard: Heard, persona: Persona) -> AsyncGenerator[Piece, None]:
        """The answer in pieces, each as soon as it is there, and carried out in their order.

        Neither sound nor Rest means: there is nothing to say to this. The generator is cancelled or closed when the
        turn is aborted, and must not block the event loop. A PommaiError that it raises is told to the toy in its own
        words.
        """
        ...

    def refuse(self, personas: Personas) -> None:
        """Raise SettingsError when one of these wants to be answered for by what is not there."""
        ...
