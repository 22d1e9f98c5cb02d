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

from pommai.gateway.console import COMMANDS
from pommai.protocol import messages as m
from pommai.protocol.wire import Decoded

ROOT = Path(__file__).parents[1]


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("POMMAI_")}
    return {**kept, "PYTHONUNBUFFERED": "1", **more}


def gateway(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a gateway that ends by itself."""
    command = [sys.executable, "-m", "pommai", "gateway", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=environment(**more), text=True, capture_output=True, timeout=30, check=False
    )


@contextmanager
def running(
    *arguments: str, stdin: int = subprocess.PIPE, stderr: int = subprocess.PIPE, **more: str
) -> Iterator[subprocess.Popen[str]]:
    """A gateway in a process of its own, on a free port, without HTTP."""
    command = [sys.executable, "-m", "pommai", "gateway", "--port", "0", "--http-port", "none", *arguments]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment(**more),
        text=True,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=stderr,
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
                await toy.expect(m.PiConfigUpdate)
                assert tell(process, "config") == "desk-1 has not said yet what it took"
                assert tell(process, "sessions").startswith("desk-1 is pommai-bear (session ")
                assert tell(process, "switch robo-rex") == "asked 1 toy to become robo-rex"
                assert (await toy.expect(m.SwitchToy)).toy_id == "robo-rex"
                await toy.expect(m.PiConfigUpdate)
                assert tell(process, "switch robo-rex desk-2") == "asked 0 toys to become robo-rex"
                assert "did you mean 'robo-rex'?" in tell(process, "switch roborex")
                assert tell(process, "dance") == f"known: {', '.join(COMMANDS)}"
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


ALERT = m.GuardianAlert("high", "asked for help", "2026-01-01T00:00:00Z", id="s1")


def visit(url: str, *messages: m.Message) -> list[Decoded]:
    """A toy that connects, sends these, and takes an answer to each batch and ping among them."""

    async def test() -> list[Decoded]:
        headers = {"Authorization": f"Bearer {TOKEN}", "X-Device-ID": "desk-1"}
        async with connect(url, additional_headers=headers, proxy=None) as connection:
            toy = ScriptedToy(connection, binary=False)
            await toy.send(m.Handshake("desk-1", "pommai-bear"))
            await toy.expect(m.HandshakeAck)
            await toy.expect(m.PiConfigUpdate)
            answers = []
            for message in messages:
                await toy.send(message)
                if isinstance(message, (m.SyncBatch, m.Ping)):
                    answers.append(await toy.receive())
            return answers

    return run(test())


def test_alerts_are_printed_as_they_come_and_an_archive_outlives_the_gateway(tmp_path: Path) -> None:
    batch = m.SyncBatch("b1", safety_events=({"id": "s1", "reason": "asked for help"}, {"id": "s2", "reason": "ow"}))
    archive = ("--data", str(tmp_path / "toys.db"), "--token", TOKEN)
    with running(*archive) as process:
        url = listening(process)
        assert tell(process, "archive") == "nothing is kept yet"
        assert tell(process, "alerts") == "no alerts"
        (ack,) = visit(url, ALERT, ALERT, batch)
        assert ack == m.SyncAck("b1", ("s1", "s2"))
        assert line(process) == "alert desk-1 high asked for help"
        assert line(process) == "alert desk-1 unknown ow"
        process.kill()
    with running(*archive) as process:
        url = listening(process)
        assert visit(url, batch) == [m.SyncAck("b1", ("s1", "s2"))]
        assert tell(process, "archive") == "desk-1: safety_events 2"
        first = tell(process, "alerts")
        assert first.endswith("+00:00 desk-1 high asked for help")
        assert line(process).endswith(" desk-1 unknown ow")
        assert tell(process, "quit") == "bye"
        assert process.wait(10) == 0


def test_a_gateway_killed_again_and_again_has_all_that_it_acknowledged_and_nothing_twice(tmp_path: Path) -> None:
    archive = ("--data", str(tmp_path / "toys.db"), "--token", TOKEN)
    items = [{"id": f"s{number}", "reason": f"number {number}"} for number in range(30)]
    acknowledged: set[str] = set()
    for start in range(0, 30, 6):
        with running(*archive) as process:
            some = m.SyncBatch("b1", safety_events=tuple(items[max(0, start - 3) : start + 6]))
            for ack in visit(listening(process), some, some):
                assert isinstance(ack, m.SyncAck)
                acknowledged.update(ack.accepted)
            process.kill()
    assert acknowledged == {str(item["id"]) for item in items}
    with running(*archive) as process:
        listening(process)
        assert tell(process, "archive") == "desk-1: safety_events 30"


def test_an_archive_that_cannot_be_kept_says_why_with_exit_code_1(tmp_path: Path) -> None:
    done = gateway("--token", TOKEN, "--data", str(tmp_path / "nowhere" / "toys.db"))
    assert (done.returncode, done.stdout) == (1, "")
    assert "toys.db cannot be opened: No such file or directory" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_gateway_whose_words_nobody_reads_goes_on_serving() -> None:
    with running("--token", TOKEN, stderr=subprocess.DEVNULL) as process:
        url = listening(process)
        # More alerts than a pipe holds, over more connections than the rate limit would stop.
        alerts = [m.GuardianAlert("low", f"{number} " + "x" * 290, "now") for number in range(90)]
        for _ in range(4):
            assert len(visit(url, *alerts, m.Ping("now"))) == 1


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
        (["--most-toys", "0"], "room for at least one toy"),
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
    for words in ("POMMAI_GATEWAY_TOKEN", "--data", "kept in memory", "listening on ws://", "Exit code", *COMMANDS):
        assert words in done.stdout
