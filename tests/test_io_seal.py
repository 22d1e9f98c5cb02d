"""Values that are closed with a key: what opens them, and what is to be seen of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pommai.io.seal import KEY_BYTES, KeySeal, NoSeal, SealBrokenError

KEY = bytes(range(KEY_BYTES))
SEAL = KeySeal(KEY)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)


@given(TEXTS, TEXTS)
def test_what_was_closed_opens_with_its_key_at_its_place_and_nowhere_else(text: str, label: str) -> None:
    for closed in (SEAL.close(text, label), SEAL.close_alike(text, label)):
        assert KeySeal(KEY).open(closed, label) == text
        for seal, place in ((KeySeal(KEY[::-1]), label), (SEAL, label + "x"), (NoSeal(), label)):
            with pytest.raises(SealBrokenError):
                seal.open(closed, place)
        assert len(text) < 8 or text.encode() not in closed


@given(st.binary(max_size=80))
def test_bytes_that_were_never_closed_here_do_not_open(value: bytes) -> None:
    with pytest.raises(SealBrokenError):
        SEAL.open(value, "label")


@given(st.integers(0, 60), st.integers(1, 255))
def test_a_value_that_was_changed_anywhere_does_not_open(at: int, change: int) -> None:
    closed = bytearray(SEAL.close("a secret of a child's, with some length", "label"))
    closed[at % len(closed)] ^= change
    with pytest.raises(SealBrokenError):
        SEAL.open(bytes(closed), "label")


def test_the_same_text_looks_the_same_only_where_it_is_to_be_found() -> None:
    assert SEAL.close("why", "question") != SEAL.close("why", "question")
    assert SEAL.close_alike("why", "question") == KeySeal(KEY).close_alike("why", "question")
    assert SEAL.close_alike("why", "question") != SEAL.close_alike("why", "answer")


def test_text_was_never_closed_and_is_read_as_it_is() -> None:
    assert SEAL.open("plain", "label") == NoSeal().open("plain", "label") == "plain"


def test_a_key_has_its_length_and_shows_itself_to_nobody() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        KeySeal(b"short")
    assert repr(SEAL) == "KeySeal(***)"
