"""Coverage: exact denominators, and counts that add up."""

from __future__ import annotations

import json

from qa_material import ground, shipped_table

from pommai.events import EVENTS
from pommai.qa.coverage import MEASURES, Coverage


def test_every_event_a_device_emits_counts_in_every_configuration() -> None:
    table = shipped_table()
    for leaves, node in zip(ground().of_node, table.nodes, strict=True):
        timers = {event for event in leaves if event.startswith("timer.")}
        assert leaves.keys() - timers == EVENTS.keys()
        assert all(timer.split(".")[1] in node.configuration for timer in timers)


def test_leaves_are_numbered_in_order() -> None:
    assert [leaf.number for leaf in ground().leaves] == list(range(len(ground().leaves)))


def test_nothing_visited_is_nothing_and_all_visited_is_all() -> None:
    coverage = Coverage(ground())
    assert {done for done, _ in coverage.figures().values()} == {0}
    coverage.merge({leaf.number: 1 for leaf in ground().leaves}, set(ground().pairs))
    assert tuple(coverage.figures()) == MEASURES
    assert all(done == there_are > 0 for done, there_are in coverage.figures().values())
    assert coverage.as_json()["not_visited"] == []


def test_a_transition_pair_is_possible_when_one_leads_to_where_the_other_begins() -> None:
    table = shipped_table()
    number = {(t.source, t.events, t.targets): i for i, t in enumerate(table.transitions)}
    let_go = number["calm", ("button.pressed",), ("being_let_go",)]
    given_up = number["briefly", ("button.released",), ("calm",)]
    assert (let_go, given_up) in ground().pairs
    assert (let_go, let_go) not in ground().pairs


def test_visits_are_counted_for_states_and_transitions() -> None:
    coverage = Coverage(ground())
    leaf = next(leaf for leaf in ground().leaves if leaf.event == "button.released" and leaf.step.taken)
    coverage.merge({leaf.number: 3}, set())
    coverage.merge({leaf.number: 2}, set())
    assert coverage.taken()[leaf.step.taken[0]] == 5
    assert coverage.steps_in()["toy"] == 5
    assert coverage.figures()["configurations"][0] == 2
    assert f"of {len(shipped_table().nodes)}" in coverage.summary()


def test_the_json_is_plain_and_names_what_was_not_visited() -> None:
    told = json.loads(json.dumps(Coverage(ground()).as_json()))
    assert told["figures"]["configurations"] == {"visited": 0, "there_are": len(shipped_table().nodes)}
    assert len(told["not_visited"]) == len(ground().leaves)
    assert told["not_visited"][0].keys() == {"configuration", "event", "guards"}
