"""A subject goes to another process and makes the same engine there."""

from __future__ import annotations

import pickle

from qa_material import shipped_subject

from pommai.qa.table_engine import TableEngine
from pommai.qa.toy_engine import ToyEngine


def test_a_subject_survives_the_way_to_another_process() -> None:
    subject = shipped_subject()
    assert subject().run(7, 0, 500) == pickle.loads(pickle.dumps(subject))().run(7, 0, 500)


def test_what_a_subject_has_worked_out_is_not_sent_along() -> None:
    subject = pickle.loads(pickle.dumps(shipped_subject()))
    before = len(pickle.dumps(subject))
    assert subject.ground.leaves
    assert len(pickle.dumps(subject)) == before


def test_with_lights_it_makes_whole_toys() -> None:
    assert isinstance(shipped_subject()(), TableEngine)
    assert isinstance(shipped_subject(engine="toy")(), ToyEngine)


def test_what_the_chart_takes_for_granted_is_no_part_of_the_ground() -> None:
    subject = shipped_subject()
    for assumption in subject.ground.table.specification.assumptions:
        assert assumption.because
    assert 0 < len(subject.ground.leaves) <= sum(1 for _ in subject.ground.leaves)
