"""Offers as gateways write them for each other: read as they were written, and nonsense without a fault."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from offer_material import kept, says

from pommai.bundle.container import MOST_FILE
from pommai.gateway.fleet.offer_words import (
    LONGEST,
    OUTCOMES,
    line_text,
    mark_text,
    read_line,
    read_mark,
    read_word,
    word_text,
)
from pommai.gateway.fleet.wanted import HIGHEST
from pommai.gateway.offer_registers import Line, Mark, Word
from pommai.gateway.offers import Told
from pommai.protocol.wire import encode_message

SHA = kept(12).sha256
NUMBERS = st.integers(1, HIGHEST)
TOLD = st.builds(
    Told,
    st.none() | NUMBERS,
    st.integers(0, 1000),
    st.sampled_from(OUTCOMES),
    st.text(st.characters(exclude_categories=("C", "Z")), max_size=50),
)


@given(NUMBERS, NUMBERS, st.booleans(), st.booleans(), st.booleans())
def test_a_bundle_is_read_as_it_was_written(one: int, other: int, software: bool, gone: bool, all_: bool) -> None:
    some = replace(kept(12), is_software=software, everybody=all_, made=min(one, other), fleet="home")
    mark = Mark(some, max(one, other), gone)
    text = mark_text(mark)
    assert read_mark(SHA.encode(), text.encode()) == mark
    assert (text[34] == "-") == gone, "scripts look there"


@given(NUMBERS, TOLD)
def test_what_became_of_an_offer_is_read_as_it_was_written(changed: int, told: Told) -> None:
    line = Line(SHA, "bear", changed, told)
    assert read_line(SHA, b"bear", line_text(line).encode()) == line


def test_a_toys_word_is_read_as_it_was_sent() -> None:
    report = says(11, failed=(9, 10), offer=SHA, outcome="refused", reason="the card is f\u00fcll")
    word = Word("bear", 7, encode_message(report))
    assert read_word(b"bear", word_text(word).encode()) == word


@given(st.binary() | st.text() | st.none(), st.binary() | st.text() | st.from_regex(rb"[0-9]{16} [0-9]{16} .*"))
def test_whatever_is_in_redis_is_read_without_a_fault(name: object, text: object) -> None:
    for where in (name, SHA.encode()):
        assert read_mark(where, text) is None or isinstance(text, bytes | str)
        read_line(SHA, where, text)
        read_word(where, text)


@pytest.mark.parametrize(
    "rest",
    [
        "[",
        "[" * 7000,
        "{}",
        '[0, 1, "pommai", "", false, false]',
        f'[{MOST_FILE + 1}, 1, "pommai", "", false, false]',
        '[1e3, 1, "pommai", "", false, false]',
        '[1000, 0, "pommai", "", false, false]',
        '[1000, 1, "Po mmai", "", false, false]',
        '[1000, 1, "pommai", "../x", false, false]',
        '[1000, 1, "pommai", "", 0, false]',
        '[1000, 1, "pommai", "", false]',
        " " * LONGEST,
    ],
)
def test_what_is_no_bundle_is_none(rest: str) -> None:
    assert read_mark(SHA.encode(), f"{9:016d} {8:016d} {rest}") is None


@pytest.mark.parametrize(
    "text",
    [
        f'{7:016d} {8:016d} [1000, 1, "pommai", "", false, false]',  # changed before it came
        f'{HIGHEST + 1:016d} {8:016d} [1000, 1, "pommai", "", false, false]',
        f'{7:016d} {0:016d} [1000, 1, "pommai", "", false, false]',
        '7 7 [1000, 1, "pommai", "", false, false]',
    ],
)
def test_numbers_that_cannot_be_are_none(text: str) -> None:
    assert read_mark(SHA.encode(), text) is None


@pytest.mark.parametrize(
    "rest",
    ['[-1, 1, "told", ""]', '[1, -1, "told", ""]', '[1, 1, "dance", ""]', '[1, 1, "told", "\\u202e"]', "[1, 1]", "7"],
)
def test_what_cannot_have_become_of_an_offer_is_none(rest: str) -> None:
    assert read_line(SHA, b"bear", f"{9:016d} {rest}") is None
    assert read_line(SHA, b"a b", f'{9:016d} [1, 1, "told", ""]') is None
    assert read_line(SHA, b"bear", f'{0:016d} [1, 1, "told", ""]') is None
