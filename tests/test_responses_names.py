from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from responses_material import GERMAN, SHIPPED, SMALL, parsed, shipped, small

from pommai.responses.load import parse_responses
from pommai.responses.names import asked_to_be

ENGLISH = shipped()
GERMAN_FILE = parsed(small(words={"fillers": ["der", "die", "den", "bitte"]}, persona_change=GERMAN))
NAMES = {
    "pommai-bear": "Pommai Bear",
    "robo-rex": "Robo Rex",
    "tars": "TARS",
    "doc": "The Doctor",
    "robo-cat": "Robo Cat",
}


@pytest.mark.parametrize(
    ("text", "toy_id"),
    [
        ("be TARS now", "tars"),
        ("be robo rex", "robo-rex"),
        ("Be rex!", "robo-rex"),
        ("can you be my bear", "pommai-bear"),
        ("can you please be the bear again", "pommai-bear"),
        ("hey tars, be the doctor please", "doc"),
        ("okay now become robo cat", "robo-cat"),
        ("I want you to be the bear", "pommai-bear"),
        ("switch to tars", "tars"),
        ("I'd like to talk to the doctor", "doc"),
        ("let's go back to pommai", "pommai-bear"),
        ("could you turn into that cat for me", "robo-cat"),
        ("be doc", "doc"),
    ],
)
def test_a_child_may_ask_for_somebody_in_its_own_words(text: str, toy_id: str) -> None:
    assert asked_to_be(text, NAMES, ENGLISH) == toy_id


@pytest.mark.parametrize(
    "text",
    [
        "",
        "bear",
        "be nice to bear",
        "be robo",  # which of the two?
        "do not be tars",
        "don't be the doctor",
        "I do not want you to be the bear",
        "I want to be a bear",
        "when I grow up I will be a doctor",
        "can I be the doctor",
        "be quiet",
        "my doctor talks to the bear",
        "we had to call the doctor",
        "I talk to bear every night",
        "tell me about tars",
        "be bearish",
        "be the bear's friend",
    ],
)
def test_a_name_alone_is_no_request(text: str) -> None:
    assert asked_to_be(text, NAMES, ENGLISH) is None


@given(st.text(), st.dictionaries(st.text(max_size=8), st.text(max_size=20), max_size=5))
def test_whatever_is_said_and_whoever_there_is_it_is_one_of_them_or_nobody(text: str, names: dict[str, str]) -> None:
    assert asked_to_be(text, names, ENGLISH) in {None, *names}


# fmt: off
WORDS_OF_REQUESTS = st.sampled_from((
    "be", "can", "you", "i", "we", "turn", "change", "into", "switch", "to", "the", "my",
    "now", "for", "me", "not", "hey", "bear", "robo", "rex", "sein", "werde", "mit", "sprechen",
))
# fmt: on


@given(st.lists(WORDS_OF_REQUESTS, max_size=12).map(" ".join), st.sampled_from(["english", "german"]))
def test_words_of_requests_in_any_order_ask_for_one_of_them_or_nobody(text: str, language: str) -> None:
    responses = ENGLISH if language == "english" else GERMAN_FILE
    assert asked_to_be(text, NAMES, responses) in {None, *NAMES}


def test_a_file_without_fillers_knows_the_same_requests() -> None:
    text = SHIPPED.read_text("utf-8")
    fillers = next(line for line in text.splitlines() if line.startswith("  fillers:"))
    said = parse_responses(text.replace(fillers, ""))
    assert said.words.fillers == frozenset()
    assert asked_to_be("be tars now please", NAMES, said) == "tars"
    assert asked_to_be("can you be the bear", NAMES, said) == "pommai-bear"


def test_without_the_section_no_words_ask_for_anybody() -> None:
    assert asked_to_be("be tars", NAMES, parsed(small(persona_change=None))) is None


# -- another language ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "toy_id"),
    [
        ("Sei bitte TARS!", "tars"),
        ("Hallo Bär, werde zu Robo Rex", "robo-rex"),
        ("kannst du mein Bär sein", "baer"),
        ("Kannst du der liebe Bär bitte wieder sein?", "baer"),
        ("ich möchte mit dem Bären sprechen", None),  # no rule makes forms of a name
        ("ich möchte mit Robo Rex sprechen", "robo-rex"),
        ("ich möchte jetzt mit TARS sprechen", None),  # `jetzt` stands where nobody has thought of it
        ("hol den Rex her", "robo-rex"),
        ("sei nicht der Bär", None),
        ("mein Bär mag sprechen", None),
        ("kannst du sein", None),
        ("Robo Rex sein", "robo-rex"),
        ("der Papa möchte Robo Rex sein", None),
    ],
)
def test_requests_may_be_of_another_language_and_stand_around_a_name(text: str, toy_id: str | None) -> None:
    names = {"baer": "Brummbär Bär", "robo-rex": "Robo Rex", "tars": "TARS"}
    assert asked_to_be(text, names, GERMAN_FILE) == toy_id


def test_english_words_ask_for_nobody_in_a_german_file() -> None:
    assert asked_to_be("be tars", NAMES, GERMAN_FILE) is None


def test_the_longest_name_counts_whichever_request_it_is_in() -> None:
    requests = [{"phrases": ["be <name>"]}, {"phrases": ["<name> be"]}, {"phrases": ["be my <name>"]}]
    responses = parsed(small(persona_change=SMALL["persona_change"] | {"requests": requests}))
    names = {"a": "Rex", "b": "Robo Rex", "c": "My Rex"}
    assert asked_to_be("be robo rex", names, responses) == "b"
    assert asked_to_be("robo rex be", names, responses) == "b"
    assert asked_to_be("be my rex", names, responses) == "c"
    assert asked_to_be("be my rex", {"a": "Rex"}, responses) == "a"


def test_a_phrase_may_end_with_a_word_that_may_stand_before_a_name_or_begin_with_one_after() -> None:
    told = SMALL["persona_change"] | {
        "requests": [{"phrases": ["be dear <name>", "<name> again here"]}],
        "before_name": ["dear", "old"],
        "after_name": ["again", "here"],
    }
    responses = parsed(small(persona_change=told))
    assert asked_to_be("be dear old rex", {"a": "Rex"}, responses) == "a"
    assert asked_to_be("be dear rex here", {"a": "Rex"}, responses) == "a"
    assert asked_to_be("rex again here", {"a": "Rex"}, responses) == "a"
    assert asked_to_be("rex again", {"a": "Rex"}, responses) is None
    assert asked_to_be("be old rex", {"a": "Rex"}, responses) is None
