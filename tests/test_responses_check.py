"""What only shows when the parts of the file are compared."""

from __future__ import annotations

import json

import pytest
from responses_material import SMALL, changed, parsed, problems_of, words_of


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (
            "commands.tell_joke.triggers",
            ["joke", "sing"],
            "two claim the trigger 'sing' (sing_song has it, too, in line",
        ),
        ("commands.tell_joke.triggers", ["sings"], "two claim the trigger 'sings'"),
        ("commands.tell_joke.triggers", ["um, SING a song!"], "two claim the trigger 'sing song'"),
        (
            "commands.need_help.cases",
            [{"alert": "low", "triggers": ["hurt"], "replies": ["x"]}],
            "two claim the trigger 'hurt' (another case has it, too",
        ),
        (
            "commands.tell_joke.triggers",
            ["help me laugh"],
            "tell_joke is never asked for by 'help me laugh' (need_help hears 'help' first, in line",
        ),
        (
            "commands.tell_joke.triggers",
            ["murder mystery"],
            "never asked for by 'murder mystery' (violence blocks 'murder' at every level)",
        ),
        ("commands.sing_song.triggers", ["not sing"], "(one of its own exceptions makes these words harmless)"),
        (
            "commands.sing_song.except",
            ["not sleep"],
            "the exception 'not sleep' never applies (no trigger of sing_song",
        ),
        ("blocked_topics.violence.except", ["hat trick"], "the exception 'hat trick' never applies"),
        (
            "commands.tell_joke.replies",
            ["I hit the road."],
            "a reply of tell_joke is blocked by violence at strict: 'hit' (say it in other words",
        ),
        ("commands.tell_joke.replies", [{"text": "A gun!", "safety_level": "moderate"}, "x"], "at moderate: 'gun'"),
        ("commands.need_help.replies", ["Who hit you?"], "a reply of need_help is blocked by violence"),
        (
            "blocked_topics.violence.replies",
            ["No guns."],
            "a reply of violence is blocked by violence at strict: 'guns'",
        ),
        ("guardian_topics.replies", ["No guns."], "a reply of guardian_topics is blocked"),
        ("limits.session.replies", ["You hit the limit."], "a reply of session is blocked"),
        ("unknown.replies", ["Hit me again."], "a reply of unknown is blocked"),
        ("done.replies", ["A hit!"], "a reply of done is blocked"),
        ("safe_mode.replies", ["Hit the button."], "a reply of safe_mode is blocked"),
        ("toys.robo-rex.greeting.replies", ["I hit hello."], "a reply of greeting of 'robo-rex' is blocked"),
        (
            "commands.greeting.replies",
            [{"text": "Yo.", "safety_level": "relaxed"}],
            "greeting has no reply for strict (write one without safety_level",
        ),
    ],
)
def test_what_does_not_fit_together_is_found(path: str, value: object, words: str) -> None:
    assert any(words in told for told in words_of(changed(path, value))), words_of(changed(path, value))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("commands.tell_joke.replies", [{"text": "A gun!", "safety_level": "relaxed"}, "x"]),
        ("commands.tell_joke.replies", [{"text": "I hit it.", "safety_level": "moderate"}, "x"]),
        ("commands.tell_joke.replies", ["A water gun!"]),
        ("commands.tell_joke.triggers", ["gun joke"]),
        ("commands.tell_joke.triggers", ["sing joke"]),
        ("blocked_topics.violence.except", ["hit ball", "he hits balls", "ball hit"]),
        ("commands.sing_song.except", ["stop singing", "sleep sing"]),
    ],
)
def test_what_fits_is_left_alone(path: str, value: object) -> None:
    parsed(changed(path, value))


def test_a_command_for_teenagers_may_say_what_its_level_allows() -> None:
    document = changed("commands.tell_joke.safety_level", "relaxed")
    document["commands"]["tell_joke"]["replies"] = ["A gun walks into a bar."]
    parsed(document)


def test_a_sound_that_is_not_there_is_found_when_sounds_are_known() -> None:
    document = changed("commands.tell_joke.replies", [{"text": "x", "audio": "drumroll"}])
    parsed(document)
    parsed(document, sounds={"drumroll"})
    assert words_of(document, sounds={"drum_roll"}) == ["no sound is called 'drumroll' (did you mean 'drum_roll'?)"]


def test_a_problem_stands_where_its_words_stand() -> None:
    document = changed("commands.tell_joke.replies", ["fine", "I hit it."])
    (problem,) = problems_of(document)
    line = json.dumps(document, indent=1).splitlines()[problem.line - 1]
    assert line[problem.column - 1 :].startswith('"I hit it."')


def test_the_small_document_is_in_order() -> None:
    parsed(SMALL)
