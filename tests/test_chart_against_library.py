"""A compiled chart does what python-statemachine does: random charts, event by event, side by side."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from campaign import Progress, examples
from hypothesis import HealthCheck, event, given, note, settings
from hypothesis import strategies as st
from library_oracle import Oracle
from random_charts import GUARDS, VOCABULARY, Chart, charts, text_of

from pommai.chart import compile as chart_compile
from pommai.chart.check import check_chart
from pommai.chart.compile import compile_chart
from pommai.chart.load import load_chart
from pommai.chart.machine import ChartMachine
from pommai.chart.table import DecisionTable, Step
from pommai.errors import ChartError
from pommai.source import Reader

ANSWERS = st.fixed_dictionaries(dict.fromkeys(GUARDS, st.booleans()))
STEPS = st.lists(st.tuples(st.integers(0, 11), ANSWERS), max_size=20)
"""Each the number of an event among those that mean something where the chart is, and the answers of the guards."""
TOO_MANY = "the chart has more than"
ENDLESS = "these transitions never end"
WORDS = {
    "call": "{0.name}",
    "start": "start {0.name} of {0.state}",
    "stop": "stop {0.name} of {0.state}",
    "timer": "timer {0.name}",
    "cancel": "cancel {0.name}",
}


def compiled(text: str) -> DecisionTable | str:
    """The table; "endless" or "large" for a chart that is refused as such. Any other refusal is raised."""
    reader = Reader(text, "chart.yaml", ChartError)
    checked = check_chart(load_chart(reader), reader, VOCABULARY)
    try:
        return compile_chart(checked)
    except ChartError as caught:
        if ENDLESS in str(caught):
            return "endless"
        if TOO_MANY in str(caught):
            return "large"
        raise


def told(step: Step) -> list[str]:
    return [WORDS[operation.kind].format(operation) for operation in step.operations]


def due(running: list[str], step: Step) -> None:
    """Carry a step's activities and timers over into what is running."""
    for operation in step.operations:
        name = WORDS["start"].format(operation) if operation.kind in ("start", "stop") else f"timer {operation.name}"
        if operation.kind in ("start", "timer"):
            assert name not in running
            running.append(name)
        elif operation.kind in ("stop", "cancel"):
            running.remove(name)


def compare(chart: Chart, first: dict[str, bool], steps: list[tuple[int, dict[str, bool]]]) -> str:
    """Run a chart on both. Returns what came of it: compared, endless or large."""
    text = text_of(chart)
    note(text)
    table = compiled(text)
    if isinstance(table, str):
        return table
    asked: list[str] = []
    answers = first

    def ask(name: str) -> bool:
        asked.append(name)
        return answers[name]

    oracle = Oracle(chart, first)
    machine = ChartMachine(table)
    step = machine.start(ask)
    running: list[str] = []
    name = "the start"
    states = {state.id: state for top in chart for state in top.walk()}
    for number, answers in [(-1, first), *steps]:
        if number >= 0:
            heard = [*(event for event in table.nodes[step.node].events if event), "stop", "never.heard"]
            name = heard[number % len(heard)]
            asked.clear()
            oracle.send(name, answers)
            step = machine.receive(name, ask)
        note(f"{name}, {' '.join(guard for guard in GUARDS if answers[guard]) or 'no guard'} -> {step.configuration}")
        assert (asked, told(step), list(step.configuration)) == (oracle.asked, oracle.done, oracle.configuration)
        due(running, step)
        wanted = [f"start {name} of {id_}" for id_ in step.configuration for name in states[id_].do]
        wanted += [f"timer timer.{id_}.{label}" for id_ in step.configuration for label in states[id_].after]
        assert sorted(running) == sorted(wanted)
    return "compared"


progress = Progress("charts")


@pytest.fixture
def bounds(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let few charts take long: what is refused here for its size is compared in the smaller charts as well."""
    monkeypatch.setattr(chart_compile, "MAX_NODES", 150)
    monkeypatch.setattr(chart_compile, "MAX_MICROSTEPS", 60)
    yield
    progress.tell()


@settings(
    max_examples=examples(200),
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.large_base_example,
        HealthCheck.function_scoped_fixture,
    ],
)
@given(charts(), ANSWERS, STEPS)
def test_a_compiled_chart_asks_and_does_what_the_library_asks_and_does(
    bounds: None, chart: Chart, first: dict[str, bool], steps: list[tuple[int, dict[str, bool]]]
) -> None:
    result = compare(chart, first, steps)
    event(result)
    progress.count(result)
