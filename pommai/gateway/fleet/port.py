"""What a gateway asks of its fleet, and the fleet of a gateway."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, Protocol

from pommai.gateway.archive import Alert
from pommai.gateway.fleet.wanted import Wanted

NAME: Final = r"[A-Za-z0-9_.-]{1,64}"
"""What a gateway, or a fleet, may be called: a regular expression."""


@dataclass(frozen=True, slots=True)
class Seat:
    """A toy that is connected, and where."""

    device_id: str
    toy_id: str
    session_id: str
    gateway: str = ""
    """The name of the gateway that serves it."""


@dataclass(frozen=True, slots=True)
class Order:
    """What an operator wants of every toy, or of one."""

    kind: Literal["pause", "resume", "volume", "restart", "reset"]
    """The last two are for one toy alone."""
    seconds: float = 0.0
    """Of a pause: 0..86,400; 0 is until resumed."""
    message: str = ""
    percent: int = 0
    """Of the volume: 0..100."""
    device_id: str | None = None
    """None: every toy."""


class Hands(Protocol):
    """The gateway, as its fleet sees it."""

    async def follow(self) -> int:
        """Who toys are to be has changed: tell those that are here and have to become another. How many were told."""

    async def obey(self, order: Order) -> int:
        """Tell the toys here that an order concerns. How many were told."""

    def drop(self, session_id: str) -> None:
        """The toy of this session has come back by another connection: end it. It may be gone already."""

    def alarm(self, alert: Alert) -> None:
        """Another gateway has something to tell that a grown-up should know."""


class Fleet(Protocol):
    """One gateway's place in a fleet.

    What has to do with a toy's connection never waits: it is done here at once, and the other gateways hear of it as
    soon as they can. Only what operators ask for waits, and not for long.
    """

    @property
    def name(self) -> str:
        """What this gateway is called."""

    @property
    def wanted(self) -> Wanted:
        """Who toys are to be, as far as this gateway knows. Only for reading."""

    @property
    def trouble(self) -> str:
        """Why the other gateways cannot be reached now; empty when all is well."""

    @property
    def seats_here(self) -> tuple[Seat, ...]:
        """The toys that are connected to this gateway, in the order they came."""

    async def join(self, hands: Hands) -> None:
        """Begin. Raises SettingsError when it never can; other gateways that are out of reach come later."""

    async def leave(self) -> None:
        """End: this gateway serves nobody any more."""

    def seated(self, seat: Seat) -> None:
        """A toy has connected. Of two connections of a device the last one counts: the other is dropped."""

    def left(self, session_id: str) -> None:
        """A session has ended."""

    def became(self, device_id: str, toy_id: str) -> None:
        """A toy that is connected here is another one now."""

    def chose(self, device_id: str, toy_id: str) -> None:
        """A toy that is connected here has become another one, as its child wished: that is set for it from now on."""

    async def set(self, toy_id: str, device_id: str | None) -> int:
        """Set who every toy, or one, is to be: now, and whenever it connects. How many were told, on all gateways.

        Raises FleetError when other gateways would have to know and cannot be reached: then nothing is changed.
        """

    async def order(self, order: Order) -> int:
        """Have every gateway tell its toys. How many were told. Raises FleetError when that cannot be now.

        A pause is for safety: it is obeyed by the toys of this gateway even then.
        """

    def alert(self, alert: Alert) -> None:
        """Tell the operators of the other gateways."""

    async def alerts(self) -> tuple[Alert, ...]:
        """What the other gateways have told lately, the newest last. Raises FleetError when that cannot be known."""

    async def seats(self) -> tuple[Seat, ...]:
        """The toys that are connected now, to any gateway. Raises FleetError when that cannot be told."""
