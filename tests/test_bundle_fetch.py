"""Fetching a bundle from a server that may want to harm."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from pommai.bundle.fetch import check_hash, check_size, check_url, fetch
from pommai.errors import BundleError

DATA = bytes(range(256)) * 1000
HASH = hashlib.sha256(DATA).hexdigest()


@contextmanager
def served(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """A server on this machine that answers so."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, *args: Any) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/toy.pommai-bundle"
        finally:
            server.shutdown()
            thread.join()


def sends(data: bytes, *, length: int | None = None, code: int = 200, **headers: str) -> Callable[[Any], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        handler.send_header("Content-Length", str(len(data) if length is None else length))
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(data)

    return answer


def test_what_was_announced_comes_piece_by_piece() -> None:
    with served(sends(DATA)) as url:
        assert b"".join(fetch(url, HASH, len(DATA))) == DATA


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (sends(DATA + b"more"), "sends more than the 256,000 bytes"),
        (sends(DATA[:-1]), "is not what was announced: 255,999 bytes"),
        (sends(DATA[:-1] + b"x"), "is not what was announced"),
        (sends(DATA[:100], length=len(DATA)), "is not what was announced|cannot be reached"),
        (sends(b"", code=404), r"answers 404 \(Not Found\)"),
        (sends(b"", code=302, Location="file:///etc/passwd"), r"answers 302 .*not allowed"),
        (sends(b"", code=302, Location="http://toys.example/x"), "a bundle comes from an address such as"),
        (sends(b"", code=302, Location="ftp://127.0.0.1/x"), "a bundle comes from an address such as"),
        (lambda handler: handler.wfile.write(b"\0" * 100), "cannot be reached"),
    ],
)
def test_anything_else_is_refused(answer: Callable[[Any], None], words: str) -> None:
    with served(answer) as url, pytest.raises(BundleError, match=words):
        b"".join(fetch(url, HASH, len(DATA)))


def test_no_more_is_read_than_was_announced() -> None:
    taken: list[bytes] = []
    with served(sends(DATA * 20)) as url, pytest.raises(BundleError, match="sends more"):
        taken.extend(fetch(url, HASH, 1000))
    assert len(b"".join(taken)) <= 1000


def test_nobody_answers() -> None:
    with pytest.raises(BundleError, match="cannot be reached: Connection refused"):
        b"".join(fetch("http://127.0.0.1:9/x", HASH, 1))


def test_a_server_that_never_ends_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pommai.bundle.fetch.LONGEST", -1.0)
    with served(sends(DATA)) as url, pytest.raises(BundleError, match="takes longer than"):
        b"".join(fetch(url, HASH, len(DATA)))


@pytest.mark.parametrize("url", ["https://toys.example/12", "http://localhost:8000/12", "http://[::1]:8000/12"])
def test_https_and_this_machine_are_good(url: str) -> None:
    assert check_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "http://toys.example/12",
        "http://127.0.0.1.toys.example/12",
        "http://localhost.toys.example/12",
        "http://2130706433/12",
        "file:///etc/passwd",
        "https:///12",
        "https://user:word@toys.example/12",
        "https://toys.example:0/12",
        "https://toys.example:x/12",
        "https://toys.example/1 2",
        "https://toys.example/\n--keys=x",
        "https://[::1/12",
        "--help",
        "https://toys.example/" + "a" * 2048,
        "",
        None,
        12,
        ["https://toys.example/12"],
    ],
)
def test_any_other_address_is_refused(url: object) -> None:
    with pytest.raises(BundleError, match="a bundle comes from an address such as"):
        check_url(url)


@pytest.mark.parametrize("size", [0, -1, 1 << 40, 1.5, True, "12", None])
def test_a_size_that_none_is_is_refused(size: object) -> None:
    with pytest.raises(BundleError, match="the size of a bundle"):
        check_size(size)


@pytest.mark.parametrize("sha256", ["", "0" * 63, "A" * 64, "0" * 64 + "\n", None, 7])
def test_a_hash_that_none_is_is_refused(sha256: object) -> None:
    with pytest.raises(BundleError, match="the hash of a bundle"):
        check_hash(sha256)
