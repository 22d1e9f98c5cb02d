"""Questions that are often asked: what counts as the same one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from memory_material import said

from pommai.io.memory_popular import asked, normalise_question


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("  Why is the SKY blue?! ", "why is the sky blue"),
        ("What’s rain", "what's rain"),
        ("WARUM ist Straßenbahn…", "warum ist strassenbahn"),
        ("'quoted' -- dashed", "quoted dashed"),
        ("?!", ""),
    ],
)
def test_case_and_punctuation_do_not_matter(text: str, question: str) -> None:
    assert normalise_question(text) == question


@given(st.text())
def test_a_question_that_was_normalised_stays_as_it_is_and_is_short(text: str) -> None:
    question = normalise_question(text)
    assert len(question.encode()) <= 400
    if not question.endswith("…"):
        assert normalise_question(question) == question


def test_an_answer_is_remembered_when_the_server_gave_it() -> None:
    assert asked(said("a", "Why?", " Because. ")) == ("why", "Because.")
    assert asked(said("a", "Why?", "I cannot ask.", offline=True)) == ("why", None)
    assert asked(said("a", "Why?", "  ")) == ("why", None)
    assert asked(said("a", "...", "What?")) is None
