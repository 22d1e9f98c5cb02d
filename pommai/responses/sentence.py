"""A sentence, and what of the file is in it."""

from __future__ import annotations

from pommai.responses.model import Harmless, Kind, Mark, Responses, Trigger
from pommai.responses.phrases import Match


class Sentence:
    """A text that was heard: its words, every phrase in it, and those of them that count."""

    __slots__ = ("_counting", "found", "heard")

    def __init__(self, responses: Responses, text: str) -> None:
        self.heard = responses.words.hear(text)
        self.found: list[Match[Mark]] = responses.tree.find(self.heard.tokens)
        self._counting = _counting(self.found)

    def of(self, kind: Kind) -> list[Match[Trigger]]:
        """The phrases of this kind that count: none of their words is made harmless."""
        return [match for match in self._counting if match.owner.kind == kind]

    def words(self, match: Match[Trigger]) -> tuple[str, ...]:
        """The words of a phrase as they were spoken."""
        return self.heard.words(match.positions)


def _counting(found: list[Match[Mark]]) -> list[Match[Trigger]]:
    harmless: dict[str, set[int]] = {}
    for match in found:
        if isinstance(match.owner, Harmless):
            harmless.setdefault(match.owner.name, set()).update(match.positions)
    counting = []
    for match in found:
        owner = match.owner
        if isinstance(owner, Trigger) and harmless.get(owner.name, _NONE).isdisjoint(match.positions):
            counting.append(Match(owner, match.positions))
    return counting


_NONE: set[int] = set()
