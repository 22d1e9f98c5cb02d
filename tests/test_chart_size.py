"""How large a chart is before anybody has tried it out."""

from __future__ import annotations

from chart_material import chart_of, checked, problems_of

from pommai.chart.compile import compile_chart
from pommai.chart.size import size_of, words


def regions(count: int, states: int) -> str:
    inner = "\n".join(
        f"      r{region}: {{states: {{{', '.join(f's{region}_{state}' for state in range(states))}}}}}"
        for region in range(count)
    )
    return f"states:\n  rest:\n  many:\n    parallel: true\n    states:\n{inner}\n"


def test_regions_multiply_and_children_add_up() -> None:
    size = size_of(chart_of(regions(3, 4)))
    assert size.configurations == 4**3 + 1
    assert words(size) == "'many' has 3 regions at once, r0 4 × r1 4 × r2 4: 65 in all"


def test_a_chart_without_regions_is_as_large_as_its_innermost_states() -> None:
    size = size_of(chart_of("states: {a: {states: {b: , c: }}, d: }"))
    assert (size, words(size)) == ((3, None), "")


def test_the_size_is_never_less_than_what_is_found() -> None:
    text = regions(2, 3).replace("s0_0, s0_1", "s0_0: {transitions: {event: link.up, target: s0_1}}, s0_1")
    text = text.replace("  rest:\n", "").replace(
        "s1_0, s1_1", "s1_0: {transitions: {event: link.up, target: s1_1}}, s1_1"
    )
    found = len(compile_chart(checked(text)).nodes)
    assert 1 < found <= size_of(chart_of(text)).configurations


def test_a_chart_that_would_explode_is_refused_before_it_is_tried_out() -> None:
    (problem,) = problems_of(regions(9, 6).replace("  rest:\n", ""))
    assert (problem.line, problem.column) == (2, 3)
    assert problem.message == "the chart may have 10,077,696 configurations, more than 1,000,000 are not tried out"
    assert problem.hint == (
        "'many' has 9 regions at once, r0 6 × r1 6 × r2 6 × r3 6 × r4 6 × r5 6 × r6 6 × r7 6 × …: 10,077,696 in all; "
        "let regions share their states"
    )
