"""A soak as a picture: what toy and gateway take over time, and what was broken when."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pommai.qa.picture import draw_picture
from pommai.qa.soak_verdict import Soak

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS: Final = {"toy": "#2f6f8f", "gateway": "#d98b2b"}
_FAULT: Final = "#b5412f"
_ROWS: Final = (
    ("memory_mb", "own memory [MB]"),
    ("handles", "open files"),
    ("threads", "threads"),
    ("tasks", "tasks at rest"),
    ("wakeups", "wakeups/s at rest"),
)


def draw(soak: Soak, paths: Sequence[Path]) -> None:
    """Draw it into files; their suffixes say how: .png, .svg. Raises NoPictureError, OSError."""

    def fill(figure: Figure) -> None:
        axes = figure.subplots(len(_ROWS) + 1, 1, sharex=True, height_ratios=(2, 1, 1, 1, 1, 2.2))
        for (name, label), one in zip(_ROWS, axes[:-1], strict=True):
            _course(one, soak, name)
            one.set_ylabel(label)
        axes[0].legend(frameon=False, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=3)
        _faults(axes[-1], soak)

    draw_picture("What toy and gateway take while things break", (12, 12), fill, paths, dpi=120)


def _course(axes: Axes, soak: Soak, name: str) -> None:
    for recovery in soak.recoveries:
        axes.axvspan(recovery.began / 60, recovery.ended / 60, color=_FAULT, alpha=0.13, linewidth=0)
    axes.axvline(soak.warm_s / 60, color="#9aa1b0", linestyle=":", label="no growth from here on")
    for who, colour in _COLOURS.items():
        looks = [look for look in soak.looks if look.who == who and getattr(look, name) is not None]
        for life in sorted({look.life for look in looks}):
            those = [look for look in looks if look.life == life]
            minutes = [look.at / 60 for look in those]
            values = [getattr(look, name) for look in those]
            axes.plot(minutes, values, color=colour, linewidth=0.8, label=who if life == 1 else None)
        rested = [look for look in looks if look.rests]
        axes.plot(
            [look.at / 60 for look in rested],
            [getattr(look, name) for look in rested],
            color=colour,
            linestyle="",
            marker="o",
            markersize=3,
        )
    axes.set_ylim(bottom=0)


def _faults(axes: Axes, soak: Soak) -> None:
    """Which fault was at work when, and, thinner, until the toy had come out of it."""
    kinds = sorted({recovery.fault.kind for recovery in soak.recoveries}, reverse=True)
    for recovery in soak.recoveries:
        row = kinds.index(recovery.fault.kind)
        out = recovery.ended + max(recovery.rest_s or 0.0, recovery.online_s or 0.0)
        axes.barh(row, (out - recovery.began) / 60, left=recovery.began / 60, height=0.3, color="#c9ced8")
        least = max(recovery.ended - recovery.began, soak.seconds / 400)  # what lasts no time is to be seen, too
        axes.barh(row, least / 60, left=recovery.began / 60, height=0.7, color=_FAULT)
        if recovery.wrongs():
            axes.plot([recovery.ended / 60], [row], marker="x", color="black")
    axes.set_yticks(range(len(kinds)), kinds)
    axes.set_xlabel("minutes; grey: until the toy had come out of it")
    axes.set_xlim(0, max(soak.seconds, 1.0) / 60)
