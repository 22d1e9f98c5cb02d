"""Phrases, and all of them found in a sentence in one go.

A phrase is words as they follow each other; `...` in it stands for up to three words of any kind: `my ... hurts` is in
"my little finger hurts". A word may be said several times over. All phrases of a file stand in one tree, word below
word, so that a sentence is compared with a thousand phrases about as fast as with ten.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Generic, TypeVar

from msgspec import Struct, field

from pommai.responses.words import Words

GAP = 3
"""Most words that `...` stands for."""
STUTTER = 3
"""Most repetitions of a word that are passed over."""
MOST_WORDS = 12
"""Longest phrase."""
MOST_GAPS = 2
"""Most `...` in a phrase: each multiplies the places to look at."""

_DOTS = re.compile(r"\.{2,}|…")
"""Who writes two dots means three: no sentence has them, and a call for help would never be heard."""

Owner = TypeVar("Owner")


class Phrase(Struct, frozen=True):
    """Runs of words; between two of them there may be others."""

    runs: tuple[tuple[str, ...], ...]

    @property
    def words(self) -> tuple[str, ...]:
        """All of its words."""
        return tuple(word for run in self.runs for word in run)

    @property
    def is_usable(self) -> bool:
        """Whether there are words on both sides of every `...`, and not too many of either."""
        return all(self.runs) and 0 < len(self.words) <= MOST_WORDS and len(self.runs) <= MOST_GAPS + 1


def phrase_of(text: str, words: Words) -> Phrase:
    """A phrase as a designer writes it. It may be of no use: see `is_usable`."""
    runs = tuple(words.hear(part).tokens for part in _DOTS.split(text))
    return Phrase(runs)


class Match(Struct, Generic[Owner], frozen=True):
    """A phrase in a sentence: whose it is, and at which positions its words stand, without those of a gap."""

    owner: Owner
    positions: tuple[int, ...]


class _Node(Struct, Generic[Owner]):
    """A place in the tree. Words that share a form are apart in `words` and together in `forms`."""

    words: dict[str, _Node[Owner]] = field(default_factory=dict)
    forms: dict[str, list[_Node[Owner]]] = field(default_factory=dict)
    gap: _Node[Owner] | None = None
    owners: list[Owner] = field(default_factory=list)


class Tree(Generic[Owner]):
    """Phrases and whose they are."""

    def __init__(self, words: Words) -> None:
        self._words = words
        self._root: _Node[Owner] = _Node()

    def add(self, phrase: Phrase, owner: Owner) -> None:
        """Let a phrase be found; it must be usable."""
        node = self._root
        for number, run in enumerate(phrase.runs):
            if number:
                node.gap = node.gap or _Node()
                node = node.gap
            for word in run:
                node = self._below(node, word)
        node.owners.append(owner)

    def find(self, tokens: Sequence[str]) -> list[Match[Owner]]:
        """Every phrase that is in the sentence, once for each place it stands at, in the order of the sentence."""
        found: list[Match[Owner]] = []
        forms = self._root.forms
        for position, token in enumerate(tokens):
            nodes = forms.get(token)
            if nodes is not None:
                been: set[tuple[int, int]] = set()
                for node in nodes:
                    _walk(node, tokens, (position,), position + 1, found, been)
        return found

    def _below(self, node: _Node[Owner], word: str) -> _Node[Owner]:
        below = node.words.get(word)
        if below is None:
            below = node.words[word] = _Node()
            for form in self._words.forms_of(word):
                node.forms.setdefault(form, []).append(below)
        return below


def _walk(
    node: _Node[Owner],
    tokens: Sequence[str],
    used: tuple[int, ...],
    position: int,
    found: list[Match[Owner]],
    been: set[tuple[int, int]],
) -> None:
    """Note the phrases that end at `node`, and go on from `position`.

    `been` are the places in tree and sentence that were visited: a phrase such as `ha ha ha ha` can be laid over
    laughter in more ways than there is time for.
    """
    place = (id(node), position)
    if place in been:
        return
    been.add(place)
    for owner in node.owners:
        found.append(Match(owner, used))
    if position >= len(tokens):
        return
    for start in _next_word(tokens, position):
        for below in node.forms.get(tokens[start], ()):
            _walk(below, tokens, (*used, start), start + 1, found, been)
    if node.gap is not None:
        for start in range(position, min(position + GAP + 1, len(tokens))):
            for below in node.gap.forms.get(tokens[start], ()):
                _walk(below, tokens, (*used, start), start + 1, found, been)


def _next_word(tokens: Sequence[str], position: int) -> Iterator[int]:
    """Where the next word of a run may stand: a child says `I I I fell`."""
    for start in range(position, min(position + STUTTER + 1, len(tokens))):
        yield start
        if tokens[start] != tokens[start - 1]:
            return
