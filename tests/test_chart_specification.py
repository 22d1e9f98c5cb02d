"""What is promised of a chart, in a file."""

from __future__ import annotations

import json

import pytest
from chart_material import checked
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from prove_material import PLAYER, WORDS
from qa_material import shipped_table

from pommai.chart.compile import compile_chart
from pommai.chart.prove import prove
from pommai.chart.specification import Assumed, Claim, Specification, as_json, from_json, wrong_assumptions
from pommai.chart.table import dump, load

NAMES = st.frozensets(st.text(max_size=8), max_size=4)
CONDITIONS = st.lists(
    st.lists(st.tuples(st.sampled_from(("name", "state", "word")), st.text(max_size=8)), max_size=4).map(tuple),
    max_size=2,
).map(tuple)
CLAIMS = st.builds(
    Claim,
    id=st.text(max_size=8),
    because=st.text(max_size=8),
    kind=st.sampled_from(("never", "always", "only", "returns")),
    line=st.integers(0, 9999),
    names=st.dictionaries(st.text(max_size=8), st.lists(NAMES, max_size=3).map(tuple), max_size=3),
    condition=CONDITIONS,
    within=st.none() | st.floats(0, 1e6),
)
ASSUMPTIONS = st.builds(
    Assumed,
    id=st.text(max_size=8),
    because=st.text(max_size=8),
    holds=CONDITIONS,
    events=st.none() | NAMES,
    states=st.none() | NAMES,
)
SPECIFICATIONS = st.builds(
    Specification,
    outside=NAMES,
    resting=NAMES,
    claims=st.lists(CLAIMS, max_size=3).map(tuple),
    assumptions=st.lists(ASSUMPTIONS, max_size=3).map(tuple),
)


@given(SPECIFICATIONS)
def test_what_is_written_is_read_back_the_same(made: Specification) -> None:
    text = json.dumps(as_json(made))
    assert from_json(json.loads(text)) == made
    assert json.dumps(as_json(from_json(json.loads(text)))) == text


def test_the_shipped_chart_keeps_its_promises_when_it_is_compiled_and_sent() -> None:
    table = shipped_table()
    again = load(dump(table))
    assert again == table
    assert {"safe_mode_hears_nothing"} <= {claim.id for claim in again.specification.claims}
    assert again.specification.resting == {"idle", "safe_mode"}
    assert again.specification.assumptions


def test_who_gets_a_compiled_chart_finds_what_somebody_broke_in_it() -> None:
    promise = "properties:\n  p: {because: it matters, never: {in: busy, not_doing: record}}\n"
    table = load(dump(compile_chart(checked(PLAYER + promise, WORDS))))
    assert prove(table).holds
    forged = json.loads(dump(table))
    forged["operations"] = [["call", "chime", {}, "", 0.0] if o[0] == "start" else o for o in forged["operations"]]
    broken = [verdict.id for verdict in prove(load(json.dumps(forged))).verdicts if not verdict.holds]
    assert "p" in broken


@pytest.mark.parametrize(
    "damage",
    [
        {"outside": "abc"},
        {"resting": None},
        {"claims": [{}]},
        {"claims": [[]]},
        {"claims": None},
        {"assumptions": [{"id": "x"}]},
    ],
)
def test_what_is_no_specification_is_refused(damage: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError, AttributeError)):
        from_json(as_json(Specification()) | damage)


def test_an_assumption_is_wrong_only_where_it_is_made() -> None:
    here = Assumed("a", "so", ((("name", "heard"),),), frozenset({"button.pressed"}), frozenset({"idle"}))
    made = replace(Specification(), assumptions=(here,))
    assert wrong_assumptions(made, frozenset({"idle"}), "button.pressed", lambda _: True) == []
    assert wrong_assumptions(made, frozenset({"busy"}), "button.pressed", lambda _: False) == []
    assert wrong_assumptions(made, frozenset({"idle"}), "link.up", lambda _: False) == []
    (words,) = wrong_assumptions(made, frozenset({"idle"}), "button.pressed", lambda _: False)
    assert words == "a is assumed, and not so, in idle on button.pressed (so)"
