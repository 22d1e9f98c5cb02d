"""What a soak might have seen, made up."""

from __future__ import annotations

from typing import Any

from pommai.qa.soak_kept import Ledger
from pommai.qa.soak_plan import Fault
from pommai.qa.soak_verdict import Recovery, Soak
from pommai.qa.soak_watch import Look


def a_look(at: float, who: str = "toy", **more: Any) -> Look:
    """At a still moment; like all others, unless it is said how it differs."""
    usual: dict[str, Any] = {
        "life": 1,
        "rests": True,
        "memory_mb": 60.0,
        "handles": 18,
        "threads": 9,
        "wakeups": 150.0,
        "tasks": 17,
        "objects": 64_000,
        "file_mb": 0.5,
        "log_lines": int(at),
    }
    return Look(at=at, who=who, **usual | more)


def a_recovery(number: int, kind: str = "link cut", **more: Any) -> Recovery:
    """A fault that the toy came out of in a second."""
    usual: dict[str, Any] = {
        "words": "",
        "began": 10.0 * number,
        "ended": 10.0 * number + 2.0,
        "rest_s": 1.0,
        "online_s": 0.5,
        "answered": True,
    }
    return Recovery(Fault(number, kind, 2.0, 1.0, 0.5), **usual | more)


def a_soak(seconds: float = 1800.0, **more: Any) -> Soak:
    """Half an hour in which all went well; `more` of a look of the toy is by how much it grows in an hour."""
    soak = Soak(1, hasty=False, ledger=Ledger("soak-1"), seconds=seconds)
    for at in range(0, int(seconds), 40):
        grown = {name: getattr(a_look(0), name) + an_hour * at / 3600 for name, an_hour in more.items()}
        soak.looks += [a_look(at, **grown), a_look(at, "gateway")]
    soak.recoveries = [a_recovery(1), a_recovery(2, "card lost")]
    soak.stills = [40.0]
    soak.lives = {"toy": 1, "gateway": 3}
    soak.planned = {"toy": 1, "gateway": 3}
    soak.ledger.waiting = 0
    return soak
