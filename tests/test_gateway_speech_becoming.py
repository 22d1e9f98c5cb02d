from __future__ import annotations

from dataclasses import replace

import pytest
from gateway_material import PERSONAS
from msgspec import structs
from responses_material import GERMAN, parsed, shipped, small

from pommai.gateway.personas import Persona
from pommai.gateway.speech.becoming import others, wanted

BEAR = PERSONAS["pommai-bear"]
RESPONSES = shipped()


def somebody(
    toy_id: str = "tars",
    *,
    kids: bool = True,
    level: str = "strict",
    filtered: str = "strict",
    by_voice: bool | None = None,
    blocked: tuple[str, ...] = ("violence",),
) -> Persona:
    guardian = structs.replace(BEAR.profile.guardian_settings, content_filter_level=filtered, blocked_topics=blocked)
    profile = structs.replace(
        BEAR.profile,
        toy_id=toy_id,
        name=toy_id.upper(),
        is_for_kids=kids,
        safety_level=level,
        guardian_settings=guardian,
    )
    return replace(BEAR, profile=profile, by_voice=by_voice)


def may(one: Persona, other: Persona) -> bool:
    return others(one, {each.toy_id: each for each in (one, other)}) == {other.toy_id: other.profile.name}


@pytest.mark.parametrize(
    ("one", "other", "allowed"),
    [
        (somebody("a"), somebody("b"), True),
        (somebody("a"), somebody("b", kids=False), False),
        (somebody("a", kids=False), somebody("b", kids=False), True),
        (somebody("a", kids=False), somebody("b"), True),
        (somebody("a"), somebody("b", level="moderate", filtered="relaxed"), False),
        (
            somebody("a", level="relaxed", filtered="moderate"),
            somebody("b", level="moderate", filtered="relaxed"),
            True,
        ),
        (somebody("a", level="moderate", filtered="moderate"), somebody("b"), True),
        (somebody("a"), somebody("b", level="custom"), False),
        (somebody("a", level="custom"), somebody("b"), True),
        (somebody("a", level="custom"), somebody("b", level="custom", blocked=("violence", "cake")), True),
        (somebody("a", level="custom", blocked=("violence", "cake")), somebody("b", level="custom"), False),
        (somebody("a", level="custom"), somebody("b", level="moderate", filtered="moderate", blocked=()), False),
        (somebody("a", level="custom"), somebody("b", level="relaxed", filtered="relaxed"), True),
        (somebody("a", level="custom", blocked=("cake",)), somebody("b"), False),
        (somebody("a", level="custom", blocked=("Cake", "scary")), somebody("b", blocked=("cake",)), True),
        (somebody("a"), somebody("b", kids=False, by_voice=True), True),
        (somebody("a"), somebody("b", by_voice=False), False),
        (somebody("a", kids=False), somebody("b", by_voice=False), False),
    ],
)
def test_somebody_for_kids_becomes_only_who_is_for_kids_and_as_careful_unless_the_file_says_so(
    one: Persona, other: Persona, allowed: bool
) -> None:
    assert may(one, other) is allowed


def test_nobody_becomes_who_it_is() -> None:
    assert others(BEAR, {BEAR.toy_id: BEAR}) == {}


def test_a_sentence_may_ask_for_another_or_for_who_is_here_and_not_for_who_may_not_come() -> None:
    names = others(BEAR, PERSONAS)
    assert names == {"robo-rex": "Robo Rex"}
    assert wanted("be robo now", BEAR, names, RESPONSES) == "robo-rex"
    assert wanted("be the bear", BEAR, names, RESPONSES) == "pommai-bear"
    assert wanted("be robo now", BEAR, {}, RESPONSES) is None
    assert wanted("", BEAR, names, RESPONSES) is None


def test_a_file_in_another_language_has_its_own_requests_and_one_without_any_has_none() -> None:
    names = others(BEAR, PERSONAS)
    german = parsed(small(persona_change=GERMAN))
    assert wanted("Kannst du bitte Robo sein?", BEAR, names, german) is None  # "bitte" is a filler in no file yet
    assert wanted("Kannst du mein Robo sein?", BEAR, names, german) == "robo-rex"
    assert wanted("Ich möchte mit Robo Rex sprechen", BEAR, names, german) == "robo-rex"
    assert wanted("Sei Pommai", BEAR, names, german) == "pommai-bear"
    assert wanted("be robo now", BEAR, names, german) is None
    assert wanted("be robo now", BEAR, names, parsed(small(persona_change=None))) is None
