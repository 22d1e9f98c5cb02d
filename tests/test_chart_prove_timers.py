"""The worst case in time, over orders of timers and answers of guards."""

from __future__ import annotations

import pytest
from prove_material import PLAYER, space_of

from pommai.chart import prove_timers
from pommai.chart.prove_timers import NEVER, Waiting
from pommai.errors import ChartError

PARALLEL = """\
states:
  both:
    parallel: true
    states:
      left: {states: {l1: {after: {4s: {target: l2}}}, l2: {after: {3s: {target: l3}}}, l3: {}}}
      right: {states: {r1: {after: {5s: {target: r2}}}, r2: {}}}
"""


def worst(text: str, goal: str, begin: int = 0) -> float:
    space = space_of(text)
    waiting = Waiting(space, lambda node: goal in space.active[node])
    return waiting.worst(waiting.from_now(begin)) / 1e6


def test_times_in_a_row_add_up_and_times_side_by_side_do_not() -> None:
    assert worst(PARALLEL, "l3") == 7.0
    assert worst(PARALLEL, "r2") == 5.0


def test_where_no_timer_is_pending_and_no_goal_reached_nothing_will_happen() -> None:
    assert worst(PLAYER, "busy") == NEVER


def test_the_worst_answer_of_a_guard_counts() -> None:
    guarded = """\
        states:
          a: {after: {1s: [{cond: online, target: goal}, {target: b}]}}
          b: {after: {9s: {target: goal}}}
          goal: {}
    """
    assert worst(guarded, "goal") == 10.0


def test_a_timer_that_acts_and_stays_does_not_begin_anew() -> None:
    assert worst("states: {a: {after: {1s: {on: chime}, 4s: {target: goal}}}, goal: {}}", "goal") == 4.0


def test_a_timer_that_may_not_lead_on_is_no_way_out() -> None:
    assert worst("states: {a: {after: {1s: {cond: online, target: goal}}}, goal: {}}", "goal") == NEVER


def test_timers_that_go_round_beside_another_do_not_keep_it_from_running_out() -> None:
    ticking = """\
        states:
          both:
            parallel: true
            states:
              clock: {states: {tick: {after: {1s: {target: tock}}}, tock: {after: {2s: {target: tick}}}}}
              work: {states: {wait: {after: {7s: {target: done}}}, done: {}}}
    """
    assert worst(ticking, "done") == 7.0


def test_orders_of_timers_that_are_too_many_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prove_timers, "MAX_MOMENTS", 2)
    with pytest.raises(ChartError, match="more than 2 different orders; pending together are timer"):
        worst(PARALLEL, "l3")
