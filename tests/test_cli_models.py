"""`pommai models`."""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import pytest

from pommai.cli import main
from pommai.cli import models as command
from pommai.errors import ModelError

ROOT = Path(__file__).parents[1]
TINY = ROOT / "tests" / "data" / "vosk-tiny" / "model"

PERSONA = """\
  {id}:
    name: Bear
    personality_prompt: A bear.
    voice_settings: {{voice_id: honey, speed: 1.0, pitch: 1.0}}
    is_for_kids: true
    safety_level: strict
    {wake}
    knowledge_base: Nothing.
    guardian_settings: {{content_filter_level: strict, allowed_topics: [], blocked_topics: []}}
    answers: parrot
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("POMMAI_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("POMMAI_MODELS", str(tmp_path / "cache" / "models"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "cache"


def run(*words: str) -> int:
    parser = argparse.ArgumentParser(prog="pommai")
    command.add_parser(parser.add_subparsers())
    args = parser.parse_args(["models", *words])
    code: int = args.run(args)
    return code


def personas(folder: Path, **wakes: str) -> None:
    text = "".join(PERSONA.format(id=name, wake=wake) for name, wake in wakes.items())
    (folder / "personas.yaml").write_text("personas:\n" + text)


# -- list ----------------------------------------------------------------------------------


def test_the_list_is_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("list") == 0
    head, first, *_ = capsys.readouterr().out.splitlines()
    assert head.split() == ["NAME", "ENGINE", "SIZE", "STATE", "WHERE"]
    assert first.split()[:5] == ["vosk-model-small-en-us-0.15", "vosk", "41.2", "MB", "available"]
    assert head.index("WHERE") == first.index("https://")


def test_the_list_for_machines(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(TINY, cache / "models" / "bear")
    assert run("list", "--json") == 0
    first, *more = json.loads(capsys.readouterr().out)
    assert first["name"] == "bear"
    assert first["state"] == "installed"
    assert first["where"] == str(cache / "models" / "bear")
    assert {"name": "alexa", "engine": "microwakeword", "state": "built in"}.items() <= more[1].items()


# -- get -----------------------------------------------------------------------------------


def test_a_model_of_ones_own_is_kept(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("get", str(TINY)) == 0
    told = capsys.readouterr()
    assert told.out == f"model is now in {cache / 'models' / 'model'}\n"
    assert told.err == ""
    assert run("get", str(cache / "models" / "model")) == 0
    assert "is there already" in capsys.readouterr().out


def test_on_a_terminal_there_is_a_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setattr("pommai.cli.progress.PATIENCE_S", 0.0)
    monkeypatch.setattr("pommai.cli.progress.INTERVAL_S", 0.0)
    assert run("get", str(TINY)) == 0
    shown = capsys.readouterr().err
    assert f"\r\x1b[K{'█' * 24} unpacking 891 kB of 891 kB" in shown
    assert shown.endswith("\r\x1b[K")  # wiped away: what remains is where the model is


def test_what_cannot_be_had_is_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "get", "vosk-model-small-en-us"]) == 1
    assert "did you mean 'vosk-model-small-en-us-0.15'?" in capsys.readouterr().err


# -- check ---------------------------------------------------------------------------------


def test_every_persona_is_asked_about(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    personas(
        tmp_path,
        bear="wake_word: hey pommai",
        rex="wake_word: okay nabu\n    wake_engine: microwakeword\n    wake_models: [okay_nabu]",
        owl="wake_word: hey elefant\n    wake_word_alternatives: [Hello Bear]",
        mole="wake_word: hey mole\n    wake_engine: none",
    )
    assert run("check", str(TINY)) == 0
    told = capsys.readouterr()
    assert told.err == ""
    assert told.out.splitlines() == [
        f"{TINY}: a Vosk model of 891 kB that knows 727 words",
        "bear:",
        '  "hey pommai" can be heard',
        "owl:",
        "  \"hey elefant\" cannot: the model does not know 'elefant' (spelled alike: elephant)",
        '  "Hello Bear" can be heard',
        "rex: needs no Vosk to be called; its wake engine is microwakeword",
        "mole: needs no Vosk to be called; its wake engine is none",
    ]


def test_a_toy_that_nobody_could_call_is_exit_code_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    personas(tmp_path, bear="wake_word: hello bear", yeti="wake_word: hey yeti\n    wake_word_alternatives: [yo yeti]")
    assert run("check", str(TINY)) == 1
    told = capsys.readouterr()
    assert "yeti could not be called by any wake word" in told.err
    assert "bear could" not in told.err


def test_the_phrases_asked_about_are_one_toys(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", str(TINY), "--phrase", "hey yeti", "--phrase", "hello bear") == 0
    assert run("check", str(TINY), "--phrase", "hey yeti") == 1
    assert "none of the phrases can be heard" in capsys.readouterr().err
    assert run("check", str(TINY), "--phrase", " ") == 1
    assert "has no words" in capsys.readouterr().out


def test_the_check_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", str(TINY), "--json", "--phrase", "hey [unk] goodbear") == 1
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] is False
    assert told["words"] == 727
    (phrase,) = told["toys"]["the phrases"]
    assert phrase["heard"] is False
    assert [item["word"] for item in phrase["missing"]] == ["[unk]", "goodbear"]
    assert "good bear" in phrase["missing"][1]["near"], "two words the model knows"


def test_the_default_that_is_not_there_yet_says_how_to_get_it() -> None:
    with pytest.raises(ModelError, match=r"pommai models get vosk-model-small-en-us-0\.15"):
        run("check")


def test_what_is_no_model_is_exit_code_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    assert main(["models", "check", "empty"]) == 1
    assert "is no Vosk model" in capsys.readouterr().err
    shutil.copytree(TINY, tmp_path / "damaged")
    (tmp_path / "damaged" / "am" / "final.mdl").write_bytes(b"x" * 1000)
    assert main(["models", "check", "damaged"]) == 1
    assert "damaged" in capsys.readouterr().err


def test_a_word_is_missing_without_an_action(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 2
    assert "ACTION" in capsys.readouterr().err


def test_a_model_is_tried_out_when_it_is_fetched_so_that_no_child_waits_for_it(cache: Path) -> None:
    assert run("get", str(TINY)) == 0
    assert list((cache / "models").glob("*.tried"))
