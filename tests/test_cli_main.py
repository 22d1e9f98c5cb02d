"""The dispatcher: which command runs, and what each kind of ending looks like from a shell."""

from __future__ import annotations

import argparse
import importlib
import os
import re
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path

import pytest

import pommai
from pommai import cli
from pommai.errors import ChartError, DeviceError, Problem, SettingsError


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[argparse.Namespace], int]], None]:
    """Makes `pommai fake --deep` run a function, and no other command exist."""

    def install(run: Callable[[argparse.Namespace], int]) -> None:
        module = types.ModuleType("pommai.cli.fake")

        def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
            subparsers.add_parser("fake", help="stands in").add_argument("--deep", action="store_true")

        module.add_parser = add_parser  # type: ignore[attr-defined]
        module.run = run  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "pommai.cli.fake", module)
        monkeypatch.setattr(cli, "COMMANDS", ("fake",))

    return install


def test_the_command_gets_its_arguments_and_its_code_is_the_exit_code(command) -> None:  # type: ignore[no-untyped-def]
    command(lambda args: 7 if args.deep else 0)
    assert cli.main(["fake", "--deep"]) == 7
    assert cli.main(["fake"]) == 0


@pytest.mark.parametrize("words", [[], ["--nonsense"], ["fake", "--nonsense"]])
def test_wrong_usage_says_how_and_exits_with_2(command, capsys, words: list[str]) -> None:  # type: ignore[no-untyped-def]
    command(lambda _: 0)
    assert cli.main(words) == 2
    assert "usage: pommai" in capsys.readouterr().err


@pytest.mark.parametrize(("word", "hint"), [("chek", "did you mean 'check'?"), ("hello", "`pommai --help` lists them")])
def test_a_command_that_is_none_is_said_with_the_one_that_was_meant(capsys, word: str, hint: str) -> None:  # type: ignore[no-untyped-def]
    assert cli.main([word]) == 2
    assert capsys.readouterr().err == f"pommai: there is no command '{word}' ({hint})\n"


def test_help_and_version_are_no_errors(command, capsys) -> None:  # type: ignore[no-untyped-def]
    command(lambda _: 1)
    assert cli.main(["--help"]) == 0
    assert "stands in" in capsys.readouterr().out
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"pommai {pommai.__version__}\n"


def test_what_a_command_does_stands_beside_its_name(capsys) -> None:  # type: ignore[no-untyped-def]
    for words, last in ((["--help"], "provision"), (["bundle", "--help"], "install-software")):
        assert cli.main(words) == 0
        assert re.search(rf"^    {last}  +\w", capsys.readouterr().out, re.MULTILINE)


def test_every_problem_of_a_file_is_a_line_on_standard_error(command, capsys) -> None:  # type: ignore[no-untyped-def]
    problems = [Problem("a.yaml", 2, 1, "is wrong"), Problem("a.yaml", 1, 1, "is odd")]

    def run(_: argparse.Namespace) -> int:
        raise ChartError(problems)

    command(run)
    assert cli.main(["fake"]) == 1
    out, err = capsys.readouterr()
    assert (out, err) == ("", "a.yaml:1:1: error: is odd\na.yaml:2:1: error: is wrong\n")


@pytest.mark.parametrize(
    ("error", "code"),
    [(DeviceError("no such pin"), 1), (SettingsError("--url: no"), 2)],
)
def test_an_error_on_purpose_is_a_sentence_and_a_code(command, capsys, error: Exception, code: int) -> None:  # type: ignore[no-untyped-def]
    def run(_: argparse.Namespace) -> int:
        raise error

    command(run)
    assert cli.main(["fake"]) == code
    assert capsys.readouterr().err == f"{error}\n"


def test_an_error_nobody_meant_keeps_its_traceback(command) -> None:  # type: ignore[no-untyped-def]
    def run(_: argparse.Namespace) -> int:
        raise ZeroDivisionError

    command(run)
    with pytest.raises(ZeroDivisionError):
        cli.main(["fake"])


def test_ctrl_c_ends_with_the_code_shells_give_it(command) -> None:  # type: ignore[no-untyped-def]
    def run(_: argparse.Namespace) -> int:
        raise KeyboardInterrupt

    command(run)
    assert cli.main(["fake"]) == 130


def test_a_reader_who_goes_away_is_no_traceback() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    done = subprocess.run(
        [sys.executable, "-m", "pommai", "--help"],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        env=buffered,
    )
    os.close(writer)
    assert done.returncode == 141
    assert done.stderr == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_a_disk_that_is_full_is_a_sentence() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "pommai", "schema"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 1
    assert done.stderr == "pommai: the output cannot be written: No space left on device\n"


def test_an_error_of_another_file_keeps_its_traceback(command) -> None:  # type: ignore[no-untyped-def]
    def run(_: argparse.Namespace) -> int:
        raise OSError(28, "No space left on device")

    command(run)
    with pytest.raises(OSError, match="No space left"):
        cli.main(["fake"])


def test_output_that_is_closed_is_not_missed() -> None:
    done = subprocess.run(
        ["sh", "-c", 'exec "$0" -m pommai schema >&-', sys.executable], stderr=subprocess.PIPE, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_terminal_that_knows_fewer_letters_gets_the_numbers_of_the_others() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pommai", "lights", "--list"],
        capture_output=True,
        check=False,
        env=os.environ | {"PYTHONIOENCODING": "latin-1"},
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert rb"\u2584" in done.stdout


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_has_a_parser_a_run_and_a_help_of_its_own(name: str, capsys) -> None:  # type: ignore[no-untyped-def]
    module = importlib.import_module(f"pommai.cli.{name}")
    assert callable(module.run)
    assert cli.main([name, "--help"]) == 0
    assert f"usage: pommai {name}" in capsys.readouterr().out


def test_every_module_of_the_folder_that_has_a_parser_is_a_command() -> None:
    modules = Path(cli.__file__).parent.glob("*.py")
    assert {path.stem for path in modules if "\ndef add_parser(" in path.read_text()} == set(cli.COMMANDS)


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys; from pommai.cli import main; main(['--help']); "
        "print(*sorted({name.split('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    heavy = {"numpy", "pyaudio", "websockets", "statemachine", "gpiozero", "webrtcvad", "opuslib", "vosk"}
    assert "argparse" in done.stderr.split()
    assert heavy.isdisjoint(done.stderr.split())
