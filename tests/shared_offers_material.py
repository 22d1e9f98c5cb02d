"""What the tests of offers that a fleet shares have in common: gateways' offers with a real Redis between them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from offer_material import BUNDLE, HASH, coming

from pommai.gateway.bundle_files import BundleFiles
from pommai.gateway.data_file import DataFile
from pommai.gateway.fleet.redis_fleet import RedisFleet
from pommai.gateway.fleet.shared_offers import SharedOffers


class Counter:
    """One gateway's."""

    def __init__(self, offers: SharedOffers, data: DataFile, files: BundleFiles) -> None:
        self.offers = offers
        self.data = data
        self.files = files

    async def bring(self, data: bytes = BUNDLE, sha256: str = HASH) -> None:
        """As an operator does."""
        await self.files.take(sha256, len(data), coming(data), self.offers.keep)

    async def state(self) -> dict[str, Any]:
        """What is shown to operators."""
        book = await self.offers.read()
        toys = {
            sha256: {device: (told.times, told.outcome, told.reason) for device, told in toys.items()}
            for sha256, toys in book.told.items()
        }
        kept = {(each.sha256, each.version, bool(each.everybody)) for each in book.kept}
        return {"kept": kept, "toys": toys, "reports": book.reports}


@asynccontextmanager
async def counter(
    url: str, folder: Path, name: str, on_change: Callable[[], None] = lambda: None
) -> AsyncIterator[Counter]:
    """A gateway's offers, in touch with the others of its fleet."""
    fleet, path = RedisFleet(url, name), folder / f"{name}.db"
    try:
        async with await DataFile.open(path) as data:
            files = BundleFiles(folder / f"{name}.bundles")
            async with SharedOffers(data, BundleFiles(files.folder), fleet, on_change) as offers:
                yield Counter(offers, data, files)
    finally:
        await fleet.leave()


@asynccontextmanager
async def counters(url: str, folder: Path, *names: str) -> AsyncIterator[list[Counter]]:
    async with AsyncExitStack() as stack:
        found = [await stack.enter_async_context(counter(url, folder, name)) for name in names]
        for each in found:
            await each.offers.catch_up()
        yield found
