"""What a soak came to, in words."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pommai.qa.soak_plan import KINDS
from pommai.qa.soak_verdict import GROWTH, Soak, slowest

_FAULTS = ("fault", "times", "to rest [s]", "allowed", "to online [s]", "allowed")
_GROWTH = ("who", "what", "before", "after", "")


def as_text(soak: Soak) -> str:
    """For a terminal."""
    faults = [_FAULTS, *_fault_rows(soak)]
    growths = [_GROWTH, *_growth_rows(soak)]
    return "\n".join([_head(soak), "", *_table(faults), "", *_table(growths), "", *findings(soak)])


def as_markdown(soak: Soak, pictures: Sequence[str]) -> str:
    """For a file. `pictures` are names of files beside it."""
    lines = [
        "# A soak of toy and gateway",
        "",
        f"{_head(soak)}.",
        "",
        *[f"![What they take, over time]({name})" for name in pictures[:1]],
        "",
        *_markdown(_FAULTS, _fault_rows(soak)),
        "",
        "Longest after the end of a fault until the toy rested, and until its server was there again.",
        "",
        *_markdown(_GROWTH, _growth_rows(soak)),
        "",
        f"The least at still moments, in the first and the last third of what comes after {soak.warm_s:.0f} s; of "
        "who was started again meanwhile, the most in the last third and before.",
        "",
        *[f"- {words}" for words in findings(soak)],
        "",
        "Who did what:",
        "",
        *[f"- {who}: {_counts(did)}" for who, did in soak.did.items()],
    ]
    return "\n".join(lines) + "\n"


def findings(soak: Soak) -> list[str]:
    """Sentences: what went wrong, or that nothing did; and what was done."""
    found = []
    if soak.interrupted:
        found.append("interrupted; this is what was seen so far")
    found += [f"WRONG: {words}" for words in soak.verdict]
    ledger = soak.ledger
    archived = len(ledger.seen.keys() & ledger.archived.keys())
    found.append(f"{len(ledger.seen):,} conversations seen in the toy's memory, {archived:,} of them at the gateway")
    if soak.no_disks:
        found.append(f"no disk was full, files could not grow instead (EFBIG): nothing can be mounted, {soak.no_disks}")
    if soak.busy:
        found.append(
            f"others kept the machine busy at {soak.busy:,} of {len(soak.stills):,} still moments: wakeups were not "
            "counted then"
        )
    if not soak.growths():
        found.append("it was too short to say whether anything grows")
    if not soak.verdict:
        found.append("nothing went wrong")
    return found


def _head(soak: Soak) -> str:
    minutes, seconds = divmod(round(soak.seconds), 60)
    return (
        f"{minutes} min {seconds} s, seed {soak.seed}, {len(soak.recoveries):,} faults, "
        f"{len(soak.stills):,} still moments"
    )


def _fault_rows(soak: Soak) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for name, kind in KINDS.items():
        times, rest_s, online_s = slowest(soak.recoveries, name)
        if times:
            rows.append((name, str(times), _s(rest_s), f"{kind.rest_s:g}", _s(online_s), f"{kind.online_s:g}"))
    return rows


def _growth_rows(soak: Soak) -> list[tuple[str, ...]]:
    return [
        (
            each.who,
            GROWTH[each.name].words,
            f"{each.before:,.1f}",
            f"{each.after:,.1f}",
            "TOO MUCH" if each.too_much else "",
        )
        for each in soak.growths()
    ]


def _s(seconds: float) -> str:
    return "never" if math.isnan(seconds) else f"{seconds:.1f}"


def _counts(did: dict[str, int]) -> str:
    return ", ".join(f"{what} {often:,} ×" for what, often in sorted(did.items())) or "nothing"


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}", *[f"| {' | '.join(row)} |" for row in rows]]
