"""What the functions work with, and how one of them is declared."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final, Literal

from msgspec import Struct

from pommai.errors import CloudFunctionError, ProtocolError
from pommai.gateway.archive import Archive
from pommai.gateway.devices import Devices
from pommai.gateway.personas import Persona
from pommai.gateway.uploads import Uploads
from pommai.protocol.schema import Pattern, Shape

Kind = Literal["query", "mutation", "action"]
Needs = Literal["nothing", "token", "service key"]
"""What a caller has to show: nothing, because it has come to get tokens; its token; or the key of gateways."""

LONGEST_SECRET: Final = 512
"""Characters. Those that we make have 43."""


class Hidden(Struct, frozen=True):
    """Text that is not repeated in what is said of it: whoever calls may write our words into a log."""

    longest: int

    def check(self, value: str, where: str) -> None:
        """Raises ProtocolError."""
        if not 1 <= len(value) <= self.longest:
            raise ProtocolError(f"{where} must be text of 1 to {self.longest} characters")


Secret = Annotated[str, Hidden(LONGEST_SECRET)]
"""Of a device."""
Time = Annotated[str, Pattern(r"[\s\S]{1,64}", "a time as text, UTC, ISO 8601")]
"""By the toy's clock: kept as it is, for nothing is ordered by it."""
LATER: Final = 30.0
"""Seconds after which a toy may try again to have something kept, when the disk did not take it."""


class Caller(Struct, frozen=True):
    """Who calls."""

    token: str | None
    """What stood behind `Bearer` in its header, if anything did."""
    peer: str
    """The address of the other end."""
    origin: str
    """Where it has found this server, such as https://cloud.example: addresses for it begin so."""


class Parts(Struct, frozen=True):
    """What the functions work with."""

    devices: Devices
    archive: Archive
    uploads: Uploads
    persona: Callable[[str], Persona]
    """Of a toyId. Raises ProtocolError (TOY_NOT_FOUND)."""

    def toy(self, toy_id: str) -> Persona:
        """The persona of a toyId. Raises CloudFunctionError (TOY_NOT_FOUND)."""
        try:
            return self.persona(toy_id)
        except ProtocolError as caught:
            raise CloudFunctionError(str(caught), "TOY_NOT_FOUND") from None

    def consents(self, toy_id: str) -> bool:
        """Whether the guardian of a toy has agreed that its sound is stored. Nobody has for a toy that is none."""
        try:
            return self.persona(toy_id).profile.guardian_settings.allow_uploads
        except ProtocolError:
            return False


class Function(Struct, frozen=True):
    """One of docs/cloud.md. `run` takes the parts, what `args` has made of the arguments, and the caller."""

    kinds: tuple[Kind, ...]
    needs: Needs
    args: Shape[Any]
    run: Callable[[Parts, Any, Caller], Awaitable[object]]
