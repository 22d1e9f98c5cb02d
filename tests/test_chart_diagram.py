"""What a picture of a chart shows, in words."""

from __future__ import annotations

import pytest
from chart_material import chart_of

from pommai.chart.diagram import Label, begins, duration, picture

PICTURE = picture(
    chart_of(
        """
        durations: {nap: 90s}
        states:
          awake:
            do: [record, listen]
            enter: [chime, {say: {text: good morning to all of you in this wonderful room, loud: true}}]
            exit: {raise: gone}
            transitions:
              - event: link.up link.down
                cond: [online, not In('deep')]
                unless: heard_speech
                target: asleep
                on: chime
              - {event: button.pressed, target: asleep}
              - {event: button.released, on: {play: hello}}
              - {event: link.up, target: awake}
              - {event: link.down, target: deep}
              - {event: done.state.awake, target: asleep}
            states: {deep: {final: true}}
          asleep:
            after: {nap: {target: awake}}
            transitions: {cond: online, target: awake, unless: heard_speech or online}
        """
    )
)


def test_all_ways_from_one_state_to_another_are_one_arrow() -> None:
    assert [(arrow.source, arrow.target, len(arrow.labels)) for arrow in PICTURE.arrows] == [
        ("awake", "asleep", 3),
        ("asleep", "awake", 2),
    ]


def test_an_arrow_says_why_it_is_taken_and_what_is_done() -> None:
    first, second, third = PICTURE.arrows[0].labels
    assert first == Label("link.up or link.down", "online and not in deep and not heard_speech", ("chime",))
    assert second == Label("button.pressed", "", ())
    assert third == Label("awake done", "", ())


def test_a_timer_says_its_time_and_a_guard_alone_says_no_event() -> None:
    assert PICTURE.arrows[1].labels == (
        Label("", "online and not (heard_speech or online)", ()),
        Label("1 min 30 s", "", (), timer=True),
    )


def test_what_stays_begins_anew_or_leads_inside_is_written_in_the_state() -> None:
    face = PICTURE.faces["awake"]
    assert [(reaction.label.event, reaction.target) for reaction in face.reactions] == [
        ("button.released", ""),
        ("link.up", "awake"),
        ("link.down", "deep"),
    ]


def test_a_face_says_what_runs_and_what_is_done_and_shortens_long_words() -> None:
    face = PICTURE.faces["awake"]
    assert face.activities == ("record", "listen")
    assert face.enter == ("chime", "say text: good morning to all of you in this w…, loud: true")
    assert face.exit == ("raise gone",)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.25, "250 ms"), (1.5, "1.5 s"), (30, "30 s"), (60, "1 min"), (90, "1 min 30 s"), (5400, "1 h 30 min")],
)
def test_durations_are_written_for_people(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_it_begins_in_the_state_that_says_so_or_else_in_the_first() -> None:
    assert begins(chart_of("states: {a: {}, b: {initial: true}}").states).id == "b"
    assert begins(chart_of("states: {a: {}, b: {}}").states).id == "a"
