"""A load as a picture: how latency grows with the toys, and what the gateway takes for it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pommai.qa.load_figures import Step, percentile
from pommai.qa.picture import draw_picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SHARES: Final = ((0.99, "p99", "#b5412f"), (0.95, "p95", "#d98b2b"), (0.5, "p50", "#2f6f8f"))
_CPU, _MEMORY = "#4a4f5c", "#7a5ea8"


def draw(steps: Sequence[Step], about: str, paths: Sequence[Path]) -> None:
    """Draw the steps into files; their suffixes say how: .png, .svg.

    One step alone is no line: then it is shown how many turns had which latency. Raises NoPictureError, OSError.
    """

    def fill(figure: Figure) -> None:
        if len(steps) > 1:
            upper, lower = figure.subplots(2, 1, height_ratios=(3, 2))
            _latency_over_toys(upper, steps)
            _cost(lower, steps)
            words = about
        else:
            upper = figure.subplots()
            words = f"{_in_words(steps[0])}; {about}"
            _latencies(upper, steps[0])
        upper.set_title(words, fontsize=9, color="#6a7180")

    size = (9, 7.5 if len(steps) > 1 else 5)
    draw_picture("How soon the gateway answers, and what it takes", size, fill, paths)


def _in_words(step: Step) -> str:
    gateway = step.gateway
    toys = "1 toy" if step.toys == 1 else f"{step.toys:,} toys"
    if gateway is None:
        return toys
    return f"{toys}, {100 * gateway.cpu:.0f} % of a processor, {gateway.bytes_a_toy(step.toys) / 1e3:.0f} kB a toy"


def _latency_over_toys(axes: Axes, steps: Sequence[Step]) -> None:
    from matplotlib.ticker import LogLocator

    toys = [step.toys for step in steps]
    answered = [step for step in steps if step.figures.latencies]
    for share, name, colour in _SHARES:
        points = [(step.toys, 1000 * percentile(step.figures.latencies, share)) for step in answered]
        axes.plot([x for x, _ in points], [y for _, y in points], marker="o", color=colour, label=name)
        if name != "p95":  # three numbers at each point would cover each other
            for x, y in points:
                _say(axes, f"{y:,.0f}", x, y, colour, above=name == "p99")
    doubtful = [step.toys for step in steps if not step.figures.trustworthy]
    for number, x in enumerate(doubtful):
        words = "the generator itself was late: not to be trusted" if number == 0 else None
        axes.axvline(x, color="#c9ced8", linewidth=9, alpha=0.5, zorder=0, label=words)
    axes.set_ylabel("last frame of a turn to first of its answer [ms]")
    axes.set_yscale("log")  # a queue that builds up costs not twice the time, but a hundred times
    axes.yaxis.set_minor_locator(LogLocator(subs=(2, 5)))
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.yaxis.set_minor_formatter("{x:,.0f}")
    if answered:
        lowest = min(percentile(step.figures.latencies, 0.5) for step in answered)
        highest = max(percentile(step.figures.latencies, 0.99) for step in answered)
        axes.set_ylim(max(1000 * lowest / 2, 0.5), 1000 * highest * 2 + 1)
    axes.set_xticks(toys)
    axes.legend(frameon=False, loc="upper left")


def _say(axes: Axes, words: str, x: float, y: float, colour: str, *, above: bool) -> None:
    """Write at a point."""
    offset = (0, 8 if above else -15)
    ground = {"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.5}
    axes.annotate(words, (x, y), offset, textcoords="offset points", ha="center", color=colour, bbox=ground)


def _latencies(axes: Axes, step: Step) -> None:
    values = [1000 * value for value in step.figures.latencies]
    axes.hist(values, bins=40, color="#a9c4d4")
    for share, name, colour in _SHARES:
        value = percentile(values, share)
        if value == value:
            axes.axvline(value, color=colour, label=f"{name} {value:,.0f} ms")
    axes.set_xlabel("last frame of a turn to first of its answer [ms]")
    axes.set_ylabel("turns")
    axes.set_xlim(left=0)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    if values:
        axes.legend(loc="upper right", framealpha=1.0, edgecolor="none")


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
    tops = [1.35 * max(*values, 1e-9) for values in (used, grown)]
    axes.set_ylim(0, tops[0])
    other.set_ylim(0, tops[1])
    for x, percent, kilobytes in zip(toys, used, grown, strict=True):
        higher = percent / tops[0] >= kilobytes / tops[1]  # the higher one's words go above, the other's below
        _say(axes, f"{percent:.0f} %", x, percent, _CPU, above=higher)
        _say(other, f"{kilobytes:.0f} kB", x, kilobytes, _MEMORY, above=not higher)
