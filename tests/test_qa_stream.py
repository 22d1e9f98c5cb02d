"""Streams: the same seed gives the same events, byte for byte, on any machine and any Python."""

from __future__ import annotations

import hashlib
from collections import Counter
from itertools import islice, pairwise
from random import Random

import pytest
from qa_material import profile_of

from pommai.qa.profile import load_profile, shipped_profiles
from pommai.qa.stream import drawn, stream

COIN = """
sources:
  coin:
    begin: link.up
    chain:
      link.up:
        - {weight: 9, wait: 1s, then: link.up}
        - {weight: 1, wait: 2s..3s, then: link.down}
      link.down: {wait: 1s, then: link.up}
"""
DIGESTS = {
    "child": "ffdd3b5b1546c39a",
    "flaky-wifi": "9d1a48d90c14f677",
    "hostile": "c10e3bc6979e6153",
    "night": "ad961f142e86fd2e",
}
"""A profile that was edited has other streams, and old seeds another meaning: say so in the commit."""


def text_of(name: str, count: int = 2_000) -> str:
    random = Random(7)
    lines = []
    for at, coming in islice(stream(load_profile(name), random), count):
        lines.append(f"{at} {coming.event} {dict(drawn(coming, random))}")
    return "\n".join(lines)


@pytest.mark.parametrize("name", sorted(shipped_profiles()))
def test_the_same_seed_gives_the_same_stream_on_every_machine(name: str) -> None:
    assert hashlib.sha256(text_of(name).encode()).hexdigest()[:16] == DIGESTS[name]


def test_time_never_goes_back() -> None:
    times = [at for at, _ in islice(stream(load_profile("hostile"), Random(1)), 5_000)]
    assert all(a <= b for a, b in pairwise(times))


def test_what_comes_next_is_drawn_by_weight_and_comes_after_its_wait() -> None:
    happened = list(islice(stream(profile_of(COIN), Random(3)), 10_000))
    after = Counter((a.event, b.event) for (_, a), (_, b) in pairwise(happened))
    ups = after["link.up", "link.up"] + after["link.up", "link.down"]
    assert 0.88 < after["link.up", "link.up"] / ups < 0.92
    assert after["link.down", "link.down"] == 0
    waits = {b.event: set() for _, b in happened}
    for (at, _), (then, coming) in pairwise(happened):
        waits[coming.event].add(then - at)
    assert waits["link.up"] == {1_000_000}
    assert 2_000_000 <= min(waits["link.down"]) <= max(waits["link.down"]) <= 3_000_000


def test_a_source_rests_and_goes_on_when_another_one_wakes_it() -> None:
    profile = profile_of("""
        sources:
          button:
            begin: button.released
            chain:
              button.released: {wait: 10s, then: button.pressed}
              button.pressed: {wait: 1s, then: button.released}
          cloud:
            wakes_on: button.released
            chain:
              button.released: {wait: 2s, then: reply.started}
              reply.started: {wait: 1s, then: reply.finished}
        """)
    told = [(at // 1_000_000, coming.event) for at, coming in islice(stream(profile, Random(1)), 8)]
    assert told[:5] == [
        (10, "button.pressed"),
        (11, "button.released"),
        (13, "reply.started"),
        (14, "reply.finished"),
        (21, "button.pressed"),
    ]


def test_a_stream_ends_when_every_source_rests_for_ever() -> None:
    profile = profile_of("""
        sources:
          link:
            begin: link.connecting
            chain:
              link.connecting: {wait: 1s, then: link.up}
        """)
    assert [coming.event for _, coming in stream(profile, Random(1))] == ["link.up"]
