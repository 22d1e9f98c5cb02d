"""offline_responses.yaml -> Responses."""

from __future__ import annotations

from pathlib import Path

import pytest
from responses_material import SHIPPED, SMALL, changed, parsed, shipped, small, words_of

from pommai.errors import ResponsesError
from pommai.responses import load_responses
from pommai.responses.load import parse_responses
from pommai.responses.model import CATEGORIES, GUARDIAN_TOPICS

ISSUED_COMMANDS = {"greeting", "sing_song", "tell_joke", "goodnight", "love_response", "suggest_game", "suggest_story"}


def test_the_small_document_is_read_as_written() -> None:
    responses = parsed(SMALL)
    assert list(responses.commands) == ["sing_song", "tell_joke", "goodnight", "greeting"]
    assert responses.commands["sing_song"].replies[0].text == "One little star."
    assert responses.commands["greeting"].gives_way
    assert [case.severity for case in responses.help] == ["medium", "urgent"]
    assert set(responses.topics) == {*CATEGORIES, GUARDIAN_TOPICS}
    assert responses.topics["violence"].violation
    assert responses.topics["dangerous"].alert
    limits = responses.limits
    assert (limits.conversations.count, limits.conversations.within, limits.conversations.rest) == (20, 3600.0, 600.0)
    assert (limits.session.longest, limits.session.rest) == (1800.0, 600.0)
    assert (limits.violations.count, limits.violations.within, limits.violations.pause) == (3, 300.0, 300.0)
    assert limits.violations.severity == "high"
    assert limits.not_understood.in_a_row == 5
    assert [reply.text for reply in responses.safe_mode_words] == ["All is well."]
    assert responses.toys["robo-rex"]["greeting"][0].text == "Stomp."


def test_the_shipped_file_has_the_commands_and_limits_that_were_asked_for() -> None:
    responses = shipped()
    assert set(responses.commands) >= ISSUED_COMMANDS
    assert all(len(command.replies) >= 2 for command in responses.commands.values())
    limits = responses.limits
    assert (limits.conversations.count, limits.conversations.within) == (20, 3600.0)
    assert (limits.session.longest, limits.session.rest) == (1800.0, 600.0)
    assert limits.not_understood.in_a_row == 5
    assert (limits.violations.count, limits.violations.within, limits.violations.pause) == (3, 300.0, 300.0)


def test_a_reply_may_have_a_sound_and_a_level() -> None:
    replies = ["Hello.", {"text": "Hi  there\n you.", "audio": "hello", "safety_level": "relaxed"}]
    responses = parsed(changed("commands.greeting.replies", replies), sounds={"hello"})
    second = responses.commands["greeting"].replies[1]
    assert (second.text, second.audio, second.rank) == ("Hi there you.", "hello", 2)


def test_a_file_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(ResponsesError, match="cannot be read"):
        load_responses(tmp_path / "absent.yaml")


def test_a_problem_has_its_line_and_column() -> None:
    text = SHIPPED.read_text("utf-8").replace("\n  tell_joke:\n", "\n  tell_joke:\n    trigers: [x]\n", 1)
    line = text.splitlines().index("    trigers: [x]") + 1
    with pytest.raises(ResponsesError) as caught:
        parse_responses(text)
    assert str(caught.value) == (
        f"offline_responses.yaml:{line}:5: error: tell_joke has no key 'trigers' (did you mean 'triggers'?)"
    )


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("comands", {}, "the file has no key 'comands' (did you mean 'commands'?)"),
        ("commands.tell_joke", {"replies": ["x"]}, "tell_joke needs the key 'triggers'"),
        ("commands.tell_joke.alert", "low", "tell_joke has no key 'alert'"),
        ("commands.tell_joke.triggers", [], "triggers of tell_joke is empty"),
        ("commands.tell_joke.triggers", "joke", "triggers of tell_joke must be a list, not 'joke'"),
        ("commands.tell_joke.replies", [], "replies of tell_joke is empty (write at least one"),
        ("commands.tell_joke.replies", [""], "a reply in replies of tell_joke is empty"),
        ("commands.tell_joke.replies", ["x" * 401], "has 401 characters, more than 400"),
        ("commands.tell_joke.replies", [{"audio": "x"}], "a reply in replies of tell_joke needs the key 'text'"),
        ("commands.tell_joke.safety_level", "strikt", "cannot be 'strikt' (did you mean 'strict'?)"),
        ("commands.tell_joke.safety_level", "custom", "cannot be 'custom'"),
        ("commands.tell_joke.gives_way", "perhaps", "must be true or false"),
        ("commands.Tell", {"triggers": ["x"], "replies": ["x"]}, "a command cannot be called 'Tell' (use small"),
        ("commands.unknown", {"triggers": ["x"], "replies": ["x"]}, "a command cannot be called 'unknown'"),
        ("commands.need_help.alert", "dire", "alert of need_help cannot be 'dire'"),
        ("commands.need_help.cases", [{"alert": "low", "replies": ["x"]}], "case 1 of need_help needs the key 'trigg"),
        ("commands.tell_joke.triggers", ["um a"], "'um a' says nothing (fillers are not listened to)"),
        ("commands.tell_joke.triggers", ["?!"], "'?!' says nothing (there is no word in it)"),
        ("commands.tell_joke.triggers", ["... joke"], "'... joke' has nothing on one side of its ..."),
        ("commands.tell_joke.triggers", ["w " * 13], "has more than 12 words"),
        ("commands.tell_joke.triggers", ["b ... c ... d ... e"], "has more than 2 times ..."),
        ("blocked_topics.violense", {}, "blocked_topics has no key 'violense' (did you mean 'violence'?)"),
        ("blocked_topics.violence.words", {"strikt": ["x"]}, "no key 'strikt' (did you mean 'strict'?)"),
        ("blocked_topics.scary.words", {}, "words of scary is empty (name a level"),
        ("blocked_topics.scary.severity", "huge", "severity of scary of blocked_topics cannot be 'huge'"),
        ("limits.conversations.within", "an hour", "must be a duration, not 'an hour' (write 250ms"),
        ("limits.conversations.count", 0, "must be in 1..1000, not '0'"),
        ("limits.session.rest", "2d", "must be a duration, not '2d'"),
        ("limits.violations.pause", "0s", "must be"),
        ("limits.violations.replies", [], "replies of violations of limits is empty"),
        ("words.variants", {"want to": "wanna"}, "a variant must be one word, not 'want to'"),
        ("words.variants", {"wanna": ""}, "is empty"),
        ("words.variants", {"wanna": "?"}, "'?' is no word (what is not heard is a filler)"),
        ("words.forms", {"fall": []}, "'fall' in forms of words has no forms"),
        ("words.forms", {"fall": ["fell down"]}, "a form must be one word, not 'fell down'"),
        ("words.fillers", ["can you"], "a filler must be one word, not 'can you'"),
        ("toys.robo-rex.greting", {"replies": ["x"]}, "'robo-rex' has no command 'greting' (did you mean 'greeting'?)"),
        ("toys.robo-rex.greeting", {"triggers": ["x"]}, "greeting of 'robo-rex' has no key 'triggers'"),
        ("toys.robo rex", {}, "a toy cannot be called 'robo rex'"),
    ],
)
def test_what_is_wrong_is_said_in_words_a_designer_understands(path: str, value: object, words: str) -> None:
    assert any(words in told for told in words_of(changed(path, value))), words_of(changed(path, value))


@pytest.mark.parametrize("name", ["commands", "blocked_topics", "guardian_topics", "limits", "unknown", "safe_mode"])
def test_what_the_toy_relies_on_must_be_there(name: str) -> None:
    assert any(f"the file needs the key '{name}'" in told for told in words_of(small(**{name: None})))


@pytest.mark.parametrize("name", ["greeting", "goodnight", "need_help"])
def test_commands_the_toy_relies_on_must_be_there(name: str) -> None:
    commands = {key: value for key, value in SMALL["commands"].items() if key != name}
    assert any(f"commands needs the key '{name}'" in told for told in words_of(small(commands=commands, toys={})))


def test_words_and_toys_may_be_left_out() -> None:
    commands = dict(SMALL["commands"])
    assert parsed(small(words=None, toys=None, commands=commands)).toys == {}


def test_every_problem_is_found_in_one_go() -> None:
    document = changed("commands.tell_joke.replies", [])
    document["limits"]["session"]["rest"] = "soon"
    document["blocked_topics"]["scary"]["alert"] = "no"
    assert len(words_of(document)) == 3
