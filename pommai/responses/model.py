"""What `offline_responses.yaml` says, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from pommai.nodes import Node
from pommai.responses.phrases import Tree
from pommai.responses.words import Words

LEVELS: Final = ("strict", "moderate", "relaxed")
"""How much is kept from a listener, most first: under 8 years, 8 to 12, 13 and older."""
CUSTOM: Final = "custom"
"""The level at which exactly the named topics are blocked."""
SEVERITIES: Final = ("low", "medium", "high", "urgent")
"""Of what a guardian is told, least first."""
CATEGORIES: Final = ("violence", "scary", "inappropriate", "personal_info", "dangerous", "adult_topics")
"""The topics that can be blocked by name."""
HELP: Final = "need_help"
"""The command of a child in need: asked first."""
NEEDED_COMMANDS: Final = ("greeting", "goodnight", HELP)
"""Commands the toy itself relies on."""

GUARDIAN_TOPICS: Final = "guardian_topics"
"""The category of words that a guardian has blocked."""
UNKNOWN: Final = "unknown"
DONE: Final = "done"
SAFE_MODE: Final = "safe_mode"
POPULAR: Final = "popular"
CONVERSATIONS: Final = "conversations"
SESSION: Final = "session"
VIOLATIONS: Final = "violations"
RESERVED: Final = (*CATEGORIES, GUARDIAN_TOPICS, UNKNOWN, DONE, SAFE_MODE, POPULAR, CONVERSATIONS, SESSION, VIOLATIONS)
"""Names of answers that are no commands."""


@dataclass(frozen=True, slots=True)
class Reply:
    """Something the toy may say. `rank` is the place in LEVELS of the first level at which it may."""

    text: str
    audio: str | None = None
    rank: int = 0
    at: Node = field(default=Node(1, 1), compare=False, repr=False)


Replies: TypeAlias = tuple[Reply, ...]

DONE_REPLIES: Final[Replies] = (Reply("All right."),)
"""What is said of something done, where the file says nothing of it."""


class Command(Struct, frozen=True):
    """Something a child may ask for. `gives_way`: to any other command in the same sentence."""

    name: str
    replies: Replies
    rank: int = 0
    gives_way: bool = False


class HelpCase(Struct, frozen=True):
    """A kind of need. `severity` is that of the guardian's alert."""

    severity: str
    replies: Replies


class Topic(Struct, frozen=True):
    """What the toy does not talk about.

    `violation`: it counts towards a pause. `alert`: a guardian is told each time.
    """

    name: str
    severity: str
    violation: bool
    alert: bool
    replies: Replies


class ConversationLimit(Struct, frozen=True):
    """`count` conversations within `within` seconds, then `rest` seconds of rest."""

    count: int
    within: float
    rest: float
    replies: Replies


class SessionLimit(Struct, frozen=True):
    """`longest` seconds of talking without a break of `rest` seconds, then that rest."""

    longest: float
    rest: float
    replies: Replies


class NotUnderstoodLimit(Struct, frozen=True):
    """After `in_a_row` sentences that were not understood, something else is said."""

    in_a_row: int
    replies: Replies


class ViolationLimit(Struct, frozen=True):
    """`count` violations within `within` seconds: `pause` seconds without talking, and an alert of `severity`."""

    count: int
    within: float
    pause: float
    severity: str
    replies: Replies


class Limits(Struct, frozen=True):
    """How much is enough."""

    conversations: ConversationLimit
    session: SessionLimit
    not_understood: NotUnderstoodLimit
    violations: ViolationLimit


# -- being asked to be somebody else -------------------------------------------------------

NAME_PLACE: Final = "<name>"
"""Where somebody's name stands, in a request and in what is said of it."""


class Request(Struct, frozen=True):
    """A way to ask for somebody: the words that stand `before` the name, and those `behind` it.

    It begins a sentence, or follows one of `leads`.
    """

    before: tuple[str, ...]
    behind: tuple[str, ...]
    leads: tuple[tuple[str, ...], ...] = ()
    at: Node = Node(1, 1)


class PersonaChange(Struct, frozen=True):
    """How a child asks a toy to be somebody else, and what is said on the way. All words are as `Words.hear` has them.

    `calls` may stand before a request, `before_name` and `after_name` around a name; with one of `unless` a sentence
    asks for nobody. `leaving` is said before the toy becomes another, `staying` when it is the one already, both with
    NAME_PLACE for the name.
    """

    requests: tuple[Request, ...]
    calls: frozenset[str]
    before_name: frozenset[str]
    after_name: frozenset[str]
    unless: frozenset[str]
    leaving: Replies
    staying: Replies


# -- what a phrase belongs to --------------------------------------------------------------


Kind: TypeAlias = Literal["command", "help", "topic"]


@dataclass(frozen=True, slots=True)
class Trigger:
    """A phrase that decides: of which command, help case or topic, and how it stands to others.

    `rank` is the place in LEVELS of the loosest level at which a topic's phrase is blocked; `order` its place in the
    file.
    """

    kind: Kind
    name: str
    order: int
    case: int = 0
    rank: int = 0
    at: Node = field(default=Node(1, 1), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Harmless:
    """A phrase in which the words of a command or topic do not count."""

    name: str
    at: Node = field(default=Node(1, 1), compare=False, repr=False)


Mark: TypeAlias = Trigger | Harmless


class Responses(Struct, frozen=True):
    """A checked `offline_responses.yaml`. `file` is its name in problems."""

    file: str
    words: Words
    tree: Tree[Mark]
    help: tuple[HelpCase, ...]
    commands: Mapping[str, Command]
    """All but `need_help`, in the order of the file."""
    topics: Mapping[str, Topic]
    """By category, and what a guardian has named under GUARDIAN_TOPICS."""
    limits: Limits
    unknown: Replies
    safe_mode_words: Replies
    """What is said on entering safe mode; one is picked."""
    toys: Mapping[str, Mapping[str, Replies]]
    """By toy and command: what this toy says instead."""
    persona_change: PersonaChange | None = None
    """None: no words ask for somebody else."""
    done: Replies = DONE_REPLIES
    """What is said when something was done, and whoever did it says nothing."""

    @property
    def command_names(self) -> frozenset[str]:
        """Everything the toy can be asked to say."""
        return frozenset((*self.commands, HELP))
