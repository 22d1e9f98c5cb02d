"""Whether a toy has what it would show its server, and can read it."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from pommai.errors import SecretError
from pommai.events import Event
from pommai.io.secret import SecretSource
from pommai.toy.logs import hide
from pommai.toy.settings import Settings

_NOBODY = (
    "it has no token for its server: give it one in a file pommai.toml on its boot partition, or by token_file in its "
    "settings; or have the cloud give it tokens (cloud_url and device_secret)"
)


class Identity(Struct, frozen=True):
    """`secret`: where it is, or None. `trouble`: why the toy cannot go to its server with it, empty when it can."""

    secret: SecretSource | None
    trouble: str


async def identity_of(settings: Settings) -> Identity:
    """Look for what the settings name: the token, else the secret that tokens are asked for with."""
    secret = settings.token_file or settings.device_secret
    if secret is None:
        return Identity(None, _NOBODY)
    try:
        hide((await secret.read()).reveal())
    except SecretError as caught:
        return Identity(secret, str(caught))
    return Identity(secret, "")


class Missing:
    """Tells the chart that the toy can no longer go to its server, when it rests: not into what a child says or hears.

    The chart has words for it, which would be said into a turn.
    """

    def __init__(self, post: Callable[[Event], None]) -> None:
        self._post = post
        self._resting = self._to_tell = False

    def on_link(self, readable: bool) -> None:
        """What the toy shows its server cannot be read any more, or can again."""
        self._to_tell = not readable
        self._tell()

    def on_configuration(self, resting: bool) -> None:
        """The toy rests, or does something."""
        self._resting = resting
        self._tell()

    def _tell(self) -> None:
        if self._to_tell and self._resting:
            self._to_tell = False
            self._post(Event("identity.missing"))
