"""What may be spoken of a text."""

from __future__ import annotations

import doctest
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pommai.io import speech_text
from pommai.io.speech_text import MAX_CHARACTERS, spoken_text


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("Good night, little bear!", "Good night, little bear!"),
        ("  Two\n\nlines\tand\r\nmore ", "Two lines and more"),
        ("It's 3 + 4 = 7, and 50% of $2.", "It's 3 + 4 = 7, and 50% of $2."),
        ("Où est l'été? Größe. Ещё. 你好。", "Où est l'été? Größe. Ещё. 你好。"),
        ("e\u0301te\u0301", "été"),
    ],
)
def test_words_and_their_punctuation_stay(text: str, spoken: str) -> None:
    assert spoken_text(text) == spoken


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("Say [[h@l@U]] now", "Say now"),
        ("Say [[h@\nl@U]] now", "Say now"),
        ("Say [[h@l@U now", "Say h@l@U now"),
        ("Say [\u200b[h@l@U]\u200b] now", "Say now"),
        ("Say \uff3b\uff3bh@l@U\uff3d\uff3d now", "Say now"),
        ('<speak><prosody rate="x-slow">Hi</prosody></speak>', "Hi"),
        ("<!-- quiet --> <?xml version='1.0'?> Hi <audio src='/etc/passwd'/>", "Hi"),
        ("\uff1cbreak time='90s'\uff1e Hi", "Hi"),
        ("I <3 you, and 1 < 2 > 0", "I 3 you, and 1 2 0"),
    ],
)
def test_nothing_that_steers_the_voice_gets_through(text: str, spoken: str) -> None:
    assert spoken_text(text) == spoken


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("Hi 🐻!", "Hi!"),
        ("👩‍👩‍👧 family ❤️ 1️⃣ one 👋🏽", "family 1 one"),
        ("**Hooray!** _said_ `he` ~~not~~ # now", "Hooray! said he not now"),
        ("🎉🎉", ""),
        ("...!?", ""),
        ("", ""),
        ("\0\x07\x1b[2J hi \ud800 there", "2J hi there"),
        ("soft\u00adhyphen", "softhyphen"),
    ],
)
def test_what_is_no_word_is_left_out(text: str, spoken: str) -> None:
    assert spoken_text(text) == spoken


def test_a_long_text_ends_with_a_whole_sentence() -> None:
    sentence = "The bear went up the hill. "
    spoken = spoken_text(sentence * 50)
    assert spoken == (sentence * (MAX_CHARACTERS // len(sentence))).strip()


def test_a_long_text_without_sentences_ends_with_a_whole_word_and_one_without_words_is_cut() -> None:
    assert spoken_text("honey " * 200) == ("honey " * (MAX_CHARACTERS // 6)).strip()
    assert spoken_text("x" * 10_000) == "x" * MAX_CHARACTERS


def test_a_sentence_that_just_fits_is_whole() -> None:
    text = "a" * (MAX_CHARACTERS - 1) + "."
    assert spoken_text(text) == text
    assert spoken_text(text + " More.") == text
    assert spoken_text("Pi is 3.14 " + "a" * MAX_CHARACTERS) == "Pi is 3.14"


@given(st.text(alphabet=st.one_of(st.characters(), st.sampled_from("[]<>{}*_ .!a1")), max_size=700))
@example("\ufdfa" * 600)
def test_of_any_text_only_short_plain_words_are_left_and_cleaning_them_again_changes_nothing(text: str) -> None:
    spoken = spoken_text(text)
    assert len(spoken) <= MAX_CHARACTERS
    assert not set(spoken) & set("[]<>{}|\\^~_*#`\n\0")
    assert all(unicodedata.category(character)[0] != "C" for character in spoken)
    assert spoken == spoken.strip()
    spoken.encode()
    assert spoken_text(spoken) == spoken


def test_the_example_in_the_docstring_holds() -> None:
    assert doctest.testmod(speech_text).failed == 0
