"""`pommai verify --mutants`: what the properties notice, for people and for machines."""

import json

from pommai.cli import main

CHART = """
resting: idle
states:
  idle:
    transitions: {event: button.pressed, target: awake, on: {log: somebody is there}}
  awake:
    enter: {play: hello}
    transitions: {event: button.released, target: idle}
properties:
  a_press_wakes: {because: It is a toy., always: {from: idle, on: button.pressed, to: awake, calls: play}}
  a_release_is_rest: {because: It is a toy., always: {from: awake, on: button.released, to: idle}}
  it_is_polite: {because: It is a toy., never: {in: idle, light: error_red}}
"""


def judged(tmp_path, capsys, text=CHART, *more):
    file = tmp_path / "chart.yaml"
    file.write_text(text)
    code = main(["verify", str(file), "--mutants", *more])
    return code, capsys.readouterr().out.replace(str(file), "chart.yaml")


def test_survivors_are_listed_with_why_and_too_many_of_them_are_a_failure(tmp_path, capsys):
    code, out = judged(tmp_path, capsys)
    assert code == 1
    assert "  chart.yaml:5: action dropped: idle on button.pressed: no log (no property asks for this action)" in out
    assert "No mutant breaks: it_is_polite" in out
    assert out.endswith("6 mutants, of which 6 are compiled and behave otherwise: 5 caught, 83.3%\n")


def test_a_chart_whose_properties_notice_everything_is_fine(tmp_path, capsys):
    code, out = judged(tmp_path, capsys, CHART.replace("calls: play}", "calls: [log, play]}"))
    assert code == 0
    assert "No property notices" not in out


def test_machines_get_every_mutant(tmp_path, capsys):
    _, out = judged(tmp_path, capsys, CHART, "--json")
    told = json.loads(out)
    assert (told["caught"], told["survived"], told["share_caught"]) == (5, 1, 0.8333)
    assert len(told["mutants"]) == 6
    assert told["mutants"][0] == {
        "kind": "transition dropped",
        "line": 5,
        "words": "idle on button.pressed",
        "outcome": "caught",
        "by": ["states_are_reached", "transitions_are_taken", "a_press_wakes", "a_release_is_rest"],
    }
