"""Every name in a chart is the name of something, and every argument is of its kind."""

from __future__ import annotations

import pytest
from chart_material import VOCABULARY, checked, shown
from msgspec.structs import replace

# fmt: off
MISTAKES = [
    ("states: {idle: {transitions: {event: button.presed, target: idle}}}",
     "1:38: nobody emits the event 'button.presed' (did you mean 'button.pressed'?)"),
    ("states: {idle: {transitions: {event: pressed, target: idle}}}",
     "1:38: nobody emits the event 'pressed' (did you mean 'button.pressed'?)"),
    ("states: {idle: {transitions: {event: idle, target: idle}}}",
     "1:38: nobody emits the event 'idle' (it is a state; `target` says where to go, `event` what has to happen)"),
    ("states: {idle: {transitions: {event: done.state.idle, target: idle}}}",
     "1:38: nobody emits the event 'done.state.idle' "
     "('idle' is never done: it needs a state inside with `final: true`)"),
    ("states: {idle: {transitions: {event: link.up, cond: idle, target: idle}}}",
     "1:53: no guard is called 'idle' (to ask for a state write In('idle'))"),
    ("states: {idle: {transitions: {event: link.up, cond: not onlin, target: idle}}}",
     "1:53: no guard is called 'onlin' (did you mean 'online'?)"),
    ("states: {idle: {do: chime}}", "1:21: no activity is called 'chime' (it is an action: put it into 'enter')"),
    ("states: {idle: {enter: record}}", "1:24: no action is called 'record' (it is an activity: put it into 'do')"),
    ("states: {idle: {enter: idle}}", "1:24: no action is called 'idle' (it is a state; `target` says where to go)"),
    ("states: {idle: {exit: chim}}", "1:23: no action is called 'chim' (did you mean 'chime'?)"),
    ("states: {idle: {enter: say}}", "1:24: 'say' needs the argument 'text' (write `say: {text: …}`)"),
    ("states: {idle: {enter: {say: {text: a, lound: true}}}}",
     "1:40: 'say' has no argument 'lound' (did you mean 'loud'?)"),
    ("states: {idle: {enter: {say: {text: a, loud: yes}}}}", "1:46: 'loud' of 'say' must be true or false, not 'yes'"),
    ("states: {idle: {enter: {say: {text: a, times: many}}}}", "1:47: 'times' of 'say' must be a number, not 'many'"),
    ("states: {idle: {enter: {say: {text: a, pause: 3}}}}",
     "1:47: 'pause' of 'say' must be a duration, not '3' (write 3s)"),
    ("durations: {sorry: 3s}\nstates: {idle: {after: {sorry: {target: idle}}, enter: {say: {text: a, pause: sory}}}}",
     "2:79: 'pause' of 'say' must be a duration, not 'sory' (did you mean 'sorry'?)"),
    ("states: {idle: {transitions: {event: buton.*, target: idle}}}",
     "1:38: nobody emits the event 'buton.*' (did you mean 'button.*'?)"),
    ("states: {idle: {transitions: {event: '*', target: idle}}}",
     "1:38: '*' alone would wait for every event (name them, or a family: button.*)"),
    ("states: {my-state: {transitions: {event: button.pressed, target: my-state}}}",
     "1:10: a state cannot be called 'my-state' (use letters, digits and _, and no digit first)"),
    ("states: {idle: {enter: {say: {text: [a]}}}}", "1:37: 'text' of 'say' must be text, not a list"),
    ("states: {idle: {enter: {chime: 3}}}", "1:25: 'chime' takes no arguments"),
    ("states: {idle: {enter: {play: helo}}}", "1:31: no sound is called 'helo' (did you mean 'hello'?)"),
    ("states: {idle: {led: breathing_blu}}",
     "1:22: no light pattern is called 'breathing_blu' (did you mean 'breathing_blue'?)"),
    ("states: {idle: {enter: {raise: my.own}}}", "1:32: no transition waits for the raised event 'my.own'"),
    ("durations: {wait: 2s}\nstates: {idle: {}}",
     "1:13: the duration 'wait' is used nowhere (write `after: {wait: …}` in a state, or delete it)"),
]
# fmt: on


@pytest.mark.parametrize(("text", "expected"), MISTAKES, ids=[text[:70] for text, _ in MISTAKES])
def test_a_name_that_means_nothing_is_told_with_what_was_meant(text: str, expected: str) -> None:
    assert shown(text) == [expected]


def test_arguments_arrive_as_what_they_are() -> None:
    result = checked(
        """
        durations: {breath: 1m}
        states:
          idle: {enter: [{say: {text: 5, loud: true, times: 2, pause: breath}}, {say: hello}, {play: {sound: sorry}}]}
        """
    )
    given = [result.arguments[id(call)] for call in result.chart.states[0].enter]
    assert given == [
        {"text": "5", "loud": True, "times": 2.0, "pause": 60.0},
        {"text": "hello"},
        {"sound": "sorry"},
    ]


def test_a_family_of_events_stands_for_all_its_members_each_once() -> None:
    result = checked("states: {idle: {transitions: {event: error.action error.* link.up, target: idle}}}")
    (transition,) = result.chart.states[0].transitions
    assert result.events[id(transition)] == ("error.action", "error.activity", "link.up")


def test_a_state_may_wait_for_a_timer_of_another() -> None:
    text = """
    states:
      outer:
        transitions: {event: timer.inner.2s, target: outer}
        states: {inner: {after: {2s: {on: chime}}}}
    """
    result = checked(text)
    assert result.events[id(result.chart.states[0].transitions[0])] == ("timer.inner.2s",)


def test_without_a_pattern_file_patterns_are_not_looked_up() -> None:
    checked("states: {idle: {led: whatever}}", replace(VOCABULARY, led_patterns=None))


def test_what_seems_to_be_missing_is_not_told_while_something_cannot_be_read() -> None:
    text = """
    durations: {wait: 2s}
    states: {idle: {enter: {raise: my.own}, after: {wait: idle}, transitions: my.own}}
    """
    assert shown(text) == [
        "3:55: a transition must be a mapping of keys to values (write {target: some_state})",
        "3:75: the transitions of 'idle' must be a list, not 'my.own'",
    ]
