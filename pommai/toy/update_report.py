"""The toy's word to its server on its update bundles: which one it runs, and what came of the one it was offered.

It says nothing of the child, so it is said in any mode, as the fetching of a bundle is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Literal

from msgspec.structs import replace

from pommai.protocol.messages import Message, SoftwareReport, UpdateReport

if TYPE_CHECKING:
    from pommai.bundle.state import Kept, State

MOST_FAILED: Final = 20
"""Versions that did not work here, of which the server is told: the latest."""
MOST_WORDS: Final = 300
"""Characters of a reason."""
_BEGINNING: Final = 90

Send = Callable[[Message], bool]
"""Gives a message to the connection; False: there is none now."""


def one_line(words: str) -> str:
    """A reason as the server is told of it: short, and fit to be shown. Of a long one the middle is left out: it begins
    with what was tried, and programs say last what was wrong."""
    line = "".join(letter for letter in " ".join(words.split()) if letter.isprintable())
    return line if len(line) <= MOST_WORDS else f"{line[:_BEGINNING]} ... {line[_BEGINNING + 5 - MOST_WORDS :]}"


class UpdateReports:
    """Says it on every connection, and again when it is not true any more."""

    def __init__(self, device_type: str, fleet: str, connections: Callable[[], int], send: Send) -> None:
        """What bundles call this kind of toy and its fleet; `connections` is how often it has reached its server."""
        self._always = UpdateReport(0, device_type, fleet, software=SoftwareReport())
        self._connections = connections
        self._send = send
        self._told: tuple[int, UpdateReport] | None = None

    def note(self, offer: object, outcome: Literal["taking", "taken", "refused"], reason: str = "") -> None:
        """What has become of an offer, known by its file's SHA-256; of one that has none nobody can be told."""
        if not isinstance(offer, str) or re.fullmatch(r"[0-9a-f]{64}", offer) is None:
            return
        self._told = None  # though it may be what became of it the last time, too
        self._always = replace(self._always, offer=offer, outcome=outcome, reason=one_line(reason))

    def tell(self, state: State | None, runs: Kept | None, software: SoftwareReport | None) -> None:
        """Tell the server, unless it knows. `state`: what is noted of the bundles, None when there never was one;
        `runs`: the one this process runs; `software`: None when there never was any."""
        report = self._always if software is None else replace(self._always, software=software)
        if state is not None:
            undone, why = state.undone
            report = replace(
                report,
                version=0 if runs is None else runs.version,
                trial=state.trial is not None and state.current == runs,
                waiting=0 if state.waiting is None else state.waiting.version,
                failed=state.failed[-MOST_FAILED:],
                undone=undone,
                why=one_line(why),
            )
        now = (self._connections(), report)
        if now[0] and now != self._told and self._send(report):
            self._told = now
