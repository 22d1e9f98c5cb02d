"""The doctor's round: nothing stops it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from doctor_material import world

from pommai.doctor.finding import Check, Finding, Mark, Run, broken, ok
from pommai.doctor.round import Result, examine, would_not_work
from pommai.doctor.surroundings import Surroundings


async def well(_: Surroundings) -> Finding:
    return ok("well")


async def ill(_: Surroundings) -> Finding:
    return broken("ill", "rest")


async def stumbles(_: Surroundings) -> Finding:
    raise ZeroDivisionError("over nothing")


async def hangs(_: Surroundings) -> Finding:
    await asyncio.Event().wait()
    raise AssertionError


def check(name: str, run: Run, **more: object) -> Check:
    return Check(name, "Group", name, run, **more)  # type: ignore[arg-type]


def round_of(tmp_path: Path, *checks: Check) -> list[Result]:
    return asyncio.run(examine(world(tmp_path), checks))


def test_checks_are_run_in_their_order_and_told_of(tmp_path: Path) -> None:
    told: list[str] = []
    asyncio.run(
        examine(
            world(tmp_path),
            [check("one", well), check("two", ill)],
            begin=lambda check, number: told.append(f"{number} {check.id}"),
            end=lambda result: told.append(result.finding.words),
        )
    )
    assert told == ["0 one", "well", "1 two", "ill"]


def test_what_stands_on_something_broken_is_not_tried(tmp_path: Path) -> None:
    results = round_of(tmp_path, check("base", ill), check("upper", well, after=("base",)), check("other", well))
    assert [result.finding.mark for result in results] == [Mark.BROKEN, Mark.NOTE, Mark.OK]
    assert results[1].finding.words == "not tried, for `base` is broken"
    assert [result.check.id for result in would_not_work(results)] == ["base"]


def test_what_stands_on_a_check_that_was_not_asked_for_is_tried(tmp_path: Path) -> None:
    (result,) = round_of(tmp_path, check("upper", well, after=("base",)))
    assert result.finding.mark is Mark.OK


def test_a_check_that_fails_itself_is_a_finding_and_the_next_is_run(tmp_path: Path) -> None:
    results = round_of(tmp_path, check("bad", stumbles), check("good", well))
    assert results[0].finding.mark is Mark.WRONG
    assert "ZeroDivisionError in pommai.doctor.round, line " in results[0].finding.words
    assert "over nothing" not in results[0].finding.words, "an error's words may hold a secret"
    assert results[1].finding.mark is Mark.OK


def test_a_check_that_hangs_is_ended(tmp_path: Path) -> None:
    results = round_of(tmp_path, check("stuck", hangs, seconds=0.01), check("good", well))
    assert "no answer" in results[0].finding.words
    assert results[1].finding.mark is Mark.OK
