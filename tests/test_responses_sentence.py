"""A sentence and the phrases in it that count."""

from __future__ import annotations

from responses_material import SMALL, changed, parsed

from pommai.responses.sentence import Sentence


def names(sentence: Sentence, kind: str) -> list[str]:
    return [match.owner.name for match in sentence.of(kind)]  # type: ignore[arg-type]


def test_phrases_are_found_by_what_they_belong_to() -> None:
    sentence = Sentence(parsed(SMALL), "Hello, I hurt, I hit, sing!")
    assert names(sentence, "help") == ["need_help"]
    assert names(sentence, "topic") == ["violence"]
    assert names(sentence, "command") == ["greeting", "sing_song"]


def test_words_in_an_exception_do_not_count_and_others_do() -> None:
    responses = parsed(SMALL)
    assert names(Sentence(responses, "he hits the ball"), "topic") == []
    assert names(Sentence(responses, "he hits the ball and hits the cat"), "topic") == ["violence"]


def test_an_exception_is_for_its_own_words_alone() -> None:
    responses = parsed(changed("commands.tell_joke.triggers", ["joke", "ball"]))
    sentence = Sentence(responses, "hit the ball")
    assert names(sentence, "topic") == []
    assert names(sentence, "command") == ["tell_joke"]


def test_an_exception_reaches_a_trigger_that_is_only_partly_in_it() -> None:
    responses = parsed(changed("commands.need_help.triggers", ["he hit", "not hurt you", "hurt"]))
    document = changed("commands.need_help.triggers", ["he hit", "hurt"])
    document["commands"]["need_help"]["except"] = ["hit ball"]
    assert names(Sentence(parsed(document), "he hit the ball"), "help") == []
    assert names(Sentence(responses, "he hit the ball"), "help") == ["need_help"]


def test_the_words_of_a_phrase_are_those_that_were_spoken() -> None:
    sentence = Sentence(parsed(SMALL), "um, Singing a songs")
    longest = max(sentence.of("command"), key=lambda match: len(match.positions))
    assert sentence.words(longest) == ("singing", "songs")
