"""What a load came to, in words, for operators: a table, what went wrong, and how far to trust it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pommai.qa.load_figures import DISTURBING, Step, percentile
from pommai.qa.load_run import Load

_HEAD = (
    ("toys", ""),
    ("turns", ""),
    ("p50", "ms"),
    ("p95", "ms"),
    ("p99", "ms"),
    ("max", "ms"),
    ("silences", ""),
    ("errors", ""),
    ("CPU", "%"),
    ("memory", "MB"),
    ("a toy", "kB"),
    ("own lag", "ms"),
)
_LEGEND = (
    "p50 to max: from the last frame of a turn to the first of its answer, or until the toy gave up. silences: how "
    "often an answer would have broken off in the toy's loudspeaker. CPU, memory: of the gateway; 100 % is one "
    "processor; a toy: by how much it grew for each. own lag: how late this generator itself was, at the 99th "
    "percentile."
)


@dataclass(frozen=True, slots=True)
class About:
    """What was loaded, and how."""

    gateway: str
    habits: str
    seed: int
    own: bool
    """The gateway was started for this load."""


def as_text(load: Load, about: About) -> str:
    """For a terminal."""
    rows = [tuple(name for name, _ in _HEAD), tuple(unit for _, unit in _HEAD), *map(_row, load.steps)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    table = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([f"{about.gateway}, {about.habits}, seed {about.seed}", "", *table, "", *findings(load)])


def as_markdown(load: Load, about: About, pictures: Sequence[str]) -> str:
    """For a file. `pictures` are names of files beside it."""
    head = [f"{name} [{unit}]" if unit else name for name, unit in _HEAD]
    lines = [
        "# Load of a Pommai gateway",
        "",
        f"{about.gateway}, {about.habits}, seed {about.seed}.",
        "",
        *[f"![Latency over toys]({name})" for name in pictures[:1]],
        "",
        f"| {' | '.join(head)} |",
        f"|{' ---: |' * len(head)}",
        *[f"| {' | '.join(_row(step))} |" for step in load.steps],
        "",
        _LEGEND,
        "",
        *[f"- {words}" for words in findings(load)],
    ]
    return "\n".join(lines) + "\n"


def as_json(load: Load, about: About) -> dict[str, Any]:
    """For machines."""
    return {
        "gateway": about.gateway,
        "own_gateway": about.own,
        "habits": about.habits,
        "seed": about.seed,
        "well": load.well,
        "ended": load.ended or None,
        "interrupted": load.interrupted,
        "first_answer_ms": round(1000 * load.first_s, 1),
        "steps": [step.as_json() for step in load.steps],
    }


def findings(load: Load) -> list[str]:
    """Sentences: what went wrong and with how many toys, what else is worth knowing, what not to believe."""
    found = []
    if load.interrupted:
        found.append("interrupted; these are the figures so far")
    if load.ended:
        found.append(f"ended early: {load.ended}")
    if load.steps:
        found.append(f"the very first answer took {1000 * load.first_s:.0f} ms, and is in no figure")
    for step in load.steps:
        found += [f"with {_toys(step.toys)}: {words}" for words in _of_step(step)]
    if load.well and not load.interrupted:
        found.append("no errors")
    return found


def _of_step(step: Step) -> list[str]:
    figures = step.figures
    found = []
    if step.most_up < step.toys:
        found.append(f"at most {step.most_up} were connected at a time")
    found += [f"{count:,} × error {code}" for code, count in figures.errors.most_common()]
    found += [f"{count:,} × {words}" for words, count in figures.failures.most_common()]
    if figures.dry:
        found.append(f"{figures.dry:,} silences in answers, {figures.dry_s:.1f} s in all: frames came too late")
    if figures.rests:
        found.append(f"{figures.rests:,} turns were answered by sending the toy to rest")
    if not figures.answered:
        found.append("no turn was answered, so the latencies are the toys' patience")
    if step.others is not None and step.others > DISTURBING:
        found.append(f"other programs took {step.others:.1f} processors meanwhile; alone, the gateway may be quicker")
    if not figures.trustworthy:
        lag = 1000 * percentile(figures.lags, 0.99)
        found.append(
            f"DO NOT TRUST the latencies: this generator was itself late by {lag:.0f} ms (p99), more than a frame. "
            f"Have fewer toys, or run it on a machine with nothing else to do"
        )
    return found


def _row(step: Step) -> tuple[str, ...]:
    figures, gateway = step.figures, step.gateway
    of_gateway = ("–", "–", "–")
    if gateway is not None:
        memory, grown = gateway.rss_most / 1e6, gateway.bytes_a_toy(step.toys) / 1e3
        of_gateway = (f"{100 * gateway.cpu:.0f}", f"{memory:.0f}", f"{grown:.0f}")
    return (
        f"{step.toys:,}",
        f"{figures.turns:,}",
        *(_ms(figures.latencies, share) for share in (0.5, 0.95, 0.99, 1.0)),
        f"{figures.dry:,}",
        f"{figures.mistakes:,}",
        *of_gateway,
        _ms(figures.lags, 0.99),
    )


def _ms(samples: Sequence[float], share: float) -> str:
    return f"{1000 * percentile(samples, share):.0f}" if samples else "–"


def _toys(count: int) -> str:
    return "1 toy" if count == 1 else f"{count:,} toys"
