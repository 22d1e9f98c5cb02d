"""`statechart.yaml` is read as it was meant, or the message says what was meant."""

from __future__ import annotations

import pytest
from chart_material import chart_of, shown

from pommai.chart.model import Call, Raise
from pommai.source import Scalar


def test_a_chart_keeps_everything_that_was_written() -> None:
    chart = chart_of(
        """
        name: lamp
        description: A lamp that listens.
        durations: {wait: 1m30s}
        states:
          dark:
            description: Asleep.
            led: {pattern: 'off', priority: 3}
            enter: [chime, {play: hello}, chime]
            exit: {raise: gone}
            do: record
            after:
              wait: {target: bright}
              250ms: [{cond: online, target: bright}, {on: chime}]
            transitions:
              - {event: button.pressed link.up, cond: [online, not heard_speech], unless: In('bright'), target: bright}
          bright: {initial: true, led: breathing_blue}
        """
    )
    dark, bright = chart.states
    assert (chart.name, chart.description, chart.durations["wait"].seconds) == ("lamp", "A lamp that listens.", 90.0)
    assert (dark.id, dark.description, dark.initial, bright.initial) == ("dark", "Asleep.", False, True)
    assert dark.led is not None
    assert (dark.led.pattern, dark.led.priority) == ("off", 3)
    assert [action.name for action in dark.enter if isinstance(action, Call)] == ["chime", "play", "chime"]
    assert [action.event for action in dark.exit if isinstance(action, Raise)] == ["gone"]
    assert [(timer.event, timer.seconds, len(timer.transitions)) for timer in dark.after] == [
        ("timer.dark.wait", 90.0, 1),
        ("timer.dark.250ms", 0.25, 2),
    ]
    (transition,) = dark.transitions
    assert (transition.events, transition.targets) == (("button.pressed", "link.up"), ("bright",))
    assert [guard.text for guard in (*transition.cond, *transition.unless)] == [
        "online",
        "not heard_speech",
        "In('bright')",
    ]
    assert (transition.at.line, transition.target_at.line) == (16, 16)


def test_on_is_a_word_and_never_true() -> None:
    chart = chart_of("states: {idle: {transitions: [{event: link.up, on: chime}]}}")
    (action,) = chart.states[0].transitions[0].on
    assert isinstance(action, Call)
    assert action.name == "chime"


def test_an_argument_without_a_name_is_kept_for_the_first_parameter() -> None:
    (action,) = chart_of("states: {idle: {enter: {say: good night}}}").states[0].enter
    assert isinstance(action, Call)
    (_, value) = action.written[""]
    assert isinstance(value, Scalar)
    assert value.text == "good night"


def test_a_timer_whose_time_has_a_point_gets_an_event_without_one() -> None:
    (timer,) = chart_of("states: {idle: {after: {1.5s: {target: idle}}}}").states[0].after
    assert (timer.event, timer.label, timer.seconds) == ("timer.idle.1_5s", "1.5s", 1.5)


def test_one_transition_needs_no_list() -> None:
    assert len(chart_of("states: {idle: {transitions: {event: link.up, target: idle}}}").states[0].transitions) == 1


# fmt: off
MISTAKES = [
    # keys
    ("state: {idle: {}}", ["1:1: the chart has no key 'state' (did you mean 'states'?)"]),
    ("name: toy", ["1:1: the chart needs the key 'states'"]),
    ("states: {idle: {entry: chime}}", ["1:17: state 'idle' has no key 'entry' (write `enter`)"]),
    ("states: {idle: {target: idle}}",
     ["1:17: state 'idle' has no key 'target' (write `transitions: [{event: …, target: …}]`)"]),
    ("states: {idle: {on: chime}}",
     ["1:17: state 'idle' has no key 'on' (actions stand in `enter` and `exit`, and in `on` of a transition)"]),
    ("states: {idle: {script: x = 1}}",
     ["1:17: 'script' cannot be used in a toy (a chart holds no code; write an action in pommai/actions)"]),
    ("states: {idle: {transitions: [{event: link.up, goto: idle, if: online}]}}",
     ["1:48: a transition has no key 'goto' (write `target`)", "1:60: a transition has no key 'if' (write `cond`)"]),
    ("states: {idle: {transitions: [link.up]}}",
     ["1:31: a transition must be a mapping of keys to values (write {event: …, target: …})"]),
    ("states: {idle: {parallel: yes}}", ["1:27: 'parallel' must be true or false, not 'yes'"]),
    ("states: {my-state: {}}",
     ["1:10: a state cannot be called 'my-state' (use letters, digits and _, and no digit first)"]),
    ("states:", ["1:8: 'states' is empty (write at least one state)"]),
    ("", ["1:1: is empty"]),
    ("states:\n\tidle: {}", ["2:1: a tab stands here (YAML is indented with spaces only)"]),
    ("states:\n  idle: {}\n  idle: {}", ["3:3: the key 'idle' is here twice (the first is in line 2)"]),
    # times
    ("states: {idle: {after: {10 s: {target: idle}}}}", ["1:25: '10 s' is no duration (write 10s)"]),
    ("states: {idle: {after: {10: {target: idle}}}}", ["1:25: '10' is no duration (write 10s)"]),
    ("states: {idle: {after: {2 minutes: {target: idle}}}}", ["1:25: '2 minutes' is no duration (write 2m)"]),
    ("states: {idle: {after: {soon: {target: idle}}}}",
     ["1:25: 'soon' is no duration (write 250ms, 2s, 1m30s or a name from 'durations')"]),
    ("durations: {wait: 10s}\nstates: {idle: {after: {wiat: {target: idle}}}}",
     ["2:25: 'wiat' is no duration (did you mean 'wait'?)"]),
    ("durations: {wait: 10 seconds}\nstates: {idle: {after: {wait: {target: idle}}}}",
     ["1:19: 'wait' must be a duration, not '10 seconds' (write 10s)"]),
    ("states: {idle: {after: 10s}}",
     ["1:24: 'after' of 'idle' must be a mapping of keys to values (write `after: {10s: {target: some_state}}`)"]),
    ("states: {idle: {after: {10s: idle}}}",
     ["1:30: a transition must be a mapping of keys to values (write {target: some_state})"]),
    ("states: {idle: {after: {10s: }}}", ["1:25: the timer '10s' leads nowhere (write {target: some_state})"]),
    ("states: {idle: {after: {99h: {target: idle}}}}",
     ["1:25: a timer of 'idle' must be in 0.001..86400 seconds, not '99h'"]),
    # lights
    ("states: {idle: {led: {patern: 'off'}}}",
     ["1:23: the led of 'idle' has no key 'patern' (did you mean 'pattern'?)"]),
    ("states: {idle: {led: {priority: 3}}}", ["1:22: the led of 'idle' needs the key 'pattern'"]),
    ("states: {idle: {led: {pattern: 'off', priority: high}}}", ["1:49: priority must be a number, not 'high'"]),
    # guards, events, actions
    ("states: {idle: {transitions: {event: link.up, cond: , target: idle}}}",
     ["1:53: 'cond' is empty (write a guard, or take the key away)"]),
    ("states: {idle: {transitions: {event: '*', target: idle}}}",
     ["1:38: '*' alone would wait for every event (name them, or a family: button.*)"]),
    ("states: {idle: {transitions: {event: 'link.up, link.down', target: idle}}}",
     ["1:38: an event cannot be called 'link.up,' "
      "(events look like button.pressed; several stand with spaces between)"]),
    ("states: {idle: {enter: raise}}", ["1:24: 'raise' needs an event (write `raise: some.event`)"]),
    ("states: {idle: {enter: {raise: timer.idle.1s}}}",
     ["1:32: 'timer.idle.1s' cannot be raised (the chart itself emits timer.… and done.…)"]),
    ("states: {idle: {enter: {send: link.up}}}",
     ["1:25: 'send' cannot be used in a toy (use `raise: event`, or `after:` for something later)"]),
    ("states: {idle: {enter: {chime: , forget: }}}",
     ["1:24: an action is one name with its arguments (begin each action with its own '- ')"]),
    ("states: {idle: {do: {raise: link.up}}}", ["1:29: 'raise' is no activity (put it into enter, exit or on)"]),
    ("states: {idle: {transitions: {event: link.up}}}",
     ["1:30: this transition does nothing (give it a target, or actions in 'on')"]),
    ("states: {idle: {transitions: {on: chime}}}",
     ["1:30: a transition without event and target would be taken for ever"]),
    # histories
    ("states: {a: {history: {h: }, states: {b: {}}}}",
     ["1:24: history 'h' needs one default to go to (write {transitions: [{target: some_state}]})"]),
    ("states: {a: {history: {h: {type: depe, transitions: [{target: b}]}}, states: {b: {}}}}",
     ["1:34: type cannot be 'depe' (did you mean 'deep'?)"]),
]
# fmt: on


@pytest.mark.parametrize(("text", "expected"), MISTAKES, ids=[text[:60] for text, _ in MISTAKES])
def test_a_mistake_is_told_with_its_place_and_its_cure(text: str, expected: list[str]) -> None:
    assert shown(text) == expected


def test_all_mistakes_of_a_file_are_told_at_once() -> None:
    text = """
    durations: {wait: soon}
    states:
      idle: {led: {}, parallel: maybe}
      2nd: {}
    """
    assert [line.split(":")[0] for line in shown(text)] == ["2", "4", "4", "5"]
