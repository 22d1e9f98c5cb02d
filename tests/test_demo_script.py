"""Scripts of the demo: what they may say, and what is said of mistakes in them."""

from __future__ import annotations

import array
import re
from pathlib import Path

import pytest

from pommai.demo.script import Call, Note, Press, Release, Say, Server, Until, Wait, load_script
from pommai.errors import ScriptError
from pommai.io.wav import write_wav
from pommai.protocol.audio import SILENCE
from pommai.toy.settings import find_project_file

STATES = ("idle", "listening", "speaking")


def load(folder: Path, text: str, *, can_understand: bool = True) -> tuple[object, ...]:
    write_wav(folder / "hello.wav", [SILENCE] * 50)
    (folder / "script.yaml").write_text(text)
    return load_script(folder / "script.yaml", STATES, can_understand=can_understand)


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
  - say: {file: hello.wav, words: Hello  there!, next: 400ms}
  - call: hello.wav
  - call: {file: hello.wav, words: Hey!, within: 1m}
  - until: {event: speech.ended}
  - until: {alert: violence, within: 3s}
  - until: {synced: true}
""",
    )
    silence = (SILENCE,) * 50
    hello = tmp_path / "hello.wav"
    place = f"{tmp_path / 'script.yaml'}"
    assert steps == (
        Note("In two lines."),
        Press(),
        Say(tmp_path / "hello.wav", (SILENCE,) * 50),
        Wait(0.6),
        Release(),
        Until("state", "speaking", 10.0, f"{place}:9"),
        Until("state", "idle", 60.0, f"{place}:10"),
        Server("kill"),
        Server("pause 5s time for bed"),
        Say(hello, silence, "Hello there!", 0.4),
        Call(Say(hello, silence), 20.0, f"{place}:14"),
        Call(Say(hello, silence, "Hey!"), 60.0, f"{place}:15"),
        Until("event", "speech.ended", 10.0, f"{place}:16"),
        Until("alert", "violence", 3.0, f"{place}:17"),
        Until("synced", "", 10.0, f"{place}:18"),
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
        ("until: {within: 5s}", "2:12", "until waits for one thing (one of state, event, alert, synced)"),
        ("until: {state: idle, event: speech.ended}", "2:12", "until waits for one thing"),
        ("until: {stat: idle}", "2:13", "until has no key 'stat' (did you mean 'state'?)"),
        ("until: {event: speech.endet}", "2:20", "cannot be 'speech.endet' (did you mean 'speech.ended'?)"),
        ("until: {alert: ''}", "2:20", "an alert to wait for is empty"),
        ("until: {synced: perhaps}", "2:21", "synced must be true or false"),
        ("until: {synced: false}", "2:21", "write true"),
        ("say: {words: Hello}", "2:10", "needs the key 'file'"),
        ("say: {file: hello.wav, next: 5s}", "2:34", "next must be in 0.001..1 seconds"),
        ("call: {file: hello.wav, next: 400ms}", "2:29", "a call has no key 'next'"),
        ("call: [hello.wav]", "2:11", "a call must be a mapping"),
        ("say: helo.wav", "2:10", "there is no file"),
        ("say: script.yaml", "2:10", "is no WAV file"),
        ("wait: 5", "2:11", "must be a duration, not '5' (write 5s)"),
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


def test_how_long_is_spoken_leaves_out_the_silence_at_the_end() -> None:
    loud = array.array("h", [5000] * 320).tobytes()
    assert Say(Path("a.wav"), (SILENCE, loud, SILENCE, loud, SILENCE)).spoken_seconds == pytest.approx(0.08)
    assert Say(Path("a.wav"), (SILENCE,)).spoken_seconds == 0.0


def test_a_script_may_need_a_speech_model(tmp_path: Path) -> None:
    text = "needs: speech_model\nsteps:\n  - press\n"
    assert load(tmp_path, text) == (Press(),)
    with pytest.raises(ScriptError, match=r"this toy has no speech model .*POMMAI_VOSK_MODEL") as caught:
        load(tmp_path, text, can_understand=False)
    assert [(problem.line, problem.column) for problem in caught.value.problems] == [(1, 8)]
    with pytest.raises(ScriptError, match=r"cannot be 'speech' \(did you mean 'speech_model'\?\)"):
        load(tmp_path, "needs: speech\nsteps:\n  - press\n")


def test_a_script_without_steps_is_none(tmp_path: Path) -> None:
    with pytest.raises(ScriptError, match="no steps"):
        load(tmp_path, "steps: []\n")


@pytest.mark.parametrize(
    ("name", "states"),
    [
        ("conversation", {"listening", "processing", "speaking", "idle", "safe_mode", "offline", "switching_toy"}),
        ("evening", {"listening", "answering_alone", "speaking", "safe_mode", "online", "switching_toy"}),
    ],
)
def test_the_shipped_scripts_are_good_for_the_shipped_chart(name: str, states: set[str]) -> None:
    from pommai.chart.load import load_chart
    from pommai.errors import ChartError
    from pommai.source import Reader

    chart = load_chart(Reader.of_file(find_project_file("statechart.yaml"), ChartError))
    steps = load_script(find_project_file(f"examples/{name}.yaml"), [state.id for state in chart.walk()])
    assert states <= {step.name for step in steps if isinstance(step, Until)}
