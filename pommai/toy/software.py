"""What a running toy has to do with updates of its software, which root alone may change.

It tells root how it fares, ends at rest when root wants it to come up on other software, and knows for its server what
root has done. All of it blocks for a moment: for a thread of its own.
"""

from __future__ import annotations

import hashlib
import logging
from contextlib import suppress
from pathlib import Path

from pommai.bundle import ROOT, running
from pommai.bundle.container import read_signed
from pommai.bundle.hatch import INSTALLED, REVOKING, WANTED, Hatch, Note, Refusal, file_id, name_of, read_note, said
from pommai.bundle.manifest import decode
from pommai.bundle.state import State
from pommai.bundle.store import Store
from pommai.errors import BundleError
from pommai.protocol.messages import SoftwareReport
from pommai.toy.update_report import MOST_FAILED, one_line

logger = logging.getLogger(__name__)


class SoftwareWatch:
    """`updates` is the toy's folder, `root` where root notes things, `me` the environment this toy runs in."""

    def __init__(self, updates: Path, root: Path = ROOT, me: str | None = None) -> None:
        self._updates = updates
        self._root = root
        self._me = running() if me is None else me
        self._hatch = Hatch(updates)
        self._note: Note | None = None
        self._asked = ""
        self._wanted = ""
        self._has_told = False
        self._refused: Refusal | None = None
        self._dealt_with: list[int] = []
        self._laid_out: tuple[list[int], int] = ([], 0)
        self.report = SoftwareReport()
        """For the toy's server, as it was at the last look."""

    def take_refusal(self) -> Refusal | None:
        """What root has refused since this was asked last; at the first time, before this start, too."""
        refused, self._refused = self._refused, None
        return refused

    def look(self, *, rested: bool, reached: bool) -> bool:
        """Look what root says, and tell it how the toy fares; whether to end at rest, to come up on other software.

        `rested`, `reached`: since this start, the toy has rested, and reached its server.
        """
        laid_out = 0
        with suppress(OSError):  # first: what root has dealt with, is in what it has noted before
            laid_out = self._look_at_hatch()
        state = Store(self._root).read()
        if not self._has_told:
            self._begin(state)
        with suppress(OSError):
            self._clear_revocation(state)
        self.report = _report(state, self._me, laid_out)
        self._wanted = name_of(state.waiting or state.current)
        if not self._me:
            return False  # at somebody's desk
        is_mine = self._wanted == self._me
        start = state.trial.starts if is_mine and state.trial is not None else 0
        if state.waiting is not None or state.trial is not None:
            self._tell(Note(self._me, start, rested, reached, "" if is_mine else self._asked))
        return not is_mine and self._asked != self._wanted

    def end(self) -> bool:
        """The toy is about to end for other software; False: it had better not, for it could not note that.

        It ends once for each: when nobody has switched the software meanwhile, it plays on with what it has.
        """
        before = self._note or Note(self._me)
        self._asked = self._wanted
        return self._tell(Note(before.software, before.start, before.rested, before.reached, self._asked))

    def _begin(self, state: State) -> None:
        """Log what this start is about, for grown-ups and their server too."""
        self._has_told = True
        with suppress(BundleError):
            before = read_note(self._updates)
            self._asked = before.asked if before is not None else ""
        self._refused = self._refused or self._hatch.refusal()
        version = 0 if state.current is None else state.current.version
        if state.word:
            logger.error("software undone", extra={"reason": state.word, "version": version})
        if state.trial is not None:
            logger.warning("software on trial", extra={"version": version, "start": state.trial.starts})
        elif version:
            logger.info("software in force", extra={"version": version})

    def _tell(self, note: Note) -> bool:
        if note == self._note:
            return True
        try:
            self._hatch.note(note)
        except BundleError as caught:
            logger.warning("updates not noted", extra={"reason": str(caught)})
            return False
        self._note = note
        return True

    def _look_at_hatch(self) -> int:
        """Take back what root has dealt with; the version of what it has yet to look at, or 0. Raises OSError."""
        wanted = self._hatch.folder / WANTED
        try:
            there = file_id(wanted.stat())
        except FileNotFoundError:
            return 0
        looked_at, words = said(self._root)
        if looked_at != there:
            return self._version(wanted, there)
        if self._dealt_with != there:  # else it could not be removed
            self._dealt_with = there
            self._hear(wanted, words)
        self._hatch.clear(WANTED)
        return 0

    def _hear(self, wanted: Path, words: str) -> None:
        """Root has looked at what the toy has laid out: it is installed, or there are words."""
        if not words:
            logger.warning("software installed")
            return
        logger.error("software refused", extra={"reason": words})
        with wanted.open("rb") as file:
            self._refused = Refusal(hashlib.file_digest(file, "sha256").hexdigest(), words)
        try:
            self._hatch.remember(self._refused)
        except BundleError as caught:  # the server hears of it at this start, or not at all
            logger.warning("updates not noted", extra={"reason": str(caught)})

    def _version(self, wanted: Path, there: list[int]) -> int:
        """Of the software that is laid out, which the toy has looked at before it did that."""
        if self._laid_out[0] != there:
            version = 0
            with suppress(BundleError), wanted.open("rb") as file:
                version = decode(read_signed(file)[0]).version
            self._laid_out = there, version
        return self._laid_out[1]

    def _clear_revocation(self, state: State) -> None:
        """Take back the word that keys count no more, when root has noted it. Raises OSError."""
        own = Store(self._updates).read().revoked
        if own and set(own) <= set(state.revoked):
            self._hatch.clear(REVOKING)


def _report(state: State, me: str, laid_out: int) -> SoftwareReport:
    """What root has noted, in a few words. Whoever has run install.sh since then has the last word."""
    version = 0 if me == INSTALLED or state.current is None else state.current.version
    installed = 0 if state.waiting is None else state.waiting.version
    undone, why = state.undone
    return SoftwareReport(
        version=version,
        trial=version > 0 and state.trial is not None,
        waiting=laid_out or installed,
        installed=installed > 0 and not laid_out,
        failed=state.failed[-MOST_FAILED:],
        undone=undone,
        reason=one_line(why),
    )
