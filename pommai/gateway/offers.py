"""Which update bundles toys are offered, and what has become of that: the values, and where they are asked for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from pommai.protocol.messages import UpdateReport

MOST_KEPT: Final = 8
"""Bundles."""
MOST_REPORTS: Final = 20_000
"""Toys whose last word is remembered; of more, those that spoke last."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A bundle that is kept for toys. `sha256` and `size` are its file's."""

    sha256: str
    size: int
    version: int
    device_type: str
    fleet: str
    """Empty: all."""
    is_software: bool
    everybody: bool = False
    """It is offered to all toys that it is for, those too that come later."""
    made: int = 0
    """When it came, in ms since 1970."""


@dataclass(frozen=True, slots=True)
class Told:
    """What is known of one offer to one toy. `at`: when it was told last, in ms since 1970; None: never."""

    at: int | None = None
    times: int = 0
    outcome: str = ""
    """told, taking, taken, refused, or unreachable: nothing can be told to it."""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Book:
    """All of it, as it was when it was read."""

    kept: tuple[Kept, ...] = ()
    """The newest version first."""
    told: Mapping[str, Mapping[str, Told]] = field(default_factory=dict)
    """By the bundle's hash, then by the device: to whom it was offered by name, or told."""
    reports: Mapping[str, UpdateReport] = field(default_factory=dict)
    """By the device: what it has said last, perhaps long ago."""

    def of(self, sha256: str) -> Kept | None:
        """The bundle with this hash."""
        return next((kept for kept in self.kept if kept.sha256 == sha256), None)


class Offers(Protocol):
    """What a gateway, or all gateways of a fleet, offer to toys.

    All methods raise StoreError. What an operator changes may raise FleetError: gateways that would have to know cannot
    be told now, and nothing is changed. What concerns a toy that is here never waits for another gateway.
    """

    @property
    def missing(self) -> str:
        """Why what other gateways know is not known here now; empty when all is well."""

    def now(self) -> int:
        """The time that `Told.at` is measured by, in ms since 1970."""

    def is_coming(self, sha256: str) -> bool:
        """Whether another gateway has the file of a bundle, and this one not yet: no toy can fetch it here."""

    async def read(self, *, reports: bool = True) -> Book:
        """All of it, or all but the reports of toys: of those there may be many."""

    async def find(self, sha256: str) -> Kept | None:
        """The bundle with this hash."""

    async def keep(self, kept: Kept) -> None:
        """Remember a bundle, offered to nobody yet; one that is known stays as it is.

        Raises BundleError when there are MOST_KEPT.
        """

    async def offer(self, sha256: str, devices: Collection[str] | None) -> bool:
        """Offer a bundle to these devices, or with None to all. Who was told before and does not run it, is told again
        at once. False: there is no such bundle."""

    async def withdraw(self, sha256: str) -> bool:
        """Offer a bundle to nobody any more, and forget it. Whether it was known."""

    async def tell(self, sha256: str, device_id: str) -> None:
        """A toy is told of a bundle at this moment."""

    async def note(self, sha256: str, device_id: str, outcome: str, reason: str = "") -> None:
        """What has become of an offer to a toy."""

    async def hear(self, reports: Mapping[str, UpdateReport]) -> None:
        """Toys, by their device ids, have said how they are: all in one go, for they may come in crowds."""
