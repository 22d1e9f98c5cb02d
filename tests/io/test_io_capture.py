"""One capture stream for every listener."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

import pytest
from audio_material import number, numbered, run_virtually
from hypothesis import given
from hypothesis import strategies as st

from pommai.errors import AudioDeviceError
from pommai.io.capture import PATIENT_SECONDS, UNHEARD_SECONDS, Capture, Subscription
from pommai.io.simulated_audio import SimulatedMicrophone


class Running:
    """A capture that runs, and what it tells."""

    def __init__(self) -> None:
        self.microphone = SimulatedMicrophone()
        self.capture = Capture(self.microphone)
        self.told: list[tuple[float, str]] = []

    async def __aenter__(self) -> Running:
        def tell(word: str) -> None:
            self.told.append((round(asyncio.get_running_loop().time(), 3), word))

        self.task = asyncio.create_task(self.capture.run(lambda reason: tell(f"lost: {reason}"), lambda: tell("back")))
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await self.task
        assert not self.microphone.is_open


@given(before=st.integers(0, 40), after=st.integers(0, 40))
def test_preroll_and_what_follows_join_without_a_seam(before: int, after: int) -> None:
    async def main() -> tuple[list[int], list[int]]:
        frames = numbered(before + after)
        async with Running() as running:
            for frame in frames[:before]:
                running.microphone.feed(frame)
            with_preroll = running.capture.subscribe(preroll=True)
            without = running.capture.subscribe(preroll=False)
            for frame in frames[before:]:
                running.microphone.feed(frame)
            with_preroll.close()
            without.close()
            return [number(frame) async for frame in with_preroll], [number(frame) async for frame in without]

    long, short = asyncio.run(main())
    assert long == list(range(max(0, before - 15) + 1, before + after + 1))
    assert short == list(range(before + 1, before + after + 1))


def test_a_waiting_listener_gets_each_frame_as_it_comes() -> None:
    async def main() -> list[int]:
        heard: list[int] = []

        async def listen(subscription: Subscription) -> None:
            async for frame in subscription:
                heard.append(number(frame))

        async with Running() as running:
            subscription = running.capture.subscribe(preroll=False)
            listening = asyncio.create_task(listen(subscription))
            for index, frame in enumerate(numbered(5)):
                running.microphone.feed(frame)
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                assert len(heard) == index + 1
            subscription.close()
            subscription.close()
            await listening
        return heard

    assert asyncio.run(main()) == [1, 2, 3, 4, 5]


def test_a_cancelled_listener_can_still_take_what_was_captured() -> None:
    async def main() -> list[int]:
        async with Running() as running:
            subscription = running.capture.subscribe(preroll=False)
            for frame in numbered(3):
                running.microphone.feed(frame)
            subscription.close()
            running.microphone.feed(numbered(4)[3])
            frames = subscription.drain()
            assert subscription.drain() == []
        return [number(frame) for frame in frames]

    assert asyncio.run(main()) == [1, 2, 3]


def test_a_listener_that_sleeps_loses_the_oldest_and_the_others_nothing() -> None:
    async def main() -> None:
        async with Running() as running:
            lazy = running.capture.subscribe(preroll=False)
            awake = running.capture.subscribe(preroll=False)
            heard = []
            for frame in numbered(300):
                running.microphone.feed(frame)
                heard.append(number(await anext(awake)))
            assert heard == list(range(1, 301))
            assert [number(frame) for frame in lazy.drain()] == list(range(51, 301))
            assert (lazy.dropped, awake.dropped) == (50, 0)

    asyncio.run(main())


def test_two_listeners_on_one_subscription_are_a_mistake_of_the_program() -> None:
    async def main() -> None:
        async with Running() as running:
            subscription = running.capture.subscribe(preroll=False)
            first = asyncio.ensure_future(anext(subscription))
            await asyncio.sleep(0)
            with pytest.raises(RuntimeError, match="one listener"):
                await anext(subscription)
            running.microphone.feed(numbered(1)[0])
            assert number(await first) == 1

    asyncio.run(main())


class Batching(SimulatedMicrophone):
    """Delivers what it `held` when it is told how late that may come."""

    def __init__(self) -> None:
        super().__init__()
        self.held: list[bytes] = []

    def attend(self, within: float) -> None:
        for frame in self.held:
            self.feed(frame)
        self.held = []


def test_the_microphone_is_told_how_late_frames_may_come_for_those_who_listen() -> None:
    async def main() -> list[float]:
        async with Running() as running:
            states = [running.microphone.attended]
            first, second = (running.capture.subscribe(preroll=True) for _ in range(2))
            for subscription in (first, second, second):
                states.append(running.microphone.attended)
                subscription.close()
            return [*states, running.microphone.attended]

    assert asyncio.run(main()) == [math.inf, 0.0, 0.0, UNHEARD_SECONDS, UNHEARD_SECONDS]


def test_a_patient_listener_leaves_the_microphone_its_pauses_and_one_that_ignores_all_counts_for_nothing() -> None:
    async def main() -> list[float]:
        async with Running() as running:
            told = []
            patient = running.capture.subscribe(preroll=False, patient=True)
            told.append(running.microphone.attended)
            pressed = running.capture.subscribe(preroll=True)
            told.append(running.microphone.attended)
            pressed.close()
            told.append(running.microphone.attended)
            patient.ignore(True)
            told.append(running.microphone.attended)
            patient.ignore(False)
            told.append(running.microphone.attended)
            patient.ignore(True)
            patient.close()
            patient.ignore(False)
            return [*told, running.microphone.attended]

    expected = [PATIENT_SECONDS, 0.0, PATIENT_SECONDS, UNHEARD_SECONDS, PATIENT_SECONDS, UNHEARD_SECONDS]
    assert asyncio.run(main()) == expected


def test_who_ignores_frames_gets_none_of_them_nor_what_was_held_back_meanwhile() -> None:
    async def main() -> list[int]:
        running = Running()
        running.microphone = Batching()
        running.capture = Capture(running.microphone)
        async with running:
            frames = numbered(6)
            patient = running.capture.subscribe(preroll=False, patient=True)
            running.microphone.feed(frames[0])
            patient.ignore(True)
            patient.ignore(True)
            running.microphone.feed(frames[1])
            running.microphone.held = frames[2:4]
            patient.ignore(False)
            patient.ignore(False)
            running.microphone.feed(frames[4])
            patient.close()
            return [number(frame) async for frame in patient]

    assert asyncio.run(main()) == [1, 5]


def test_what_an_idle_microphone_held_back_is_preroll_and_comes_once() -> None:
    async def main() -> tuple[list[int], list[int]]:
        running = Running()
        running.microphone = Batching()
        running.microphone.held = numbered(3)
        running.capture = Capture(running.microphone)
        async with running:
            with_preroll = running.capture.subscribe(preroll=True)
            without = running.capture.subscribe(preroll=False)
            running.microphone.feed(numbered(4)[3])
            return [number(frame) for frame in with_preroll.drain()], [number(frame) for frame in without.drain()]

    assert asyncio.run(main()) == ([1, 2, 3, 4], [4])


def test_a_lost_microphone_is_told_once_tried_every_second_and_told_when_it_is_back() -> None:
    async def main() -> list[tuple[float, str]]:
        async with Running() as running:
            subscription = running.capture.subscribe(preroll=False)
            running.microphone.feed(numbered(1)[0])
            await asyncio.sleep(1)
            running.microphone.vanish("pulled")
            await asyncio.sleep(7)
            running.microphone.broken = None
            await asyncio.sleep(2)
            later = running.capture.subscribe(preroll=True)
            assert later.drain() == [], "what was heard before the loss is no pre-roll"
            running.microphone.feed(numbered(2)[1])
            assert [number(frame) for frame in subscription.drain()] == [1, 2]
        return running.told

    assert run_virtually(main()) == [(0.0, "back"), (1.0, "lost: pulled"), (8.75, "back")], "0.25 + 0.5 + 7 * 1 s later"


def test_a_microphone_missing_from_the_start_is_told_once() -> None:
    async def main() -> list[tuple[float, str]]:
        running = Running()
        running.microphone.broken = "no sound card"
        async with running:
            await asyncio.sleep(10)
        return running.told

    assert run_virtually(main()) == [(0.0, "lost: no sound card")]


def test_a_microphone_cancelled_while_it_opens_is_closed() -> None:
    class Slow(SimulatedMicrophone):
        closed = 0

        async def open(self, deliver: Callable[[bytes], None], lost: Callable[[str], None]) -> None:
            await asyncio.sleep(3)
            raise AudioDeviceError("never gets here")

        async def close(self) -> None:
            self.closed += 1
            await super().close()

    async def main() -> int:
        microphone = Slow()
        task = asyncio.create_task(Capture(microphone).run(lambda _: None, lambda: None))
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return microphone.closed

    assert run_virtually(main()) == 1
