"""Answering a sentence of a child: our tree of phrases, and one regular expression for each trigger.

Both look for the same phrases of the shipped file, in all their forms, in the same sentences. The expressions are what
one would write first: `\\b(?:hit|hits|hitting)\\b`, tried one after the other. They know of no exceptions, no repeated
words and no limits, and so do less than we do.
"""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Callable
from pathlib import Path

import yaml

from benchmarks.figures import Figure, figure, time_rounds
from pommai.responses import Answerer, Listener, Responses, load_responses
from pommai.responses.phrases import phrase_of
from pommai.responses.words import inflections

FILE = Path(__file__).resolve().parent.parent / "offline_responses.yaml"
SENTENCES = (
    "hello",
    "can you please sing me a song",
    "my tummy hurts",
    "i have a gun",
    "we went to the zoo and saw a big red balloon and then grandma bought an ice cream for me",
    "what is this thing",
)
REPLY = "Once there was a snail who wanted to see the sea. It took her a year. " * 8
"""As long as what a server says in an answer, to be held against the filter."""


def measure() -> list[Figure]:
    """Loading in milliseconds, a sentence in microseconds."""
    responses = load_responses(FILE)
    listener = Listener("pommai-bear")
    answerer = Answerer(responses, lambda count: 0)
    sentences = len(SENTENCES)
    return [
        figure("responses: load and check the file", _load_times(), "ms"),
        figure("responses: answer a sentence", time_rounds(_ours(responses), sentences), "us", goal=1000.0),
        figure("responses: a regular expression a trigger", time_rounds(_naive(responses), sentences, 60), "us"),
        figure("responses: filter a long reply", time_rounds(lambda: answerer.forbids(REPLY, listener), 1), "us"),
    ]


def _load_times() -> list[float]:
    times = []
    for _ in range(12):
        inflections.cache_clear()
        began = time.perf_counter()
        load_responses(FILE)
        times.append((time.perf_counter() - began) * 1000)
    return times


def _ours(responses: Responses) -> Callable[[], object]:
    listener = Listener("pommai-bear")
    answerer = Answerer(responses, lambda count: 0)
    hours = itertools.count()

    def run() -> object:
        # Rounds are an hour apart: after twenty sentences in one hour the toy would rest.
        now = next(hours) * 3600.0
        answer = None
        for sentence in SENTENCES:
            answer = answerer.answer(sentence, listener, now)
        return answer

    return run


def _naive(responses: Responses) -> Callable[[], object]:
    expressions = [re.compile(_expression(responses, text)) for text in _triggers()]

    def run() -> object:
        found = None
        for sentence in SENTENCES:
            found = [expression for expression in expressions if expression.search(sentence)]
        return found

    return run


def _triggers() -> list[str]:
    document = yaml.safe_load(FILE.read_text("utf-8"))
    found: list[str] = []
    for command in document["commands"].values():
        for case in (command, *command.get("cases", ())):
            found += case["triggers"]
    for topic in document["blocked_topics"].values():
        for phrases in topic["words"].values():
            found += phrases
    return [str(text) for text in found]


def _expression(responses: Responses, text: str) -> str:
    runs = phrase_of(text, responses.words).runs
    forms = responses.words.forms_of
    words = [r"\s+".join(f"(?:{'|'.join(map(re.escape, sorted(forms(word))))})" for word in run) for run in runs]
    return r"\b" + r"\s+(?:\S+\s+){0,3}".join(words) + r"\b"
