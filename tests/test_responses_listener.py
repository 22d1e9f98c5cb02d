"""Who listens, and what is kept from them."""

from __future__ import annotations

import pytest
from responses_material import SMALL, parsed, shipped

from pommai.responses.listener import MOST_TOPICS, Filter, Listener
from pommai.responses.model import Reply
from pommai.responses.sentence import Sentence

RESPONSES = parsed(SMALL)


def blocked(text: str, level: str, *topics: str) -> str | None:
    found = Filter(RESPONSES, Listener("bear", level, topics)).blocked(Sentence(RESPONSES, text))
    return None if found is None else found.topic.name


@pytest.mark.parametrize(
    ("level", "wanted"),
    [
        ("strict", ["violence", "violence", "violence"]),
        ("moderate", [None, "violence", "violence"]),
        ("relaxed", [None, None, "violence"]),
        ("custom", [None, None, None]),
        ("STRICT", ["violence", "violence", "violence"]),
        ("whatever", ["violence", "violence", "violence"]),
        ("", ["violence", "violence", "violence"]),
    ],
)
def test_a_word_is_blocked_at_its_level_and_every_more_careful_one(level: str, wanted: list[str | None]) -> None:
    assert [blocked(word, level) for word in ("hit", "gun", "murder")] == wanted


@pytest.mark.parametrize("topic", ["violence", "Violence", " VIOLENCE "])
def test_a_named_category_is_blocked_with_all_its_words(topic: str) -> None:
    for level in ("custom", "relaxed"):
        assert blocked("hitting", level, topic) == "violence"
    assert blocked("poison", "custom", topic) is None


def test_a_category_may_be_written_with_blanks() -> None:
    assert blocked("personalinfoword", "custom", "Personal info") == "personal_info"
    assert blocked("personalinfoword", "custom", "personal-info") == "personal_info"


@pytest.mark.parametrize(
    ("topic", "text"),
    [
        ("dinosaurs", "a dinosaur came"),
        ("dinosaur", "Dinosaurs!"),
        ("addresses", "my address"),
        ("bed time", "it is a bed time"),
        ("Santa Claus", "santa clause says ho, santa claus"),
    ],
)
def test_a_word_of_a_guardian_is_blocked_in_all_its_forms(topic: str, text: str) -> None:
    assert blocked(text, "custom", topic) == "guardian_topics"
    assert blocked(text, "strict", topic) == "guardian_topics"


@pytest.mark.parametrize("topic", ["", "?", "um", "the", "x" * 10_000, "word " * 1000])
def test_a_topic_that_says_nothing_blocks_nothing(topic: str) -> None:
    assert blocked("um the dinosaur", "custom", topic) is None


def test_an_endless_list_of_topics_is_cut_off() -> None:
    topics = tuple(f"topic{number}" for number in range(MOST_TOPICS + 1))
    assert blocked("topic0", "custom", *topics) == "guardian_topics"
    assert blocked(f"topic{MOST_TOPICS}", "custom", *topics) is None


def test_the_most_severe_topic_is_the_one_that_is_named() -> None:
    assert blocked("scaryword hit poison", "strict") == "dangerous"
    assert blocked("scaryword hit", "strict") == "violence"


def test_an_exception_holds_at_every_level_and_for_named_categories() -> None:
    assert blocked("water gun", "strict") is None
    assert blocked("water gun", "custom", "violence") is None


@pytest.mark.parametrize(
    ("level", "rank", "may"),
    [
        ("strict", 0, True),
        ("strict", 1, False),
        ("moderate", 1, True),
        ("moderate", 2, False),
        ("relaxed", 2, True),
        ("custom", 0, True),
        ("custom", 1, False),
        ("nonsense", 1, False),
    ],
)
def test_a_reply_may_be_given_from_its_level_on(level: str, rank: int, may: bool) -> None:
    assert Filter(RESPONSES, Listener("bear", level)).may_say(Reply("Clouds.", rank=rank)) is may


def test_a_reply_with_a_guardians_word_may_not_be_given() -> None:
    kept = Filter(RESPONSES, Listener("bear", "relaxed", ("clouds",)))
    assert not kept.may_say(Reply("A cloud."))
    assert kept.may_say(Reply("The sky."))


def test_the_levels_of_the_shipped_file_differ() -> None:
    responses = shipped()

    def at(level: str, text: str) -> bool:
        return Filter(responses, Listener("bear", level)).blocked(Sentence(responses, text)) is not None

    assert [at(level, "is there a ghost") for level in ("strict", "moderate", "relaxed")] == [True, False, False]
    assert [at(level, "he has a weapon") for level in ("strict", "moderate", "relaxed")] == [True, True, False]
    assert [at(level, "i will kill you") for level in ("strict", "moderate", "relaxed")] == [True, True, True]
