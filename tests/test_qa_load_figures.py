"""What toys measure."""

from __future__ import annotations

import json
import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from load_material import a_step

from pommai.protocol.audio import FRAME_SECONDS
from pommai.protocol.jitter import PREBUFFER
from pommai.protocol.messages import DownAudio
from pommai.qa.load_figures import MOST_REASONS, Figures, Usage, percentile, play


def answer(times: list[float]) -> list[tuple[float, DownAudio]]:
    last = len(times) - 1
    return [(time, DownAudio(0, number, b"x", final=number == last)) for number, time in enumerate(times)]


def test_a_percentile_is_a_sample_and_so_many_are_no_larger() -> None:
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert percentile(list(map(float, range(1, 101))), 0.99) == 99.0
    assert percentile([7.0], 0.01) == 7.0
    assert math.isnan(percentile([], 0.5))


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0.001, 1.0))
def test_at_least_that_share_of_the_samples_is_no_larger(samples: list[float], share: float) -> None:
    found = percentile(samples, share)
    assert found in samples
    assert sum(sample <= found for sample in samples) >= share * len(samples) - 1e-6


def test_an_answer_in_one_burst_plays_without_a_break() -> None:
    playback = play(answer([5.0] * 50))
    assert (playback.dry, playback.dry_s, playback.longest_gap_s) == (0, 0.0, 0.0)
    assert playback.seconds == pytest.approx(50 * FRAME_SECONDS)


def test_a_pause_that_the_buffer_holds_out_is_not_heard() -> None:
    pause = [0.0] * PREBUFFER + [0.04] * 10
    assert play(answer(pause)).dry == 0


def test_a_pause_that_is_longer_than_the_buffer_is_heard_once() -> None:
    playback = play(answer([0.0] * 5 + [0.3] * 20))
    assert playback.dry == 1
    assert playback.dry_s == pytest.approx(0.2, abs=2 * FRAME_SECONDS)
    assert playback.longest_gap_s == pytest.approx(0.3)


def test_two_pauses_are_two_breaks() -> None:
    assert play(answer([0.0] * 5 + [0.3] * 5 + [0.7] * 5)).dry == 2


def test_what_is_waited_for_before_the_first_frame_is_no_break() -> None:
    assert play(answer([0.0, 0.05, 0.06, 0.06, 0.06])).dry == 0


def test_an_answer_that_was_interrupted_has_no_break_at_its_end() -> None:
    playback = play(answer([0.0] * 10)[:-1])
    assert playback.dry == 0
    assert playback.seconds < 1.0


@given(st.lists(st.floats(0, 0.3), min_size=1, max_size=80))
def test_every_answer_comes_to_its_end_whatever_its_gaps(gaps: list[float]) -> None:
    times, now = [], 0.0
    for gap in gaps:
        now += gap
        times.append(now)
    playback = play(answer(times))
    assert playback.seconds >= len(gaps) * FRAME_SECONDS - 1e-6
    assert playback.dry <= len(gaps)


def test_reasons_without_end_are_told_as_other() -> None:
    figures = Figures()
    for number in range(1000):
        figures.fail(f"reason {number}")
    assert len(figures.failures) == MOST_REASONS + 1
    assert figures.failures["other"] == 1000 - MOST_REASONS
    assert figures.mistakes == 1000


def test_a_generator_that_is_late_by_more_than_a_frame_is_not_trusted() -> None:
    assert a_step(lag=0.019).figures.trustworthy
    assert not a_step(lag=0.021).figures.trustworthy
    assert Figures().trustworthy


def test_a_step_is_told_to_machines_in_full() -> None:
    step = a_step(10, gateway=Usage(0.5, 40_000_000, 42_000_000), errors=Counter({"AUDIO_ERROR": 2}))
    told = json.loads(json.dumps(step.as_json(), allow_nan=False))
    assert told["latency_ms"] == {"p50": 20.0, "p95": 300.0, "p99": 300.0, "max": 300.0}
    assert told["gateway"] == {"cpu": 0.5, "rss_before": 40_000_000, "rss_most": 42_000_000, "bytes_a_toy": 200_000}
    assert told["errors"] == {"AUDIO_ERROR": 2}
    assert told["generator"]["trustworthy"]


def test_what_was_not_measured_is_null() -> None:
    told = json.loads(json.dumps(a_step(latencies=()).as_json(), allow_nan=False))
    assert told["latency_ms"]["p99"] is None
    assert told["gateway"] is None
