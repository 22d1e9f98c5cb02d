"""The ring that all speakers share, seen through the simulated one."""

from __future__ import annotations

import asyncio

import pytest
from audio_material import number, numbered, run_virtually

from pommai.io.simulated_audio import SimulatedSpeaker
from pommai.protocol.audio import SILENCE


def never(reason: str) -> None:
    raise AssertionError(reason)


def test_the_speaker_plays_fifty_frames_a_second_in_order() -> None:
    async def main() -> None:
        speaker = SimulatedSpeaker()
        await speaker.open(never)
        for frame in numbered(10):
            assert speaker.write(frame)
        await speaker.drained()
        assert asyncio.get_running_loop().time() == pytest.approx(0.2)
        assert [number(frame) for _, frame in speaker.played] == list(range(1, 11))
        times = [time for time, _ in speaker.played]
        assert times == pytest.approx([0.02 * (index + 1) for index in range(10)])
        await speaker.close()

    run_virtually(main())


def test_a_full_ring_takes_nothing_more_and_says_so() -> None:
    async def main() -> None:
        speaker = SimulatedSpeaker(capacity=5)
        assert not speaker.write(SILENCE)
        await speaker.open(never)
        assert [speaker.write(frame) for frame in numbered(6)] == [True] * 5 + [False]
        assert (speaker.queued, speaker.capacity) == (5, 5)
        await asyncio.sleep(0.021)
        assert speaker.queued == 4
        assert speaker.write(SILENCE)
        await speaker.close()
        assert speaker.queued == 0
        assert not speaker.write(SILENCE)

    run_virtually(main())


def test_flushing_silences_the_speaker_and_ends_the_waiting_for_it() -> None:
    async def main() -> list[int]:
        speaker = SimulatedSpeaker()
        await speaker.open(never)
        for frame in numbered(30):
            speaker.write(frame)
        waiting = asyncio.create_task(speaker.drained())
        await asyncio.sleep(0.05)
        speaker.flush()
        await waiting
        assert asyncio.get_running_loop().time() == pytest.approx(0.05)
        speaker.write(numbered(100)[99])
        await speaker.drained()
        await speaker.close()
        return [number(frame) for _, frame in speaker.played]

    assert run_virtually(main()) == [1, 2, 100]


@pytest.mark.parametrize("ending", ["close", "vanish"])
def test_nobody_waits_for_a_speaker_that_is_gone(ending: str) -> None:
    async def main() -> list[str]:
        reasons: list[str] = []
        speaker = SimulatedSpeaker()
        await speaker.drained()
        await speaker.open(reasons.append)
        speaker.write(SILENCE)
        waiting = asyncio.create_task(speaker.drained())
        await asyncio.sleep(0)
        if ending == "close":
            await speaker.close()
        else:
            speaker.vanish("pulled")
        await waiting
        await speaker.close()
        return reasons

    assert run_virtually(main()) == ([] if ending == "close" else ["pulled"])


def test_a_speaker_that_was_closed_can_be_opened_anew() -> None:
    async def main() -> list[int]:
        speaker = SimulatedSpeaker()
        for frame in numbered(2):
            await speaker.open(never)
            speaker.write(frame)
            await speaker.drained()
            await speaker.close()
        return [number(frame) for _, frame in speaker.played]

    assert run_virtually(main()) == [1, 2]


def test_only_a_short_hole_in_a_sound_counts_as_an_underrun() -> None:
    async def main() -> list[int]:
        counts = []
        speaker = SimulatedSpeaker()
        await speaker.open(never)
        for hole in (1.0, 0.0, 0.1, 0.5):
            await asyncio.sleep(hole)
            speaker.write(SILENCE)
            await speaker.drained()
            counts.append(speaker.underruns)
        await speaker.close()
        return counts

    assert run_virtually(main()) == [0, 0, 1, 1]


@pytest.mark.parametrize("again", ["flushed", "closed and opened"])
def test_who_speaks_again_after_being_silenced_has_left_no_hole(again: str) -> None:
    async def main() -> int:
        speaker = SimulatedSpeaker()
        await speaker.open(never)
        for frame in numbered(10):
            speaker.write(frame)
        await asyncio.sleep(0.05)
        if again == "flushed":
            speaker.flush()
        else:
            await speaker.close()
            await speaker.open(never)
        await asyncio.sleep(0.05)
        speaker.write(SILENCE)
        await speaker.drained()
        await speaker.close()
        return speaker.underruns

    assert run_virtually(main()) == 0


def test_what_is_to_be_played_instead_is_there_at_the_very_next_turn_and_a_closed_speaker_takes_nothing() -> None:
    async def main() -> None:
        speaker = SimulatedSpeaker()
        assert not speaker.flush(numbered(1))
        await speaker.open(never)
        for frame in numbered(30):
            speaker.write(frame)
        await asyncio.sleep(0.05)
        assert speaker.flush(numbered(52)[50:])
        waiting = asyncio.create_task(speaker.drained())
        await waiting
        assert asyncio.get_running_loop().time() == pytest.approx(0.08)
        assert [number(frame) for _, frame in speaker.played] == [1, 2, 51, 52]
        await speaker.close()
        assert not speaker.flush(numbered(1))
        assert speaker.queued == 0

    run_virtually(main())
