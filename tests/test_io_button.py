"""Gestures out of edges and time, and the simulated button on a real event loop."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pommai.errors import DeviceError
from pommai.events import EVENTS, Event
from pommai.io.button import DEBOUNCE_S, HOLD_S, TRIPLE_GAP_S, Gestures, SimulatedButton, Watch
from pommai.qa import virtual_time


def names(events: list[Event]) -> list[str]:
    return [event.name.removeprefix("button.") for event in events]


def play(*steps: tuple[float, bool], until: float) -> list[tuple[float, str]]:
    """Levels at times, with a tick whenever the gestures ask for one. Returns (when reported, name)."""
    gestures = Gestures()
    told: list[tuple[float, str]] = []

    def tick_until(now: float) -> None:
        while (due := gestures.wakes_at) is not None and due <= now:
            told.extend((round(due, 6), name) for name in names(gestures.tick(due)))

    for now, down in steps:
        tick_until(now)
        told.extend((now, name) for name in names(gestures.level(down, now)))
    tick_until(until)
    return told


def test_a_press_is_reported_on_the_first_edge() -> None:
    gestures = Gestures()
    assert names(gestures.level(True, 10.0)) == ["pressed"]


def test_a_release_tells_how_long_the_button_was_down() -> None:
    gestures = Gestures()
    gestures.level(True, 10.0)
    (event,) = gestures.level(False, 11.25)
    assert event == Event("button.released", {"held_s": 1.25})


def test_chatter_after_an_edge_is_not_heard() -> None:
    chatter = [(0.0, True), (0.004, False), (0.009, True), (0.02, False), (0.03, True)]
    release = [(1.0, False), (1.003, True), (1.01, False)]
    assert play(*chatter, *release, until=2.0) == [(0.0, "pressed"), (1.0, "released")]


def test_a_release_hidden_in_the_chatter_comes_at_the_end_of_the_debounce() -> None:
    assert play((0.0, True), (0.01, False), until=1.0) == [(0.0, "pressed"), (0.05, "released")]


def test_a_press_hidden_in_the_chatter_of_a_release_is_not_lost_either() -> None:
    told = play((0.0, True), (1.0, False), (1.02, True), until=2.0)
    assert told == [(0.0, "pressed"), (1.0, "released"), (1.05, "pressed")]


def test_a_hold_is_reported_once_after_three_seconds() -> None:
    told = play((0.0, True), (9.0, False), until=10.0)
    assert told == [(0.0, "pressed"), (HOLD_S, "held"), (9.0, "released")]


def test_a_press_just_short_of_a_hold_is_none() -> None:
    assert play((0.0, True), (2.999, False), until=10.0) == [(0.0, "pressed"), (2.999, "released")]


def test_a_late_tick_tells_the_same_events() -> None:
    gestures = Gestures()
    gestures.level(True, 0.0)
    assert names(gestures.level(False, 7.0)) == ["held", "released"]


def test_the_third_of_three_quick_presses_is_a_triple_press() -> None:
    steps = [(at, down) for start in (0.0, 0.4, 0.8) for at, down in ((start, True), (start + 0.2, False))]
    told = play(*steps, until=2.0)
    assert told[-3:] == [(0.8, "pressed"), (0.8, "triple_pressed"), (1.0, "released")]


def test_a_gap_is_counted_from_the_release_to_the_next_press() -> None:
    slow_but_gapless = [(0.0, True), (2.0, False), (2.5, True), (4.0, False), (4.0 + TRIPLE_GAP_S, True)]
    assert "triple_pressed" in [name for _, name in play(*slow_but_gapless, until=5.0)]
    too_late = [(0.0, True), (0.1, False), (0.2, True), (0.3, False), (0.301 + TRIPLE_GAP_S, True)]
    assert "triple_pressed" not in [name for _, name in play(*too_late, until=5.0)]


def test_presses_after_a_triple_press_count_anew() -> None:
    steps = [(n * 0.2 + offset, down) for n in range(7) for offset, down in ((0.0, True), (0.1, False))]
    told = [name for _, name in play(*steps, until=5.0)]
    assert told.count("pressed") == 7
    assert told.count("triple_pressed") == 2


def test_a_hold_is_no_part_of_a_triple_press() -> None:
    steps = [(0.0, True), (0.1, False), (0.2, True), (4.0, False), (4.1, True), (4.2, False)]
    assert "triple_pressed" not in [name for _, name in play(*steps, until=5.0)]


_PAUSES = st.sampled_from([0.0, 0.001, 0.01, 0.049, 0.05, 0.051, 0.3, 0.5, 0.51, 2.9, 3.0, 3.1]) | st.floats(0.0, 5.0)


@given(st.lists(st.tuples(_PAUSES, st.sampled_from(["down", "up", "tick"])), max_size=60))
def test_whatever_the_contact_does_the_events_make_sense(steps: list[tuple[float, str]]) -> None:
    gestures = Gestures()
    now = 100.0
    level = False
    events: list[Event] = []
    for pause, what in steps:
        now += pause
        if what == "tick":
            events += gestures.tick(now)
        else:
            level = what == "down"
            events += gestures.level(level, now)
        assert gestures.wakes_at is None or gestures.wakes_at > now
    events += gestures.level(False, now)
    events += gestures.tick(now + 3 * DEBOUNCE_S)
    assert gestures.wakes_at is None

    edges = [event for event in events if event.name in ("button.pressed", "button.released")]
    assert names(edges) == ["pressed", "released"] * (len(edges) // 2)
    presses = "".join(
        {"pressed": "p", "held": "h", "released": "r", "triple_pressed": "t"}[name] for name in names(events)
    )
    for press in presses.replace("r", "r ").split():
        assert press in ("pr", "phr", "ptr", "pthr")
    releases = [event for event in edges if event.name == "button.released"]
    for press, release in zip(presses.replace("r", "r ").split(), releases, strict=True):
        held_s = release.data["held_s"]
        assert isinstance(held_s, float)
        assert held_s >= DEBOUNCE_S - 1e-6
        assert ("h" in press) == (held_s >= HOLD_S) or abs(held_s - HOLD_S) < 1e-6
    for event in events:
        assert set(event.data) == set(EVENTS[event.name].fields)


@given(st.lists(st.tuples(_PAUSES, st.booleans()), max_size=40))
def test_ticks_on_time_and_no_ticks_at_all_tell_the_same(steps: list[tuple[float, bool]]) -> None:
    now, levels = 0.0, []
    for pause, down in steps:
        now += pause
        levels.append((now, down))
    lazy = Gestures()
    told = [name for at, down in levels for name in names(lazy.level(down, at))] + names(lazy.tick(now + 10))
    assert told == [name for _, name in play(*levels, until=now + 10)]


# -- on the event loop ---------------------------------------------------------------------


def test_the_simulated_button_emits_what_its_levels_and_time_mean() -> None:
    async def scene() -> None:
        told: list[tuple[float, str]] = []
        loop = asyncio.get_running_loop()
        button = SimulatedButton()
        button.start(lambda event: told.append((round(loop.time(), 3), *names([event]))))
        button.press()
        assert told == [(0.0, "pressed")]
        button.release()
        await asyncio.sleep(1)
        button.press()
        await asyncio.sleep(5)
        button.release()
        assert told[1:] == [(DEBOUNCE_S, "released"), (1.0, "pressed"), (1 + HOLD_S, "held"), (6.0, "released")]
        button.close()
        button.close()

    virtual_time.run(scene())


def test_after_close_nothing_is_emitted_and_no_timer_is_left() -> None:
    async def scene() -> None:
        events: list[Event] = []
        watch = Watch(events.append)
        watch.level(True)
        watch.level(False)
        watch.close()
        watch.level(True)
        await asyncio.sleep(2 * HOLD_S)
        assert names(events) == ["pressed"]

    virtual_time.run(scene())


def test_an_event_that_closes_the_button_leaves_no_timer_behind() -> None:
    async def scene() -> None:
        events: list[Event] = []

        def emit(event: Event) -> None:
            events.append(event)
            watch.close()

        watch = Watch(emit)
        watch.level(True)
        await asyncio.sleep(2 * HOLD_S)
        assert names(events) == ["pressed"]

    virtual_time.run(scene())


def test_a_simulated_button_that_is_not_started_cannot_be_pressed() -> None:
    with pytest.raises(DeviceError, match="not started"):
        SimulatedButton().press()


def test_a_press_that_was_there_at_the_beginning_is_known_and_so_is_its_length() -> None:
    async def scene() -> None:
        told: list[str] = []
        button = SimulatedButton(down=True)
        assert button.first_press is None
        button.start(lambda event: told.append(event.name))
        assert told == ["button.pressed"]
        await asyncio.sleep(4)
        assert button.first_press == pytest.approx(4)
        button.release()
        await asyncio.sleep(2)
        button.press()
        await asyncio.sleep(5)
        assert button.first_press == pytest.approx(4)
        assert told == ["button.pressed", "button.held", "button.released", "button.pressed", "button.held"]
        button.close()

    virtual_time.run(scene())


def test_a_press_that_comes_later_is_no_first_press() -> None:
    async def scene() -> None:
        button = SimulatedButton()
        button.start(lambda event: None)
        button.press()
        await asyncio.sleep(20)
        assert button.first_press is None
        button.close()

    virtual_time.run(scene())


def test_a_contact_that_jumps_while_it_is_held_has_come_up() -> None:
    async def scene() -> None:
        button = SimulatedButton(down=True)
        button.start(lambda event: None)
        await asyncio.sleep(5)
        button.release()
        await asyncio.sleep(0.001)
        button.press()
        await asyncio.sleep(20)
        assert button.first_press == pytest.approx(5)
        button.close()

    virtual_time.run(scene())
