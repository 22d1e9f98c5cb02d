"""What stands between hearing and answering: whoever makes the answer to a turn."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

from pommai.gateway.personas import Persona


@dataclass(frozen=True, slots=True)
class Heard:
    """A turn as the gateway heard it: `pcm` is s16le, mono, 16 kHz, whole frames; what was lost is concealed."""

    turn: int
    pcm: bytes


class Responder(Protocol):
    """Makes answers."""

    def answer(self, heard: Heard, persona: Persona) -> AsyncGenerator[bytes, None]:
        """The answer in pieces of any length (s16le, mono, 16 kHz), each as soon as it is there.

        No piece at all means: there is nothing to say to this. The generator is cancelled or closed when the turn is
        aborted, and must not block the event loop. A PommaiError that it raises is told to the toy in its own words.
        """
        ...
