from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pommai.responses import load_responses
from pommai.responses.names import asked_to_be
from pommai.responses.words import Words

WORDS = load_responses(Path(__file__).parents[1] / "offline_responses.yaml").words
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
    assert asked_to_be(text, NAMES, WORDS) == toy_id


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
    assert asked_to_be(text, NAMES, WORDS) is None


@given(st.text(), st.dictionaries(st.text(max_size=8), st.text(max_size=20), max_size=5))
def test_whatever_is_said_and_whoever_there_is_it_is_one_of_them_or_nobody(text: str, names: dict[str, str]) -> None:
    assert asked_to_be(text, names, Words()) in {None, *names}


def test_a_file_without_fillers_knows_the_same_requests() -> None:
    assert asked_to_be("be tars now please", NAMES, Words()) == "tars"
