"""A compiled chart as data and as a file."""

from __future__ import annotations

import json
from typing import Any

import pytest
from chart_material import table_of
from hypothesis import given
from hypothesis import strategies as st

from pommai.chart.table import FORMAT, Step, dump, leaves_of, load
from pommai.errors import TableError

TABLE = table_of(
    """
    name: lamp
    states:
      idle:
        description: Rests.
        led: breathing_blue
        enter: {say: {text: grüß dich, loud: true, pause: 2s}}
        after: {1m: {cond: heard_speech, target: busy}}
        transitions: {cond: online, target: busy}
      busy:
        led: error_red
        do: record
        transitions: {event: button.pressed, target: back}
      home:
        history: {back: {transitions: [{target: kitchen}]}}
        transitions: {event: button.released, target: busy}
        states: {kitchen: {transitions: {event: link.up, target: hall}}, hall: {}}
    """
)
TEXT = dump(TABLE)


def test_what_is_written_is_read_back_the_same() -> None:
    assert load(TEXT) == TABLE
    assert dump(load(TEXT)) == TEXT


def test_the_same_chart_is_written_the_same() -> None:
    document = json.loads(TEXT)
    assert document["format"] == FORMAT
    assert document["chart"] == "lamp"
    assert len(document["source_sha256"]) == 64


def test_a_table_knows_its_events_guards_and_operations() -> None:
    assert TABLE.events == ("button.pressed", "button.released", "link.up", "timer.idle.1m")
    assert TABLE.guards == ("heard_speech", "online")
    assert ("start", "record") in TABLE.operations()
    assert ("stop", "record") in TABLE.operations()
    assert {step.configuration for step in TABLE.steps()} == {node.configuration for node in TABLE.nodes}


def test_the_steps_of_a_tree_stand_beside_the_answers_that_lead_to_them() -> None:
    one, two, three = (TABLE.nothing(node) for node in range(3))
    assert leaves_of(one) == [((), one)]
    assert leaves_of(("p", one, ("q", two, three))) == [
        ((("p", True),), one),
        ((("p", False), ("q", True)), two),
        ((("p", False), ("q", False)), three),
    ]


def test_an_event_that_means_nothing_leaves_everything_as_it_is() -> None:
    for number, node in enumerate(TABLE.nodes):
        assert TABLE.nothing(number) == Step((), node.configuration, node.led, (), number)


def test_the_memory_of_a_history_makes_configurations_different() -> None:
    memories = {node.history for node in TABLE.nodes if node.configuration == ("busy",)}
    assert memories == {(), (("back", ("kitchen",)),), (("back", ("hall",)),)}


@pytest.mark.parametrize("text", ["", "no", "[]", "{}", '{"format": 1', "[" * 100_000, "\x00"])
def test_what_is_no_table_is_refused(text: str) -> None:
    with pytest.raises(TableError, match=r"is (no|a damaged) compiled chart"):
        load(text)


def test_a_table_of_another_format_is_refused_with_what_to_do() -> None:
    text = TEXT.replace(f'"format":{FORMAT}', '"format":99')
    with pytest.raises(TableError, match=f"format 99, this toy runs format {FORMAT}: compile it anew"):
        load(text)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value in a document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in inner for place in places(item, (*path, key)))]


PLACES = places(json.loads(TEXT))[1:]


@given(st.sampled_from(PLACES), st.sampled_from([None, -1, 10**9, 1.5, "x", [], {}, [1, 2, 3, 4]]))
def test_a_damaged_file_is_a_table_error_or_a_table_whose_steps_lead_inside_it(
    place: tuple[Any, ...], junk: Any
) -> None:
    document = json.loads(TEXT)
    here = document
    for key in place[:-1]:
        here = here[key]
    here[place[-1]] = junk
    try:
        table = load(json.dumps(document))
    except TableError:
        return
    assert all(0 <= step.node < len(table.nodes) for step in table.steps())


@given(st.integers(0, len(TEXT) - 2))
def test_a_file_that_was_cut_off_is_refused(length: int) -> None:
    with pytest.raises(TableError):
        load(TEXT[:length])
