from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from gateway_material import TOKEN, ScriptedToy, encode_all, run, sentence
from websockets.asyncio.client import connect

from pommai.protocol import messages as m

ROOT = Path(__file__).parents[1]


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "POMMAI_GATEWAY_TOKEN"}
    return {**kept, "PYTHONUNBUFFERED": "1", **more}


def gateway(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a gateway that ends by itself."""
    command = [sys.executable, "-m", "pommai", "gateway", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=environment(**more), text=True, capture_output=True, timeout=30, check=False
    )


@contextmanager
def running(*arguments: str, stdin: int = subprocess.PIPE, **more: str) -> Iterator[subprocess.Popen[str]]:
    """A gateway in a process of its own, on a free port."""
    command = [sys.executable, "-m", "pommai", "gateway", "--port", "0", *arguments]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment(**more),
        text=True,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def listening(process: subprocess.Popen[str]) -> str:
    """The URL of the line that says it listens."""
    words, _, url = line(process).rpartition(" ")
    assert words == "listening on"
    assert url.startswith("ws://127.0.0.1:")
    assert url.endswith("/audio-stream")
    return url


def tell(process: subprocess.Popen[str], words: str) -> str:
    assert process.stdin is not None
    process.stdin.write(words + "\n")
    process.stdin.flush()
    return line(process)


def test_an_operator_sees_switches_and_quits() -> None:
    with running(POMMAI_GATEWAY_TOKEN=TOKEN) as process:
        url = listening(process)

        async def toy_and_operator() -> None:
            headers = {"Authorization": f"Bearer {TOKEN}", "X-Device-ID": "desk-1"}
            async with connect(url, additional_headers=headers, proxy=None) as connection:
                toy = ScriptedToy(connection, binary=False)
                await toy.send(m.Handshake("desk-1", "pommai-bear"))
                await toy.expect(m.HandshakeAck)
                assert tell(process, "sessions").startswith("desk-1 is pommai-bear (session ")
                assert tell(process, "switch robo-rex") == "asked 1 toy to become robo-rex"
                assert (await toy.expect(m.SwitchToy)).toy_id == "robo-rex"
                assert tell(process, "switch robo-rex desk-2") == "asked 0 toys to become robo-rex"
                assert "did you mean 'robo-rex'?" in tell(process, "switch roborex")
                assert tell(process, "dance") == (
                    "known: sessions, switch TOY [DEVICE], pause [TIME [MESSAGE]], resume, quit"
                )
                assert tell(process, "pause") == "asked 1 toy to pause until `resume`"
                assert await toy.expect(m.SafetyOverride) == m.SafetyOverride("pause_interaction")
                assert tell(process, "pause 1m30s time for bed") == "asked 1 toy to pause for 1m30s"
                assert await toy.expect(m.SafetyOverride) == m.SafetyOverride("pause_interaction", 90.0, "time for bed")
                assert tell(process, "pause soon").startswith("soon is no time to pause for; write 30s")
                assert tell(process, "pause 25h").startswith("25h is no time")
                assert tell(process, "resume") == "asked 1 toy to go on"
                assert await toy.expect(m.SafetyOverride) == m.SafetyOverride("resume")
                packets = encode_all(sentence(0.2))
                await toy.say(1, packets)
                assert len(await toy.answer()) == len(packets)

        run(toy_and_operator())
        limit = time.monotonic() + 10
        while tell(process, "sessions") != "no toy is connected":  # its goodbye takes a moment
            assert time.monotonic() < limit
        assert tell(process, "quit") == "bye"
        assert process.wait(10) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_good_order(number: signal.Signals) -> None:
    with running("--token", TOKEN) as process:
        listening(process)
        process.send_signal(number)
        _, errors = process.communicate(timeout=10)
        assert process.returncode == 0
        assert "Traceback" not in errors
        assert "gateway closed" in errors


@pytest.mark.parametrize("stdin", [os.devnull, str(ROOT / "README.md")])
def test_it_runs_without_an_operator(stdin: str) -> None:
    with Path(stdin).open() as nobody, running("--token", TOKEN, stdin=nobody.fileno()) as process:
        listening(process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_without_a_token_it_makes_one_for_this_run_and_shows_it_once() -> None:
    tokens = set()
    for _ in range(2):
        with running() as process:
            words, _, token = line(process).rpartition(" ")
            assert words == "token for this run:"
            assert len(token) >= 32
            tokens.add(token)
            listening(process)
            process.send_signal(signal.SIGTERM)
            output, errors = process.communicate(timeout=10)
            assert token not in output + errors
    assert len(tokens) == 2


def test_a_port_that_is_taken_is_a_sentence_and_exit_code_1() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = gateway("--port", str(taken.getsockname()[1]), "--token", TOKEN)
    assert done.returncode == 1
    assert "another gateway" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--host", "256.0.0.1"], "cannot listen on 256.0.0.1"),
        (["--personas", "nobody.yaml"], "nobody.yaml:1:1: error: cannot be read"),
    ],
)
def test_what_cannot_run_says_why_with_exit_code_1(arguments: list[str], words: str) -> None:
    done = gateway("--token", TOKEN, *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--port", "99999"], "the port must be 0..65535"),
        (["--token", "two words"], "the token is empty, or holds spaces"),
        (["--port", "many"], "--port"),
        (["--log-level", "loud"], "--log-level"),
        (["--colour"], "--colour"),
    ],
)
def test_wrong_usage_says_why_with_exit_code_2(arguments: list[str], words: str) -> None:
    done = gateway("--token", TOKEN, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_its_help_teaches() -> None:
    done = gateway("--help")
    assert done.returncode == 0
    for words in ("POMMAI_GATEWAY_TOKEN", "switch TOY [DEVICE]", "listening on ws://", "Exit code"):
        assert words in done.stdout
