"""From a stream that failed to a replay file one can read: told again, cut short, shrunk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from pommai.chart.prove_story import schedule
from pommai.qa.campaign import Result
from pommai.qa.replay_file import Happening, Replay
from pommai.qa.shrink import shrink
from pommai.qa.situation import Check
from pommai.qa.table_engine import TableEngine
from pommai.qa.table_replay import Told, asked_only, play
from pommai.qa.toy_engine import ToyEngine

TOY_ATTEMPTS: Final = 400
"""Most toys that are played with to find a shorter list: each takes a moment."""


def minimal_on_toy(engine: ToyEngine, result: Result, seed: int) -> tuple[Replay, list[Told]]:
    """The shortest list of deeds found that fails as the campaign did, and the events that come of it."""
    assert result.failure is not None
    table, why = engine.ground.table, result.failure.why
    record: list[Happening] = []
    engine.run(seed, result.failed_stream, result.failed_events, record)

    def fails(part: Sequence[Happening]) -> bool:
        failure = engine.replay(part).failure
        return failure is not None and failure.why == why

    short = [] if fails([]) else shrink(record, fails, limit=TOY_ATTEMPTS)
    told: list[Told] = []
    engine.replay(short, told=told.append)
    name = engine.profile.name
    return Replay(table.name, table.source_sha256, "toy", tuple(short), why, name, seed), told


def minimal_on_table(
    engine: TableEngine, result: Result, seed: int, checks: Sequence[Check]
) -> tuple[Replay, list[Told]]:
    """The shortest list of events found that fails as the campaign did, and what each of them does.

    The beginning cannot be left out: it is part of every stream.
    """
    assert result.failure is not None
    table, why = engine.ground.table, result.failure.why
    record: list[Happening] = []
    engine.run(seed, result.failed_stream, result.failed_events, record)
    start, events = record[:1], record[1:]

    def fails(part: Sequence[Happening]) -> bool:
        return play(table, [*start, *part], checks)[-1].wrong == why

    short = [] if fails([]) else shrink(events, fails)
    told = _in_time(play(table, [*start, *short], checks))
    replay = Replay(
        chart=table.name,
        source_sha256=table.source_sha256,
        engine="table",
        happenings=asked_only(told),
        why=why,
        profile=engine.profile.name,
        seed=seed,
    )
    return replay, told


def _in_time(told: Sequence[Told]) -> list[Told]:
    """Each event as early as it can come when those between are left out: a timer fires when it is due."""
    there = [one for one in told if not one.dropped]
    seconds, _ = schedule([(one.happening.name, one.moment.step) for one in there])
    return [replace(one, happening=replace(one.happening, at=at)) for one, at in zip(there, seconds, strict=True)]
