"""What stands for a device's id in the gateway's log: logs are copied to places where the toys' data never go.

The same device has the same name in all logs of gateways that share a salt, and without the salt nobody can try out
ids. Lines have their session beside it, and whoever may ask the gateway (GET /sessions) is told whose that is.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from pathlib import Path
from typing import Final

from pommai.errors import SecretError, SettingsError
from pommai.io.secret import read_closed

SALT_BYTES: Final = 32
_SALT: Final = re.compile(r"[0-9a-f]{64}\n?")


class Pseudonyms:
    """Names of devices, by one salt."""

    def __init__(self, salt: bytes) -> None:
        self._salt = salt

    def of(self, device_id: str) -> str:
        """The name: `d-` and 64 bits of HMAC-SHA256, in hexadecimal."""
        return "d-" + hmac.new(self._salt, device_id.encode("utf-8", "replace"), hashlib.sha256).hexdigest()[:16]


def open_pseudonyms(file: Path | None, data: Path | None) -> Pseudonyms:
    """By the salt in `file`, else by that beside `data`, either made when it is not there; with neither, by a salt that
    lasts until the gateway ends. Raises SettingsError."""
    path = file
    if file is None and data is not None and data.parent.is_dir():  # else the data themselves will say so
        path = data.with_name(f"{data.name}.salt")
    return Pseudonyms(secrets.token_bytes(SALT_BYTES) if path is None else _salt_in(path))


def _salt_in(path: Path) -> bytes:
    try:
        try:
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as made:
                made.write(f"{secrets.token_hex(SALT_BYTES)}\n")
        except FileExistsError:
            pass
        text = read_closed(path, 2 * SALT_BYTES + 1).decode("ascii")
    except SecretError as caught:
        raise SettingsError(f"the log's salt: {caught}") from None
    except (OSError, UnicodeDecodeError) as caught:
        raise SettingsError(f"the log's salt in {path} cannot be read: {caught}") from caught
    if _SALT.fullmatch(text) is None:
        raise SettingsError(f"{path} must hold the log's salt alone: 64 hexadecimal digits; delete it, and one is made")
    return bytes.fromhex(text)
