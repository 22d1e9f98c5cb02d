from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pommai.gateway.speech.sentences import LONGEST, LONGEST_TAG, MOST_SENTENCES, Sentences, sentences_of
from pommai.io.speech_text import spoken_text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Hello! How are you? I am fine.", ["Hello!", "How are you?", "I am fine."]),
        ("Once upon a time", ["Once upon a time"]),
        ("Mr. Bear and Dr. Snail have 3.5 cones. Fine.", ["Mr. Bear and Dr. Snail have 3.5 cones.", "Fine."]),
        ("One line\nand another", ["One line", "and another"]),
        ('"Come in!" said the snail... Slowly.', ['"Come in!"', "said the snail...", "Slowly."]),
        ("**Hi!** *waves* \U0001f43b\U0001f43b", ["Hi!", "waves"]),
        ("Hi <b>friend</b>. 2 < 3 is true.", ["Hi friend.", "2 3 is true."]),
        ("<script>alert('x'). run()</script>Hello.", ["Hello."]),
        ("<think>Shall I be mean? Yes.</think>\n\nHello.", ["Hello."]),
        ("Hello. <SCRIPT src='x'>never closed. really", ["Hello."]),
        ("[[h@l@U]] Hi.", ["Hi."]),
        ("\U0001f43b" * 1000, []),
        ("... !!! \n\n ???", []),
        ('{"name": "become_persona", "parameters": {"toy": "rex"}}', []),
        ('Fine. <tool_call>{"name": "fly"}</tool_call> Bye!', ["Fine.", "Bye!"]),
        ('Fine. {"name": "fly. away"} Bye!', ["Fine.", "Bye!"]),
        ("", []),
    ],
)
def test_a_text_is_said_in_sentences_without_what_is_not_for_ears(text: str, said: list[str]) -> None:
    assert sentences_of(text) == said


def test_a_sentence_is_there_as_soon_as_the_next_begins() -> None:
    sentences = Sentences()
    assert list(sentences.feed("Hello there.")) == []
    assert list(sentences.feed(" How")) == ["Hello there."]
    assert list(sentences.feed(" are you?")) == []
    assert list(sentences.finish()) == ["How are you?"]


def test_a_long_sentence_is_parted_at_commas_else_between_words_else_anywhere() -> None:
    clause = "a snail went to the sea "
    assert sentences_of((clause.strip() + ", ") * 20)[0].endswith("sea,")
    assert sentences_of(clause * 30)[0].split()[-1] in clause.split()
    assert [len(part) for part in sentences_of("x" * 600)] == [LONGEST, LONGEST, 600 - 2 * LONGEST]


def test_an_answer_without_an_end_is_cut() -> None:
    sentences = Sentences()
    said = [sentence for _ in range(1000) for sentence in sentences.feed("And then. ")]
    assert len(said) == MOST_SENTENCES
    assert sentences.is_full
    assert list(sentences.finish()) == []


@given(st.text(st.sampled_from("ab .,!?\n<>{}/scriptthink&\U0001f43b*[]'\u200b"), max_size=400), st.data())
@example("<think>a. b</think> c. d", None)
def test_how_a_text_was_cut_into_pieces_is_not_heard(text: str, data: st.DataObject | None) -> None:
    sentences = Sentences()
    said: list[str] = []
    rest = text
    while rest:
        size = 1 if data is None else data.draw(st.integers(1, len(rest)))
        said += sentences.feed(rest[:size])
        rest = rest[size:]
    said += sentences.finish()
    assert "".join(" ".join(said).split()) == "".join(" ".join(sentences_of(text)).split())


@given(st.text(max_size=3000))
def test_whatever_is_written_what_is_said_is_short_plain_and_the_same_when_cleaned_again(text: str) -> None:
    said = sentences_of(text)
    assert len(said) <= MOST_SENTENCES
    for sentence in said:
        assert spoken_text(sentence) == sentence
        assert not set(sentence) & set("<>[]{}\\")


@given(st.lists(st.text(st.sampled_from("<scripthn >/ab."), max_size=LONGEST_TAG), max_size=30))
def test_what_is_held_back_stays_small(pieces: list[str]) -> None:
    sentences = Sentences()
    for piece in pieces:
        list(sentences.feed(piece))
        assert len(sentences._raw) + len(sentences._text) <= 2 * LONGEST + 2 * LONGEST_TAG
