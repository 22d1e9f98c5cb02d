"""Phrases in sentences."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pommai.responses.phrases import MOST_WORDS, Tree, phrase_of
from pommai.responses.words import Words

WORDS = Words(frozenset(("a", "the")), {"wanna": ("want", "to")}, {"fall": ("fell",)})


def found(phrases: list[str], sentence: str) -> list[tuple[str, tuple[int, ...]]]:
    tree: Tree[str] = Tree(WORDS)
    for text in phrases:
        tree.add(phrase_of(text, WORDS), text)
    return [(match.owner, match.positions) for match in tree.find(WORDS.hear(sentence).tokens)]


@pytest.mark.parametrize(
    ("phrase", "sentence", "positions"),
    [
        ("sing a song", "please sing song now", (1, 2)),
        ("sing a song", "singing songs", (0, 1)),
        ("i fall", "i fell", (0, 1)),
        ("i want to play", "i wanna play", (0, 1, 2, 3)),
        ("i fall", "i i i fell", (0, 3)),
        ("night night", "night night", (0, 1)),
        ("my ... hurts", "my hurts", (0, 1)),
        ("my ... hurts", "my tummy hurts", (0, 2)),
        ("my .. hurts", "my tummy hurts", (0, 2)),
        ("my ... hurts", "my very little finger hurts", (0, 4)),
    ],
)
def test_a_phrase_is_found_where_its_words_follow_each_other(
    phrase: str, sentence: str, positions: tuple[int, ...]
) -> None:
    assert (phrase, positions) in found([phrase], sentence)


@pytest.mark.parametrize(
    ("phrase", "sentence"),
    [
        ("sing a song", "sing me song"),
        ("sing a song", "song sing"),
        ("sing a song", "sing"),
        ("night night", "night"),
        ("my ... hurts", "my one two three four hurts"),
        ("my ... hurts", "hurts my"),
        ("hit", "white paint"),
        ("hi", "what is this thing"),
        ("hit", ""),
    ],
)
def test_a_phrase_is_not_found_in_other_words(phrase: str, sentence: str) -> None:
    assert found([phrase], sentence) == []


def test_phrases_that_begin_alike_are_all_found() -> None:
    owners = [owner for owner, _ in found(["sing", "sing song", "sing song loud", "song"], "sing a song loud")]
    assert sorted(owners) == ["sing", "sing song", "sing song loud", "song"]


def test_words_that_share_a_form_stay_apart() -> None:
    words = Words(forms={"lie": ("lay",)})
    tree: Tree[str] = Tree(words)
    for text in ("lie down", "lay eggs"):
        tree.add(phrase_of(text, words), text)
    assert [match.owner for match in tree.find(("lay", "down"))] == ["lie down"]
    assert [match.owner for match in tree.find(("lay", "eggs"))] == ["lay eggs"]


@pytest.mark.parametrize(
    ("text", "usable"),
    [
        ("sing", True),
        ("my … hurts", True),
        ("a ... b ... c", False),  # "a" is a filler here
        ("one ... two ... three", True),
        ("one ... two ... three ... four", False),
        ("... hurts", False),
        ("hurts ...", False),
        ("the", False),
        ("?", False),
        ("word " * MOST_WORDS, True),
        ("word " * (MOST_WORDS + 1), False),
    ],
)
def test_a_phrase_needs_words_on_both_sides_of_its_dots(text: str, usable: bool) -> None:
    assert phrase_of(text, WORDS).is_usable == usable


LETTERS = st.text(string.ascii_lowercase, min_size=1, max_size=4)


@given(st.text(string.ascii_lowercase, min_size=1, max_size=8), LETTERS, LETTERS)
def test_a_word_inside_a_longer_one_is_not_found(word: str, before: str, after: str) -> None:
    for longer in (f"{before}q{word}", f"{word}q{after}", f"{before}q{word}q{after}"):
        if longer not in WORDS.forms_of(word) and WORDS.hear(word).tokens:
            assert found([word], longer) == []


@given(st.lists(st.sampled_from(["i", "my", "hurts", "hit", "me"]), max_size=40))
def test_finding_ends_and_its_positions_are_in_the_sentence(tokens: list[str]) -> None:
    for _, positions in found(["i ... my ... hurts", "hit me", "i i"], " ".join(tokens)):
        assert list(positions) == sorted(set(positions))
        assert positions[-1] < len(tokens)


def test_a_phrase_of_one_word_over_and_over_is_found_in_time() -> None:
    """4 to the power of 11 ways for each place, if each were tried."""
    matches = found(["ha " * MOST_WORDS], "ha " * 2_000)
    assert {len(positions) for _, positions in matches} == {MOST_WORDS}
