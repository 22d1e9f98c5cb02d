"""What `pommai gateway` needs to offer update bundles to its toys."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pommai.errors import SettingsError

if TYPE_CHECKING:
    import argparse
    from contextlib import AsyncExitStack

    from pommai.gateway.bundle_files import BundleFiles
    from pommai.gateway.offers import Offers
    from pommai.gateway.server import Gateway
    from pommai.gateway.web.app import Web


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Teach a parser what it takes."""
    parser.add_argument(
        "--public-url",
        metavar="URL",
        help="where toys find the HTTP port from outside, to fetch update bundles from; needed behind a proxy that "
        "speaks TLS (default: the host that each toy has called, and the HTTP port)",
    )


def check_public_url(url: str | None) -> str | None:
    """The beginning of an address, or none. Raises SettingsError for one that no toy would use."""
    from pommai.bundle.fetch import check_url
    from pommai.errors import BundleError

    if url is None:
        return None
    try:
        parts = urlsplit(check_url(url))
    except BundleError:
        parts = urlsplit("")
    if not parts.hostname or parts.query or parts.fragment:
        raise SettingsError(f"--public-url {url} is no address that toys fetch from; write it as https://toys.example")
    return url.rstrip("/")


async def open_offers(
    stack: AsyncExitStack, web: Web, gateway: Gateway, public: str | None, secure: bool, data: Path | None
) -> None:
    """Offer update bundles until the stack is left. Called before `web` is entered."""
    from pommai.gateway.bundle_files import BundleFiles, folder_beside
    from pommai.gateway.offering import Addresses, Offering
    from pommai.gateway.offers_web import PAGES, add_offer_routes

    if data is None:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pommai-bundles-")))
    else:
        folder = folder_beside(data)
    changed = asyncio.Event()
    offers = await _offers_of(stack, gateway, BundleFiles(folder), changed)
    offering = Offering(gateway, offers, Addresses(public, secure, lambda: web.port), changed)
    add_offer_routes(web.app, BundleFiles(folder), offers, offering)
    web.pages.update(PAGES)
    await stack.enter_async_context(web)
    await stack.enter_async_context(offering)


async def _offers_of(stack: AsyncExitStack, gateway: Gateway, files: BundleFiles, changed: asyncio.Event) -> Offers:
    """The gateway's own, or those of its whole fleet."""
    from pommai.gateway.fleet.redis_fleet import RedisFleet
    from pommai.gateway.fleet.shared_offers import SharedOffers
    from pommai.gateway.offers_file import FileOffers

    if not isinstance(gateway.fleet, RedisFleet):
        return FileOffers(gateway.archive.data)
    shared = SharedOffers(gateway.archive.data, files, gateway.fleet, changed.set)
    return await stack.enter_async_context(shared)
