"""The section persona_change: how it is read, and what is wrong with it."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from responses_material import GERMAN, SMALL, changed, parsed, problems_of, shipped, small, words_of

from pommai.responses.schema import schema

SECTION = schema()["properties"]["persona_change"]


def test_the_section_is_read_as_it_is_heard() -> None:
    change = parsed(SMALL).persona_change
    assert change is not None
    assert [(each.before, each.behind, each.leads) for each in change.requests] == [(("be",), (), (("can", "you"),))]
    assert (change.calls, change.before_name, change.after_name, change.unless) == ({"hey"}, {"my"}, {"again"}, {"not"})
    assert [reply.text for reply in change.leaving] == ["Here comes <name>.", "Off I go."]
    german = parsed(small(persona_change=GERMAN)).persona_change
    assert german is not None
    assert [(each.before, each.behind) for each in german.requests][3:5] == [(("hol",), ("her",)), ((), ("sein",))]
    assert ("ich", "mochte") in german.requests[-1].leads


def test_the_shipped_file_has_two_ways_to_say_each() -> None:
    change = shipped().persona_change
    assert change is not None
    assert len(change.leaving) >= 2
    assert len(change.staying) >= 2
    assert all("<name>" in reply.text for reply in (*change.leaving, *change.staying))
    assert "please" not in change.calls, "a filler is not heard"


def test_all_but_requests_and_what_is_said_may_be_left_out() -> None:
    told = {key: SMALL["persona_change"][key] for key in ("requests", "leaving", "staying")}
    change = parsed(small(persona_change=told)).persona_change
    assert change is not None
    assert change.unless == frozenset()


def test_an_older_file_without_the_section_is_as_good_as_ever() -> None:
    assert parsed(small(persona_change=None)).persona_change is None


def request(**told: Any) -> list[dict[str, Any]]:
    return [{"phrases": ["be <name>"]} | told]


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("request", [], "persona_change has no key 'request' (did you mean 'requests'?)"),
        ("requests", [], "requests of persona_change is empty (write at least one request, or leave out the section)"),
        ("requests", [{"after": ["can you"]}], "request 1 of persona_change needs the key 'phrases'"),
        ("requests", request(befor=["x"]), "request 1 of persona_change has no key 'befor'"),
        (
            "requests",
            request(phrases=[]),
            "phrases of request 1 of persona_change is empty (write at least one phrase)",
        ),
        ("requests", request(phrases=["be"]), "'be' has no place for the name (write it as <name>: be <name>)"),
        ("requests", request(phrases=["<name>"]), "'<name>' asks for nothing (a name alone is no request"),
        ("requests", request(phrases=["the <name>"]), "'the <name>' asks for nothing"),
        (
            "requests",
            request(phrases=["be <nmae>"]),
            "'be <nmae>' has '<nmae>' in it (the only place to fill is <name>)",
        ),
        (
            "requests",
            request(phrases=["be {name}"]),
            "'be {name}' has '{name}' in it (the only place to fill is <name>)",
        ),
        ("requests", request(phrases=["be <name"]), "'be <name' has one of < > { } in it"),
        ("requests", request(phrases=["be <name> or <name>"]), "has two names in it (one is asked for at a time)"),
        ("requests", request(phrases=["be ... <name>"]), "'be ... <name>' has ... in it"),
        ("requests", request(phrases=["w " * 13 + "<name>"]), "has more than 12 words"),
        ("requests", request(phrases=["be not <name>"]), "by 'be not <name>' (unless has 'not', in line"),
        (
            "requests",
            request(phrases=["help <name>"]),
            "nobody is ever asked for by 'help' (need_help hears 'help' first",
        ),
        ("requests", request(after=["murder or"]), "by 'murder or be' (violence blocks 'murder' at every level)"),
        ("requests", request(after=[]), "after of request 1 of persona_change is empty"),
        ("requests", request(after=["um the"]), "'um the' says nothing (fillers are not listened to)"),
        (
            "requests",
            request(after=["can <name>"]),
            "'can <name>' has a place for a name (<name> stands in phrases alone)",
        ),
        ("requests", request(after=["can ... you"]), "'can ... you' has ... in it"),
        ("requests", request(after=["do not you"]), "nobody is ever asked for by 'do not you'"),
        ("calls", ["hey you"], "a word of calls must be one word, not 'hey you'"),
        ("calls", "hey", "calls of persona_change must be a list, not 'hey'"),
        ("unless", [], "unless of persona_change is empty (write at least one word, or leave the key out)"),
        ("unless", ["don't"], "'don't' in unless is heard as 'do not' (write the one of these words that counts)"),
        ("leaving", [], "leaving of persona_change is empty (write at least one reply)"),
        ("leaving", ["x" * 401], "a reply in leaving of persona_change has 401 characters, more than 400"),
        ("leaving", ["Here is {name}."], "a reply in leaving of persona_change has '{name}' in it"),
        ("leaving", ["<name> hit me."], "a reply of leaving is blocked by violence at strict: 'hit'"),
        ("staying", ["I am <nam>."], "a reply in staying of persona_change has '<nam>' in it"),
        ("staying", ["Guns!"], "a reply of staying is blocked by violence"),
        ("staying", None, "persona_change needs the key 'staying'"),
    ],
)
def test_what_is_wrong_is_said_in_words_a_designer_understands(key: str, value: object, words: str) -> None:
    document = changed(f"persona_change.{key}", value)
    if value is None:
        del document["persona_change"][key]
    assert any(words in told for told in words_of(document)), words_of(document)


def test_a_problem_stands_where_its_words_stand() -> None:
    document = changed("persona_change.requests", request(phrases=["be <name>", "turn into"]))
    (problem,) = problems_of(document)
    line = json.dumps(document, indent=1).splitlines()[problem.line - 1]
    assert line[problem.column - 1 :].startswith('"turn into"')


def check_that_editor_and_toy_agree(told: object, allowed: bool) -> None:
    """Both take the section, or neither."""
    assert Draft202012Validator(SECTION).is_valid(told) is allowed
    if allowed:
        parsed(small(persona_change=told))
    else:
        assert problems_of(small(persona_change=told))


@pytest.mark.parametrize(
    ("phrase", "allowed"),
    [
        ("be <name>", True),
        ("<name> sein", True),
        ("стань <name>", True),
        (" mit <name> sprechen ", True),
        ("be", False),
        ("<name>", False),
        (" <name> ", False),
        ("be <nmae>", False),
        ("be {name}", False),
        ("be <name> or <name>", False),
        ("", False),
    ],
)
def test_an_editor_underlines_a_phrase_that_the_toy_does_not_take(phrase: str, allowed: bool) -> None:
    told = copy.deepcopy(SMALL["persona_change"]) | {"requests": request(phrases=[phrase])}
    check_that_editor_and_toy_agree(told, allowed)


@pytest.mark.parametrize(
    ("lead", "allowed"), [("can you", True), ("can <name>", False), ("can {x}", False), ("", False)]
)
def test_and_what_it_may_follow(lead: str, allowed: bool) -> None:
    told = copy.deepcopy(SMALL["persona_change"]) | {"requests": request(after=[lead])}
    check_that_editor_and_toy_agree(told, allowed)


@pytest.mark.parametrize(
    ("line", "allowed"),
    [("Here comes <name>.", True), ("<name>!", True), ("Off I go.", True), ("  ", False), ("{name}.", False)],
)
def test_and_a_reply_too(line: str, allowed: bool) -> None:
    told = copy.deepcopy(SMALL["persona_change"]) | {"leaving": [line]}
    check_that_editor_and_toy_agree(told, allowed)
