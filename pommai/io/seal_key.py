"""Where the key of the memory is: in a file beside it, and in a secret that is kept elsewhere where there is one.

A file beside the memory protects what leaves the toy without it: a copy, a backup, a damaged file that somebody is
asked to look at, blocks that a card has put aside; and it lets all of it be forgotten at once. It does not protect
against somebody who takes the card with both files on it. For that the key is to be made of a secret in a TPM, or of
one that systemd unseals, as well.
"""

from __future__ import annotations

import contextlib
import hmac
import os
from pathlib import Path

from pommai.errors import SecretError
from pommai.io.seal import KEY_BYTES, KeySeal
from pommai.io.secret import SecretSource, read_closed


def key_file_of(memory: Path) -> Path:
    """The key's file beside a memory, or beside the copy that outlives the power."""
    return memory.with_name(memory.name + ".key")


def read_key_file(path: Path) -> bytes | None:
    """The key; None when there is none. Raises SecretError when it cannot be read, or others can."""
    try:
        path.lstat()
    except FileNotFoundError:
        return None
    except OSError:
        pass  # it is told below
    try:
        key = read_closed(path, KEY_BYTES, links=False)
    except SecretError as caught:
        raise SecretError(f"the key of the memory: {caught}") from None
    return key if len(key) == KEY_BYTES else None  # half written in a power cut, before anything was closed with it


def make_key_file(path: Path) -> bytes:
    """Make a key, on the disk itself before it is used. Raises SecretError."""
    key = os.urandom(KEY_BYTES)
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.unlink(missing_ok=True)
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.write(handle, key)
            os.fsync(handle)
        finally:
            os.close(handle)
        part.replace(path)
        _sync_folder(path.parent)
    except OSError as caught:
        raise SecretError(f"{path}, the key of the memory, cannot be made: {caught.strerror}") from None
    return key


def erase_key_file(path: Path) -> bool:
    """Write over the key, and delete it; whether there was one. Raises OSError."""
    found = False
    for file in (path, path.with_name(path.name + ".part")):
        with contextlib.suppress(FileNotFoundError):
            handle = os.open(file, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                os.write(handle, os.urandom(KEY_BYTES))
                os.fsync(handle)
            finally:
                os.close(handle)
            file.unlink()
            found = True
    if found:
        _sync_folder(path.parent)
    return found


async def open_seal(file: Path, source: SecretSource | None) -> KeySeal:
    """The toy's seal: of the key in a file, which is made when it is missing, and of a secret where there is a source.

    Raises SecretError.
    """
    import asyncio

    secret = None if source is None else (await source.read()).reveal()
    return await asyncio.to_thread(lambda: _seal(read_key_file(file) or make_key_file(file), secret))


async def find_seal(file: Path, source: SecretSource | None) -> KeySeal | None:
    """The seal as it is, for whoever only looks: None when there is no key. Raises SecretError."""
    key = read_key_file(file)
    return None if key is None else _seal(key, None if source is None else (await source.read()).reveal())


def _seal(key: bytes, secret: str | None) -> KeySeal:
    # Of both, so that either is of no use without the other, and a reset needs to erase the file alone.
    return KeySeal(key if secret is None else hmac.digest(key, b"pommai memory key 1\0" + secret.encode(), "sha256"))


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
