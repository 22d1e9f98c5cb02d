"""What a toy shows its server at each connect; in the simple case a token that is always the same."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol

from pommai.errors import SettingsError
from pommai.io.secret import Secret, SecretSource

_IN_A_HEADER = re.compile(r"[\x21-\x7e]+")


class Credentials(Protocol):
    """What the toy shows the server at each connect."""

    async def token(self) -> str:
        """A token, visible ASCII. Raises LinkError; AuthenticationError when nobody will give this device one;
        SecretError when what it is kept in, or asked for with, cannot be read."""

    def refused(self, token: str) -> bool:
        """The server did not want this token; whether the next one may be better, so that it is worth a try soon."""


class FixedToken:
    """A token that somebody has set and nobody renews. The port Credentials."""

    def __init__(self, token: str) -> None:
        """Raises SettingsError when the token cannot be sent. Never shows it."""
        check_header("token", token)
        self._token = Secret(token)

    async def token(self) -> str:
        return self._token.reveal()

    def refused(self, token: str) -> bool:
        return False


class StoredToken:
    """A token that is kept somewhere, and read there at each connect: who changes it there need not start the toy
    again. The port Credentials."""

    def __init__(self, source: SecretSource, on_secret: Callable[[str], None] = lambda text: None) -> None:
        """`on_secret` is told what was read, for whoever hides it in the log."""
        self._source = source
        self._on_secret = on_secret

    async def token(self) -> str:
        token = (await self._source.read()).reveal()
        self._on_secret(token)
        return token

    def refused(self, token: str) -> bool:
        return False


def check_header(name: str, value: str) -> None:
    """Raises SettingsError, without the value, when it cannot stand in an HTTP header."""
    if _IN_A_HEADER.fullmatch(value) is None:
        raise SettingsError(f"the {name} is empty, or has a space or a character beyond ASCII in it")
