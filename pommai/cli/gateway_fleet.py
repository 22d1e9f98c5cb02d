"""`pommai gateway` as one of many: what it is called, and the Redis that they share."""

from __future__ import annotations

import os
import re
import socket
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    import argparse

    from pommai.gateway.archive import Archive
    from pommai.gateway.fleet.port import Fleet

REDIS_VARIABLE = "POMMAI_REDIS_URL"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Teach a parser what a fleet needs."""
    parser.add_argument(
        "--redis",
        metavar="URL",
        default=os.environ.get(REDIS_VARIABLE) or None,
        help=f"share toys with all gateways that name the same Redis: redis://HOST, rediss://:PASSWORD@HOST:6380/0, "
        f"unix:///PATH; others on this machine can see an argument, so prefer the environment variable "
        f"{REDIS_VARIABLE} (default: none; it is alone)",
    )
    parser.add_argument(
        "--name",
        default=_name(),
        help="what operators see of where a toy is (default: the machine's name and the number of the process)",
    )


def secrets_of(redis: str | None) -> list[str]:
    """What must never be logged."""
    if redis is None:
        return []
    try:
        password = urlsplit(redis).password or ""
    except ValueError:
        return [redis]
    return [each for each in (redis, password, unquote(password)) if each]


def open_fleet(redis: str | None, name: str, archive: Archive) -> Fleet:
    """The fleet that this gateway joins. Raises SettingsError."""
    from pommai.gateway.fleet.embedded import EmbeddedFleet
    from pommai.gateway.fleet.notes import FileNotes

    notes = FileNotes(archive.data)
    if redis is None:
        return EmbeddedFleet(name, notes)
    from pommai.gateway.fleet.redis_fleet import RedisFleet

    return RedisFleet(redis, name, notes)


def _name() -> str:
    return f"{re.sub(r'[^A-Za-z0-9_.-]', '-', socket.gethostname())[:50] or 'gateway'}-{os.getpid()}"
