"""Updates of a running toy: takes what the server offers, changes at rest, and watches how a new bundle fares.

A change is a new start: the toy ends, with word that it wants to be started again, and comes up on the other bundle.
Nothing of an old one is left then, and a power cut at that moment does the same.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pommai.bundle import HATCH, ROOT
from pommai.errors import BundleError
from pommai.toy.settings import Settings, has_bundles
from pommai.toy.update_report import Send, UpdateReports

if TYPE_CHECKING:
    from pathlib import Path

    from pommai.bundle.state import Kept, State
    from pommai.toy.software import SoftwareWatch

logger = logging.getLogger(__name__)

LOOK: Final = 5.0
"""Seconds between two looks at what is noted of the bundles: somebody at the command line may have changed it."""
QUIET: Final = 15.0
"""Seconds the toy must have rested, with nothing changing, before it ends for another bundle: longer than anybody holds
the button to leave safe mode."""
NOTE: Final = 60.0
"""Seconds of a trial after which they are noted: a toy that is switched off loses no more of them."""
FAIR_CHANCE: Final = 120.0
"""Seconds after a start before which nothing is held against a bundle, or the length of a trial that is shorter."""
BETWEEN_OFFERS: Final = 60.0
"""Seconds after an offer was dealt with, for which others are not looked at: a card bears only so much writing."""
_MOST_WORDS: Final = 500


class Updates:
    """`stop` ends the toy. `reached()` is how often it has reached its server, `send` gives it a message. `flags` are
    those the toy was started with: whoever takes a bundle for it is given the same. `root` is where root notes which
    software is in force."""

    def __init__(
        self,
        settings: Settings,
        *,
        stop: Callable[[], None],
        reached: Callable[[], int],
        send: Send = lambda message: False,
        flags: Sequence[str] = (),
        root: Path = ROOT,
        look: float = LOOK,
        quiet: float = QUIET,
    ) -> None:
        self._settings = settings
        self._stop = stop
        self._reached = reached
        self._reports = UpdateReports(settings.device_type, settings.fleet, reached, send)
        self._flags = tuple(flags)
        self._root = root
        self._software: SoftwareWatch | None = None
        self._look = look
        self._quiet = quiet
        self._rested = False
        self._rest_is_noted = False
        self._rests_since: float | None = None
        self._began = self._noted_until = 0.0
        self._taking: asyncio.Task[None] | None = None
        self._deaf_until = 0.0
        self.wants_start = False
        """The toy has ended to come up on another bundle."""

    # -- what the toy tells -----------------------------------------------------------------

    def on_configuration(self, resting: bool) -> None:
        """The toy is in another configuration now."""
        self._rests_since = asyncio.get_running_loop().time() if resting else None
        self._rested |= resting

    def offer(self, args: Mapping[str, object]) -> None:
        """The server offers a bundle: {"url": ..., "sha256": ..., "size": ...}. One at a time, and beside the toy.

        Safe mode does not matter: what makes the toy safer must reach it, and fetching it tells nobody of the child.
        """
        if self._settings.update_keys is None:
            logger.warning("update refused", extra={"reason": "the setting update_keys names nobody"})
            return
        loop = asyncio.get_running_loop()
        if self._is_taking() or loop.time() < self._deaf_until:
            logger.warning("update refused", extra={"reason": "another was offered a moment ago"})
            if not self._is_taking():
                self._reports.note(args.get("sha256"), "refused", "another was offered a moment ago")
            return
        self._taking = loop.create_task(self._take(args), name="update")

    # -- what goes on beside it -------------------------------------------------------------

    async def run(self) -> None:
        """Watch until cancelled."""
        try:
            await self._watch()
        finally:
            if self._taking is not None:
                self._taking.cancel()
                await asyncio.wait([self._taking])

    async def _watch(self) -> None:
        updates = self._settings.updates
        self._began = self._noted_until = asyncio.get_running_loop().time()
        runs = await self._tell() if has_bundles(updates) else None
        while not self.wants_start:
            was_taking = self._is_taking()
            if self._has_software():
                await self._look_at_software()
            state = await self._read() if has_bundles(updates) else None
            # What was taken while we looked, we have not seen; and a toy that takes none has nothing to say.
            if self._is_taking() == was_taking and self._settings.update_keys is not None:
                self._reports.tell(state, runs, None if self._software is None else self._software.report)
            if state is not None and not self.wants_start:
                await self._look_at(state, runs)
            await asyncio.sleep(self._look)

    async def _look_at(self, state: State, runs: Kept | None) -> None:
        """Do what there is to do. `runs` is the bundle this process runs."""
        if state.trial is not None and state.current == runs:
            if self._rested and not self._rest_is_noted:
                self._rest_is_noted = await self._note(lambda now: now.rested())
            lived = int(asyncio.get_running_loop().time() - self._noted_until)
            if state.trial.seconds + lived >= self._settings.update_trial:
                await self._judge(state)
            elif lived >= NOTE and await self._note(lambda now: now.lived(lived)):
                self._noted_until += lived
        elif (state.waiting is not None or state.current != runs) and self._is_quiet():
            await self._begin_again()

    async def _tell(self) -> Kept | None:
        """Log what this start is about, for grown-ups and their server too. The bundle that runs."""
        state = await self._read()
        version = 0 if state.current is None else state.current.version
        if state.word and not state.told:
            logger.error("update undone", extra={"reason": state.word, "version": version})
            await self._note(lambda now: replace(now, told=True))
        if state.trial is not None:
            logger.warning("update on trial", extra={"version": version, "start": state.trial.starts})
        elif version:
            logger.info("update in force", extra={"version": version})
        return state.current

    async def _judge(self, state: State) -> None:
        """The time of the trial is over."""
        assert state.trial is not None
        assert state.current is not None
        version = state.current.version
        if self._rested and (self._reached() or not state.trial.cloud):
            if await self._note(lambda now: now.confirmed()):
                logger.warning("update confirmed", extra={"version": version})
            return
        if asyncio.get_running_loop().time() - self._began < min(FAIR_CHANCE, self._settings.update_trial):
            return
        # Without its server a toy may be in another house: the same bundle may be offered again.
        why = "the toy does not reach its server any more" if self._rested else "the toy does not come to rest"
        logger.error("update failed", extra={"version": version, "reason": why})
        await self._note(lambda now: now.back(why, again=self._rested))
        self._end()

    def _has_software(self) -> bool:
        """Whether this toy was ever given software: root has noted some, or it was laid out for root."""
        return has_bundles(self._root) or os.path.isdir(self._settings.updates / HATCH)

    async def _look_at_software(self) -> None:
        if self._software is None:
            from pommai.toy.software import SoftwareWatch

            self._software = SoftwareWatch(self._settings.updates, self._root)
        watch, reached = self._software, self._reached() > 0
        wants_start = await asyncio.to_thread(lambda: watch.look(rested=self._rested, reached=reached))
        if refused := watch.take_refusal():
            self._reports.note(refused.sha256, "refused", refused.words)
        if wants_start and self._is_quiet() and await asyncio.to_thread(watch.end):
            self._end()

    async def _begin_again(self) -> None:
        reached = self._reached() > 0
        if await self._note(lambda state: replace(state, cloud=reached)) and self._is_quiet():
            self._end()

    def _end(self) -> None:
        self.wants_start = True
        self._stop()

    def _is_taking(self) -> bool:
        return self._taking is not None and not self._taking.done()

    def _is_quiet(self) -> bool:
        since = self._rests_since
        return not self._is_taking() and since is not None and asyncio.get_running_loop().time() - since >= self._quiet

    async def _read(self) -> State:
        from pommai.bundle.store import Store

        return await asyncio.to_thread(Store(self._settings.updates).read)

    async def _note(self, change: Callable[[State], State]) -> bool:
        """Whether it could be noted; it is tried again at the next look."""
        from pommai.bundle.store import Store

        try:
            await asyncio.to_thread(Store(self._settings.updates).change, change)
        except OSError as caught:
            logger.warning("updates not noted", extra={"reason": str(caught)})
            return False
        return True

    # -- an offer ---------------------------------------------------------------------------

    async def _take(self, args: Mapping[str, object]) -> None:
        from pommai.bundle.fetch import check_hash, check_size, check_url  # brings an HTTP client, for a rare moment

        self._reports.note(args.get("sha256"), "taking")
        try:
            url, sha256 = check_url(args.get("url")), check_hash(args.get("sha256"))
            size = check_size(args.get("size"))
            words = await self._apply(f"--from={url}", f"--sha256={sha256}", f"--size={size}")
        except (BundleError, OSError) as caught:
            logger.warning("update refused", extra={"reason": str(caught)[:_MOST_WORDS]})
            self._reports.note(args.get("sha256"), "refused", str(caught))
        else:
            logger.warning("update taken", extra={"words": words[:_MOST_WORDS]})
            self._reports.note(sha256, "taken")
        finally:
            self._deaf_until = asyncio.get_running_loop().time() + BETWEEN_OFFERS

    async def _apply(self, *arguments: str) -> str:
        """`pommai bundle apply`, as somebody at the command line would: it downloads, proves and writes for a while.

        What it said. Raises BundleError with its reason.
        """
        clean = {name: value for name, value in os.environ.items() if name not in ("NOTIFY_SOCKET", "WATCHDOG_USEC")}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "pommai", "bundle", "apply", *arguments, *self._flags),
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
            env=clean,
        )
        try:
            out, errors = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            raise BundleError(errors.decode("utf-8", "replace").strip() or f"exit code {process.returncode}")
        return out.decode("utf-8", "replace").strip()
