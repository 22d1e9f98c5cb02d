"""How long random tests run: a moment in `make test`, as long as you like in `make campaign`.

POMMAI_CAMPAIGN holds the number of examples of a campaign; unset, tests are quick.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter

EXAMPLES = int(os.environ.get("POMMAI_CAMPAIGN") or 0)
EVERY = 5.0
"""Seconds between two lines of progress."""


def examples(quick: int) -> int:
    """Number of examples a test draws: `quick`, or the campaign's."""
    return EXAMPLES or quick


class Progress:
    """Counts what has been tried. In a campaign it says so now and then."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.counts: Counter[str] = Counter()
        self._began = self._told = time.monotonic()

    def count(self, kind: str) -> None:
        """One more of this kind; `in all` is kept beside."""
        self.counts[kind] += 1
        if time.monotonic() - self._told >= EVERY:
            self.tell()

    def tell(self) -> None:
        """Print the counts and the rate, in a campaign."""
        if not EXAMPLES:
            return
        self._told = time.monotonic()
        total = self.counts.total()
        kinds = ", ".join(f"{kind} {count:,}" for kind, count in self.counts.most_common())
        rate = total / max(self._told - self._began, 1e-9)
        print(f"{self.what}: {total:,} of {EXAMPLES:,} ({rate:.0f}/s): {kinds}", file=sys.stderr, flush=True)
