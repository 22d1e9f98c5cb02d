"""`pommai load` as a shell sees it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from gateway_material import TOKEN, run, sentence
from load_material import desk

from pommai.cli import main
from pommai.cli.load import _so_far
from pommai.io.wav import frames_of, write_wav
from pommai.qa.load_run import Now

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def speech(tmp_path: Path) -> str:
    """A short thing to say."""
    path = tmp_path / "speech.wav"
    write_wav(path, frames_of(sentence(0.4)))
    return str(path)


@contextmanager
def a_gateway() -> Iterator[str]:
    """A gateway on a thread of its own, for the time of a test: its address."""
    import asyncio

    urls: list[str] = []
    ready, over = threading.Event(), threading.Event()

    async def serve() -> None:
        async with desk() as gateway:
            urls.append(gateway.url)
            ready.set()
            await asyncio.to_thread(over.wait)

    thread = threading.Thread(target=run, args=(serve(),))
    thread.start()
    ready.wait(10)
    try:
        yield urls[0]
    finally:
        over.set()
        thread.join()


def test_one_command_starts_a_gateway_loads_it_and_writes_a_report(
    tmp_path: Path, speech: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "report"
    words = ["--toys", "1,2", "--turns", "1", "--speech", speech, "--report", str(folder)]
    assert main(["load", *words]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("a gateway of its own, 1 turn a toy, 5 % interrupted, seed 1\n")
    assert "no errors" in out
    assert f"written: {folder / 'report.md'}" in err
    told = json.loads((folder / "report.json").read_text())
    assert [step["turns"] for step in told["steps"]] == [1, 2]
    assert told["steps"][1]["gateway"]["rss_most"] > 10_000_000
    svg = (folder / "load.svg").read_text()
    assert f">{round(told['steps'][1]['latency_ms']['p99']):,}</text>" in svg, "the picture says what the figures say"
    assert (folder / "load.png").stat().st_size > 10_000
    assert "![Latency over toys](load.svg)" in (folder / "report.md").read_text()


def test_a_gateway_that_runs_is_loaded_with_a_token_from_a_file(
    tmp_path: Path, speech: str, capsys: pytest.CaptureFixture[str]
) -> None:
    token = tmp_path / "token"
    token.write_text(f"{TOKEN}\n")
    with a_gateway() as url:
        assert main(["load", "--gateway", url, "--token-file", str(token), "--speech", speech]) == 2
        assert f"chmod 600 {token}" in capsys.readouterr().err
        token.chmod(0o600)
        words = ["--gateway", url, "--token-file", str(token), "--pid", str(os.getpid())]
        assert main(["load", *words, "--toys", "2", "--for", "1s", "--speech", speech, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["gateway"] == url
    assert not told["own_gateway"]
    assert told["steps"][0]["connected"] == 2
    assert told["steps"][0]["gateway"]["cpu"] > 0


def test_the_wrong_token_is_told(
    speech: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POMMAI_GATEWAY_TOKEN", "somebody-elses-token")
    with a_gateway() as url:
        assert main(["load", "--gateway", url, "--toys", "2", "--speech", speech]) == 1
    assert "the server refuses the toy's token" in capsys.readouterr().err


def test_without_matplotlib_there_are_figures_and_words_how_to_get_a_picture(
    tmp_path: Path, speech: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setenv("POMMAI_GATEWAY_TOKEN", TOKEN)
    with a_gateway() as url:
        words = ["--gateway", url, "--toys", "1", "--turns", "1", "--speech", speech, "--report", str(tmp_path)]
        assert main(["load", *words]) == 0
    out, err = capsys.readouterr()
    assert "no errors" in out
    assert "get it with: pip install 'pommai[load]'" in err
    assert (tmp_path / "report.md").exists()
    assert not (tmp_path / "load.svg").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--toys", "0"], "must be 1..2000, not 0"),
        (["--toys", "999999999999999999999999"], "must be 1..2000"),
        (["--toys", "100,50"], "steps go up, as 50,100,200, not '100,50'"),
        (["--toys", "many"], "a number of toys is a whole number, not 'many'"),
        (["--for", "2h"], "a time is 1s to 1h, as 30s or 2m, not '2h'"),
        (["--for", "soon"], "a time is 1s to 1h"),
        (["--turns", "3", "--for", "3s"], "not allowed with argument"),
        (["--barge-in", "nan"], "a share is 0 to 1, not 'nan'"),
        (["--barge-in", "1.5"], "a share is 0 to 1, not '1.5'"),
        (["--seed", "-1"], "a seed is a whole number from 0 on"),
        (["--pid", "1"], "--pid is about a gateway that runs already: say --gateway, too"),
        (["--token-file", "x"], "--token-file is about a gateway that runs already"),
        (["--gateway", "wss://toys.example.com/"], "toys.example.com is another machine"),
        (["--gateway", "toys"], "a gateway's address is like ws://127.0.0.1:8765/audio-stream, not 'toys'"),
        (["--gateway", "ws://127.0.0.1:1/"], "the gateway wants a token: set POMMAI_GATEWAY_TOKEN"),
        (["--gateway", "ws://127.0.0.1:1/", "--token-file", "gone"], "the token: gone cannot be read"),
        (["--report", "/proc/nowhere"], "the report cannot be written to /proc/nowhere"),
    ],
)
def test_wrong_usage_is_said_in_words_and_reaches_nobody(
    words: list[str], told: str, speech: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("POMMAI_GATEWAY_TOKEN", raising=False)
    assert main(["load", "--speech", speech, *words]) == 2
    assert told in capsys.readouterr().err


def test_a_gateway_that_may_open_too_few_files_is_told_beforehand(
    speech: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POMMAI_GATEWAY_TOKEN", TOKEN)
    code = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (70, 70)); print(); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        words = ["--gateway", "ws://127.0.0.1:1/", "--pid", str(process.pid), "--toys", "10", "--speech", speech]
        assert main(["load", *words]) == 2
        process.communicate(b"\n")
    assert "the gateway may open 70 files, and needs 74: ulimit -n 74" in capsys.readouterr().err


def test_ctrl_c_tells_what_was_measured_so_far_and_leaves_no_gateway(speech: str, tmp_path: Path) -> None:
    words = ["--toys", "2", "--for", "10m", "--speech", speech, "--report", str(tmp_path / "report")]
    with subprocess.Popen(
        [sys.executable, "-m", "pommai", "load", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        while not (children := _children_of(process.pid)):
            time.sleep(0.02)
        while not _is_connected(children[0]):
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "interrupted; these are the figures so far" in out
    assert (tmp_path / "report" / "report.md").exists()
    assert not Path(f"/proc/{children[0]}").exists()


def _children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _is_connected(pid: int) -> bool:
    """Whether a process has both ends of talk: it listens, and somebody has come."""
    sockets = [path for path in Path(f"/proc/{pid}/fd").iterdir() if "socket:" in _link(path)]
    return len(sockets) >= 5


def _link(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:
        return ""


def test_progress_tells_toys_turns_latency_and_errors() -> None:
    assert _so_far(Now(0.25, 300, 298, 1234, 0.0421, 0)) == (0.25, "298 of 300 toys, 1,234 turns, p50 42 ms")
    assert _so_far(Now(0.0, 3, 0, 0, float("nan"), 2)) == (0.0, "0 of 3 toys, 0 turns, no answer yet, 2 errors")
