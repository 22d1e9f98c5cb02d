"""What must hold for every chart: broken charts and broken tables are found."""

from __future__ import annotations

import pytest
from chart_material import checked
from msgspec.structs import replace
from prove_material import PLAYER, WORDS, proof_of, story_of, verdict_of

from pommai.chart.compile import compile_chart
from pommai.chart.prove import prove
from pommai.chart.prove_claims import Verdict
from pommai.chart.table import DecisionTable, Operation, Step, Tree


def without(kind: str, name: str, text: str = PLAYER) -> list[Verdict]:
    """The verdicts on a table from which a faulty compiler left out some operations."""
    ready = checked(text, WORDS)

    def cut(tree: Tree) -> Tree:
        if not isinstance(tree, Step):
            return (tree[0], cut(tree[1]), cut(tree[2]))
        kept = tuple(o for o in tree.operations if (o.kind, o.name) != (kind, name))
        return tree._replace(operations=kept)

    table = compile_chart(ready)
    nodes = tuple(replace(n, events={e: cut(t) for e, t in n.events.items()}) for n in table.nodes)
    proof = prove(replace(table, start=cut(table.start), nodes=nodes))
    return [verdict for verdict in proof.verdicts if not verdict.holds]


def test_a_sound_chart_has_all_of_them() -> None:
    proof = proof_of(PLAYER)
    assert proof.holds
    assert [verdict.kind for verdict in proof.verdicts] == ["built in"] * 8
    assert proof.rest_seconds == 13.0


@pytest.mark.parametrize(
    ("kind", "name", "id_", "words"),
    [
        ("stop", "record", "activities_stop", "'record' of 'busy' is started while it runs"),
        ("start", "record", "activities_stop", "'record' of 'busy' is stopped while it does not run"),
        ("cancel", "timer.busy.limit", "timers_end", "the timer 'timer.busy.limit' is started while it is pending"),
        ("timer", "timer.over.sorry", "comes_to_rest", "if nobody helps, it may never come to rest"),
        ("led", "error_red", "lights_are_true", "'breathing_blue' is shown, and 'error_red' would be right"),
        ("led", "off", "lights_are_true", "'error_red' is shown, and 'off' would be right"),
    ],
)
def test_an_operation_that_is_left_out_is_missed(kind: str, name: str, id_: str, words: str) -> None:
    found = {verdict.id: verdict.words for verdict in without(kind, name)}
    assert found[id_] == words


def test_a_state_nobody_comes_to_is_found_with_the_transitions_nobody_takes() -> None:
    chart = """\
        states:
          here: {transitions: [{event: link.up, on: chime}]}
          there: {transitions: [{event: link.up, target: here}]}
    """
    assert verdict_of("states_are_reached", chart).words == "never reached: there"
    assert verdict_of("transitions_are_taken", chart).words == "never taken: line 3, there on link.up"


def test_a_transition_behind_one_that_is_always_taken_is_dead() -> None:
    chart = """\
        states:
          here:
            transitions:
              - {event: link.up, target: there}
              - {event: link.up, cond: online, on: chime}
          there: {transitions: [{event: link.down, target: here}]}
    """
    assert verdict_of("transitions_are_taken", chart).words == "never taken: line 5, here on link.up"


def test_a_state_that_only_the_server_can_end_is_found() -> None:
    chart = """\
        states:
          here: {transitions: [{event: button.pressed, target: asking}]}
          asking: {transitions: [{event: reply.finished error.*, target: here}]}
    """
    verdict = verdict_of("no_waiting_for_the_cloud", chart)
    assert verdict.words == "only the server can end 'asking': error.action, error.activity, reply.finished"
    assert story_of(verdict) == ["button.pressed"]
    assert verdict_of("no_waiting_for_the_cloud", chart.replace("reply.finished ", "reply.finished link.down ")).holds


def test_timers_that_go_round_for_ever_are_no_rest() -> None:
    chart = """\
        states:
          calm: {transitions: [{event: button.pressed, target: tick}]}
          tick: {after: {1s: {target: tock}}, transitions: [{event: button.pressed, target: calm}]}
          tock: {after: {1s: {target: tick}}}
    """
    verdict = verdict_of("comes_to_rest", chart)
    assert story_of(verdict) == ["button.pressed", "timer.tick.1s", "timer.tock.1s", "timer.tick.1s"]


def test_rest_is_where_no_timer_runs_when_the_chart_names_none() -> None:
    assert verdict_of("comes_to_rest", PLAYER.replace("resting: idle\n", "")).seconds == 13.0


def test_a_table_that_answers_in_two_ways_is_found() -> None:
    ready = checked(PLAYER, WORDS)
    table = compile_chart(ready)

    def words(wrong: DecisionTable) -> str:
        return prove(wrong).verdicts[0].words

    twice = replace(table, nodes=(*table.nodes, table.nodes[0]))
    assert words(twice) == "two nodes of the table are the same configuration with the same memory"
    first = table.nodes[0]
    step = Step((Operation("call", "chime"),), first.configuration, first.led, (), 0)
    asks = replace(table, nodes=(replace(first, events={"link.up": ("p", ("p", step, step), step)}), *table.nodes[1:]))
    assert words(asks).startswith("on link.up a guard is asked twice in toy, play, idle")
    lost = replace(table, nodes=(replace(first, events={"link.up": step._replace(node=1)}), *table.nodes[1:]))
    assert words(lost) == "on link.up a step leads to another configuration than its node's"
