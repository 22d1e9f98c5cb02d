"""The README's promises to a designer, kept."""

import asyncio
import re
from pathlib import Path

import pytest
from simulated_toy import ROOT, simulated_toy

from pommai.chart.prove import prove
from pommai.errors import ChartError
from pommai.lights.load import parse_patterns
from pommai.qa.simulated_toy import SOUND_NAMES
from pommai.qa.virtual_time import run
from pommai.toy.charts import compile_file

BLOCKS = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


def with_the_readme_applied(folder: Path) -> tuple[Path, str]:
    """The shipped chart and patterns with the README's lines put where it says."""
    light, timer, state, promise = BLOCKS
    patterns = (ROOT / "led_patterns.yaml").read_text() + light
    chart = (ROOT / "statechart.yaml").read_text()
    head, _, timer_lines = timer.partition("\n")
    assert head in chart
    chart = chart.replace(f"{head}\n", f"{state}\n{head}\n{timer_lines}", 1)
    head, because, _ = promise.splitlines()
    assert f"{head}\n{because}\n" in chart
    chart = re.sub(rf"{head}\n.*\n    always: .*\n", promise, chart, count=1)
    (folder / "statechart.yaml").write_text(chart)
    return folder / "statechart.yaml", patterns


def test_the_state_a_designer_adds_with_a_light_and_a_timer_works_without_a_line_of_code(tmp_path):
    chart, text = with_the_readme_applied(tmp_path)
    patterns = parse_patterns(text)
    table = compile_file(chart, frozenset(patterns), SOUND_NAMES)

    async def scene():
        async with simulated_toy(table, patterns=patterns) as toy:
            await asyncio.sleep(299)
            assert toy.state == "idle"
            await asyncio.sleep(2)
            assert toy.state == "sleepy"
            assert toy.runtime.lights.pattern == "sleepy"
            await asyncio.sleep(30)
            assert toy.state == "idle"
            await asyncio.sleep(300)
            toy.press()
            await toy.say(0.5)
            assert toy.state == "listening"

    run(scene())
    assert [verdict.id for verdict in prove(table).verdicts if not verdict.holds] == []


def test_the_mistake_the_readme_shows_is_reported_in_the_words_it_shows(tmp_path):
    chart, text = with_the_readme_applied(tmp_path)
    chart.write_text(chart.read_text().replace("{target: sleepy}", "{target: sleppy}"))
    with pytest.raises(ChartError) as caught:
        compile_file(chart, frozenset(parse_patterns(text)), SOUND_NAMES)
    shown = re.search(r"^ +statechart.yaml:\d+:\d+: error: (.*)$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert [f"{problem.message} ({problem.hint})" for problem in caught.value.problems] == [shown[1]]
