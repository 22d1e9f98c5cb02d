"""The beat of devices without a clock of their own."""

from __future__ import annotations

import asyncio

import pytest
from audio_material import VirtualLoop, run_virtually

from pommai.io.ticker import MAX_CATCH_UP, Ticker


def loop() -> VirtualLoop:
    running = asyncio.get_running_loop()
    assert isinstance(running, VirtualLoop)
    return running


def test_a_thousand_beats_take_twenty_seconds_and_do_not_drift() -> None:
    async def main() -> list[float]:
        beats: list[float] = []
        ticker = Ticker(lambda: beats.append(loop().time()))
        ticker.start()
        await asyncio.sleep(20.01)
        ticker.stop()
        return beats

    beats = run_virtually(main())
    assert len(beats) == 1000
    assert all(abs(beat - 0.02 * (index + 1)) < 1e-6 for index, beat in enumerate(beats))


def test_beats_missed_in_a_stall_are_made_up_for_and_the_next_one_is_on_time() -> None:
    async def main() -> list[float]:
        beats: list[float] = []
        ticker = Ticker(lambda: beats.append(loop().time()))
        ticker.start()
        await asyncio.sleep(0.025)
        loop().stall(0.1)
        await asyncio.sleep(0.02)
        ticker.stop()
        return beats

    beats = run_virtually(main())
    assert [round(beat, 3) for beat in beats] == [0.02, 0.125, 0.125, 0.125, 0.125, 0.125, 0.14]


def test_after_a_long_stall_a_second_is_made_up_for_and_the_rest_skipped() -> None:
    async def main() -> int:
        beats = 0

        def tick() -> None:
            nonlocal beats
            beats += 1

        ticker = Ticker(tick)
        ticker.start()
        loop().stall(3600)
        await asyncio.sleep(0.01)
        ticker.stop()
        return beats

    assert MAX_CATCH_UP <= run_virtually(main()) <= MAX_CATCH_UP + 1


def test_a_beat_that_fails_is_reported_and_the_next_one_comes() -> None:
    async def main() -> tuple[int, int]:
        errors = 0
        beats = 0

        def report(_loop: asyncio.AbstractEventLoop, _context: dict[str, object]) -> None:
            nonlocal errors
            errors += 1

        def tick() -> None:
            nonlocal beats
            beats += 1
            raise ValueError("of this beat")

        loop().set_exception_handler(report)
        ticker = Ticker(tick)
        ticker.start()
        await asyncio.sleep(0.07)
        ticker.stop()
        return beats, errors

    assert run_virtually(main()) == (3, 3)


@pytest.mark.parametrize("again", [False, True])
def test_a_beat_may_stop_the_beating_and_start_it_again(again: bool) -> None:
    async def main() -> int:
        beats = 0

        def tick() -> None:
            nonlocal beats
            beats += 1
            if beats == 2:
                ticker.stop()
                if again:
                    ticker.start()

        ticker = Ticker(tick)
        ticker.start()
        await asyncio.sleep(0.105)
        ticker.stop()
        return beats

    assert run_virtually(main()) == (5 if again else 2)
