"""Findings, and the words they are made of."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from doctor_material import look, world

from pommai.doctor.finding import Finding, Mark, blocking, broken, listed, note, ok, wrong
from pommai.doctor.surroundings import Surroundings


def test_each_kind_of_finding_has_its_mark() -> None:
    found = [ok("a", x=1), note("b"), wrong("c", "mend"), broken("d", "mend first", y=2)]
    assert [finding.mark for finding in found] == [Mark.OK, Mark.NOTE, Mark.WRONG, Mark.BROKEN]
    assert found[0].figures == {"x": 1}
    assert found[3] == Finding(Mark.BROKEN, "d", "mend first", {"y": 2})


@pytest.mark.parametrize(
    ("words", "text"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_words_are_listed_as_a_sentence_lists_them(words: list[str], text: str) -> None:
    assert listed(words) == text


def test_a_check_that_waits_leaves_the_event_loop_alone(tmp_path: Path) -> None:
    def wait(_: Surroundings) -> Finding:
        return ok(threading.current_thread().name)

    assert look(blocking(wait), world(tmp_path)).words != threading.main_thread().name
