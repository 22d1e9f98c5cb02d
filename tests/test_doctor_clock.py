"""The clock, set and unset, against what servers say."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from doctor_material import NOON, settings, world

from pommai.doctor.clock import clock
from pommai.doctor.finding import Finding, Mark


def told(folder: Path, *, ahead: float | None = None, synchronised: bool = False, **more: Any) -> Finding:
    there = world(folder, **more)
    if ahead is not None:
        there.server_minus_own.append(ahead)
    return asyncio.run(clock(there, lambda: synchronised))


def test_a_clock_set_by_a_time_server_or_agreeing_with_ours_is_well(tmp_path: Path) -> None:
    assert told(tmp_path, synchronised=True).mark is Mark.OK
    assert told(tmp_path, ahead=2.0).words.endswith("the server agrees within 2 s")
    assert told(tmp_path, ahead=2.0).mark is Mark.OK


def test_a_clock_that_nobody_vouches_for_is_noted(tmp_path: Path) -> None:
    assert told(tmp_path).mark is Mark.NOTE


def test_a_clock_that_the_server_disagrees_with_is_wrong(tmp_path: Path) -> None:
    assert "60 minutes behind the server" in told(tmp_path, ahead=3600.0, synchronised=True).words
    assert told(tmp_path, ahead=-3600.0).mark is Mark.WRONG


def test_1970_is_wrong_and_where_there_are_certificates_it_is_broken(tmp_path: Path) -> None:
    assert told(tmp_path, wall=lambda: 60.0).mark is Mark.WRONG
    secure = settings(tmp_path, url="wss://toys.example/")
    found = told(tmp_path, wall=lambda: 60.0, settings=secure, synchronised=True)
    assert (found.mark, "1970" in found.words) == (Mark.BROKEN, True)


def test_no_time_is_too_odd(tmp_path: Path) -> None:
    for wall in (-1e18, 1e18, NOON):
        told(tmp_path, wall=lambda wall=wall: wall)
