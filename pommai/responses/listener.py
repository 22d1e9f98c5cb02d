"""Who listens, and what is kept from them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from msgspec import Struct

from pommai.responses.model import CATEGORIES, CUSTOM, GUARDIAN_TOPICS, LEVELS, SEVERITIES, Reply, Responses, Topic
from pommai.responses.phrases import Phrase, Tree
from pommai.responses.sentence import Sentence
from pommai.responses.words import singulars

MOST_TOPICS = 200
LONGEST_TOPIC = 100
"""Most topics of a guardian that are looked at, and letters of one: what is beyond was not written by a person."""


class Listener(Struct, frozen=True):
    """Who the toy is and whom it talks to.

    `safety_level` is strict (under 8 years), moderate (8 to 12), relaxed (13 and older) or custom, at which exactly the
    `blocked_topics` are blocked; a level nobody knows is strict. `blocked_topics` are categories, blocked with all
    their words, or words of a guardian's own; at the other levels they come on top.
    """

    toy_id: str
    safety_level: str = "strict"
    blocked_topics: tuple[str, ...] = ()


class Blocked(NamedTuple):
    """What in a text is blocked, and by which of its words."""

    topic: Topic
    words: tuple[str, ...]


class Filter:
    """What is kept from a listener."""

    def __init__(self, responses: Responses, listener: Listener) -> None:
        level = listener.safety_level
        named = {topic_name(topic) for topic in listener.blocked_topics}
        self._responses = responses
        self._whole = named.intersection(CATEGORIES)
        self._rank = len(LEVELS) if level == CUSTOM else LEVELS.index(level) if level in LEVELS else 0
        self._own = _tree_of(responses, listener.blocked_topics)
        self._passes: dict[str, bool] = {}
        self.reply_rank = self._rank if level in LEVELS else 0
        """The place in LEVELS of the level whose replies may be given: at custom, those for everybody."""

    def may_say(self, reply: Reply) -> bool:
        """Whether a reply of the file may be given to the listener."""
        if reply.rank > self.reply_rank:
            return False
        passes = self._passes.get(reply.text)
        if passes is None:
            passes = self._passes[reply.text] = self.blocked(Sentence(self._responses, reply.text)) is None
        return passes

    def blocked(self, sentence: Sentence) -> Blocked | None:
        """What in a sentence is blocked: the most severe, then the longest phrase, then the first in the file."""
        topics = self._responses.topics
        best = min(
            (
                (-SEVERITIES.index(topics[match.owner.name].severity), -len(match.positions), match.owner.order, match)
                for match in sentence.of("topic")
                if match.owner.rank >= self._rank or match.owner.name in self._whole
            ),
            key=lambda entry: entry[:3],
            default=None,
        )
        if best is not None:
            match = best[3]
            return Blocked(topics[match.owner.name], sentence.words(match))
        for own in self._own.find(sentence.heard.tokens):
            return Blocked(topics[GUARDIAN_TOPICS], sentence.heard.words(own.positions))
        return None


def topic_name(topic: str) -> str:
    """How a guardian's topic is compared with others: `Personal info` as the category is written."""
    return topic.strip().casefold().replace(" ", "_").replace("-", "_")


def _tree_of(responses: Responses, topics: tuple[str, ...]) -> Tree[None]:
    tree: Tree[None] = Tree(responses.words)
    for topic in topics[:MOST_TOPICS]:
        if topic_name(topic) in CATEGORIES or len(topic) > LONGEST_TOPIC:
            continue
        for phrase in _with_singular(responses, topic):
            if phrase.is_usable:
                tree.add(phrase, None)
    return tree


def _with_singular(responses: Responses, topic: str) -> Iterator[Phrase]:
    """A guardian writes `weapons` and means one, too."""
    tokens = responses.words.hear(topic).tokens
    yield Phrase((tokens,))
    if tokens:
        for singular in singulars(tokens[-1]):
            yield Phrase(((*tokens[:-1], singular),))
