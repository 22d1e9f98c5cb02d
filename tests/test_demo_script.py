"""Scripts of the demo: what they may say, and what is said of mistakes in them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pommai.demo.script import Note, Press, Release, Say, Server, Until, Wait, load_script
from pommai.errors import ScriptError
from pommai.io.wav import write_wav
from pommai.protocol.audio import SILENCE
from pommai.toy.settings import find_project_file

STATES = ("idle", "listening", "speaking")


def load(folder: Path, text: str) -> tuple[object, ...]:
    write_wav(folder / "hello.wav", [SILENCE] * 50)
    (folder / "script.yaml").write_text(text)
    return load_script(folder / "script.yaml", STATES)


def test_a_script_is_a_list_of_steps(tmp_path: Path) -> None:
    steps = load(
        tmp_path,
        """\
steps:
  - note: >-
      In two
      lines.
  - press
  - say: hello.wav
  - wait: 600ms
  - release
  - until: speaking
  - until: {state: idle, within: 1m}
  - gateway: kill
  - gateway: pause 5s time for  bed
""",
    )
    place = f"{tmp_path / 'script.yaml'}"
    assert steps == (
        Note("In two lines."),
        Press(),
        Say(tmp_path / "hello.wav", (SILENCE,) * 50),
        Wait(0.6),
        Release(),
        Until("speaking", 10.0, f"{place}:9"),
        Until("idle", 60.0, f"{place}:10"),
        Server("kill"),
        Server("pause 5s time for bed"),
    )
    assert isinstance(steps[2], Say)
    assert steps[2].seconds == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("step", "place", "words"),
    [
        ("pres", "2:5", "there is no step 'pres' (did you mean 'press'?)"),
        ("untl: idle", "2:5", "a step has no key 'untl' (did you mean 'until'?)"),
        ("until: speeking", "2:12", "cannot be 'speeking' (did you mean 'speaking'?)"),
        ("until: {state: idle, within: soon}", "2:34", "within must be a duration"),
        ("until: {within: 5s}", "2:12", "needs the key 'state'"),
        ("say: helo.wav", "2:10", "there is no file"),
        ("say: script.yaml", "2:10", "is no WAV file"),
        ("wait: 5", "2:11", "must be a duration, not '5' (write 250ms, 2s or 1m30s)"),
        ("gateway: kil", "2:14", "the gateway cannot 'kil' (did you mean 'kill'?)"),
        ("gateway: kill it", "2:14", "'kill' stands alone, without 'it'"),
        ("gateway: switch", "2:14", "switch to which toy?"),
        ("{wait: 1s, note: no}", "2:5", "a step does one thing"),
        ("[press]", "2:5", "a step must be a mapping"),
    ],
)
def test_a_mistake_is_shown_with_its_place(tmp_path: Path, step: str, place: str, words: str) -> None:
    with pytest.raises(ScriptError, match=re.escape(words)) as caught:
        load(tmp_path, f"steps:\n  - {step}\n")
    (problem,) = caught.value.problems
    assert f"{problem.line}:{problem.column}" == place


def test_all_mistakes_are_shown_at_once(tmp_path: Path) -> None:
    with pytest.raises(ScriptError) as caught:
        load(tmp_path, "steps: [prss, relase]\nstep: []\n")
    assert len(caught.value.problems) == 3


def test_a_script_without_steps_is_none(tmp_path: Path) -> None:
    with pytest.raises(ScriptError, match="no steps"):
        load(tmp_path, "steps: []\n")


def test_the_shipped_script_is_good_for_the_shipped_chart() -> None:
    from pommai.chart.load import load_chart
    from pommai.errors import ChartError
    from pommai.source import Reader

    chart = load_chart(Reader.of_file(find_project_file("statechart.yaml"), ChartError))
    steps = load_script(find_project_file("examples/conversation.yaml"), [state.id for state in chart.walk()])
    waited = [step.state for step in steps if isinstance(step, Until)]
    assert {"listening", "processing", "speaking", "idle", "safe_mode", "offline", "switching_toy"} <= set(waited)
