"""A subject goes to another process and makes the same engine there."""

from __future__ import annotations

import pickle

from qa_material import shipped_table

from pommai.chart.table import dump
from pommai.qa.profile import load_profile
from pommai.qa.subject import Subject


def test_a_subject_survives_the_way_to_another_process() -> None:
    subject = Subject(dump(shipped_table()), load_profile("child"))
    assert subject().run(7, 0, 500) == pickle.loads(pickle.dumps(subject))().run(7, 0, 500)


def test_what_a_subject_has_worked_out_is_not_sent_along() -> None:
    subject = Subject(dump(shipped_table()), load_profile("child"))
    before = len(pickle.dumps(subject))
    assert subject.ground.leaves
    assert len(pickle.dumps(subject)) == before
