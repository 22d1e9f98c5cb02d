"""Streams of events: a profile and a seed in, what happens when out."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from random import Random
from typing import NamedTuple

from pommai.qa.profile import NOTHING, Profile, Source


class Coming(NamedTuple):
    """An event that will come at some time, and what may come after it."""

    least_us: int
    span_us: int
    event: str
    data: tuple[tuple[str, tuple[object, ...]], ...]
    next: list[Coming]
    """As often as its weight says; empty: the source rests."""


def stream(profile: Profile, random: Random) -> Iterator[tuple[int, Coming]]:
    """What happens, without end and in the order of time: (microseconds since the start, what).

    Ends when every source rests for ever. Of `random`, only `random()` is called, whose numbers are the same in every
    version of Python and on every machine.
    """
    draw = random.random
    heap: list[tuple[int, int, Coming]] = []
    wakes: dict[str, list[tuple[int, list[Coming]]]] = {}
    resting: set[int] = set()

    def go_on(number: int, now: int, options: list[Coming]) -> None:
        coming = options[int(draw() * len(options))]
        if coming.event != NOTHING:
            resting.discard(number)
            heapq.heappush(heap, (now + coming.least_us + int(coming.span_us * draw()), number, coming))

    for number, source in enumerate(profile.sources):
        options = _options(source)
        resting.add(number)
        for event in source.wakes_on:
            wakes.setdefault(event, []).append((number, options[event]))
        if source.begin is not None:
            go_on(number, 0, options[source.begin])
    while heap:
        at, number, coming = heap[0]
        yield at, coming
        after = coming.next
        following = after[int(draw() * len(after))] if after else None
        if following is None or following.event == NOTHING:
            heapq.heappop(heap)
            resting.add(number)
        else:
            when = at + following.least_us + int(following.span_us * draw())
            heapq.heapreplace(heap, (when, number, following))
        if coming.event in wakes and resting:
            for sleeper, options_then in wakes[coming.event]:
                if sleeper in resting and sleeper != number:
                    go_on(sleeper, at, options_then)


def drawn(coming: Coming, random: Random) -> Mapping[str, object]:
    """The payload, one value of each list."""
    return {key: values[int(random.random() * len(values))] for key, values in coming.data}


def _options(source: Source) -> dict[str, list[Coming]]:
    """What may come after each event of a chain: a list that holds each choice as often as its weight says."""
    after: dict[str, list[Coming]] = {event: [] for event in source.chain}
    for event, choices in source.chain.items():
        for choice in choices:
            coming = Coming(
                choice.least_us,
                choice.span_us + 1,
                choice.event,
                tuple(choice.data.items()),
                after.get(choice.event, []),
            )
            after[event] += [coming] * choice.weight
    return after
