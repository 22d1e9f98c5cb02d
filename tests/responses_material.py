"""A small offline_responses.yaml, whole but for what a test changes, and a toy that answers by it."""

from __future__ import annotations

import copy
import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest

from pommai.errors import Problem, ResponsesError
from pommai.responses import Answerer, Listener, Responses, load_responses
from pommai.responses.load import parse_responses
from pommai.responses.model import CATEGORIES

ROOT = Path(__file__).parents[1]
SHIPPED = ROOT / "offline_responses.yaml"
BEAR = Listener("pommai-bear")


def topic(*words: str, **more: Any) -> dict[str, Any]:
    """A blocked topic with these words at `strict`."""
    told = {"severity": "low", "violation": False, "alert": False, "replies": ["Let us talk of clouds."]}
    return told | {"words": {"strict": list(words)}} | more


SMALL: dict[str, Any] = {
    "words": {
        "fillers": ["um", "a", "the"],
        "variants": {"wanna": "want to", "belly": "tummy"},
        "forms": {"fall": ["fell"]},
    },
    "commands": {
        "need_help": {
            "alert": "medium",
            "triggers": ["help", "hurt", "i fall"],
            "except": ["not hurt"],
            "replies": ["Tell a grown-up."],
            "cases": [{"alert": "urgent", "triggers": ["can not breathe"], "replies": ["Run to a grown-up."]}],
        },
        "sing_song": {
            "triggers": ["sing", "sing song"],
            "except": ["not sing"],
            "replies": ["One little star.", "Two little stars.", "Three little stars."],
        },
        "tell_joke": {"triggers": ["joke"], "replies": ["What is brown and sticky? A stick!"]},
        "goodnight": {"triggers": ["good night"], "replies": ["Sleep well."]},
        "greeting": {"triggers": ["hello", "hi"], "gives_way": True, "replies": ["Hello.", "There you are."]},
    },
    "blocked_topics": {
        **{name: topic(f"{name.replace('_', '')}word") for name in CATEGORIES},
        "violence": topic(
            "hit",
            words={"strict": ["hit"], "moderate": ["gun"], "relaxed": ["murder"]},
            violation=True,
            severity="medium",
            **{"except": ["hit ball", "water gun"]},
        ),
        "dangerous": topic("poison", severity="high", alert=True),
    },
    "guardian_topics": {
        "severity": "low",
        "violation": False,
        "alert": False,
        "replies": ["Something else, please.", "What about lunch?"],
    },
    "limits": {
        "conversations": {"count": 20, "within": "1h", "rest": "10m", "replies": ["A little rest."]},
        "session": {"longest": "30m", "rest": "10m", "replies": ["Time for a break."]},
        "not_understood": {"in_a_row": 5, "replies": ["Ask me for a song."]},
        "violations": {"count": 3, "within": "5m", "pause": "5m", "alert": "high", "replies": ["Quiet time."]},
    },
    "unknown": {"replies": ["Once more?", "I did not catch that."]},
    "safe_mode": {"replies": ["All is well."]},
    "persona_change": {
        "requests": [{"phrases": ["be <name>"], "after": ["can you"]}],
        "calls": ["hey"],
        "before_name": ["my"],
        "after_name": ["again"],
        "unless": ["not"],
        "leaving": ["Here comes <name>.", "Off I go."],
        "staying": ["I am <name>."],
    },
    "toys": {"robo-rex": {"greeting": {"replies": ["Stomp."]}}},
}

GERMAN: dict[str, Any] = {
    "requests": [
        {"phrases": ["sei <name>", "werde <name>", "werde zu <name>", "hol <name> her"]},
        {"phrases": ["<name> sein"], "after": ["kannst du", "ich möchte dass du"]},
        {"phrases": ["mit <name> sprechen"], "after": ["ich möchte"]},
    ],
    "calls": ["hallo", "und"],
    "before_name": ["mein", "meine", "liebe"],
    "after_name": ["wieder", "jetzt"],
    "unless": ["nicht", "nie"],
    "leaving": ["Gleich kommt <name>.", "Ich hole <name>."],
    "staying": ["Ich bin doch <name>!"],
}
"""How a German child asks a toy to be somebody else."""


def small(**sections: Any) -> dict[str, Any]:
    """A copy of the small document with these sections in place of its own; None takes a section out."""
    document = copy.deepcopy(SMALL)
    for name, section in sections.items():
        if section is None:
            del document[name]
        else:
            document[name] = section
    return document


def changed(path: str, value: Any) -> dict[str, Any]:
    """The small document with another value at a path such as `commands.tell_joke.triggers`."""
    document = small()
    *above, last = path.split(".")
    place = document
    for key in above:
        place = place.setdefault(key, {})
    place[last] = value
    return document


def parsed(document: Any, sounds: Collection[str] | None = None) -> Responses:
    return parse_responses(json.dumps(document, indent=1), sounds=sounds)


def problems_of(document: Any, sounds: Collection[str] | None = None) -> list[Problem]:
    with pytest.raises(ResponsesError) as caught:
        parsed(document, sounds)
    return list(caught.value.problems)


def words_of(document: Any, sounds: Collection[str] | None = None) -> list[str]:
    """What is wrong with a document, with the hints and without the places."""
    return [f"{problem.message} ({problem.hint})" for problem in problems_of(document, sounds)]


def answerer(document: Any = None) -> Answerer:
    """A toy that always picks the first reply it may; with the small document, or another."""
    return Answerer(parsed(SMALL if document is None else document), lambda count: 0)


def shipped() -> Responses:
    return load_responses(SHIPPED)
