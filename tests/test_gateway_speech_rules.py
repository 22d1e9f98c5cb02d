from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from gateway_material import PERSONAS
from msgspec import structs

from pommai.gateway.personas import Persona
from pommai.gateway.speech.rules import FORGET_SECONDS, MOST_DEVICES, MOST_TURNS, HeldBack, Talk, Talks, listener_of
from pommai.responses import Listener, Responses, load_responses

BEAR, REX = PERSONAS["pommai-bear"], PERSONAS["robo-rex"]


@pytest.fixture(scope="module")
def responses() -> Responses:
    return load_responses(Path(__file__).parents[1] / "offline_responses.yaml")


@pytest.fixture
def talk(responses: Responses) -> Talk:
    return Talk(responses)


def with_levels(level: str, filtered: str, *, for_kids: bool = True) -> Persona:
    profile = BEAR.profile
    guardian = structs.replace(profile.guardian_settings, content_filter_level=filtered, blocked_topics=("ghosts",))
    return replace(
        BEAR, profile=structs.replace(profile, safety_level=level, is_for_kids=for_kids, guardian_settings=guardian)
    )


@pytest.mark.parametrize(
    ("level", "filtered", "counts"),
    [
        ("strict", "relaxed", "strict"),
        ("relaxed", "moderate", "moderate"),
        ("moderate", "strict", "strict"),
        ("custom", "strict", "custom"),
        ("relaxed", "nonsense", "relaxed"),
    ],
)
def test_of_two_levels_the_more_careful_one_counts_for_a_child(level: str, filtered: str, counts: str) -> None:
    assert listener_of(with_levels(level, filtered)) == Listener("pommai-bear", counts, ("ghosts",))
    assert listener_of(with_levels(level, filtered, for_kids=False)).safety_level == level


def test_whoever_answers_may_answer_what_no_rule_speaks_against(talk: Talk) -> None:
    assert talk.refused("why is the sky blue", BEAR, 0.0) is None
    assert talk.refused("sing me a song", BEAR, 1.0) is None


def test_help_blocked_topics_and_nothing_understood_are_answered_by_the_file(talk: Talk) -> None:
    helps = talk.refused("my tummy hurts", BEAR, 0.0)
    blocked = talk.refused("tell me about guns", BEAR, 1.0)
    nothing = talk.refused("", BEAR, 2.0)
    fillers = talk.refused("um", BEAR, 3.0)
    assert helps is not None
    assert helps.outcome == "help"
    assert blocked is not None
    assert blocked.outcome == "blocked"
    assert nothing is not None
    assert nothing.outcome == "unknown"
    assert fillers is not None
    assert fillers.outcome == "unknown"


def test_what_others_answer_counts_against_the_limits_too(talk: Talk, responses: Responses) -> None:
    limit = responses.limits.conversations
    for number in range(limit.count):
        assert talk.refused("why is the sky blue", BEAR, float(number)) is None
    rest = talk.refused("why is the sky blue", BEAR, limit.count + 1.0)
    assert rest is not None
    assert rest.pause_seconds == limit.rest


def test_one_violation_too_many_makes_a_pause(talk: Talk, responses: Responses) -> None:
    answers = [talk.scripted("tell me about guns", BEAR, float(n)) for n in range(responses.limits.violations.count)]
    assert answers[-1].pause_seconds == responses.limits.violations.pause


def test_the_file_does_not_say_the_same_twice_running_to_a_device(talk: Talk) -> None:
    replies = [talk.scripted("tell me a joke", BEAR, 10.0 * number).reply for number in range(10)]
    assert all(one != other for one, other in pairwise(replies))


def test_a_sentence_is_held_back_with_the_words_that_did_it_also_when_they_are_in_two(talk: Talk) -> None:
    assert talk.holds_back("The sun is warm.", "I like it.", BEAR) is None
    held = talk.holds_back("He took his gun and left.", "", BEAR)
    assert held is not None
    assert held.because == ("gun",)
    assert talk.redirect(held, BEAR).outcome == "blocked"
    other = with_levels("custom", "strict")
    assert talk.holds_back("The ghosts come.", "", other) == HeldBack("guardian_topics", ("ghosts",))
    two = replace(
        other,
        profile=structs.replace(
            other.profile,
            guardian_settings=structs.replace(other.profile.guardian_settings, blocked_topics=("ghost train",)),
        ),
    )
    assert talk.holds_back("Train rides are fun.", "I like a ghost.", two) is not None


def test_a_talk_is_remembered_for_a_while_with_one_persona_and_not_at_length(talk: Talk) -> None:
    for number in range(20):
        talk.remember(f"question {number}", "answer " * 500, BEAR, float(number))
    turns = talk.turns(BEAR, 20.0)
    assert len(turns) == MOST_TURNS
    assert turns[-1][0] == "question 19"
    assert max(len(said) for _, said in turns) <= 500
    assert talk.turns(REX, 21.0) == ()
    assert talk.turns(BEAR, 22.0) == ()
    talk.remember("hello", "hi", BEAR, 23.0)
    assert talk.turns(BEAR, 24.0 + FORGET_SECONDS) == ()


def test_each_device_has_a_talk_of_its_own_and_the_longest_silent_is_forgotten(responses: Responses) -> None:
    talks = Talks(responses)
    first, second = talks.of("first"), talks.of("second")
    assert first is not second
    for number in range(MOST_DEVICES - 2):
        talks.of(f"device {number}")
    assert talks.of("first") is first
    talks.of("one more")
    assert talks.of("first") is first
    assert talks.of("second") is not second


def test_of_something_done_the_file_says_what_is_said(talk: Talk, responses: Responses) -> None:
    assert {talk.done(BEAR).reply for _ in range(9)} == {reply.text for reply in responses.done}


def test_who_leaves_says_who_comes_and_who_stays_says_who_is_here(talk: Talk) -> None:
    said = [talk.leaving("Robo Rex", BEAR) for _ in range(9)]
    assert all("Robo Rex" in line for line in said)
    assert all(line != after for line, after in pairwise(said))
    assert all("Pommai Bear" in talk.staying(BEAR) for _ in range(9))
