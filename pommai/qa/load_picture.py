"""A load as a picture: how latency grows with the toys, and what the gateway takes for it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pommai.errors import PommaiError
from pommai.qa.load_figures import Step, percentile

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SHARES: Final = ((0.99, "p99", "#b5412f"), (0.95, "p95", "#d98b2b"), (0.5, "p50", "#2f6f8f"))
_CPU, _MEMORY = "#4a4f5c", "#7a5ea8"
_STYLE: Final[Any] = {  # matplotlib's own type has a Literal of three hundred names
    "svg.fonttype": "none",  # text stays text: it can be searched and read aloud
    "svg.hashsalt": "pommai",  # the same figures make the same file
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e7ee",
    "axes.edgecolor": "#9aa1b0",
    "axes.axisbelow": True,
}


class NoPictureError(PommaiError):
    """There is no matplotlib. The message says how to get it."""


def draw(steps: Sequence[Step], about: str, paths: Sequence[Path]) -> None:
    """Draw the steps into files; their suffixes say how: .png, .svg.

    With one step alone, latencies are shown by how many turns had them. Raises NoPictureError, OSError.
    """
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError:
        raise NoPictureError(
            "there is no picture, because matplotlib is not installed; get it with: pip install 'pommai[load]'"
        ) from None
    with rc_context(_STYLE):
        figure = Figure(figsize=(9, 7.5), layout="constrained")
        upper, lower = figure.subplots(2, 1, height_ratios=(3, 2))
        figure.suptitle("How soon the gateway answers, and what it takes", fontsize=14, fontweight="bold")
        upper.set_title(about, fontsize=9, color="#6a7180")
        if len(steps) > 1:
            _latency_over_toys(upper, steps)
        else:
            _latencies(upper, steps[0])
        _cost(lower, steps)
        for path in paths:
            figure.savefig(path, dpi=150, metadata={"Date": None} if path.suffix == ".svg" else None)


def _latency_over_toys(axes: Axes, steps: Sequence[Step]) -> None:
    toys = [step.toys for step in steps]
    for share, name, colour in _SHARES:
        values = [1000 * percentile(step.figures.latencies, share) for step in steps]
        axes.plot(toys, values, marker="o", color=colour, label=name)
        if share != 0.95:  # three numbers at each point cover each other
            offset = 8 if share == 0.99 else -14
            for x, y in zip(toys, values, strict=True):
                if y == y:  # not a number: nothing was answered
                    axes.annotate(
                        f"{y:.0f}", (x, y), (0, offset), textcoords="offset points", ha="center", color=colour
                    )
    doubtful = [step.toys for step in steps if not step.figures.trustworthy]
    for number, x in enumerate(doubtful):
        words = "the generator itself was late: not to be trusted" if number == 0 else None
        axes.axvline(x, color="#c9ced8", linewidth=9, alpha=0.5, zorder=0, label=words)
    axes.set_ylabel("last frame of a turn to first of its answer [ms]")
    axes.set_ylim(bottom=0)
    axes.margins(y=0.15)
    axes.set_xticks(toys)
    axes.legend(frameon=False, loc="upper left")


def _latencies(axes: Axes, step: Step) -> None:
    values = [1000 * value for value in step.figures.latencies]
    axes.hist(values, bins=40, color="#a9c4d4")
    for share, name, colour in _SHARES:
        value = percentile(values, share)
        if value == value:
            axes.axvline(value, color=colour, label=f"{name} {value:.0f} ms")
    axes.set_xlabel("last frame of a turn to first of its answer [ms]")
    axes.set_ylabel("turns")
    axes.set_xlim(left=0)
    if values:
        axes.legend(frameon=False, loc="upper right")


def _cost(axes: Axes, steps: Sequence[Step]) -> None:
    known = [(step.toys, step.gateway) for step in steps if step.gateway is not None]
    axes.set_xlabel("toys at once")
    if not known:
        axes.text(0.5, 0.5, "processor and memory: say --pid to have them", ha="center", transform=axes.transAxes)
        axes.set_yticks([])
        return
    toys = [count for count, _ in known]
    used = [100 * usage.cpu for _, usage in known]
    grown = [usage.bytes_a_toy(count) / 1e3 for count, usage in known]
    axes.plot(toys, used, marker="s", color=_CPU)
    axes.set_ylabel("processor [%], 100 is one core", color=_CPU)
    other = axes.twinx()
    other.grid(visible=False)
    other.plot(toys, grown, marker="^", color=_MEMORY)
    other.set_ylabel("memory a toy [kB]", color=_MEMORY)
    axes.set_xticks(toys)
    for axis, values, unit, colour, above in ((axes, used, "%", _CPU, 8), (other, grown, "kB", _MEMORY, -15)):
        axis.set_ylim(0, 1.35 * max(*values, 1e-9))
        for x, y in zip(toys, values, strict=True):
            axis.annotate(f"{y:.0f} {unit}", (x, y), (0, above), textcoords="offset points", ha="center", color=colour)
