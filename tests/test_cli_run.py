"""`pommai run` in a process of its own, against servers good and bad."""

from __future__ import annotations

import http
import json
import os
import signal
import subprocess
import sys
import threading
import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from pommai.io.secret import keep_secret
from pommai.io.wav import read_wav, write_wav
from pommai.protocol import messages as m
from pommai.protocol.wire import decode, encode_message

ROOT = Path(__file__).resolve().parent.parent
SOUNDS = ROOT / "pommai" / "resources" / "sounds"
NOBODY = "ws://127.0.0.1:9/audio-stream"
"""The discard port: nobody listens there."""
PATIENCE = 120.0
"""Seconds; a busy machine may be slow, and what hangs fails in the end."""


class ToyProcess:
    """A toy at a desk: lines are its button, its sound is files, its trace tells what it does."""

    def __init__(self, process: subprocess.Popen[str], trace: Path) -> None:
        self.process = process
        self._trace = trace

    def tell(self, *lines: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("".join(line + "\n" for line in lines))
        self.process.stdin.flush()

    def lines(self) -> list[dict[str, Any]]:
        text = self._trace.read_text() if self._trace.exists() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def wait_for(self, kind: str, name: str, count: int = 1) -> dict[str, Any]:
        """The line of the trace that is the `count`th of its kind and name (of a state: that ends so)."""
        limit = time.monotonic() + PATIENCE
        while time.monotonic() < limit and self.process.poll() is None:
            found = [line for line in self.lines() if line["kind"] == kind and name in line["name"].split()]
            if len(found) >= count:
                return found[count - 1]
            time.sleep(0.02)
        self.process.kill()
        raise AssertionError(f"no {name}, but:\n{self.process.communicate()[1]}")

    def end(self, number: int) -> str:
        """Send a signal; what the log says. The toy must end by itself and well."""
        self.process.send_signal(number)
        _, log = self.process.communicate(timeout=PATIENCE)
        assert self.process.returncode == 0, log
        assert "Traceback" not in log
        assert "toy ended" in log
        return log


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second of somebody speaking."""
    path = tmp_path_factory.mktemp("words") / "words.wav"
    write_wav(path, read_wav(ROOT / "tests" / "data" / "sentence.wav")[10:70])
    return path


def command(folder: Path, cache: Path, *arguments: str) -> tuple[list[str], dict[str, str]]:
    settings = ("--button", "lines", "--lights", "none", "--microphone", "none", "--speaker", "none")
    words = [sys.executable, "-m", "pommai", "run", *settings, "--cache-dir", str(cache), *arguments]
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("POMMAI_", "CONVEX_", "DEVICE_"))
    }
    return words, {**clean, "POMMAI_TOKEN_FILE": str(keep_secret(folder / "token", "only-for-tests"))}


@pytest.fixture
def toy(tmp_path: Path, cache: Path) -> Iterator[Callable[..., ToyProcess]]:
    """Starts toys, and sees to it that none outlives its test."""
    started: list[subprocess.Popen[str]] = []

    def start(url: str, *arguments: str, **more: str) -> ToyProcess:
        trace = tmp_path / f"trace{len(started)}.jsonl"
        argv, environment = command(tmp_path, cache, "--url", url, "--trace", str(trace), *arguments)
        environment |= more
        pipe = subprocess.PIPE
        process = subprocess.Popen(argv, cwd=tmp_path, env=environment, text=True, stdin=pipe, stdout=pipe, stderr=pipe)
        started.append(process)
        return ToyProcess(process, trace)

    yield start
    for process in started:
        process.kill()
        process.communicate()


@contextmanager
def server(handle: Callable[[ServerConnection], None], **options: Any) -> Iterator[str]:
    """A server that treats every toy with `handle`, on a thread of its own; gives its address."""

    def patient(connection: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            handle(connection)

    with serve(patient, "127.0.0.1", 0, compression=None, **options) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        try:
            yield f"ws://127.0.0.1:{running.socket.getsockname()[1]}/audio-stream"
        finally:
            running.shutdown()
            thread.join()


def greet(connection: ServerConnection) -> None:
    assert isinstance(decode(connection.recv()), m.Handshake)
    connection.send(encode_message(m.HandshakeAck("session-1", {"binary_audio": True})))


def ignore(connection: ServerConnection) -> None:
    for _ in connection:
        pass


def tell_who(connection: ServerConnection) -> None:
    connection.send(encode_message(m.ToyConfig(m.ToyProfile("pommai-bear", "Bear"))))


# -- without a server ----------------------------------------------------------------------


def test_without_a_server_the_toy_answers_from_on_board_and_ends_when_told_while_speaking(
    toy: Callable[..., ToyProcess], words: Path, tmp_path: Path
) -> None:
    bear = toy(NOBODY, "--speaker", f"wav:{tmp_path / 'heard.wav'}", "--volume", "100")
    bear.wait_for("configuration", "idle")
    bear.tell("press")
    bear.wait_for("configuration", "listening")
    bear.tell(f"say {words}")
    bear.wait_for("event", "speech.started")
    bear.tell("release")
    bear.wait_for("event", "reply.finished")
    bear.tell("press", f"say {words}")
    bear.wait_for("event", "speech.started", 2)
    bear.tell("release")
    bear.wait_for("mark", "first_sample", 2)
    bear.end(signal.SIGTERM)
    heard = read_wav(tmp_path / "heard.wav")
    assert sum(max(array("h", frame)) > 1000 for frame in heard) > 50  # a second of words, and more


def test_the_line_quit_ends_the_toy(toy: Callable[..., ToyProcess]) -> None:
    bear = toy(NOBODY)
    bear.tell("quit")
    bear.process.communicate(timeout=PATIENCE)
    assert bear.process.returncode == 0


def test_sigint_ends_an_idle_toy_well(toy: Callable[..., ToyProcess]) -> None:
    bear = toy(NOBODY)
    bear.wait_for("configuration", "idle")
    bear.end(signal.SIGINT)


# -- with a bad one ------------------------------------------------------------------------


def test_a_server_that_refuses_the_token_is_named_in_the_log_and_the_toy_rests(toy: Callable[..., ToyProcess]) -> None:
    def refuse(connection: ServerConnection, request: object) -> Any:
        return connection.respond(http.HTTPStatus.UNAUTHORIZED, "no\n")

    with server(ignore, process_request=refuse) as url:
        bear = toy(url)
        bear.wait_for("configuration", "idle")
        log = bear.end(signal.SIGTERM)
    assert "refuses the toy's token" in log
    assert "only-for-tests" not in log


def test_a_server_that_never_answers_keeps_nobody_waiting(toy: Callable[..., ToyProcess]) -> None:
    with server(ignore) as url:
        bear = toy(url)
        bear.wait_for("configuration", "connecting")
        bear.tell("press")
        bear.wait_for("configuration", "listening")
        bear.end(signal.SIGTERM)


def test_a_server_that_sends_rubbish_is_understood_as_far_as_it_makes_sense(toy: Callable[..., ToyProcess]) -> None:
    def rave(connection: ServerConnection) -> None:
        greet(connection)
        rubbish: list[str | bytes] = ["", "{", "[]", "null", '{"type": 5}', '{"type": "dance"}', "[" * 10_000]
        rubbish += [b"", b"\1", b"\xff" * 500, b"\1\2\1\0" + b"\xff" * 8]
        rubbish += ['{"type": "toy_config", "config": {"toyId": "../../etc"}}', '{"type": "safety_override"}']
        for data in rubbish:
            connection.send(data)
        tell_who(connection)
        ignore(connection)

    with server(rave) as url:
        bear = toy(url)
        assert bear.wait_for("event", "toy.loaded")["data"] == {"toy_id": "pommai-bear"}
        bear.wait_for("configuration", "idle")
        bear.end(signal.SIGTERM)


def test_a_message_beyond_the_limit_ends_the_connection_and_the_toy_calls_again(toy: Callable[..., ToyProcess]) -> None:
    calls: list[ServerConnection] = []

    def overdo(connection: ServerConnection) -> None:
        calls.append(connection)
        greet(connection)
        if len(calls) == 1:
            connection.send(b"\0" * (2 << 20))
        tell_who(connection)
        ignore(connection)

    with server(overdo) as url:
        bear = toy(url)
        bear.wait_for("event", "link.down")
        bear.wait_for("event", "link.up", 2)
        bear.wait_for("event", "toy.loaded")
        bear.end(signal.SIGTERM)


def test_a_server_that_goes_away_in_the_middle_of_a_turn_leaves_an_answer(
    toy: Callable[..., ToyProcess], words: Path
) -> None:
    def hang_up(connection: ServerConnection) -> None:
        greet(connection)
        tell_who(connection)
        for data in connection:
            message = decode(data)
            if isinstance(message, m.UpAudio) and message.final:
                return

    with server(hang_up) as url:
        bear = toy(url)
        bear.wait_for("event", "toy.loaded")
        bear.tell("press", f"say {words}")
        bear.wait_for("event", "speech.started")
        bear.tell("release")
        bear.wait_for("configuration", "speaking")
        bear.end(signal.SIGINT)


# -- what keeps a toy from beginning -------------------------------------------------------


@pytest.fixture
def refused(tmp_path: Path, cache: Path) -> Callable[..., tuple[int, str]]:
    """Runs a toy that cannot begin: its exit code and what it says."""

    def run(*arguments: str, **more: str) -> tuple[int, str]:
        argv, environment = command(tmp_path, cache, "--url", NOBODY, *arguments)
        environment |= more
        done = subprocess.run(
            argv, cwd=tmp_path, env=environment, text=True, capture_output=True, timeout=PATIENCE, check=False
        )
        assert "Traceback" not in done.stderr
        assert done.stdout == ""
        return done.returncode, done.stderr

    return run


def test_a_chart_with_a_mistake_is_refused_with_its_place(
    refused: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    chart = tmp_path / "chart.yaml"
    chart.write_text((ROOT / "statechart.yaml").read_text().replace("target: speaking", "target: speakin", 1))
    code, words = refused("--chart", str(chart))
    assert code == 1
    assert words.startswith(f"{chart}:")
    assert "speaking" in words


def test_a_sound_that_the_chart_plays_and_that_is_missing_is_named(
    refused: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    for path in SOUNDS.glob("*.wav"):
        if path.stem != "hello":
            (sounds / path.name).symlink_to(path)
    code, words = refused("--sounds", str(sounds))
    assert code == 1
    assert "hello" in words


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        (("--microphone", "wav:nobody.wav"), 1, "nobody.wav"),
        (("--trace", "/proc/trace.jsonl"), 2, "trace"),
        (("--chart", "nowhere.yaml"), 2, "nowhere.yaml"),
        (("--url", "http://example.org"), 2, "url"),
    ],
)
def test_a_wrong_setting_is_named(
    refused: Callable[..., tuple[int, str]], arguments: tuple[str, ...], code: int, named: str
) -> None:
    ended, words = refused(*arguments)
    assert ended == code
    assert named in words


def test_a_toy_without_a_token_runs_and_says_where_to_put_it(toy: Callable[..., ToyProcess]) -> None:
    bear = toy(NOBODY, POMMAI_TOKEN_FILE="")
    bear.wait_for("configuration", "not_set_up")
    assert "by token_file in its settings" in bear.end(signal.SIGINT)


def test_a_toy_that_may_not_use_its_token_says_so_too_and_goes_online_when_that_was_put_right(
    toy: Callable[..., ToyProcess], tmp_path: Path
) -> None:
    open_to_all = keep_secret(tmp_path / "open", "only-for-tests")
    open_to_all.chmod(0o644)
    bear = toy(NOBODY, "--token-file", str(open_to_all))
    bear.wait_for("configuration", "not_set_up")
    log = bear.end(signal.SIGINT)
    assert "nobody has set this toy up" in log
    assert f"chmod 600 {open_to_all}" in log
    assert "only-for-tests" not in log


def test_a_toy_that_loses_its_token_while_it_runs_says_so_once_and_why(
    toy: Callable[..., ToyProcess], tmp_path: Path
) -> None:
    lost = threading.Event()

    def handle(connection: ServerConnection) -> None:
        greet(connection)
        tell_who(connection)
        lost.wait(PATIENCE)

    with server(handle) as url:
        bear = toy(url)
        bear.wait_for("configuration", "idle")
        bear.wait_for("configuration", "online")
        (tmp_path / "token").unlink()
        lost.set()
        bear.wait_for("configuration", "not_set_up")
        log = bear.end(signal.SIGINT)
    assert log.count("secret not read") == 1
    assert f"{tmp_path / 'token'} cannot be read: No such file" in log
    said = [line for line in bear.lines() if (line.get("name"), line.get("args")) == ("say", {"command": "not_set_up"})]
    assert len(said) == 1


@pytest.mark.parametrize("name", ["POMMAI_USER_TOKEN", "POMMAI_TOKEN"])
def test_a_token_in_the_environment_is_refused_with_where_it_belongs(
    refused: Callable[..., tuple[int, str]], name: str
) -> None:
    code, words = refused(**{name: "planted-in-the-environment"})
    assert code == 2
    assert f"environment variable {name}: a token does not belong here" in words
    assert "--token-file" in words
    assert "planted" not in words
