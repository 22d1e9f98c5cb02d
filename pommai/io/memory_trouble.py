"""What goes wrong with a disk: told once for each kind, until it is well again."""

from __future__ import annotations

import errno
import logging
import sqlite3

from pommai.io.memory_files import CORRUPT, code_of

logger = logging.getLogger(__name__)

FULL = "disk full"
READ_ONLY = "disk read-only"
DAMAGED = "file damaged"
LOCKED = "file locked"
BROKEN = "disk broken"
NOT_COPIED = "not copied"

_KINDS = {
    sqlite3.SQLITE_FULL: FULL,
    sqlite3.SQLITE_READONLY: READ_ONLY,
    sqlite3.SQLITE_PERM: READ_ONLY,
    sqlite3.SQLITE_BUSY: LOCKED,
    sqlite3.SQLITE_LOCKED: LOCKED,
    **dict.fromkeys(CORRUPT, DAMAGED),
}
_ERRNO_KINDS = {errno.ENOSPC: FULL, errno.EDQUOT: FULL, errno.EROFS: READ_ONLY, errno.EACCES: READ_ONLY}


def kind_of(error: BaseException) -> str:
    """The kind of trouble."""
    if isinstance(error, OSError):
        return _ERRNO_KINDS.get(error.errno or 0, BROKEN)
    return _KINDS.get(code_of(error), BROKEN)


class Troubles:
    """What went wrong since the memory was opened."""

    def __init__(self) -> None:
        self.sentences: list[str] = []
        """Each once, in the order in which they came up."""
        self._present: set[str] = set()

    def tell(self, kind: str, sentence: str) -> None:
        """Something is wrong. Logged when it is news."""
        if kind not in self._present:
            logger.error("memory in trouble", extra={"trouble": kind, "reason": sentence})
        self._present.add(kind)
        if sentence not in self.sentences and len(self.sentences) < 50:
            self.sentences.append(sentence)

    def has(self, kind: str) -> bool:
        """Whether there is such a trouble."""
        return kind in self._present

    def over(self, *kinds: str) -> None:
        """These kinds are over; none named: a write went well, and so whatever had kept it from the disk is. But a disk
        is still full, for on one something small finds room now and then."""
        gone = self._present & (set(kinds) or {READ_ONLY, LOCKED, BROKEN, DAMAGED})
        self._present -= gone
        for kind in sorted(gone):
            logger.info("memory well again", extra={"trouble": kind})
