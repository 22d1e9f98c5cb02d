"""Who may connect: a door knows which device may come in with which token."""

from __future__ import annotations

import hmac
import re
from typing import Protocol

from pommai.errors import SettingsError


class Door(Protocol):
    """Lets devices in."""

    async def admits(self, device_id: str, token: str) -> bool:
        """Whether this device may connect with this token. Both are a stranger's words; the id is empty when none was
        said.

        Raises StoreError when that cannot be told now.
        """


class OneToken:
    """One token opens for every device: for a desk."""

    def __init__(self, token: str) -> None:
        """Raises SettingsError when no header could carry the token."""
        if re.fullmatch(r"[!-~]+", token) is None:
            raise SettingsError("the token is empty, or holds spaces or characters that a header cannot carry")
        self._token = token.encode()

    async def admits(self, device_id: str, token: str) -> bool:
        # How long the answer takes does not tell how much of the token was right.
        return hmac.compare_digest(token.encode("utf-8", "surrogatepass"), self._token)


class Doors:
    """Several doors: who may come in by one of them is in."""

    def __init__(self, *doors: Door) -> None:
        self._doors = doors

    async def admits(self, device_id: str, token: str) -> bool:
        for door in self._doors:
            if await door.admits(device_id, token):
                return True
        return False
