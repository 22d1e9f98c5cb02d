"""A server's keys, made on the spot."""

from __future__ import annotations

from pathlib import Path

from pommai.bundle.keys import make_key
from pommai.gateway.signer import Signer
from pommai.io.ports import Stamp
from pommai.io.signed import CommandGuard

LATER = "2100-01-01T00:00:00.000Z"


def signer(folder: Path, name: str = "server") -> Signer:
    file = folder / f"{name}.pem"
    if not file.exists():
        make_key(file, folder / f"{name}.pub")
    return Signer(file)


def guard(of: Signer, device_id: str = "pi-1", *, says: str = "1970-01-01T00:00:01.000Z", trusted: bool = False):
    return CommandGuard({of.public.id.hex(): of.public.value}, device_id, lambda: Stamp(says, trusted))
