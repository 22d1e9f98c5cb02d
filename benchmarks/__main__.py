"""`make bench`: measure everything, print a table of each part when it is done, write out/bench.json. Names as
arguments choose what is measured."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

from benchmarks.figures import Figure

PARTS = (
    "chart_step",
    "chart_compile",
    "proof",
    "process",
    "heap",
    "garbage",
    "start",
    "conversation",
    "called",
    "alone",
    "cards",
    "speech",
    "gateway_speech",
    "gateway_toys",
    "gateway_functions",
    "fleet",
    "wake",
    "recognition",
    "campaign",
    "responses",
    "memory",
    "seal",
    "cloud",
)
OUT = Path("out") / "bench.json"


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        print(f"no measurement is called {', '.join(unknown)}; there are {', '.join(PARTS)}", file=sys.stderr)
        return 2
    figures: list[Figure] = []
    for name in names or PARTS:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        found = importlib.import_module(f"benchmarks.{name}").measure()
        print(_table(found), end="\n\n", flush=True)
        figures += found
        OUT.parent.mkdir(exist_ok=True)
        told = {f.name: {"median": f.median, "p99": f.p99, "unit": f.unit, "goal": f.goal} for f in figures}
        OUT.write_text(json.dumps(told, indent=2) + "\n")
    print(f"written to {OUT}")
    return 0


def _table(figures: list[Figure]) -> str:
    rows = [("", "median", "p99", "", "goal", "")]
    for f in figures:
        goal = "" if f.goal is None else f"{f.goal:g} ({f.goal_on})"
        verdict = {True: "reached", False: "MISSED", None: ""}[f.reached]
        rows.append((f.name, f"{f.median:.4g}", f"{f.p99:.4g}", f.unit, goal, f"{verdict} {f.note}".strip()))
    widths = [max(len(row[i]) for row in rows) for i in range(6)]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0]), row[1].rjust(widths[1]), row[2].rjust(widths[2])]
        cells += [row[3].ljust(widths[3]), row[4].ljust(widths[4]), row[5]]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
