"""Offers that all gateways of a fleet share, through Redis.

Each gateway works with a copy of its own, in its data file; Redis only spreads it. So a Redis that is slow or gone
holds up no toy: offers stand as they were last known, and what toys say is told later. What operators change is refused
meanwhile. A Redis that comes back empty is told everything again.
"""

from __future__ import annotations

import asyncio
import logging
import math
import secrets
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Final, NamedTuple, Self, TypeVar

from pommai.errors import BundleError, FleetError, StoreError
from pommai.gateway.bundle_files import BundleFiles
from pommai.gateway.data_file import DataFile
from pommai.gateway.fleet import bundle_pieces
from pommai.gateway.fleet import offer_scripts as scripts
from pommai.gateway.fleet import offer_words as w
from pommai.gateway.fleet.bundle_pieces import Asks
from pommai.gateway.offer_registers import Line, Mark
from pommai.gateway.offers import MOST_REPORTS, Kept
from pommai.gateway.offers_file import FileOffers

BEAT_SECONDS: Final = 1.0
"""Between two looks at what other gateways have changed."""
GIVE_SECONDS: Final = 0.2
"""Between two looks whether others ask for pieces of bundles, while they do."""
AGAIN_SECONDS: Final = 10.0
"""After a bundle could not be had from others: until they are asked again."""
LATE_SECONDS: Final = 1.0
"""A change that Redis gets to after this was refused meanwhile: it is not made."""
AT_ONCE: Final = 100
"""Registers that are told in one call."""
MOST_TOYS: Final = 100_000
"""That Redis knows of for one bundle; of more, those of which was heard last."""
MOST_BUNDLES: Final = 32
"""That are fetched from others. Gateways that bring their own into a fleet may have more than one may keep."""

LEARNED_AT_ONCE: Final = 500
"""Registers that are learned in one call."""
MOST_LOOKING: Final = 4
"""Strangers who ask for a bundle that is not known, and wait for what other gateways know."""

_CHANGES: Final = "offers:changes"
_BUNDLES: Final = "offers:bundles"
_WORDS: Final = "offers:words"
_TOYS: Final = "offers:toys:"

_NOT_YET: Final = "Redis was not asked yet"
_T = TypeVar("_T")
_log = logging.getLogger(__name__)


class SharedOffers(FileOffers):
    """The offers of a gateway whose fleet shares a Redis. In touch with the others while it is entered."""

    def __init__(self, data: DataFile, files: BundleFiles, redis: Asks, on_change: Callable[[], None]) -> None:
        """`data` stays the caller's to close; `files` must be in use for this alone, their folder may be shared.
        `on_change` is called when other gateways have changed what is offered, or a file has come."""
        super().__init__(data)
        self._files = files
        self._redis = redis
        self._on_change = on_change
        self._epoch = b""
        self._read_to: dict[str, int] = {}  # of each hash, up to which number of changes it is known
        self._changes = -1
        self._looking = 0
        self._offset: float | None = None  # from our monotonic clock to Redis's, in milliseconds
        self._trouble = _NOT_YET
        self._refused: dict[str, tuple[str, float]] = {}  # bundles that could not be had: why, and when to ask again
        self._exchanging = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        for work in (self._keep_in_touch, self._give, self._fetch):
            self._tasks.append(asyncio.create_task(work(), name=f"shared offers: {work.__name__.strip('_')}"))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        self._tasks.clear()
        try:
            if not self._trouble:
                await self._push()
        except (FleetError, StoreError) as caught:
            _log.warning("offers left untold", extra={"reason": str(caught)})

    @property
    def missing(self) -> str:
        return self._trouble

    def now(self) -> int:
        if self._offset is None:
            return super().now()
        return round(1000 * time.monotonic() + self._offset)

    def is_coming(self, sha256: str) -> bool:
        return not self._files.is_there(sha256)

    async def find(self, sha256: str) -> Kept | None:
        found = await super().find(sha256)
        if found is not None or self._trouble or self._looking >= MOST_LOOKING:
            return found
        self._looking += 1
        try:  # a toy may come here by the word of a gateway that knows more
            await self.catch_up()
        except FleetError:
            return None
        finally:
            self._looking -= 1
        return await super().find(sha256)

    # -- what operators change -------------------------------------------------------------

    async def keep(self, kept: Kept) -> None:
        await self._must_be_in_touch()
        await super().keep(kept)

    async def offer(self, sha256: str, devices: Collection[str] | None) -> bool:
        await self._must_be_in_touch()
        known = await super().offer(sha256, devices)
        await self._tell_soon()
        return known

    async def withdraw(self, sha256: str) -> bool:
        await self._must_be_in_touch()
        return await super().withdraw(sha256)

    async def _must_be_in_touch(self) -> None:
        try:
            await self.catch_up()
        except FleetError as caught:
            raise _refused(str(caught)) from caught

    async def _agree(self, mark: Mark) -> None:
        await self._told(self._tell_mark(mark, self._deadline()))

    async def _agree_on(self, lines: Sequence[Line]) -> None:
        if lines:
            await self._told(self._tell_lines(lines, self._deadline()))

    async def _told(self, asking: Coroutine[None, None, bytes]) -> None:
        try:
            answer = await asking
        except FleetError as caught:
            raise _refused(str(caught)) from caught
        if answer == b"late":
            raise FleetError("Redis is too slow now, so nothing was changed; ask again")
        if answer not in (b"set", b"known"):
            raise FleetError("another operator has just changed this bundle, so nothing was changed here; look again")

    async def _tell_soon(self) -> None:
        try:
            await self.catch_up()
        except FleetError as caught:  # it is agreed on; the rest follows
            _log.warning("offers told later", extra={"reason": str(caught)})

    def _deadline(self) -> str:
        return str(self.now() + round(1000 * LATE_SECONDS))

    # -- telling and learning --------------------------------------------------------------

    async def catch_up(self) -> None:
        """Learn what others have changed, and tell them what they do not know. Raises FleetError, StoreError."""
        async with self._exchanging:
            try:
                if await self._pull():
                    self._on_change()
                await self._push()
            except (FleetError, StoreError) as caught:
                self._note(str(caught))
                raise
            self._note("")

    async def _keep_in_touch(self) -> None:
        while True:
            try:
                await self.catch_up()
            except (FleetError, StoreError) as caught:
                _log.debug("no other gateway told", extra={"reason": str(caught)})
            except Exception as caught:  # a fault here is not to be the end of all offers
                _log.exception("shared offers broken")
                self._note(f"a fault: {caught}")
            await asyncio.sleep(BEAT_SECONDS)

    def _note(self, trouble: str) -> None:
        if trouble and trouble != self._trouble:
            _log.error("offers not shared", extra={"reason": trouble})
        elif not trouble and self._trouble not in ("", _NOT_YET):
            _log.info("offers shared again")
        self._trouble = trouble

    async def _pull(self) -> bool:
        """Whether others have changed what is offered, and to whom."""
        reply = await self._ask(_BUNDLES, self._read_to.get(_BUNDLES, 0))
        has_lost = reply.epoch != self._epoch or reply.changes < self._changes
        if has_lost or self._trouble:  # one that was away may have lost only the latest
            await self.registers.tell_all()
            self._read_to.clear()
            self._epoch, self._changes = reply.epoch, -1
        elif reply.changes == self._changes:
            return False
        marks = await self._learn(_BUNDLES, w.read_mark, self.registers.put_marks)
        for mark in marks:
            if mark.withdrawn and self._files.is_there(mark.kept.sha256):
                await self._files.forget(mark.kept.sha256)
        await self._learn(_WORDS, w.read_word, self.registers.put_words)
        offered = False
        for kept in await self.kept():
            read = partial(w.read_line, kept.sha256)
            lines = await self._learn(f"{_TOYS}{kept.sha256}", read, self.registers.put_lines)
            offered = offered or any(line.told.outcome == "" for line in lines)
        self._changes = reply.changes
        return bool(marks) or offered

    async def _learn(
        self,
        hash_: str,
        read: Callable[[bytes, bytes], _T | None],
        put: Callable[[Sequence[_T], bool], Awaitable[None]],
    ) -> list[_T]:
        """Take what has changed of a hash since it was read last, and makes sense: that is given, too."""
        learned: list[_T] = []
        while True:
            reply = await self._ask(hash_, self._read_to.get(hash_, 0))
            found = [register for row in reply.rows if (register := read(*row)) is not None]
            if found:
                await put(found, False)
                learned += found
            self._read_to[hash_] = reply.last
            if reply.looked_at < LEARNED_AT_ONCE:
                return learned

    async def _ask(self, hash_: str, after: int) -> _Reply:
        keys = ("epoch", _CHANGES, hash_, f"{hash_}:order")
        arguments = (secrets.token_hex(8), after, LEARNED_AT_ONCE)
        found = await self._redis.run(scripts.PULL, keys, *arguments)
        epoch, changes, now, last, looked_at, rows = found
        self._offset = float(now) - 1000 * time.monotonic()
        return _Reply(epoch, int(changes), int(float(last)), looked_at, list(zip(rows[::2], rows[1::2], strict=True)))

    async def _push(self) -> None:
        for mark in await self.registers.untold_marks():
            await self._tell_mark(mark)
            await self.registers.marks_were_told([mark])
        while lines := await self.registers.untold_lines(AT_ONCE):
            await self._tell_lines(lines)
            await self.registers.lines_were_told(lines)
        while words := await self.registers.untold_words(AT_ONCE):
            texts = [text for word in words for text in (word.device_id, w.word_text(word))]
            keys = (_CHANGES, _WORDS, f"{_WORDS}:order", _BUNDLES)
            await self._redis.run(scripts.ROWS, keys, "", "", MOST_REPORTS, *texts)
            await self.registers.words_were_told(words)

    async def _tell_mark(self, mark: Mark, deadline: str = "") -> bytes:
        toys = f"{_TOYS}{mark.kept.sha256}"
        keys = (_CHANGES, _BUNDLES, f"{_BUNDLES}:order", toys, f"{toys}:order")
        answer = await self._redis.run(scripts.MARK, keys, deadline, mark.kept.sha256, w.mark_text(mark))
        return bytes(answer)

    async def _tell_lines(self, lines: Sequence[Line], deadline: str = "") -> bytes:
        """They are all of one bundle."""
        toys = f"{_TOYS}{lines[0].sha256}"
        keys = (_CHANGES, toys, f"{toys}:order", _BUNDLES)
        texts = [text for line in lines for text in (line.device_id, w.line_text(line))]
        answer = await self._redis.run(scripts.ROWS, keys, deadline, lines[0].sha256, MOST_TOYS, *texts)
        return bytes(answer)

    # -- files -----------------------------------------------------------------------------

    async def _give(self) -> None:
        """Give others what they lack, until cancelled."""
        loop = asyncio.get_running_loop()
        gave_at = -math.inf
        while True:
            try:
                if await bundle_pieces.give(self._redis, self._files):
                    gave_at = loop.time()
            except (FleetError, StoreError) as caught:
                _log.debug("no bundle given", extra={"reason": str(caught)})
            except Exception:
                _log.exception("shared offers broken")
            await asyncio.sleep(GIVE_SECONDS if loop.time() - gave_at < BEAT_SECONDS else BEAT_SECONDS)

    async def _fetch(self) -> None:
        """Have what others keep, until cancelled."""
        while True:
            try:
                kept = await self.kept()
                for each in sorted(kept, key=lambda each: -each.made)[:MOST_BUNDLES]:
                    if self.is_coming(each.sha256):
                        await self._fetch_one(each)
                self._refused = {
                    each.sha256: self._refused[each.sha256] for each in kept if each.sha256 in self._refused
                }
            except StoreError as caught:
                _log.debug("no bundle fetched", extra={"reason": str(caught)})
            except Exception:
                _log.exception("shared offers broken")
            await asyncio.sleep(BEAT_SECONDS)

    async def _fetch_one(self, kept: Kept) -> None:
        async def is_still_wanted(found: Kept) -> None:
            if await super(SharedOffers, self).find(kept.sha256) != replace(
                found, everybody=kept.everybody, made=kept.made
            ):
                raise BundleError("it was withdrawn meanwhile, or is not what other gateways say")

        loop = asyncio.get_running_loop()
        before, again = self._refused.get(kept.sha256, ("", -math.inf))
        if loop.time() < again:
            return
        try:
            async with aclosing(bundle_pieces.pieces(self._redis, kept.sha256, kept.size)) as pieces:
                await self._files.take(kept.sha256, kept.size, pieces, is_still_wanted)
        except (BundleError, FleetError, StoreError) as caught:
            if str(caught) != before:
                _log.warning("bundle not here", extra={"version": kept.version, "reason": str(caught)})
            self._refused[kept.sha256] = (str(caught), loop.time() + AGAIN_SECONDS)
            return
        self._refused.pop(kept.sha256, None)
        _log.info("bundle here", extra={"version": kept.version})
        self._on_change()


class _Reply(NamedTuple):
    """Of what has changed in Redis."""

    epoch: bytes
    changes: int
    last: int
    looked_at: int
    rows: list[tuple[bytes, bytes]]


def _refused(words: str) -> FleetError:
    return FleetError(f"the other gateways cannot be told now, so nothing was changed: {words}")
