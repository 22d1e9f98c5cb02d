"""The doctor's round: one check after another, none of which can stop the others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pommai.doctor.crash import crashed
from pommai.doctor.finding import Check, Finding, Mark, note, wrong
from pommai.doctor.surroundings import Surroundings


@dataclass(frozen=True, slots=True)
class Result:
    """What one check found, and how long it took."""

    check: Check
    finding: Finding
    seconds: float


async def examine(
    surroundings: Surroundings,
    checks: Sequence[Check],
    *,
    begin: Callable[[Check, int], None] = lambda check, number: None,
    end: Callable[[Result], None] = lambda result: None,
) -> list[Result]:
    """Run the checks in their order. `begin` and `end` are told of each; `number` counts from 0.

    A check that fails itself, or takes too long, is a finding too.
    """
    results: list[Result] = []
    loop = asyncio.get_running_loop()
    for number, check in enumerate(checks):
        begin(check, number)
        began = loop.time()
        bad = [r.check.id for r in results if r.check.id in check.after and r.finding.mark is Mark.BROKEN]
        finding = note(f"not tried, for `{bad[0]}` is broken") if bad else await _run(check, surroundings)
        results.append(Result(check, finding, loop.time() - began))
        end(results[-1])
    return results


async def _run(check: Check, surroundings: Surroundings) -> Finding:
    again = f"pommai doctor --only {check.id}"
    try:
        async with asyncio.timeout(check.seconds):
            return await check.run(surroundings)
    except TimeoutError:
        return wrong(f"no answer within {check.seconds:.0f} s", f"{again}; dmesg may say what hangs")
    except Exception as caught:
        # A doctor who stumbles says so, and goes on to the next bed.
        return crashed(caught, check.id)


def would_not_work(results: Sequence[Result]) -> list[Result]:
    """Those for which the toy would not work."""
    return [result for result in results if result.finding.mark is Mark.BROKEN]
