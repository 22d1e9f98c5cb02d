"""Names of voices, held against the real espeak-ng; and against programs that behave worse than it does."""

from __future__ import annotations

from pathlib import Path

import pytest

from pommai.io import speech_names
from pommai.io.speech import FRIENDLY, VOICES
from pommai.io.speech_names import voice_problem


def program(folder: Path, text: str) -> str:
    """A program of that text in place of espeak-ng."""
    path = folder / "espeak-ng"
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize("voice_id", [*VOICES, *FRIENDLY, *VOICES.values(), "de+f2", "en-us", "fr+klatt4", "en-us+3"])
def test_with_a_voice_that_there_is_nothing_is_wrong(voice_id: str) -> None:
    assert voice_problem(voice_id) is None


@pytest.mark.parametrize("voice_id", ["21m00Tcm4TlvDq8ikWAM", "nova", "cat", "c++", "p225+", "A+B", "../x+f3", "+f3"])
def test_what_another_engine_may_have_is_left_alone(voice_id: str) -> None:
    assert voice_problem(voice_id) is None


@pytest.mark.parametrize(
    ("voice_id", "message", "hint"),
    [
        ("en-us+f33", "has no variant 'f33'", "did you mean 'f3'?"),
        ("en-us+klat4", "has no variant 'klat4'", "did you mean 'klatt4'?"),
        ("en-us+f3+f4", "has no variant 'f3+f4'", "known: "),
        ("en-us+-w", "has no variant '-w'", "known: "),
        ("en-us+\ud800", "has no variant", "known: "),
        ("eng-us+f3", "has no voice 'eng-us'", "did you mean 'en-us'?"),
        ("zz+f3", "has no voice 'zz'", "known: "),
        ("en-US+f3", "'en-US+f3' is not how", "write en-us+f3"),
    ],
)
def test_a_voice_of_espeak_that_there_is_not_is_told_with_what_was_meant(
    voice_id: str, message: str, hint: str
) -> None:
    found = voice_problem(voice_id)
    assert found is not None
    assert message in found[0]
    assert found[1].startswith(hint)


def test_where_there_is_no_espeak_nothing_is_known(tmp_path: Path) -> None:
    assert voice_problem("en-us+f33", str(tmp_path / "espeak-ng")) is None


@pytest.mark.parametrize("text", ["exit 1\n", "echo rubbish; echo rubbish >&2\n", "printf '\\377'\n"])
def test_of_a_program_that_is_none_nothing_is_believed(text: str, tmp_path: Path) -> None:
    assert voice_problem("en-us+f33", program(tmp_path, text)) is None
    assert voice_problem("en-us+\ud800", program(tmp_path, text)) is None


def test_a_program_that_does_not_answer_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speech_names, "SECONDS", 0.05)
    assert voice_problem("en-us+f3", program(tmp_path, "exec sleep 60\n")) is None
