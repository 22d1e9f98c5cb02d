"""The operator's token: made by the gateway or given to it, and known to it by its hash alone."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import re
import secrets
from pathlib import Path
from typing import Final, Self

from pommai.errors import SettingsError, StoreError

SHORTEST: Final = 20
"""Characters of a token that somebody chose. One that is made has 43, of 256 random bits."""

_LINE: Final = re.compile(r"sha256 ([0-9a-f]{64})\n?")


def new_token() -> str:
    """A token that nobody can guess."""
    return secrets.token_urlsafe(32)


def file_beside(data: Path) -> Path:
    """Where the hash is kept of a gateway whose data is in this file."""
    return data.with_name(f"{data.name}.operator")


class OperatorToken:
    """Knows whether a token is the operator's. A hash that is kept in a file is read again when the file changes."""

    def __init__(self, digest: bytes, path: Path | None = None) -> None:
        self._digest = digest
        self._path = path
        self._seen = None if path is None else _stamp(path)

    @classmethod
    def of(cls, token: str) -> Self:
        """This token, until the gateway ends. Raises SettingsError when it is too weak, or no header could carry it."""
        if re.fullmatch(r"[!-~]+", token) is None:
            raise SettingsError(
                "the operator's token is empty, or holds spaces or characters that a header cannot carry"
            )
        if len(token) < SHORTEST:
            raise SettingsError(
                f"the operator's token has {len(token)} characters, and could be guessed; write at least {SHORTEST}, "
                f"or none, and one is made"
            )
        return cls(_digest(token))

    @classmethod
    def kept_in(cls, path: Path) -> Self | None:
        """The token whose hash is in a file; None when there is no such file. Raises StoreError."""
        stamp = _stamp(path)
        if stamp is None:
            return None
        return cls(_read(path), path)

    def keep(self, path: Path) -> None:
        """Write the hash into a file that its owner alone can read: whole, or not at all.

        Raises StoreError.
        """
        part = path.with_name(f"{path.name}.part")
        try:
            part.unlink(missing_ok=True)
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(f"sha256 {self._digest.hex()}\n")
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except OSError as caught:
            raise StoreError(f"the operator's token cannot be kept in {path}: {caught.strerror or caught}") from caught
        self._path, self._seen = path, _stamp(path)

    async def is_right(self, shown: str) -> bool:
        """Whether this is the operator's token. Raises StoreError when the file that says so is damaged."""
        if self._path is not None:
            await asyncio.to_thread(self._refresh, self._path)
        # How long the answer takes does not tell how much of the token was right.
        return hmac.compare_digest(_digest(shown), self._digest)

    def _refresh(self, path: Path) -> None:
        """Take a new token that somebody has had made meanwhile. A file that is gone changes nothing."""
        stamp = _stamp(path)
        if stamp is not None and stamp != self._seen:
            self._digest = _read(path)
            self._seen = stamp


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """What differs after a change; None when there is no such file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _read(path: Path) -> bytes:
    try:
        text = path.read_text(encoding="ascii", errors="replace")
    except OSError as caught:
        raise StoreError(f"{path} cannot be read: {caught.strerror or caught}") from caught
    found = _LINE.fullmatch(text)
    if found is None:
        raise StoreError(f"{path} does not hold the hash of an operator's token; --new-operator-token makes a new one")
    return bytes.fromhex(found[1])
