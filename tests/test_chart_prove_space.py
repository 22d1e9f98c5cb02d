"""Which situations there are: timers pending, activities running, lights shown."""

from __future__ import annotations

import pytest
from prove_material import PLAYER, space_of

from pommai.chart import prove_space
from pommai.errors import ChartError

TWO_TIMERS = """\
states:
  here:
    after: {5s: {on: chime}, 10s: {target: there}}
  there: {transitions: [{event: button.pressed, target: here}]}
"""


def events_at(text: str, state: str) -> list[set[str]]:
    """For each situation in a state, in the order found: events that lead somewhere else or change what is pending."""
    space = space_of(text)
    found = []
    for number, (node, _) in enumerate(space.situations):
        if state in space.active[node]:
            found.append({edge.event for before, edge in space.came if before == number})
    return found


def test_a_situation_is_a_configuration_with_what_is_pending_running_and_shown() -> None:
    space = space_of(PLAYER)
    assert len(space.situations) == 6
    node, book = next(s for s in space.situations if "busy" in space.active[s[0]])
    assert space.books[book] == prove_space.Book(
        frozenset({"timer.busy.limit"}), frozenset({("busy", "record")}), "error_red"
    )
    assert [edge.event for edge in space.path(space.first[node])] == ["", "button.pressed"]


def test_a_timer_that_has_fired_without_leaving_its_state_is_pending_no_more() -> None:
    space = space_of(TWO_TIMERS)
    pending = [sorted(space.books[book].timers) for _, book in space.situations]
    assert pending == [["timer.here.10s", "timer.here.5s"], ["timer.here.10s"], []]


def test_the_longer_timer_of_a_state_never_comes_before_the_shorter() -> None:
    assert events_at(TWO_TIMERS, "here") == [{"timer.here.5s"}, {"timer.here.10s"}]


def test_a_timer_of_the_state_around_comes_before_a_longer_one_inside() -> None:
    around = """\
        states:
          around:
            after: {5s: {on: chime}}
            states:
              inside: {after: {10s: {on: forget}, 3s: {on: chime}}}
    """
    space = space_of(around)
    assert space.sooner["timer.inside.10s"] == {"timer.around.5s", "timer.inside.3s"}
    assert space.sooner["timer.inside.3s"] == frozenset()


def test_an_event_only_the_chart_raises_does_not_come_from_outside() -> None:
    space = space_of("""\
        states:
          here:
            transitions:
              - {event: button.pressed, on: {raise: own.event}}
              - {event: own.event, target: there}
          there: {transitions: [{event: button.pressed, target: here}]}
    """)
    assert {edge.event for _, _, edge in space.all_taken()} == {"button.pressed"}


def test_an_eventless_transition_is_tried_on_every_event_there_is() -> None:
    space = space_of("""\
        states:
          here: {transitions: [{cond: online, target: there}]}
          there: {transitions: [{event: link.down, target: here}]}
    """)
    here = next(node for node in space.first if "here" in space.active[node])
    assert {edge.event for edge in space.edges[here]} == space.specification.outside


def test_a_chart_with_too_many_situations_is_refused_with_their_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prove_space, "MAX_SITUATIONS", 4)
    with pytest.raises(ChartError, match=r"more than 4 situations: \d configurations, each .* 'timer.busy.limit'"):
        space_of(PLAYER)


def test_assumptions_that_leave_no_answer_are_refused_for_they_would_prove_anything() -> None:
    never = "assumptions: {a: {because: it is so, holds: heard_speech and not heard_speech, on: button.released}}\n"
    with pytest.raises(ChartError, match=r"let guards answer nothing at all in busy, link, off.* on button\.released"):
        space_of(PLAYER + never)


def test_guards_that_were_not_asked_may_answer_what_the_assumptions_let_them() -> None:
    space = space_of(PLAYER + "assumptions: {a: {because: it is so, never_together: [online, heard_speech]}}\n")
    online, silent = ((("name", "online"),),), ((("word", "not"), ("name", "heard_speech")),)
    assert space.possible({}, frozenset(), "", online)
    assert space.possible({"online": True}, frozenset(), "")
    assert not space.possible({"online": True, "heard_speech": True}, frozenset(), "")
    assert not space.possible({"heard_speech": True}, frozenset(), "", online)
    assert space.possible({"online": True}, frozenset(), "", silent)
    assert not space.possible({"online": True}, frozenset(), "", silent, broken=True)
