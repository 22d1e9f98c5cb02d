"""What holds of the answers of the shipped file whatever anybody says."""

from __future__ import annotations

import itertools
import random
import string

from hypothesis import given
from hypothesis import strategies as st
from responses_material import BEAR, shipped
from responses_sentences import table

from pommai.responses import Answerer, Listener
from pommai.responses.model import LEVELS

RESPONSES = shipped()
SENTENCES = [sentence for sentence, _ in table()]
VOCABULARY = sorted({word for sentence in SENTENCES for word in sentence.split()})
SPEECH = st.one_of(
    st.sampled_from(SENTENCES), st.lists(st.sampled_from(VOCABULARY), max_size=14).map(" ".join), st.text(max_size=60)
)
TOPICS = st.lists(st.one_of(st.sampled_from(["violence", "scary", "stars", "a", ""]), st.text(max_size=8)), max_size=4)
LISTENERS = st.builds(
    Listener,
    st.sampled_from(["pommai-bear", "robo-rex", "nobody", ""]),
    st.sampled_from([*LEVELS, "custom", "odd"]),
    TOPICS.map(tuple),
)


def toy(seed: int = 0) -> Answerer:
    return Answerer(RESPONSES, random.Random(seed).randrange)


def meaning(text: str, listener: Listener = BEAR) -> tuple[str, str, str | None]:
    answer = toy().answer(text, listener, 0.0)
    return answer.outcome, answer.name, answer.alert


@given(SPEECH, LISTENERS, st.dictionaries(st.text(max_size=9), st.text(max_size=9), max_size=3))
def test_every_text_is_answered_with_words(text: str, listener: Listener, popular: dict[str, str]) -> None:
    answer = toy().answer(text, listener, 0.0, popular)
    assert answer.reply.strip()
    assert bool(answer.because) == (answer.outcome != "unknown")
    assert answer.outcome != "help" or answer.alert is not None


@given(st.sampled_from(SENTENCES), st.sampled_from([" ", "  ", ", ", "...", "\t", " [unk] ", "!? "]), st.booleans())
def test_case_punctuation_and_blanks_do_not_matter(sentence: str, between: str, upper: bool) -> None:
    changed = between.join(sentence.split())
    assert meaning(f" {changed.upper() if upper else changed}{between}") == meaning(sentence)


@given(st.sampled_from(VOCABULARY), st.sampled_from(string.ascii_lowercase), st.sampled_from(string.ascii_lowercase))
def test_a_trigger_inside_a_longer_word_is_never_heard(word: str, before: str, after: str) -> None:
    letters = "".join(letter for letter in word if letter.isalpha())
    for longer in (f"{before}zq{letters}", f"{letters}qz{after}", f"{before}zq{letters}qz{after}"):
        assert meaning(longer)[0] == "unknown", longer


@given(SPEECH, TOPICS.map(tuple))
def test_what_is_blocked_at_a_looser_level_is_blocked_at_every_stricter_one(text: str, topics: tuple[str, ...]) -> None:
    blocked = [toy().forbids(text, Listener("x", level, topics)) is not None for level in LEVELS]
    assert blocked == sorted(blocked, reverse=True)
    outcomes = [toy().answer(text, Listener("x", level, topics), 0.0).outcome == "blocked" for level in LEVELS]
    assert outcomes == sorted(outcomes, reverse=True)


@given(SPEECH, st.sampled_from(["pommai-bear", "robo-rex"]), st.sampled_from([*LEVELS, "odd"]), st.integers(0, 99))
def test_no_reply_is_one_that_its_own_filter_forbids(text: str, who: str, level: str, seed: int) -> None:
    listener = Listener(who, level)
    answerer = toy(seed)
    assert answerer.forbids(answerer.answer(text, listener, 0.0).reply, listener) is None


@given(SPEECH, LISTENERS, st.integers(0, 99))
def test_a_command_never_says_what_is_kept_from_the_listener(text: str, listener: Listener, seed: int) -> None:
    answerer = toy(seed)
    answer = answerer.answer(text, listener, 0.0)
    if answer.outcome == "command":
        assert answerer.forbids(answer.reply, listener) is None


@given(st.lists(st.tuples(st.sampled_from(SENTENCES), LISTENERS), max_size=12), st.integers(0, 99))
def test_no_reply_of_a_command_comes_twice_running(spoken: list[tuple[str, Listener]], seed: int) -> None:
    """Every command of the shipped file has two replies or more; a guardian's words may leave one."""
    answerer = toy(seed)
    last: dict[tuple[str, str], str] = {}
    for number, (text, listener) in enumerate(spoken * 2):
        plain = Listener(listener.toy_id)
        answer = answerer.answer(text, plain, number * 3600.0)
        key = (plain.toy_id, answer.name)
        assert last.get(key) != answer.reply
        last[key] = answer.reply


@given(st.lists(SPEECH, max_size=30), st.lists(st.floats(0, 900), min_size=30, max_size=30))
def test_a_pause_is_as_long_as_the_file_says(spoken: list[str], steps: list[float]) -> None:
    answerer, now = toy(), 0.0
    for text, step in zip(spoken, itertools.cycle(steps), strict=False):
        now += step
        answer = answerer.answer(text, BEAR, now)
        assert answer.pause_seconds is None or 0 < answer.pause_seconds <= 600
        assert answer.pause_seconds is None or answer.outcome == "blocked"
