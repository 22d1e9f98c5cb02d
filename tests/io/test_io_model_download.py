"""Fetching a model, from servers as they are: slow, cut off, wrong, gone, going in circles."""

from __future__ import annotations

import doctest
import hashlib
import random
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pommai.errors import ModelError
from pommai.io import model_download
from pommai.io.model_download import download

CONTENT = random.Random(1).randbytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Request(BaseHTTPRequestHandler):
    """One request, answered as the test says."""

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers.get("Range")))  # type: ignore[attr-defined]
        self.server.answer(self)  # type: ignore[attr-defined]

    def log_message(self, *args: object) -> None:
        pass

    def send(self, content: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(content))} | headers).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def send_rest(self, most: int = 10**9) -> None:
        """What a server that knows ranges sends, breaking off after `most` bytes."""
        begins = self.headers.get("Range")
        start = int(begins.removeprefix("bytes=").removesuffix("-")) if begins else 0
        rest = CONTENT[start:]
        self.send_response(206 if begins else 200)
        self.send_header("Content-Length", str(len(rest)))
        if begins:
            self.send_header("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
        self.end_headers()
        self.wfile.write(rest[:most])


@contextmanager
def serving(answer: Callable[[Request], None]) -> Iterator[tuple[str, list[tuple[str, str | None]]]]:
    """A server on this machine; its address, and what it was asked for."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Request)
    server.answer, server.asked = answer, []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/model.zip", server.asked  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_download, "PAUSE", 0.0)
    monkeypatch.setenv("no_proxy", "*")


def fetch(url: str, folder: Path, size: int = len(CONTENT), sha256: str = SHA256) -> list[tuple[int, int]]:
    told: list[tuple[int, int]] = []
    download(url, folder / "model.zip", size, sha256, lambda doing, done, total: told.append((done, total)))
    assert (folder / "model.zip").read_bytes() == CONTENT
    return told


def test_the_examples_in_the_module_hold() -> None:
    assert doctest.testmod(model_download).failed == 0


def test_a_file_is_fetched_and_its_progress_told(tmp_path: Path) -> None:
    with serving(lambda request: request.send(CONTENT)) as (url, asked):
        told = fetch(url, tmp_path)
    assert asked == [("/model.zip", None)]
    assert told == sorted(told)
    assert told[-1] == (300_000, 300_000)


def test_a_connection_that_breaks_off_is_made_anew_and_goes_on_where_it_was(tmp_path: Path) -> None:
    with serving(lambda request: request.send_rest(most=100_000)) as (url, asked):
        fetch(url, tmp_path)
    assert asked == [("/model.zip", None), ("/model.zip", "bytes=100000-"), ("/model.zip", "bytes=200000-")]


def test_a_server_that_knows_no_ranges_sends_it_all_again(tmp_path: Path) -> None:
    def answer(request: Request) -> None:
        if request.headers.get("Range"):
            request.send(CONTENT)
        else:
            request.send_rest(most=1000)

    with serving(answer) as (url, asked):
        fetch(url, tmp_path)
    assert len(asked) == 2


def test_a_server_that_always_breaks_off_at_the_same_byte_is_given_up(tmp_path: Path) -> None:
    def answer(request: Request) -> None:
        del request.headers["Range"]
        request.send_rest(most=150_000)

    with (
        serving(answer) as (url, asked),
        pytest.raises(ModelError, match=r"broke off after 150 kB, 5 times in a row"),
    ):
        fetch(url, tmp_path)
    assert len(asked) == 1 + model_download.TRIES


def test_a_server_that_has_a_bad_moment_in_the_middle_is_asked_again(tmp_path: Path) -> None:
    def answer(request: Request) -> None:
        if len(request.server.asked) in (2, 3):  # type: ignore[attr-defined]
            request.send(b"busy", 503)
        else:
            request.send_rest(most=200_000)

    with serving(answer) as (url, asked):
        fetch(url, tmp_path)
    assert len(asked) == 4


def test_a_server_that_sends_nothing_more_counts_as_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_download, "PATIENCE", 0.05)
    over = threading.Event()

    def answer(request: Request) -> None:
        first = len(request.server.asked) == 1  # type: ignore[attr-defined]
        request.send_rest(most=100_000 if first else 10**9)
        if first:
            request.wfile.flush()
            over.wait(10)

    with serving(answer) as (url, asked):
        try:
            fetch(url, tmp_path)
        finally:
            over.set()
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda request: request.send(b"gone", 404), r"answers 404 \(Not Found\): the model is not there any more"),
        (lambda request: request.send(b"no", 403), r"answers 403 \(Forbidden\)"),
        (lambda request: request.send(b"ouch", 500), r"answers 500 \(Internal Server Error\)"),
        (lambda request: request.send(b"", 302, Location="/model.zip"), "leads in circles"),
        (lambda request: request.send(CONTENT[:-1]), "offers 299999 bytes where 300,000 were published"),
        (lambda request: request.send(CONTENT + b"x"), "offers 300001 bytes"),
        (lambda request: request.send(bytes(300_000)), "SHA-256 is .*, not .*nothing was kept"),
        (lambda request: request.wfile.write(b"\0\1\2 no HTTP\r\n\r\n"), "cannot be reached"),
        (lambda request: None, "cannot be reached"),
    ],
)
def test_what_cannot_be_helped_is_said(tmp_path: Path, answer: Callable[[Request], None], words: str) -> None:
    with serving(answer) as (url, _), pytest.raises(ModelError, match=words):
        fetch(url, tmp_path)


def test_more_than_was_published_is_not_taken(tmp_path: Path) -> None:
    def answer(request: Request) -> None:
        request.send_response(200)  # no length told: it ends when the connection does
        request.end_headers()
        request.wfile.write(CONTENT * 3)

    with serving(answer) as (url, _), pytest.raises(ModelError, match="sends more than the 300,000 bytes"):
        fetch(url, tmp_path)
    assert (tmp_path / "model.zip").stat().st_size <= 300_000


def test_a_server_that_is_not_there_is_said_at_once(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: it refuses
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/model.zip"
        with pytest.raises(ModelError, match=r"cannot be reached: Connection refused$"):
            fetch(url, tmp_path)


def test_a_redirect_is_followed(tmp_path: Path) -> None:
    def answer(request: Request) -> None:
        if request.path == "/model.zip":
            request.send(b"", 302, Location="/elsewhere.zip")
        else:
            request.send(CONTENT)

    with serving(answer) as (url, asked):
        fetch(url, tmp_path)
    assert [path for path, _ in asked] == ["/model.zip", "/elsewhere.zip"]


def test_a_redirect_to_a_file_of_this_machine_is_not(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(CONTENT)
    answer = lambda request: request.send(b"", 302, Location=secret.as_uri())  # noqa: E731
    with serving(answer) as (url, _), pytest.raises(ModelError):
        fetch(url, tmp_path)
