"""Secrets, such as a toy's token, or what it asks the cloud for tokens with: where they are kept, and how they stay
secret. What a gateway and its operators keep in files is read by the same rules.

A secret travels through the toy in a `Secret`, which shows itself to nobody by accident: not in a log, not in a
traceback, not in a list of processes.
"""

from __future__ import annotations

import os
import re
import shlex
import stat
from pathlib import Path
from typing import Final, NoReturn, Protocol

from msgspec import Struct

from pommai.errors import SecretError

MAX_BYTES: Final = 4096
CONTAINERS: Final = "/run/secrets"
"""Where Docker and Podman put a container's secrets."""
TPM_SECONDS: Final = 20.0
"""A TPM may take seconds for what asks for its big key."""
_VISIBLE = re.compile(rb"[\x21-\x7e]{8,4096}")


class Secret:
    """A text that is shown when it is asked for by name, and never otherwise."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text. For a header or a body on its way out, and for nothing else."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not written down")


class SecretSource(Protocol):
    """Where a secret of the toy's is kept."""

    async def read(self) -> Secret:
        """The secret, as it is there now. Raises SecretError."""


class SecretFile(Struct, frozen=True):
    """A file that its owner alone can read."""

    path: Path

    async def read(self) -> Secret:
        import asyncio  # late: every command knows the settings, and with them this class

        return await asyncio.to_thread(_read_file, self.path)


class SystemdCredential(Struct, frozen=True):
    """What systemd hands to its service alone: `LoadCredential=` or `LoadCredentialEncrypted=` in the unit."""

    name: str

    async def read(self) -> Secret:
        import asyncio

        folder = os.environ.get("CREDENTIALS_DIRECTORY")
        if not folder:
            raise SecretError(
                f"there is no credential '{self.name}': systemd has given none to this process; write "
                f"LoadCredential={self.name}:FILE into the toy's unit, or keep the secret in a file"
            )
        return await asyncio.to_thread(_read_file, Path(folder) / self.name)


class TpmSecret(Struct, frozen=True):
    """A secret sealed in a TPM 2.0, at a persistent handle such as 0x81010001. Asks tpm2_unseal of tpm2-tools.

    The secret comes through a pipe, and the command line names the handle alone.
    """

    handle: str
    command: str = "tpm2_unseal"

    async def read(self) -> Secret:
        import asyncio

        try:
            process = await asyncio.create_subprocess_exec(
                self.command,
                "-c",
                self.handle,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
        except OSError as caught:
            raise SecretError(
                f"{self.command} cannot be run ({caught.strerror}); install it with: sudo apt-get install tpm2-tools"
            ) from None
        try:
            async with asyncio.timeout(TPM_SECONDS):
                text, complaint = await process.communicate()
        except TimeoutError:
            raise SecretError(f"the TPM has not answered within {TPM_SECONDS:g} s") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0:
            why = _why(complaint.decode("utf-8", "replace")) or f"status {process.returncode}"
            raise SecretError(f"the TPM does not give the secret at {self.handle}: {why}")
        return _secret_of(text, f"the TPM's object at {self.handle}")


def _read_file(path: Path) -> Secret:
    return _secret_of(read_closed(path, MAX_BYTES), str(path))


def read_closed(
    path: Path, most: int, *, waits: bool = False, shared_by_root: bool = False, links: bool = True
) -> bytes:
    """What is in a file that its owner alone can read; of a longer one `most` bytes and one more. Blocks.

    What systemd (LoadCredential) or a container's runtime hands out is taken with any mode: their folders are closed
    by other means, and nobody inside could change it. `waits`: it may be a pipe, too, as from `<(pass show token)`.
    `shared_by_root`: as usual for keys of TLS, root's own file may be readable by a group. `links`: it may be one.
    Raises SecretError, which says how to put it right.
    """
    try:
        # Without waiting, where nobody says otherwise: a pipe that nobody writes to would hold the toy for ever.
        more = (0 if waits else os.O_NONBLOCK) | (0 if links else os.O_NOFOLLOW)
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | more)) as file:
            about = os.fstat(file.fileno())
            if not stat.S_ISREG(about.st_mode) and not waits:
                raise SecretError(f"{path} is no file")
            if not stat.S_ISCHR(about.st_mode) and not _is_handed_out(path):
                _check_closed(path, about, 0o037 if shared_by_root and about.st_uid == 0 else 0o077)
            return file.read(most + 1)
    except OSError as caught:
        raise SecretError(f"{path} cannot be read: {caught.strerror}") from None


def _check_closed(path: Path, about: os.stat_result, open_bits: int) -> None:
    if about.st_mode & open_bits:
        mend = f"chmod 600 {shlex.quote(str(path))}"
        raise SecretError(f"{path} can be read by others than its owner; close it with: {mend}")
    if os.geteuid() not in (0, about.st_uid) and not (about.st_uid == 0 and open_bits == 0o037):
        # An access list may let us in all the same.
        raise SecretError(f"{path} belongs to another user, who can change it; let the user who reads it own it")


def _is_handed_out(path: Path) -> bool:
    """Whether it lies, with all links followed, where systemd or a container's runtime hands out secrets."""
    real = Path(os.path.realpath(path))
    places = (os.environ.get("CREDENTIALS_DIRECTORY"), CONTAINERS)
    return any(real.is_relative_to(os.path.realpath(place)) for place in places if place)


def keep_secret(path: Path, text: str) -> Path:
    """Write a file that its owner alone can read, in place of any that is there. Raises OSError."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text + "\n")
    return path


def _why(complaint: str) -> str:
    """Of all that tpm2-tools writes, the line that is its own; the library below it writes several."""
    lines = complaint.strip().splitlines()
    own = [line for line in lines if line.startswith("ERROR: ")] or lines
    return "".join(filter(str.isprintable, own[0]))[:200] if own else ""


def _secret_of(text: bytes, where: str) -> Secret:
    text = text.strip()
    if not _VISIBLE.fullmatch(text):
        raise SecretError(f"{where} must hold the secret alone: 8 to {MAX_BYTES} visible ASCII characters")
    return Secret(text.decode("ascii"))
