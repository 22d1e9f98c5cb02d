"""The shipped chart, checked, for whoever measures it."""

from __future__ import annotations

from pathlib import Path

from pommai.chart.check import Checked, check_chart
from pommai.chart.load import load_chart
from pommai.errors import ChartError
from pommai.lights.load import load_patterns
from pommai.source import Reader
from pommai.toy.vocabulary import toy_vocabulary

ROOT = Path(__file__).resolve().parent.parent
CHART = ROOT / "statechart.yaml"
SOUNDS = ROOT / "pommai" / "resources" / "sounds"


def sound_names() -> list[str]:
    """The toy's own sounds."""
    return sorted(path.stem for path in SOUNDS.glob("*.wav"))


def checked_chart() -> Checked:
    """The shipped chart, ready to be compiled."""
    reader = Reader.of_file(CHART, ChartError)
    patterns = load_patterns(ROOT / "led_patterns.yaml")
    return check_chart(load_chart(reader), reader, toy_vocabulary(frozenset(patterns), sound_names()))
