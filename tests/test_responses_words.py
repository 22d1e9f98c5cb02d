"""Speech as plain words, and the forms of words."""

from __future__ import annotations

import doctest
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pommai.responses import words as module
from pommai.responses.words import Words, inflections, singulars, split

WORDS = Words(frozenset(("um", "a")), {"wanna": ("want", "to"), "im": ("i", "am")}, {"fall": ("fell", "fallen")})


def test_the_examples_in_the_module_are_true() -> None:
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Sing a SONG!", "sing song"),
        ("um, sing... um", "sing"),
        ("I'm hurt", "i am hurt"),
        ("I’m hurt", "i am hurt"),
        ("im hurt", "i am hurt"),
        ("I wanna play", "i want to play"),
        ("can't won't don't let's", "can not will not do not let us"),
        ("we'll see, they're here, I've got", "we will see they are here i have got"),
        ("you shouldn't've", "you should not have"),
        ("what's that", "what is that"),
        ("mommy's tummy", "mommy tummy"),
        ("the kids' toys", "the kids toys"),
        ("rock 'n' roll", "rock n roll"),
        ("[unk] hit [unk] me", "hit me"),
        ("<unk> [UNK]", ""),
        ("robo-rex / pommai_bear", "robo rex pommai bear"),
        ("Crème Brûlée", "creme brulee"),
        ("ＳＩＮＧ", "sing"),
        ("", ""),
        ("?!  …", ""),
        ("'''", ""),
    ],
)
def test_a_text_becomes_plain_words(text: str, tokens: str) -> None:
    assert " ".join(WORDS.hear(text).tokens) == tokens


def test_each_word_knows_what_it_was_made_of() -> None:
    heard = WORDS.hear("Um, I'm so hurt")
    assert heard.tokens == ("i", "am", "so", "hurt")
    assert heard.spoken == ("i'm", "i'm", "so", "hurt")
    assert heard.words({0, 1, 3}) == ("i'm", "hurt")


@pytest.mark.parametrize(
    ("word", "forms"),
    [
        ("hit", "hit hits hitted hitting"),
        ("kill", "kill killed killing kills"),
        ("kiss", "kiss kissed kisses kissing"),
        ("die", "die died dies dying"),
        ("play", "play played playing plays"),
        ("cry", "cried cries cry crying"),
        ("shoe", "shoe shoed shoeing shoes"),
        ("see", "see seeing sees"),
        ("love", "love loved loves loving"),
        ("potato", "potato potatoed potatoes potatoing potatos"),
        ("hi", "hi"),
        ("the", "the"),
        ("her", "her"),
        ("911", "911"),
    ],
)
def test_a_word_has_the_forms_english_gives_it(word: str, forms: str) -> None:
    assert " ".join(sorted(inflections(word))) == forms


@pytest.mark.parametrize(
    ("word", "other"),
    [("hit", "white"), ("hi", "his"), ("hi", "this"), ("the", "thing"), ("gun", "begun"), ("hat", "hating")],
)
def test_a_word_inside_another_is_no_form_of_it(word: str, other: str) -> None:
    assert other not in inflections(word)


def test_irregular_forms_are_those_of_the_file() -> None:
    assert {"fall", "falls", "falling", "fell", "fallen"} <= WORDS.forms_of("fall")
    assert "fell" not in Words().forms_of("fall")


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("weapons", {"weapon"}),
        ("addresses", {"address"}),
        ("stories", {"story"}),
        ("matches", {"match"}),
        ("bus", set()),
        ("class", set()),
        ("this", set()),
        ("gun", set()),
    ],
)
def test_a_plural_has_a_singular(word: str, found: set[str]) -> None:
    assert singulars(word) == found


def test_an_endless_text_is_not_heard_to_its_end() -> None:
    assert len(WORDS.hear("word " * 1_000_000).tokens) == module.LONGEST_TEXT // len("word ")


def test_what_is_remembered_of_words_stays_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_REMEMBERED", 10)
    words = Words()
    for number in range(100):
        words.hear(f"word{number}")
    assert len(words._spelt_out) <= 10
    words.hear("x" * 1000)
    assert all(len(word) < 1000 for word in words._spelt_out)


@given(st.text())
def test_any_text_is_heard(text: str) -> None:
    heard = WORDS.hear(text)
    assert len(heard.tokens) == len(heard.spoken)
    assert all(token and " " not in token for token in heard.tokens)


@given(st.text())
def test_what_was_heard_is_heard_as_the_same_words_again(text: str) -> None:
    heard = " ".join(Words().hear(text).tokens)
    assert " ".join(Words().hear(heard).tokens) == heard


@given(
    st.lists(st.text(string.ascii_lowercase, min_size=1), max_size=8), st.sampled_from([" ", "  ", ", ", "\n", "! "])
)
def test_case_and_punctuation_do_not_matter(spoken: list[str], between: str) -> None:
    assert split(between.join(word.upper() for word in spoken) + "?") == spoken


@given(st.text(string.ascii_lowercase, min_size=1, max_size=12))
def test_a_word_is_a_form_of_itself(word: str) -> None:
    assert word in inflections(word)
