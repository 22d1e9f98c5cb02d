"""What the tests of a gateway's offers share: bundles that are kept, and words of toys."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from typing import Any

from bundle_material import bundle_bytes

from pommai.gateway.offers import Kept
from pommai.protocol.messages import UpdateReport

BUNDLE = bundle_bytes({"led_patterns.yaml": b"patterns: {}\n"})
HASH = hashlib.sha256(BUNDLE).hexdigest()


def kept(version: int = 12, **more: Any) -> Kept:
    """A bundle of which a gateway knows."""
    usual = {"device_type": "pommai", "fleet": "", "is_software": False}
    return Kept(f"{version:064x}", 1000, version, **{**usual, **more})


def says(version: int = 0, **more: Any) -> UpdateReport:
    """A toy's word."""
    return UpdateReport(version, **{"device_type": "pommai", "fleet": "home", **more})


async def coming(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
