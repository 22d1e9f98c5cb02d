"""Update bundles by HTTP: operators bring and offer them, toys fetch them.

Toys fetch without a token, by a path that holds the file's SHA-256. Who knows that was told of the bundle, or has it; a
bundle is signed and holds no secrets, and a toy looks at all of it before it takes anything.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Final

from aiohttp import web

from pommai.bundle.container import MOST_FILE
from pommai.errors import BundleError, FleetError, StoreError
from pommai.gateway.bundle_files import CHUNK, BundleFiles
from pommai.gateway.offer_state import standing, version_in_force
from pommai.gateway.offering import PATH, Offering
from pommai.gateway.offers import MOST_KEPT, Book, Kept, Offers
from pommai.gateway.server_clock import as_iso
from pommai.gateway.web.answers import RequestError, answer, read_order

MOST_DEVICES: Final = 1000
"""That are named in one offer."""
MOST_SHOWN: Final = 1000
"""Toys that are listed of one bundle. All are counted."""
MOST_DOWNLOADS: Final = 32
"""Fetched at the same time, by toys or by whoever knows a hash."""
STALLED_SECONDS: Final = 30.0
"""How long nothing may come of a bundle, or nothing of it be taken."""
LONGEST_SECONDS: Final = 3600.0
"""How long a bundle may take in all, as toys have it."""
LATER_SECONDS: Final = 60
"""After which whoever is too many may come again."""

COMING_SECONDS: Final = 20.0
"""How long a toy waits for a bundle that another gateway has, before it is told to come later."""
LOOK_SECONDS: Final = 0.1
"""Between two looks whether it has come."""

PAGES: Final = {
    "GET /bundles": "the update bundles that are kept for toys, and which toy has taken which",
    "PUT /bundles/{sha256}": "bring one: the file as it is, named by its hash",
    "POST /bundles/{sha256}/offer": 'offer it to some toys or to all: {"devices"?, "all"?}',
    "DELETE /bundles/{sha256}": "offer it to nobody any more",
}
"""Method and path, and what it is for."""

_log = logging.getLogger(__name__)


def add_offer_routes(app: web.Application, files: BundleFiles, offers: Offers, offering: Offering) -> None:
    """Mount the pages, those for operators and the one that toys fetch from."""
    pages = _Pages(files, offers, offering)
    name = "{sha256}"
    app.router.add_get("/bundles", pages.list)
    app.router.add_put(f"/bundles/{name}", pages.bring)
    app.router.add_post(f"/bundles/{name}/offer", pages.offer)
    app.router.add_delete(f"/bundles/{name}", pages.withdraw)
    app.router.add_get(f"{PATH}{name}", pages.fetch)


class _Pages:
    def __init__(self, files: BundleFiles, offers: Offers, offering: Offering) -> None:
        self._files = files
        self._offers = offers
        self._offering = offering
        self._downloads = 0

    # -- for operators ---------------------------------------------------------------------

    async def list(self, request: web.Request) -> web.Response:
        book = await self._offers.read()
        rows = await asyncio.to_thread(lambda: [_row(book, kept, self._files) for kept in book.kept])
        words = {"missing": f"what other gateways know: {self._offers.missing}"} if self._offers.missing else {}
        return answer({"bundles": rows, **words})

    async def bring(self, request: web.Request) -> web.Response:
        sha256, size = _hash(request), request.content_length
        if size is None:
            raise RequestError(411, "the length of the bundle is missing", "send Content-Length")
        if not 0 < size <= MOST_FILE:
            raise RequestError(413, f"a bundle has 1 to {MOST_FILE} bytes, not {size}")
        if self._offers.missing:
            raise FleetError(f"the other gateways cannot be told now, so nothing was kept: {self._offers.missing}")
        book = await self._offers.read(reports=False)
        if book.of(sha256) is None and len(book.kept) >= MOST_KEPT:
            raise RequestError(409, f"{MOST_KEPT} bundles are kept already", "withdraw one first")
        try:
            async with aclosing(_coming(request)) as pieces:
                kept = await self._files.take(sha256, size, pieces, self._offers.keep)
        except BundleError as caught:
            raise RequestError(422, str(caught)) from caught
        return answer(_described(kept), 201)

    async def offer(self, request: web.Request) -> web.Response:
        sha256 = _hash(request)
        order = await read_order(request, devices=list, all=bool)
        devices = order.get("devices")
        if (devices is None) == (not order.get("all")):
            raise RequestError(400, "say to whom", 'send {"devices": ["ID", ...]} or {"all": true}')
        if devices is not None and not (0 < len(devices) <= MOST_DEVICES and all(map(_is_device, devices))):
            words = "an id is 1 to 128 letters, digits, - _ . and :; `pommai devices list` shows them"
            raise RequestError(400, f"'devices' must be a list of 1 to {MOST_DEVICES} device ids", words)
        if not self._is_here_or_coming(sha256) or not await self._offers.offer(sha256, devices):
            raise _unknown(sha256)
        self._offering.changed()
        book = await self._offers.read()
        kept = book.of(sha256)
        if kept is None:  # somebody has withdrawn it meanwhile
            raise _unknown(sha256)
        return answer(await asyncio.to_thread(_row, book, kept, self._files, devices))

    async def withdraw(self, request: web.Request) -> web.Response:
        sha256 = _hash(request)
        if not await self._offers.withdraw(sha256):
            raise _unknown(sha256)
        await self._files.forget(sha256)
        self._offering.changed()
        return answer({"sha256": sha256, "withdrawn": True})

    # -- for toys --------------------------------------------------------------------------

    async def fetch(self, request: web.Request) -> web.StreamResponse:
        sha256 = _hash(request)
        kept = await self._offers.find(sha256)
        later = {"Retry-After": str(LATER_SECONDS)}
        if kept is None or not self._is_here_or_coming(sha256):
            raise RequestError(404, "there is no such bundle")
        if self._downloads >= MOST_DOWNLOADS:
            raise RequestError(503, "too many are fetching", "come later", later)
        self._downloads += 1
        try:
            if not await self._has_come(sha256):
                raise RequestError(503, "the bundle is on its way here", "come later", later)
            response = web.StreamResponse(headers={"Content-Type": "application/octet-stream", "Accept-Ranges": "none"})
            response.content_length = kept.size
            async with asyncio.timeout(LONGEST_SECONDS):
                await response.prepare(request)
                if request.method != "HEAD":
                    await self._send(request, response, kept)
        except (TimeoutError, StoreError) as caught:
            _log.warning("bundle not fetched", extra={"reason": str(caught) or "it is not read"})
            if request.transport is not None:
                request.transport.abort()
            raise ConnectionResetError("the bundle cannot be sent to its end") from None
        finally:
            self._downloads -= 1
        return response

    def _is_here_or_coming(self, sha256: str) -> bool:
        return self._files.is_there(sha256) or self._offers.is_coming(sha256)

    async def _has_come(self, sha256: str) -> bool:
        """Whether a file is here, or comes soon: a balancer may send a toy to a gateway that has yet to fetch it."""
        for _ in range(round(COMING_SECONDS / LOOK_SECONDS)):
            if not self._offers.is_coming(sha256):
                return True
            await asyncio.sleep(LOOK_SECONDS)
        return False

    async def _send(self, request: web.Request, response: web.StreamResponse, kept: Kept) -> None:
        async with aclosing(self._files.give(kept.sha256, kept.size)) as pieces:
            async for piece in pieces:
                async with asyncio.timeout(STALLED_SECONDS):
                    await response.write(piece)


# -- in ------------------------------------------------------------------------------------


async def _coming(request: web.Request) -> AsyncGenerator[bytes]:
    """What comes in, piece by piece; raises RequestError (408) when nothing comes any more."""
    loop = asyncio.get_running_loop()
    limit = loop.time() + LONGEST_SECONDS
    while True:
        try:
            async with asyncio.timeout_at(min(limit, loop.time() + STALLED_SECONDS)):
                piece = await request.content.read(CHUNK)
        except TimeoutError:
            raise RequestError(408, "the bundle did not come in time") from None
        if not piece:
            return
        yield piece


def _hash(request: web.Request) -> str:
    sha256 = request.match_info["sha256"]
    if re.fullmatch(r"[0-9a-f]{64}", sha256) is None:
        raise RequestError(404, "bundles go by their SHA-256, in small hexadecimal letters")
    return sha256


def _is_device(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9_.:-]{1,128}", value) is not None


def _unknown(sha256: str) -> RequestError:
    return RequestError(404, f"no bundle {sha256[:12]} is kept here", "GET /bundles lists those that are")


# -- out -----------------------------------------------------------------------------------


def _described(kept: Kept) -> dict[str, Any]:
    return {
        "sha256": kept.sha256,
        "size": kept.size,
        "version": kept.version,
        "deviceType": kept.device_type,
        "fleet": kept.fleet,
        "software": bool(kept.is_software),
    }


def _row(book: Book, kept: Kept, files: BundleFiles, devices: list[str] | None = None) -> dict[str, Any]:
    """A bundle, and how the toys stand to it that it is offered to, or those of them that are named."""
    told = book.told.get(kept.sha256, {})
    concerned = set(told) | (book.reports.keys() if kept.everybody else set())
    counts: Counter[str] = Counter()
    toys = []
    for device in sorted(concerned if devices is None else concerned & set(devices)):
        report, mine = book.reports.get(device), told.get(device)
        word, reason = standing(kept, mine, report)
        if word == "other" and mine is None:
            continue  # it was offered to all, and is not for all
        counts[word] += 1
        toys.append(
            {
                "device": device,
                "standing": word,
                "reason": reason,
                "runs": version_in_force(kept, report),
                "told": None if mine is None or mine.at is None else as_iso(mine.at),
            }
        )
    return {
        **_described(kept),
        "kept": files.is_there(kept.sha256),
        "since": as_iso(kept.made),
        "all": bool(kept.everybody),
        "counts": dict(counts),
        "toys": toys[:MOST_SHOWN],
    }
