"""`pommai gateway` with its HTTP side, as operators and service managers meet it: processes, ports, files, signals."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from gateway_material import TOKEN, ScriptedToy, encode_all, run, sentence
from speech_material import VOSK_TINY
from test_cli_gateway import ROOT, environment, gateway, line, tell
from test_gateway_tls import CA, issue, trusting
from websockets.asyncio.client import connect

from pommai.protocol import messages as m

OPERATOR = "the-operator-of-this-test"


@contextmanager
def running(*arguments: str, **more: str) -> Iterator[subprocess.Popen[str]]:
    """A gateway on free ports."""
    command = [sys.executable, "-m", "pommai", "gateway", "--port", "0", "--token", TOKEN, *arguments]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment(**more),
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def after(process: subprocess.Popen[str], words: str) -> str:
    """What comes behind these words in the next line."""
    found = line(process)
    assert found.startswith(words), found
    return found.removeprefix(words).strip()


def status(url: str, token: str, path: str = "/sessions") -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.get(url + path, headers=headers, verify=trusting(), trust_env=False).status_code


def test_the_operators_token_is_said_at_the_first_start_and_never_again_until_a_new_one_is_asked_for(
    tmp_path: Path,
) -> None:
    data = ("--data", str(tmp_path / "toys.db"))
    with running(*data) as process:
        token = after(process, "operator's token, shown this once: ")
        assert len(token) == 43
        url = after(process, "operators: http://127.0.0.1:")
        url = f"http://127.0.0.1:{url}"
        after(process, "listening on ws://")
        assert (status(url, token), status(url, "guess")) == (200, 401)
        assert tell(process, "quit") == "bye"
        output, errors = process.communicate(timeout=10)
        assert token not in output + errors
    kept = tmp_path / "toys.db.operator"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert token not in kept.read_text()
    with running(*data) as process:
        url = after(process, "operators: ")
        assert status(url, token) == 200
        done = gateway("--new-operator-token", *data)
        words, _, renewed = done.stdout.strip().rpartition(" ")
        assert (done.returncode, words, done.stderr) == (0, "operator's token, shown this once:", "")
        assert (status(url, renewed), status(url, token)) == (200, 401)


@pytest.mark.parametrize(
    ("arguments", "words", "more"),
    [
        (["--new-operator-token"], "say where with --data FILE", {}),
        (["--new-operator-token", "--data", "x.db"], "change it there", {"POMMAI_OPERATOR_TOKEN": OPERATOR}),
        (["--operator-token-file", os.devnull], "the operator's token is empty", {}),
        (["--operator-token-file", "/no/such/file"], "/no/such/file cannot be read", {}),
        ([], "has 5 characters, and could be guessed; write at least 20", {"POMMAI_OPERATOR_TOKEN": "admin"}),
        (["--http-port", "99999"], "the HTTP port must be 0..65535", {}),
        (["--http-port", "some"], "--http-port", {}),
        (["--tls-cert", "a.pem"], "--tls-cert and --tls-key belong together", {}),
        (["--tls-cert", "a.pem", "--tls-key", "b.pem"], "a.pem cannot be read: No such file or directory", {}),
    ],
)
def test_wrong_usage_says_why_with_exit_code_2(arguments: list[str], words: str, more: dict[str, str]) -> None:
    done = gateway("--port", "0", "--token", TOKEN, *arguments, **more)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_start_that_fails_says_no_token_that_would_be_lost(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = gateway("--port", "0", "--http-port", port, "--data", str(tmp_path / "toys.db"))
    assert (done.returncode, done.stdout) == (1, "")
    assert f"cannot listen on 127.0.0.1 port {port} for HTTP: Address already in use" in done.stderr
    assert "Choose another --http-port" in done.stderr
    assert not (tmp_path / "toys.db.operator").exists()


def test_without_http_nothing_listens_and_no_token_is_made(tmp_path: Path) -> None:
    with running("--http-port", "none", "--data", str(tmp_path / "toys.db")) as process:
        after(process, "listening on ws://")
    assert not (tmp_path / "toys.db.operator").exists()


def test_with_a_certificate_both_ports_are_encrypted_wherever_they_are(tmp_path: Path) -> None:
    cert, key = issue(tmp_path)
    arguments = ("--host", "0.0.0.0", "--tls-cert", str(cert), "--tls-key", str(key))
    with running(*arguments, POMMAI_OPERATOR_TOKEN=OPERATOR) as process:
        http = after(process, "operators: https://0.0.0.0:")  # and no warning before it
        toys = after(process, "listening on wss://0.0.0.0:")
        assert status(f"https://127.0.0.1:{http}", OPERATOR, "/readyz") == 200

        async def visit() -> None:
            headers = {"Authorization": f"Bearer {TOKEN}", "X-Device-ID": "desk-1"}
            url = f"wss://127.0.0.1:{toys}"
            async with connect(url, ssl=trusting(), additional_headers=headers, proxy=None) as connection:
                toy = ScriptedToy(connection, binary=False)
                await toy.send(m.Handshake("desk-1", "pommai-bear"))
                await toy.expect(m.HandshakeAck)
                await toy.expect(m.PiConfigUpdate)
                packets = encode_all(sentence(0.2))
                await toy.say(1, packets)
                assert len(await toy.answer()) == len(packets)

        run(visit())
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_off_this_machine_without_a_certificate_there_is_a_warning() -> None:
    with running("--host", "0.0.0.0", POMMAI_OPERATOR_TOKEN=OPERATOR) as process:
        assert line(process) == "the wire is not encrypted: listen like this only on a network you trust"


def test_a_key_of_another_certificate_is_refused_and_one_that_has_ended_is_used_with_a_warning(tmp_path: Path) -> None:
    cert, _ = issue(tmp_path)
    _, other = issue(tmp_path, name="other")
    done = gateway("--port", "0", "--token", TOKEN, "--tls-cert", str(cert), "--tls-key", str(other))
    assert (done.returncode, done.stdout) == (2, "")
    assert "other.key is not the key of" in done.stderr
    ended = datetime(2020, 5, 1, tzinfo=UTC)
    made = CA.issue_cert("localhost", not_before=ended - timedelta(days=90), not_after=ended)
    cert.write_bytes(made.cert_chain_pems[0].bytes())
    other.write_bytes(made.private_key_pem.bytes())
    arguments = ("--tls-cert", str(cert), "--tls-key", str(other))
    with running(*arguments, POMMAI_OPERATOR_TOKEN=OPERATOR) as process:
        after(process, "operators: https://")
        assert process.stderr is not None
        said = [process.stderr.readline() for _ in range(2)]
        assert any("gateway.crt has expired on 2020-05-01; toys will not trust it" in each for each in said)


def test_a_gateway_that_hears_is_ready_once_its_model_is_loaded(tmp_path: Path) -> None:
    engines = tmp_path / "gateway.yaml"
    engines.write_text(f"hearing: {{vosk: {{model: {VOSK_TINY}}}}}\nanswering: scripted\n")
    arguments = ("--engines", str(engines))
    with running(*arguments, POMMAI_OPERATOR_TOKEN=OPERATOR, XDG_CACHE_HOME=str(tmp_path)) as process:
        url = after(process, "operators: ")
        headers = {"Authorization": f"Bearer {OPERATOR}"}
        while (answer := httpx.get(f"{url}/readyz", headers=headers, trust_env=False)).status_code == 503:
            assert answer.json()["checks"]["hearing"] == "the speech model is not loaded yet"
        assert answer.json()["checks"]["hearing"] == "ok"


def test_at_sigterm_a_turn_under_way_is_answered_to_its_end_and_then_the_gateway_ends() -> None:
    with running(POMMAI_OPERATOR_TOKEN=OPERATOR) as process:
        url = after(process, "operators: ")
        toys = after(process, "listening on ")

        async def visit() -> None:
            headers = {"Authorization": f"Bearer {TOKEN}", "X-Device-ID": "desk-1"}
            async with connect(toys, additional_headers=headers, proxy=None) as connection:
                toy = ScriptedToy(connection, binary=True)
                await toy.send(m.Handshake("desk-1", "pommai-bear", capabilities={"binary_audio": True}))
                await toy.expect(m.HandshakeAck)
                await toy.expect(m.PiConfigUpdate)
                packets = encode_all(sentence())
                await toy.say(1, packets)
                frames = toy.frames()
                heard = [await anext(frames)]
                process.send_signal(signal.SIGTERM)
                while await asyncio.to_thread(status, url, OPERATOR, "/readyz") != 503:
                    pass
                heard += [frame async for frame in frames]
                assert len(heard) == len(packets)
                await connection.wait_closed()
                assert connection.close_code == 1012  # Service Restart: connect again

        run(visit())
        assert process.wait(10) == 0
        assert "Traceback" not in process.communicate()[1]
