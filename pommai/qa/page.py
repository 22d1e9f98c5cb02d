"""Coverage as a page: figures, the chart coloured by visits, and what was never visited."""

from __future__ import annotations

import math
from collections.abc import Iterable
from html import escape

from pommai.qa.coverage import Coverage, Leaf

COLD = "#f3d9d3"
"""A state no step began in."""
SHOWN = 200
"""Most lines of what was not visited."""
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #2b2f38; margin: 2rem auto; max-width: 1500px; padding: 0 1.5rem; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2.2rem 0 .6rem; } p { margin: .3rem 0; }
.soft { color: #7a8190; } .figures { display: flex; flex-wrap: wrap; gap: 1rem; margin: 1.4rem 0; }
.figure { flex: 1 1 12rem; border: 1px solid #e2e5ec; border-radius: 10px; padding: .8rem 1rem; }
.figure b { font-size: 1.7rem; font-weight: 600; display: block; } .bar { height: 6px; background: #eceef3;
border-radius: 3px; overflow: hidden; margin-top: .5rem; } .bar i { display: block; height: 100%; background: #2f8f6b; }
.chart { border: 1px solid #e2e5ec; border-radius: 10px; padding: 1rem; overflow-x: auto; }
.chart svg { width: 100%; height: auto; min-width: 1000px; }
.key i { display: inline-block; width: 1.1em; height: 1.1em; border-radius: 4px; vertical-align: -.2em;
margin: 0 .35em 0 1em; border: 1px solid #c3c8d2; } .failed { background: #fdecea; border-left: 4px solid #c0392b;
padding: .7rem 1rem; margin: 1.2rem 0; } table { border-collapse: collapse; width: 100%; font-size: 13.5px; }
th { text-align: left; font-weight: 600; } td, th { padding: .28rem .8rem .28rem 0; border-bottom: 1px solid #eceef3; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; } tr.never td { background: #fbf0ed; }
"""


def warmth(count: int, most: int) -> str:
    """The colour of what was visited `count` times, of `most`: by the logarithm, so that what is rare is seen."""
    if not count:
        return COLD
    share = math.log1p(count) / math.log1p(max(most, 1))
    cold, warm = (238, 246, 240), (158, 214, 184)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in zip(cold, warm, strict=True))


def state_colours(coverage: Coverage) -> dict[str, str]:
    """State -> background, by how many steps began in it. A state that is left as it is entered has none."""
    steps = coverage.steps_in()
    most = max(steps.values(), default=0)
    stayed_in = {state for node in coverage.ground.table.nodes for state in node.configuration}
    return {state: warmth(count, most) for state, count in steps.items() if state in stayed_in}


def page(coverage: Coverage, svg: str, about: str, failed: str = "") -> str:
    """The page. `svg` is the drawing, or a sentence why there is none; `about` says what was run."""
    table = coverage.ground.table
    parts = [
        "<!doctype html><html lang='en'><meta charset='utf-8'>",
        f"<title>Coverage of {escape(table.name)}</title><style>{_STYLE}</style>",
        f"<h1>Coverage of the chart {escape(table.name)}</h1><p class='soft'>{escape(about)}</p>",
        f"<div class='failed'><b>Failed:</b> {escape(failed)}</div>" if failed else "",
        f"<div class='figures'>{''.join(_figures(coverage))}</div>",
        "<h2>The chart, by visits</h2>",
        _key(),
        f"<div class='chart'>{svg[svg.index('<svg') :] if '<svg' in svg else escape(svg)}</div>",
        "<h2>Transitions</h2>",
        _transitions(coverage),
        "<h2>Never visited</h2>",
        _never(coverage),
        "</html>",
    ]
    return "\n".join(parts) + "\n"


def _key() -> str:
    colours = {"never": COLD, "rarely": warmth(1, 10**6), "often": warmth(10**6, 10**6)}
    words = "".join(f"<i style='background:{colour}'></i>{often}" for often, colour in colours.items())
    return f"<p class='key soft'>{words} &nbsp; (by the logarithm)</p>"


def _figures(coverage: Coverage) -> Iterable[str]:
    for measure, (done, there_are) in coverage.figures().items():
        share = 100 * done / there_are if there_are else 100.0
        yield (
            f"<div class='figure'><span class='soft'>{measure}</span><b>{share:.1f} %</b>"
            f"<span class='soft'>{done:,} of {there_are:,}</span>"
            f"<div class='bar'><i style='width:{share:.1f}%'></i></div></div>"
        )


def _transitions(coverage: Coverage) -> str:
    taken = coverage.taken()
    rows = [
        f"<tr{'' if count else ' class=never'}><td class=n>{info.line}<td>{escape(info.source)}"
        f"<td>{escape(', '.join(info.events) or '(as soon as it holds)')}<td>{escape(info.guard)}"
        f"<td>{escape(', '.join(info.targets) or '(stays)')}<td class=n>{count:,}</tr>"
        for number, (info, count) in enumerate(zip(coverage.ground.table.transitions, taken, strict=True))
        # What is taken at the start alone belongs to no event.
        if number in coverage.ground.transitions
    ]
    head = "<tr><th class=n>line<th>from<th>event<th>guard<th>to<th class=n>taken</tr>"
    return f"<table>{head}{''.join(rows)}</table>"


def _never(coverage: Coverage) -> str:
    left = [leaf for leaf in coverage.ground.leaves if not coverage.counts[leaf.number]]
    if not left:
        return "<p>Nothing: every event has come in every configuration, with every answer.</p>"
    rows = "".join(_row(coverage, leaf) for leaf in left[:SHOWN])
    more = f"<p class='soft'>and {len(left) - SHOWN:,} more, in coverage.json</p>" if len(left) > SHOWN else ""
    return f"<table><tr><th>configuration<th>event<th>guards</tr>{rows}</table>{more}"


def _row(coverage: Coverage, leaf: Leaf) -> str:
    table = coverage.ground.table
    active = table.nodes[leaf.node].configuration
    parents = {state.parent for state in table.states if state.id in active}
    where = " + ".join(state for state in active if state not in parents)
    guards = ", ".join(guard if holds else f"not {guard}" for guard, holds in leaf.path)
    return f"<tr><td>{escape(where)}<td>{escape(leaf.event)}<td>{escape(guards)}</tr>"
