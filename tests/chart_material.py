"""What the tests of charts share: a small vocabulary, and ways from a text to a chart, its problems or its table."""

from __future__ import annotations

import textwrap

import pytest

from pommai.chart.check import Checked, check_chart
from pommai.chart.compile import compile_chart
from pommai.chart.load import load_chart
from pommai.chart.model import Chart
from pommai.chart.table import DecisionTable
from pommai.chart.vocabulary import Parameter, Signature, Vocabulary
from pommai.errors import ChartError, Problem
from pommai.source import Reader

VOCABULARY = Vocabulary(
    events=frozenset({"button.pressed", "button.released", "link.up", "link.down", "error.action", "error.activity"}),
    guards={"heard_speech": "Was something said?", "online": "Is the server there?"},
    actions={
        "chime": Signature("chime", meaning="Ring."),
        "forget": Signature("forget"),
        "play": Signature("play", (Parameter("sound", "choice", True, choices=("hello", "sorry")),), "Play a sound."),
        "say": Signature(
            "say",
            (
                Parameter("text", "text", True),
                Parameter("loud", "boolean", False, False),
                Parameter("times", "number", False, 1.0),
                Parameter("pause", "duration", False, 0.0),
            ),
        ),
    },
    activities={"record": Signature("record"), "listen": Signature("listen")},
    led_patterns=frozenset({"breathing_blue", "error_red", "off"}),
)


def checked(text: str, vocabulary: Vocabulary = VOCABULARY) -> Checked:
    reader = Reader(textwrap.dedent(text), "chart.yaml", ChartError)
    return check_chart(load_chart(reader), reader, vocabulary)


def chart_of(text: str) -> Chart:
    return load_chart(Reader(textwrap.dedent(text), "chart.yaml", ChartError))


def table_of(text: str) -> DecisionTable:
    return compile_chart(checked(text))


def problems_of(text: str) -> list[Problem]:
    with pytest.raises(ChartError) as caught:
        compile_chart(checked(text))
    return list(caught.value.problems)


def shown(text: str) -> list[str]:
    """The problems of a text as `line:column: message (hint)`."""
    return [str(problem).removeprefix("chart.yaml:").replace("error: ", "") for problem in problems_of(text)]
