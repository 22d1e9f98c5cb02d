"""The chart's properties, seen while it runs: no different from what is proved."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from qa_material import shipped_subject, shipped_table

from pommai.chart.prove_space import Space
from pommai.chart.table import Operation, Step, leaves_of
from pommai.qa.claims import OF_ALL_STEPS, checks_of, left_to_the_prover
from pommai.qa.situation import BEGINNING, Check, Moment, after, first_wrong


@cache
def checks() -> Sequence[Check]:
    return checks_of(Space(shipped_table()))


@cache
def moments() -> list[Moment]:
    """Every step there is, from every situation the chart can come to."""
    queue, seen, found = [BEGINNING], {BEGINNING}, []
    ground = shipped_subject().ground
    while queue:
        before = queue.pop()
        if before is BEGINNING:
            ways = [("start", path, step) for path, step in leaves_of(ground.table.start)]
        else:
            leaves = [leaf for found in ground.of_node[before.node].values() for leaf in found]
            ways = [(leaf.event, leaf.path, leaf.step) for leaf in leaves]
        for event, path, step in ways:
            if event.startswith("timer.") and event not in before.pending:
                continue
            moment = Moment(before, event, path, step, after(before, event, step))
            found.append(moment)
            if moment.after not in seen:
                seen.add(moment.after)
                queue.append(moment.after)
    return found


def test_of_the_shipped_chart_every_step_is_as_the_properties_say() -> None:
    assert len(moments()) > 300
    assert [wrong for moment in moments() if (wrong := first_wrong(moment, checks()))] == []


def test_only_properties_about_time_are_left_to_the_prover() -> None:
    specification = shipped_table().specification
    timed = {claim.id for claim in specification.claims if claim.within is not None or claim.kind == "returns"}
    assert set(left_to_the_prover(specification)) == timed | set(OF_ALL_STEPS)
    assert len(checks()) + len(timed) == len(specification.claims)


def broken(change) -> set[str]:
    """Which properties break when every step is changed."""
    found = set()
    for moment in moments():
        step = change(moment)
        then = after(moment.before, moment.event, step)
        found |= {words.split(":")[0] for check in checks() if (words := check(moment._replace(step=step, after=then)))}
    return found


def test_a_recording_that_goes_on_breaks_what_forbids_it() -> None:
    def forget(moment):
        kept = tuple(o for o in moment.step.operations if (o.kind, o.name) != ("stop", "record"))
        return moment.step._replace(operations=kept)

    assert {"speaking_does_not_record", "recording_is_seen"} <= broken(forget)


def test_an_action_that_is_left_out_breaks_what_asks_for_it() -> None:
    def silent(moment):
        return moment.step._replace(operations=tuple(o for o in moment.step.operations if o.kind != "call"))

    assert {"a_press_is_heard", "a_pause_makes_safe", "a_silent_hold_is_told"} <= broken(silent)


def test_an_action_out_of_place_breaks_what_keeps_it_in_its_place() -> None:
    def alert(moment):
        return moment.step._replace(operations=(*moment.step.operations, Operation("call", "alert_guardian")))

    assert "guardians_hear_of_holds_alone" in broken(alert)


def test_a_way_that_leads_elsewhere_breaks_what_says_where_to() -> None:
    idle = next(i for i, node in enumerate(shipped_table().nodes) if "idle" in node.configuration)
    node = shipped_table().nodes[idle]

    def stray(moment):
        return Step(moment.step.operations, node.configuration, node.led, (), idle)

    assert {"a_silent_hold_makes_safe", "safe_mode_stays"} <= broken(stray)
