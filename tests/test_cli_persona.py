"""`pommai persona` as a process of its own, against a gateway that is one, too."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from gateway_material import TOKEN
from test_cli_gateway import ROOT, environment, line, tell

OPERATOR = "the-operator-of-this-test"


class Asked(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    errors: str


def persona(*arguments: str, **more: str) -> Asked:
    done = subprocess.run(
        [sys.executable, "-m", "pommai", "persona", *arguments],
        cwd=ROOT,
        env=environment(**more),
        text=True,
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert OPERATOR not in done.stdout + done.stderr
    return Asked(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Where a gateway that runs is asked."""
    command = [sys.executable, "-m", "pommai", "gateway", "--port", "0", "--log-level", "error", "--token", TOKEN]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment(POMMAI_OPERATOR_TOKEN=OPERATOR),
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        words, _, found = line(process).rpartition(" ")
        assert words == "operators:"
        assert line(process).startswith("listening on ws://")
        yield found
        assert tell(process, "quit") == "bye"
        assert process.wait(10) == 0


def test_personas_are_listed_and_set_for_one_and_for_all(url: str) -> None:
    asked = {"POMMAI_OPERATOR_TOKEN": OPERATOR}
    done = persona("--gateway", url, **asked)
    assert done == (0, "pommai-bear  Pommai Bear\nrobo-rex     Robo Rex\n", "")
    done = persona("robo-rex", "--device", "desk-1", "--gateway", url, **asked)
    assert done == (0, "desk-1 is to be robo-rex: it is not connected, and will be told when it comes\n", "")
    assert persona("--gateway", url, **asked).out.endswith("robo-rex     Robo Rex     desk-1\n")
    done = persona("pommai-bear", "--gateway", url, **asked)
    assert done == (0, "all toys are to be pommai-bear: asked 0 toys\n", "")
    assert persona("--gateway", url, **asked).out == "pommai-bear  Pommai Bear  all toys\nrobo-rex     Robo Rex\n"
    told = json.loads(persona("robo-rex", "--json", "--gateway", url + "/", **asked).out)
    assert told == {"toyId": "robo-rex", "deviceId": None, "asked": 0}
    listed = json.loads(persona("--json", "--gateway", url, **asked).out)
    assert [each["activeForAll"] for each in listed["personas"]] == [False, True]


def test_a_name_that_nobody_has_is_answered_with_the_one_that_was_meant(url: str) -> None:
    done = persona("roborex", "--gateway", url, POMMAI_OPERATOR_TOKEN=OPERATOR)
    assert done == (1, "", "there is no toy 'roborex' (did you mean 'robo-rex'?)\n")


def test_a_token_comes_from_a_file_too_and_a_wrong_one_is_refused(url: str, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{OPERATOR}\n")
    file.chmod(0o644)
    done = persona("--gateway", url, "--token-file", str(file))
    assert (done.code, f"chmod 600 {file}" in done.errors) == (2, True)
    file.chmod(0o600)
    assert persona("--gateway", url, "--token-file", str(file)).code == 0
    done = persona("--gateway", url, POMMAI_OPERATOR_TOKEN="another-token-of-somebody")
    assert (done.code, done.out) == (1, "")
    assert done.errors.startswith("this is not the operator's token (it was printed when the gateway first started;")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--gateway", "ws://127.0.0.1:8765"], "that is where toys connect to: operators have another port"),
        (["--gateway", "127.0.0.1:8766"], "is no address; write it as http://127.0.0.1:8766"),
        (["--gateway", "http://127.0.0.1:port"], "is no address; write it as http://127.0.0.1:8766"),
        (["--gateway", "http://127.0.0.1:8766/sessions"], "is no address"),
        (["--device", "desk-1"], "not who it is to be: pommai persona TOY --device ID"),
        (["--token-file", os.devnull], "the operator's token is empty"),
        (["--colour"], "--colour"),
    ],
)
def test_wrong_usage_says_why_with_exit_code_2(arguments: list[str], words: str) -> None:
    done = persona(*arguments, POMMAI_OPERATOR_TOKEN=OPERATOR)
    assert (done.code, done.out) == (2, "")
    assert words in done.errors


def test_without_a_token_it_says_where_one_belongs() -> None:
    done = persona()
    assert (done.code, done.out) == (2, "")
    assert "put it into POMMAI_OPERATOR_TOKEN, or name a file that holds it with --token-file" in done.errors


def test_its_help_teaches() -> None:
    done = persona("--help")
    for words in ("--device", "POMMAI_OPERATOR_TOKEN", "http://127.0.0.1:8766", "Exit code", "Examples"):
        assert words in done.out
