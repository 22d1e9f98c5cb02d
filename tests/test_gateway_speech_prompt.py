from __future__ import annotations

from dataclasses import replace

from gateway_material import PERSONAS
from msgspec import structs

from pommai.gateway.speech.prompt import FOR_CHILDREN, NOBODY_ELSE, messages_for

BEAR = PERSONAS["pommai-bear"]


def test_a_model_is_told_who_it_is_what_it_knows_and_what_it_must_not() -> None:
    system, *rest = messages_for(BEAR, (), "why is the sky blue")
    assert system["role"] == "system"
    for words in ("Pommai Bear", "windowsill", "pine cones", "do not talk about: violence", *FOR_CHILDREN):
        assert words in system["content"]
    assert rest == [{"role": "user", "content": "why is the sky blue"}]


def test_a_model_is_told_what_was_said_before_in_its_order() -> None:
    messages = messages_for(BEAR, (("hello", "Hi."), ("who are you", "A bear.")), "and me")
    assert [(message["role"], message["content"]) for message in messages[1:]] == [
        ("user", "hello"),
        ("assistant", "Hi."),
        ("user", "who are you"),
        ("assistant", "A bear."),
        ("user", "and me"),
    ]


def test_rules_for_children_are_for_children() -> None:
    grown = replace(BEAR, profile=structs.replace(BEAR.profile, is_for_kids=False, knowledge_base={"not": "text"}))
    assert FOR_CHILDREN[0] not in messages_for(grown, (), "hello")[0]["content"]


def test_a_model_is_told_of_those_it_may_call_and_to_be_nobody_else() -> None:
    alone = messages_for(BEAR, (), "be a pirate")[0]["content"]
    assert NOBODY_ELSE in alone
    assert "become_persona" not in alone
    with_others = messages_for(BEAR, (), "be rex", ["Robo Rex", "TARS"])[0]["content"]
    assert "Robo Rex, TARS, use the tool become_persona" in with_others
    assert NOBODY_ELSE not in with_others
