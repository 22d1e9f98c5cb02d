"""Fetching a bundle from a server that may want to harm."""

from __future__ import annotations

import hashlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import trustme
from tls_material import SPARE, pin, served_with, trusting

from pommai.bundle.fetch import check_hash, check_size, check_url, fetch
from pommai.errors import BundleError
from pommai.io.tls import ServerTrust

DATA = bytes(range(256)) * 1000
HASH = hashlib.sha256(DATA).hexdigest()


@contextmanager
def served(
    answer: Callable[[BaseHTTPRequestHandler], None], tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> Iterator[str]:
    """A server on this machine that answers so, and is called by this name."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, *args: Any) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
            server.handle_error = lambda *_: None  # type: ignore[method-assign]  # whoever hangs up in the middle
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http{'s' if tls else ''}://{host}:{server.server_port}/toy.pommai-bundle"
        finally:
            server.shutdown()
            thread.join()


def sends(data: bytes, *, length: int | None = -1, code: int = 200, **headers: str) -> Callable[[Any], None]:
    """`length` is what it says: that of the data, when it is -1, or with None nothing."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        if length is not None:
            handler.send_header("Content-Length", str(len(data) if length == -1 else length))
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        with suppress(OSError):  # it may have hung up
            handler.wfile.write(data)

    return answer


def endlessly(piece: bytes, begin: bytes = b"HTTP/1.1 200 OK\r\n\r\n") -> Callable[[Any], None]:
    """Says this again and again, slowly, until the other end hangs up."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        with suppress(OSError):
            handler.wfile.write(begin)
            while True:
                handler.wfile.write(piece)
                time.sleep(0.002)

    return answer


def test_what_was_announced_comes_piece_by_piece() -> None:
    with served(sends(DATA)) as url:
        assert b"".join(fetch(url, HASH, len(DATA))) == DATA


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (sends(DATA + b"more"), "sends 256,004 bytes, and 256,000 were announced"),
        (sends(DATA[:-1]), "sends 255,999 bytes, and 256,000 were announced"),
        (sends(DATA[:-1], length=None), "is not what was announced: 255,999 bytes"),
        (sends(DATA + b"more", length=None), "sends more than the 256,000 bytes"),
        (sends(DATA[:-1] + b"x"), "is not what was announced"),
        (sends(DATA[:100], length=len(DATA)), "is not what was announced: 100 bytes"),
        (sends(b"", code=404), r"answers 404 \(Not Found\)"),
        (sends(b"", code=302, Location="file:///etc/passwd"), "leads to another server, 'file:///etc/passwd'"),
        (sends(b"", code=302, Location="https://toys.example/x"), "leads to another server"),
        (sends(b"", code=307, Location="//127.0.0.1:1/x"), "leads to another server"),
        (sends(b"", code=301, Location="https://[::1/x"), "leads to another server"),
        (sends(b"", code=302, Location="/again"), "leads from one address to the next without end"),
        (sends(b"", code=302), "leads from one address to the next without end"),
        (sends(b"", code=300, Location="/x"), "answers 300"),
        (lambda handler: handler.wfile.write(b"\0" * 100), "cannot be reached"),
    ],
)
def test_anything_else_is_refused(answer: Callable[[Any], None], words: str) -> None:
    with served(answer) as url, pytest.raises(BundleError, match=words):
        b"".join(fetch(url, HASH, len(DATA)))


def test_a_redirect_on_the_same_server_is_followed() -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        (sends(DATA) if handler.path == "/new?x=1" else sends(b"", code=308, Location="/new?x=1"))(handler)

    with served(answer) as url:
        assert b"".join(fetch(url, HASH, len(DATA))) == DATA


def test_no_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with served(sends(DATA)) as url:
        assert b"".join(fetch(url, HASH, len(DATA))) == DATA


def test_no_more_is_read_than_was_announced() -> None:
    taken: list[bytes] = []
    with served(sends(DATA * 20, length=None)) as url, pytest.raises(BundleError, match="sends more"):
        taken.extend(fetch(url, HASH, 1000))
    assert len(b"".join(taken)) <= 1000


def test_over_https_the_server_is_one_the_toy_trusts_and_no_other() -> None:
    authority, stranger = trustme.CA(), trustme.CA()
    leaf = authority.issue_cert("localhost")
    with served(sends(DATA), served_with(leaf), "localhost") as url:
        trust: ServerTrust | None
        for trust in (ServerTrust(trusting(authority)), ServerTrust(pins=[pin(leaf), SPARE])):
            assert b"".join(fetch(url, HASH, len(DATA), trust)) == DATA
        for trust, words in (
            (None, "the certificate of .* is refused: "),
            (ServerTrust(trusting(stranger)), "the certificate of .* is refused: "),
            (ServerTrust(pins=[SPARE, SPARE.replace("A", "B", 1)]), "is none of server_pins"),
        ):
            with pytest.raises(BundleError, match=words):
                b"".join(fetch(url, HASH, len(DATA), trust))


def test_a_server_that_does_not_end_its_handshake_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pommai.bundle.fetch.PATIENCE", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(BundleError, match="takes too long"):
        b"".join(fetch(f"https://localhost:{server.getsockname()[1]}/x", HASH, 1))


def test_nobody_answers() -> None:
    with pytest.raises(BundleError, match="cannot be reached: Connection refused"):
        b"".join(fetch("http://127.0.0.1:9/x", HASH, 1))


@pytest.mark.parametrize(
    ("answer", "limit"),
    [
        (endlessly(b"X-More: 1\r\n", b"HTTP/1.1 200 OK\r\n"), "ANSWER_SECONDS"),
        (endlessly(b"x", b"HTTP/1.1 200 "), "ANSWER_SECONDS"),
        (endlessly(b"HTTP/1.1 100 Continue\r\n\r\n", b""), "ANSWER_SECONDS"),
        (endlessly(b"x", b"HTTP/1.1 200 OK\r\nContent-Length: 256000\r\n\r\n"), "LONGEST"),
        (endlessly(b"x"), "LONGEST"),
        (endlessly(b"1\r\nx\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), "LONGEST"),
        (endlessly(b"1", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), "LONGEST"),
    ],
)
def test_a_server_that_speaks_byte_by_byte_is_left(
    answer: Callable[[Any], None], limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of its bytes comes in time, and all of it does not."""
    monkeypatch.setattr(f"pommai.bundle.fetch.{limit}", 0.3)
    with served(answer) as url, pytest.raises(BundleError, match=r"takes too long|cannot be reached"):
        b"".join(fetch(url, HASH, len(DATA)))


def test_a_server_that_falls_silent_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pommai.bundle.fetch.PATIENCE", 0.1)
    hung_up = threading.Event()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\nsome")
        handler.rfile.read()  # until the other end hangs up
        hung_up.set()

    with served(answer) as url:
        with pytest.raises(BundleError, match="takes too long"):
            b"".join(fetch(url, HASH, len(DATA)))
        assert hung_up.wait(10)


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
