"""What a running toy has to do with updates of its software, which root alone may change.

It tells how it fares, and ends at rest when root wants it to come up on other software. All of it blocks for a moment:
for a thread of its own.
"""

from __future__ import annotations

import hashlib
import logging
from contextlib import suppress
from pathlib import Path

from pommai.bundle import ROOT, running
from pommai.bundle.hatch import REVOKING, WANTED, Hatch, Note, file_id, name_of, read_note, said
from pommai.bundle.state import State
from pommai.bundle.store import Store
from pommai.errors import BundleError

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
        self._refused: tuple[str, str] | None = None

    def take_refusal(self) -> tuple[str, str] | None:
        """What root has refused since this was asked last: the file's SHA-256, and why."""
        refused, self._refused = self._refused, None
        return refused

    def look(self, *, rested: bool, reached: bool) -> bool:
        """Look what root says, and tell it how the toy fares; whether to end at rest, to come up on other software.

        `rested`, `reached`: since this start, the toy has rested, and reached its server.
        """
        state = Store(self._root).read()
        if not self._has_told:
            self._begin(state)
        with suppress(OSError):
            self._clear(state)
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

    def _clear(self, state: State) -> None:
        """Take back what root has dealt with. Raises OSError."""
        wanted = self._hatch.folder / WANTED
        looked_at, words = said(self._root)
        if looked_at and wanted.exists() and looked_at == file_id(wanted.stat()):
            if words:
                with wanted.open("rb") as file:
                    self._refused = hashlib.file_digest(file, "sha256").hexdigest(), words
                logger.error("software refused", extra={"reason": words})
            else:
                logger.warning("software installed")
            self._hatch.clear(WANTED)
        own = Store(self._updates).read().revoked
        if own and set(own) <= set(state.revoked):
            self._hatch.clear(REVOKING)
