"""The program that runs Piper, spoken to as the gateway does."""

from __future__ import annotations

import ast
import json
import struct
import subprocess
import sys
from pathlib import Path

WORKER = Path(__file__).parents[1] / "pommai" / "gateway" / "speech" / "piper_worker.py"
TINY = Path(__file__).parent / "data" / "piper-tiny" / "tiny.onnx"


def talk(*lines: bytes, model: Path = TINY) -> tuple[list[tuple[int, bytes]], int]:
    """The answers to these lines, and the exit code."""
    command = [sys.executable, "-I", str(WORKER), str(model)]
    done = subprocess.run(command, input=b"".join(lines), capture_output=True, timeout=30, check=False)
    answers, rest = [], done.stdout
    while rest:
        kind, size = struct.unpack_from(">II", rest)
        answers.append((kind, rest[8 : 8 + size]))
        rest = rest[8 + size :]
    return answers, done.returncode


def question(text: str, pace: float = 1.0, speaker: int | None = 0) -> bytes:
    return json.dumps({"text": text, "pace": pace, "speaker": speaker}).encode() + b"\n"


def test_it_tells_of_its_model_and_answers_each_line_until_there_are_no_more() -> None:
    answers, code = talk(question("Hello."), question("Hello.", pace=2.0), question(""))
    assert json.loads(answers[0][1]) == {"rate": 22_050, "speakers": {"low": 0, "high": 1}, "count": 2}
    assert [kind for kind, _ in answers] == [0, 1, 1, 1]
    assert len(answers[2][1]) == 2 * len(answers[1][1]) > 0
    assert code == 0


def test_a_line_that_is_no_question_is_told_and_the_next_one_answered() -> None:
    answers, code = talk(b"hello\n", b"[]\n", b"{}\n", b"\xff\n", question("Hello."))
    assert [kind for kind, _ in answers] == [0, 2, 2, 2, 2, 1]
    assert code == 0


def test_without_an_end_a_sentence_ends_after_a_minute() -> None:
    answers, _ = talk(question("hello " * 80, pace=3.0))
    assert len(answers[1][1]) == 60 * 22_050 * 2


def test_a_model_that_cannot_be_loaded_is_told(tmp_path: Path) -> None:
    answers, code = talk(model=tmp_path / "none.onnx")
    assert [kind for kind, _ in answers] == [2]
    assert b"none.onnx" in answers[0][1]
    assert code == 1


def test_neither_knows_anything_of_the_other() -> None:
    imported = [
        alias.name if isinstance(node, ast.Import) else str(node.module)
        for path in (WORKER, *WORKER.parents[2].rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
        if path == WORKER or str(getattr(node, "module", alias.name) or alias.name).split(".")[0] == "piper"
    ]
    assert sorted({*imported}) == ["json", "os", "piper", "struct", "sys"]
