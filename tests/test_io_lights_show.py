"""Patterns played on LEDs, on a clock that jumps from timer to timer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import pairwise

import pytest

from pommai.errors import DeviceError
from pommai.io.lights import SimulatedLights
from pommai.io.lights_show import RETRY_S, LightShow
from pommai.lights.load import parse_patterns
from pommai.lights.render import Animation

PATTERNS = parse_patterns("""
patterns:
  still: {kind: steady, description: x, colour: '#ff0000', level: 100%}
  breath: {kind: breathe, description: x, colour: blue, level: 30%, low: 10%, period: 4s}
  swirl: {kind: swirl, description: x, level: 100%, period: 3s}
  blink: {kind: flash, description: x, colour: white, level: 100%, period: 1s}
""")
DARK = ((0, 0, 0),) * 3
RED = ((255, 0, 0),) * 3
WHITE = ((255, 255, 255),) * 3


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer instead of waiting for it."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.turns = 0

    def time(self) -> float:
        return self.now

    def _run_once(self) -> None:
        self.turns += 1
        if not self._ready and self._scheduled:  # type: ignore[attr-defined]
            self.now = max(self.now, self._scheduled[0].when())  # type: ignore[attr-defined]
        super()._run_once()  # type: ignore[misc]


Scene = Callable[[LightShow, SimulatedLights, JumpingLoop], Awaitable[None]]


def play(scene: Scene, *, broken: bool = False) -> SimulatedLights:
    """Run a scene while a show runs on three simulated LEDs; all is over when this returns."""
    loop = JumpingLoop()
    lights = SimulatedLights(3, loop.time)
    if broken:
        lights.break_down("no such LEDs")

    async def main() -> None:
        show = LightShow(lights, PATTERNS)
        task = asyncio.create_task(show.run())
        await asyncio.sleep(0.01)
        try:
            await scene(show, lights, loop)
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(main())
    return lights


def test_a_new_pattern_is_on_the_leds_when_the_call_returns() -> None:
    async def scene(show: LightShow, lights: SimulatedLights, loop: JumpingLoop) -> None:
        assert lights.colours == DARK
        show.set_pattern("still")
        assert lights.colours == RED
        assert show.pattern == "still"

    play(scene)


def test_a_pattern_set_before_the_leds_are_open_is_shown_when_they_are() -> None:
    async def main() -> None:
        lights = SimulatedLights(3)
        show = LightShow(lights, PATTERNS)
        show.set_pattern("still")
        assert not lights.is_open
        task = asyncio.create_task(show.run())
        await asyncio.sleep(0)
        assert lights.colours == RED
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    asyncio.run(main())


def test_the_leds_follow_the_pattern_frame_by_frame_and_are_told_of_changes_only() -> None:
    async def scene(show: LightShow, lights: SimulatedLights, loop: JumpingLoop) -> None:
        await asyncio.sleep(0.5)
        lights.changes.clear()
        began = loop.time()
        show.set_pattern("breath")
        await asyncio.sleep(4.0)
        animation = Animation(PATTERNS["breath"], 3)
        shown = [colours for _, colours in lights.changes]
        assert all(one != other for one, other in pairwise(shown))
        assert all(colours == animation.colours(time - began) for time, colours in lights.changes)
        expected = [animation.colours((frame + 0.5) * 0.02) for frame in range(200)]
        assert len(shown) == 1 + sum(one != other for one, other in pairwise(expected))
        assert len(shown) < 60  # of 200 frames

    play(scene)


def test_a_fast_pattern_is_pushed_fifty_times_a_second() -> None:
    async def scene(show: LightShow, lights: SimulatedLights, loop: JumpingLoop) -> None:
        show.set_pattern("swirl")
        lights.changes.clear()
        await asyncio.sleep(3.0)
        assert 140 <= len(lights.changes) <= 151

    play(scene)


def test_a_still_pattern_lets_the_toy_sleep() -> None:
    async def scene(show: LightShow, lights: SimulatedLights, loop: JumpingLoop) -> None:
        show.set_pattern("still")
        await asyncio.sleep(1.0)
        before = loop.turns
        await asyncio.sleep(3600.0)
        assert loop.turns - before <= 3

    play(scene)


def test_setting_the_pattern_that_is_shown_does_not_begin_it_anew() -> None:
    async def scene(show: LightShow, lights: SimulatedLights, loop: JumpingLoop) -> None:
        show.set_pattern("blink")
        await asyncio.sleep(0.75)
        assert lights.colours == DARK
        show.set_pattern("blink")
        assert lights.colours == DARK
        await asyncio.sleep(0.3)
        assert lights.colours == WHITE

    play(scene)


def test_a_pattern_that_comes_back_begins_at_its_beginning() -> None:
    async def scene(show: LightShow, lights: SimulatedLights, loop: JumpingLoop) -> None:
        show.set_pattern("blink")
        await asyncio.sleep(0.75)
        show.set_pattern("still")
        show.set_pattern("blink")
        assert lights.colours == WHITE
        await asyncio.sleep(0.51)
        assert lights.colours == DARK

    play(scene)


def test_a_show_knows_for_how_long_its_pattern_has_been_shown() -> None:
    async def scene(show: LightShow, lights: SimulatedLights, loop: JumpingLoop) -> None:
        assert show.shown_for == 0.0
        show.set_pattern("blink")
        await asyncio.sleep(0.75)
        assert show.shown_for == pytest.approx(0.75)
        show.set_pattern("still")
        assert show.shown_for == 0.0

    play(scene)


def test_an_unknown_pattern_is_a_key_error_and_the_old_one_goes_on() -> None:
    async def scene(show: LightShow, lights: SimulatedLights, loop: JumpingLoop) -> None:
        show.set_pattern("still")
        with pytest.raises(KeyError, match="did you mean 'blink'"):
            show.set_pattern("blnk")
        assert show.pattern == "still"

    play(scene)


def test_when_the_show_is_over_the_leds_are_dark_and_closed() -> None:
    async def scene(show: LightShow, lights: SimulatedLights, loop: JumpingLoop) -> None:
        show.set_pattern("still")

    lights = play(scene)
    assert lights.colours == DARK
    assert not lights.is_open


def test_lights_that_fail_are_logged_once_tried_again_and_taken_up_where_the_pattern_is_then(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "pommai.io.lights_show")

    async def scene(show: LightShow, lights: SimulatedLights, loop: JumpingLoop) -> None:
        show.set_pattern("swirl")
        await asyncio.sleep(1.0)
        lights.break_down("the cable is out")
        await asyncio.sleep(60.0)
        show.set_pattern("blink")
        show.set_pattern("still")
        await asyncio.sleep(60.0)
        assert not lights.is_open
        lights.repair()
        await asyncio.sleep(RETRY_S + 0.1)
        assert lights.colours == RED

    play(scene)
    assert [record.getMessage() for record in caplog.records] == ["lights lost", "lights are back"]
    assert caplog.records[0].__dict__["reason"] == "the cable is out"


def test_lights_that_open_but_do_not_answer_are_logged_once_as_well(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(self: SimulatedLights, colours: object) -> None:
        raise DeviceError("no answer")

    async def scene(show: LightShow, lights: SimulatedLights, loop: JumpingLoop) -> None:
        monkeypatch.setattr(SimulatedLights, "show", fail)
        show.set_pattern("swirl")
        await asyncio.sleep(60.0)

    play(scene)
    assert [record.getMessage() for record in caplog.records] == ["lights lost"]


def test_what_is_no_failure_of_the_leds_ends_the_show_and_whoever_runs_it_learns_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(self: SimulatedLights, colours: object) -> None:
        raise ValueError("a mistake")

    async def main() -> None:
        lights = SimulatedLights(3)
        show = LightShow(lights, PATTERNS)
        show.set_pattern("swirl")
        task = asyncio.create_task(show.run())
        await asyncio.sleep(0)
        monkeypatch.setattr(SimulatedLights, "show", fail)
        with pytest.raises(ValueError, match="a mistake"):
            await task
        assert not lights.is_open

    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        runner.run(main())


def test_a_moving_light_wakes_the_toy_once_for_each_change() -> None:
    async def scene(show: LightShow, lights: SimulatedLights, loop: JumpingLoop) -> None:
        show.set_pattern("swirl")
        lights.changes.clear()
        before = loop.turns
        await asyncio.sleep(30.0)
        assert loop.turns - before <= len(lights.changes) + 3

    play(scene)


def test_a_failure_while_a_pattern_is_set_reaches_nobody() -> None:
    async def scene(show: LightShow, lights: SimulatedLights, loop: JumpingLoop) -> None:
        lights.break_down("the cable is out")
        show.set_pattern("still")
        assert show.pattern == "still"
        lights.repair()
        await asyncio.sleep(RETRY_S + 0.1)
        assert lights.colours == RED

    play(scene)


def test_a_toy_whose_lights_are_missing_from_the_start_still_runs_its_show() -> None:
    async def scene(show: LightShow, lights: SimulatedLights, loop: JumpingLoop) -> None:
        show.set_pattern("still")
        await asyncio.sleep(20.0)
        assert not lights.is_open
        lights.repair()
        await asyncio.sleep(RETRY_S)
        assert lights.colours == RED

    play(scene, broken=True)


def test_a_theme_shows_one_pattern_in_place_of_another_and_the_show_goes_by_its_old_name() -> None:
    async def scene(show: LightShow, lights: SimulatedLights, loop: JumpingLoop) -> None:
        await asyncio.sleep(0.1)
        show.set_theme({"breath": "still"})
        show.set_pattern("breath")
        assert show.pattern == "breath"
        assert lights.colours == RED
        show.set_theme({})
        assert lights.colours != RED

    play(scene)


def test_a_theme_with_strange_patterns_is_used_as_far_as_it_is_known(caplog) -> None:
    async def scene(show: LightShow, lights: SimulatedLights, loop: JumpingLoop) -> None:
        await asyncio.sleep(0.1)
        show.set_theme({"breath": "still", "still": "nothing like that", "nor that": "still"})
        show.set_pattern("breath")
        assert lights.colours == RED
        show.set_pattern("still")
        assert lights.colours == RED

    play(scene)
    assert "strange patterns" in caplog.text


def test_the_light_that_is_shown_goes_on_undisturbed_when_a_theme_is_not_about_it() -> None:
    async def scene(show: LightShow, lights: SimulatedLights, loop: JumpingLoop) -> None:
        show.set_pattern("breath")
        await asyncio.sleep(1.0)
        before = show.shown_for
        show.set_theme({"still": "breath"})
        assert show.shown_for >= before

    play(scene)
