"""`pommai ask`."""

from __future__ import annotations

import argparse
import io
import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from responses_material import ROOT, SMALL, changed, small

from pommai import cli
from pommai.cli import ask
from pommai.errors import PersonasError, ResponsesError


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory whose responses are the small ones."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "offline_responses.yaml").write_text(json.dumps(SMALL))
    return tmp_path


def run(*words: str) -> int:
    parser = argparse.ArgumentParser(prog="pommai")
    ask.add_parser(parser.add_subparsers())
    args = parser.parse_args(["ask", *words])
    code: int = args.run(args)
    return code


def answers(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, Any]]:
    assert run("--json", *words) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_an_answer_is_shown_with_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("hello, tell me a joke") == 0
    assert capsys.readouterr().out == (
        "child  hello, tell me a joke\n"
        "toy    What is brown and sticky? A stick!\n"
        "why    command tell_joke, because of 'joke'\n\n"
    )


def test_what_follows_from_an_answer_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("gun", "guns", "my gun") == 0
    assert capsys.readouterr().out.endswith(
        "child  my gun\n"
        "toy    Quiet time.\n"
        "why    blocked violence, because of 'gun'\n"
        "alert  high: a guardian is told\n"
        "pause  300 s\n\n"
    )


def test_a_sound_and_an_unknown_sentence_are_shown(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = changed("commands.tell_joke.replies", [{"text": "Boing.", "audio": "boing"}])
    (project / "offline_responses.yaml").write_text(json.dumps(document))
    assert run("joke", "banana") == 0
    out = capsys.readouterr().out
    assert "sound  boing, instead of the words\n" in out
    assert "why    unknown\n" in out


def test_for_machines_an_answer_is_an_object(capsys: pytest.CaptureFixture[str]) -> None:
    assert answers(capsys, "I'm hurt") == [
        {
            "outcome": "help",
            "name": "need_help",
            "reply": "Tell a grown-up.",
            "audio": None,
            "because": ["hurt"],
            "alert": "medium",
            "pause_seconds": None,
            "asked_for": None,
        }
    ]


def test_who_listens_decides(capsys: pytest.CaptureFixture[str]) -> None:
    def outcome(*words: str) -> str:
        (answer,) = answers(capsys, *words)
        return f"{answer['outcome']} {answer['name']}"

    assert outcome("hit it") == "blocked violence"
    assert outcome("hit it", "--safety", "moderate") == "unknown unknown"
    assert outcome("hit it", "--safety", "custom") == "unknown unknown"
    assert outcome("hit it", "--safety", "custom", "--block", "scary", "--block", "violence") == "blocked violence"
    assert outcome("a dinosaur", "--safety", "relaxed", "--block", "dinosaurs") == "blocked guardian_topics"
    assert answers(capsys, "hello", "--toy", "robo-rex")[0]["reply"] == "Stomp."


def test_several_sentences_are_one_conversation(capsys: pytest.CaptureFixture[str]) -> None:
    replies = [answer["reply"] for answer in answers(capsys, *["sing"] * 20)]
    assert all(first != second for first, second in itertools.pairwise(replies))
    names = [answer["name"] for answer in answers(capsys, *["sing"] * 21)]
    assert names == ["sing_song"] * 20 + ["conversations"]


def test_lines_of_standard_input_are_sentences(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("sing\n\n   \ngun\n"))
    assert [answer["name"] for answer in answers(capsys, "hello", "-", "help")] == [
        "greeting",
        "sing_song",
        "violence",
        "need_help",
    ]


@pytest.mark.parametrize("words", [[""], ["  ", "\n"], []])
def test_without_a_sentence_it_is_wrong_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["ask", *words]) == 2
    assert "pommai ask: " in capsys.readouterr().err


def test_standard_input_that_is_no_text_is_wrong_usage(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\xff\xfe"), "utf-8"))
    assert run("-") == 2
    assert capsys.readouterr().err == "pommai ask: standard input is not UTF-8 text\n"


def test_a_sentence_that_is_no_text_is_answered_all_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("sing \udcff") == 0
    assert "child  sing ?\n" in capsys.readouterr().out


def test_a_level_nobody_knows_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["ask", "hello", "--safety", "lax"]) == 2
    assert "invalid choice: 'lax'" in capsys.readouterr().err


def test_another_file_is_checked_on_the_way(project: Path) -> None:
    (project / "mine.yaml").write_text(json.dumps(changed("commands.tell_joke.triggers", ["sing"])))
    with pytest.raises(ResponsesError, match=r"mine.yaml:1:[0-9]+: error: two claim the trigger 'sing'"):
        run("hello", "--responses", str(project / "mine.yaml"))


def test_without_a_file_of_ones_own_the_projects_is_asked(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "offline_responses.yaml").unlink()
    assert answers(capsys, "what is this thing")[0]["outcome"] == "unknown"
    assert answers(capsys, "my tummy hurts")[0]["name"] == "need_help"


# -- asked to be somebody else ------------------------------------------------------------------


def asks(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    assert run(*words) == 0
    return [line for line in capsys.readouterr().out.splitlines() if line.startswith("asks")]


def test_who_is_asked_for_is_shown_with_what_a_gateway_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert asks(capsys, "can you be my robo again") in (
        ["asks   for robo-rex, who comes; a gateway says: Here comes Robo Rex."],
        ["asks   for robo-rex, who comes; a gateway says: Off I go."],
    )
    assert asks(capsys, "be bear", "robo", "not be robo") == [
        "asks   for pommai-bear, who is here; a gateway says: I am Pommai Bear."
    ]
    found = answers(capsys, "be robo", "be bear", "not be robo", "robo")
    assert [answer["asked_for"] for answer in found] == ["robo-rex", "pommai-bear", None, None]


def test_what_is_answered_by_a_rule_asks_for_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    assert answers(capsys, "gun can you be robo")[0]["asked_for"] is None
    assert asks(capsys, "help can you be robo", "be nobody") == []


def test_who_may_not_come_is_shown_with_the_reason(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (ROOT / "personas.yaml").read_text("utf-8")
    (project / "mine.yaml").write_text(text.replace("  robo-rex:\n", "  robo-rex:\n    by_voice: false\n"))
    assert asks(capsys, "be robo", "--personas", "mine.yaml") == [
        "asks   for robo-rex, who does not come when pommai-bear is asked: see by_voice in personas.yaml"
    ]
    assert answers(capsys, "be robo", "--personas", "mine.yaml")[0]["asked_for"] is None


def test_a_toy_that_nobody_knows_is_wrong_usage_with_the_one_that_was_meant(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "mine.yaml").write_text((ROOT / "personas.yaml").read_text("utf-8"))
    assert run("hello", "--toy", "robo", "--personas", "mine.yaml") == 2
    assert run("hello", "--toy", "", "--personas", "mine.yaml") == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == (
        "pommai ask: mine.yaml names no toy 'robo' (did you mean 'robo-rex'?)\n"
        "pommai ask: mine.yaml names no toy '' (known: pommai-bear, robo-rex)\n"
    )


def test_a_toy_that_only_the_responses_know_answers_and_asks_for_nobody(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = small(toys={"teddy": {"greeting": {"replies": ["Hum."]}}})
    (project / "offline_responses.yaml").write_text(json.dumps(document))
    (answer,) = answers(capsys, "hello", "--toy", "teddy")
    assert (answer["reply"], answer["asked_for"]) == ("Hum.", None)
    assert asks(capsys, "be robo", "--toy", "teddy") == []


def test_without_a_choice_the_toy_is_the_first_persona_where_the_usual_one_is_not_among_them(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (ROOT / "personas.yaml").read_text("utf-8")
    (project / "mine.yaml").write_text(text.replace("  pommai-bear:\n", "  polly:\n"))
    assert asks(capsys, "be bear", "--personas", "mine.yaml") == [
        "asks   for polly, who is here; a gateway says: I am Pommai Bear."
    ]


def test_where_personas_cannot_be_read_any_toy_answers(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "personas.yaml").write_text("personas: [")
    assert answers(capsys, "hello", "--toy", "somebody")[0]["outcome"] == "command"


def test_a_file_without_requests_asks_for_nobody(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "offline_responses.yaml").write_text(json.dumps(small(persona_change=None)))
    assert asks(capsys, "be robo") == []


def test_personas_with_errors_are_told_of_and_the_toy_answers(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "personas.yaml").write_text("personas: 7\n")
    assert run("be robo") == 0
    shown = capsys.readouterr()
    assert "why    unknown\n" in shown.out
    assert "asks" not in shown.out
    assert "nobody can be asked for; " in shown.err
    assert "personas.yaml:1:" in shown.err
    with pytest.raises(PersonasError):
        run("be robo", "--personas", "personas.yaml")
