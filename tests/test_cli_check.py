"""`pommai check`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from pommai.cli import check

ROOT = Path(__file__).parents[1]
GOOD = "states: {idle: {led: glow, transitions: {event: button.pressed, target: idle}}}\n"
PATTERNS = 'patterns: {glow: {description: Glows., kind: steady, colour: "#ff8000"}}\n'


def run(*words: str) -> int:
    parser = argparse.ArgumentParser(prog="pommai")
    check.add_parser(parser.add_subparsers())
    args = parser.parse_args(["check", *words])
    code: int = args.run(args)
    return code


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory of a designer's own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "statechart.yaml").write_text(GOOD)
    (tmp_path / "led_patterns.yaml").write_text(PATTERNS)
    return tmp_path


def test_the_project_itself_has_no_errors(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    assert run() == 0
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.endswith("files, no errors\n")


def test_one_good_file_is_one_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("statechart.yaml") == 0
    assert capsys.readouterr().err == "1 file, no errors\n"


def test_every_problem_of_every_file_is_a_line_with_its_place(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "statechart.yaml").write_text(
        "states: {idle: {do: hum, transitions: {event: button.presed, target: b}}}\n"
    )
    (folder / "led_patterns.yaml").write_text(PATTERNS.replace("steady", "stedy"))
    assert run(str(folder / "statechart.yaml"), "led_patterns.yaml") == 1
    shown = capsys.readouterr()
    assert [line.split(" error: ")[0] for line in shown.out.splitlines()] == [
        "statechart.yaml:1:21:",
        "statechart.yaml:1:47:",
        "statechart.yaml:1:70:",
        "led_patterns.yaml:1:46:",
    ]
    assert shown.err == "4 errors in 2 files\n"


def test_lights_sounds_and_activities_are_those_of_the_toy(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "statechart.yaml").write_text("states: {idle: {led: glwo, enter: {play: helo}, do: hum}}\n")
    assert run("statechart.yaml") == 1
    shown = capsys.readouterr()
    assert "no light pattern is called 'glwo' (did you mean 'glow'?)" in shown.out
    assert "no sound is called 'helo' (did you mean 'hello'?)" in shown.out
    assert "no activity is called 'hum'" in shown.out
    assert shown.err == "3 errors in 1 file\n"


def test_endless_transitions_are_found(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "statechart.yaml").write_text("states: {a: {transitions: {target: b}}, b: {transitions: {target: a}}}\n")
    assert run("statechart.yaml") == 1
    assert "these transitions never end: b -> a (line 1), a -> b (line 1)" in capsys.readouterr().out


def test_for_machines_problems_are_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "statechart.yaml").write_text("states: {idle: {led: glwo}}\n")
    assert run("--json", "statechart.yaml") == 1
    assert json.loads(capsys.readouterr().out) == [
        {
            "file": "statechart.yaml",
            "line": 1,
            "column": 22,
            "severity": "error",
            "message": "no light pattern is called 'glwo'",
            "hint": "did you mean 'glow'?",
        }
    ]
    (folder / "statechart.yaml").write_text(GOOD)
    assert run("--json", "statechart.yaml") == 0
    assert json.loads(capsys.readouterr().out) == []


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("anything.yaml", GOOD, "statechart"),
        ("anything.yaml", PATTERNS, "led_patterns"),
        ("statechart.yaml", "personas: {}\n", "personas"),
        ("anything.yaml", "commands: {}\n", "offline_responses"),
        ("anything.yaml", "command: {}\n", "offline_responses"),
        ("my-offline-responses.yaml", "- broken: [", "offline_responses"),
        ("anything.yaml", "state: {idle: {}}\n", "statechart"),
        ("my-led-patterns.yaml", "colours: {}\n", "led_patterns"),
        ("personas.yaml", "- broken: [", "personas"),
        ("broken.yaml", "- broken: [", "statechart"),
        ("pommai.toml", "volume = 3\n", "settings"),
    ],
)
def test_what_a_file_is_is_told_by_its_content_and_else_by_its_name(
    folder: Path, name: str, text: str, kind: str
) -> None:
    (folder / name).write_text(text)
    assert check.kind_of(folder / name) == kind


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["absent.yaml"], "pommai check: there is no file absent.yaml\n"),
        (["."], "pommai check: . is a folder, not a file\n"),
        (["toy.json"], "pommai check: toy.json is a compiled chart; check the one it was made of\n"),
        (
            ["shopping.yaml"],
            "pommai check: shopping.yaml holds no states, patterns, commands, personas or engines; what is it?\n",
        ),
    ],
)
def test_what_cannot_be_checked_is_wrong_usage(
    folder: Path, words: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "shopping.yaml").write_text("milk: 2\n")
    (folder / "toy.json").write_text('{"format": 1, "states": [], "nodes": []}')
    assert run(*words) == 2
    assert capsys.readouterr() == ("", expected)


def test_settings_are_checked_with_their_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "pommai.toml").write_text("# mine\nvolume = 300\n")
    assert run("pommai.toml") == 1
    assert capsys.readouterr().out == "pommai.toml:2:1: error: volume must be a whole number in 0..100, not '300'\n"
    (folder / "pommai.toml").write_text("volume = = 3\n")
    assert run("pommai.toml") == 1
    assert capsys.readouterr().out.startswith("pommai.toml:1:10: error: is not TOML: ")


def test_wrong_settings_do_not_hide_what_is_wrong_in_the_chart(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "pommai.toml").write_text("volume = 300\n")
    (folder / "statechart.yaml").write_text("states: {idle: {enter: {play: helo}}}\n")
    assert run() == 1
    out = capsys.readouterr().out
    assert "did you mean 'hello'?" in out
    assert "volume must be" in out


def test_the_patterns_of_a_chart_are_those_checked_along_with_it(folder: Path) -> None:
    (folder / "lamps.yaml").write_text(PATTERNS.replace("glow", "shine"))
    assert run("statechart.yaml") == 0
    assert run("statechart.yaml", "lamps.yaml") == 1


def test_patterns_that_are_wrong_themselves_are_not_looked_up(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "led_patterns.yaml").write_text("patterns: {}\n")
    assert run("statechart.yaml", "led_patterns.yaml") == 1
    assert "no light pattern is called" not in capsys.readouterr().out


def test_with_a_chart_the_sound_files_are_checked(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "noises").mkdir()
    (folder / "noises" / "bang.wav").write_bytes(b"RIFF, but no more")
    (folder / "pommai.toml").write_text('sounds = "noises"\n')
    assert run("statechart.yaml") == 1
    shown = capsys.readouterr()
    assert shown.out.startswith("noises/bang.wav:1:1: error: ")
    assert shown.err == "1 error in 1 file\n"
    assert run("led_patterns.yaml") == 0


def test_offline_responses_are_checked_with_the_sounds_there_are(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (ROOT / "offline_responses.yaml").read_text("utf-8")
    (folder / "offline_responses.yaml").write_text(text, "utf-8")
    assert run("offline_responses.yaml") == 0
    wrong = text.replace("- Hello, my friend. How nice to hear you.", "- {text: Hello., audio: helo}")
    (folder / "offline_responses.yaml").write_text(wrong, "utf-8")
    assert run() == 1
    out = capsys.readouterr().out
    line = wrong.splitlines().index("      - {text: Hello., audio: helo}") + 1
    assert out == f"offline_responses.yaml:{line}:31: error: no sound is called 'helo' (did you mean 'hello'?)\n"


def test_a_command_that_the_toy_is_to_say_and_does_not_know_is_found(folder: Path, capsys) -> None:
    chart = folder / "statechart.yaml"
    (folder / "led_patterns.yaml").write_text((ROOT / "led_patterns.yaml").read_text())
    chart.write_text((ROOT / "statechart.yaml").read_text().replace("{say: goodnight}", "{say: goodnigth}"))
    assert run(str(chart)) == 1
    assert "no command is called 'goodnigth' (did you mean 'goodnight'?)" in capsys.readouterr().out


def test_sounds_and_lights_of_a_persona_that_do_not_exist_are_found(tmp_path, capsys) -> None:
    personas = tmp_path / "personas.yaml"
    text = (ROOT / "personas.yaml").read_text()
    personas.write_text(text.replace("acknowledgements: [wake, hello]", "acknowledgements: [wake, helo]"))
    assert personas.read_text() != text
    assert run(str(personas)) == 1
    assert "'helo'" in capsys.readouterr().out


def test_a_voice_that_espeak_does_not_have_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (ROOT / "personas.yaml").read_text()
    (tmp_path / "personas.yaml").write_text(text.replace("voice_id: honey", "voice_id: en-us+f33"))
    assert run(str(tmp_path / "personas.yaml")) == 1
    assert "has no variant 'f33'" in capsys.readouterr().out


def test_engines_are_looked_for_on_this_machine(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "gateway.yaml").write_text(
        "hearing: {vosk: {model: no-such-model}}\nanswering: scripted\nvoice: {piper: {model: no-such-voice}}\n"
    )
    assert run("gateway.yaml") == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" error: ")[0] for line in lines] == ["gateway.yaml:1:10:", "gateway.yaml:3:8:"]
    assert "no-such-model" in lines[0]
    assert "no-such-voice" in lines[1]


def test_personas_are_held_to_the_engines_they_are_checked_along_with(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (ROOT / "personas.yaml").read_text().replace("    answers: {parrot: {semitones: -5}}", "    answers: openai")
    (folder / "personas.yaml").write_text(text)
    (folder / "led_patterns.yaml").write_text((ROOT / "led_patterns.yaml").read_text())
    (folder / "gateway.yaml").write_text("hearing: none\n")
    line = 1 + text[: text.index("answers: openai")].count("\n")
    assert run("gateway.yaml", "personas.yaml") == 1
    (told,) = capsys.readouterr().out.splitlines()
    assert told.startswith(f"personas.yaml:{line}:5: error: 'robo-rex' answers words (openai)")
    assert run("gateway.yaml") == 0
