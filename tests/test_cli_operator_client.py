"""What an operator reads when the other end is not there, or is not a gateway."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from test_gateway_tls import CA, issue

from pommai.cli import operator_client
from pommai.cli.operator_client import OperatorClient, plain
from pommai.errors import LinkError, PommaiError

TOKEN = "the-operator-of-this-test"


@contextmanager
def something(answer: bytes, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """A server that answers everybody with these bytes; its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        done = threading.Event()

        def serve() -> None:
            while not done.is_set():
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    try:
                        wrapped = connection if context is None else context.wrap_socket(connection, server_side=True)
                        wrapped.recv(65536)
                        wrapped.sendall(answer)
                        wrapped.close()
                    except OSError:
                        pass

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        done.set()
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def http(status: str, body: bytes) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def test_an_answer_is_read() -> None:
    with something(http("200 OK", b'{"personas": []}')) as port:
        assert OperatorClient(f"http://127.0.0.1:{port}", TOKEN).ask("GET", "/personas") == {"personas": []}


def test_a_refusal_is_said_with_its_hint_and_cannot_disturb_the_terminal() -> None:
    with something(http("400 Bad", b'{"error": "no\\u001b[2J", "hint": "yes"}')) as port:
        with pytest.raises(PommaiError) as caught:
            OperatorClient(f"http://127.0.0.1:{port}", TOKEN).ask("GET", "/")
        assert str(caught.value) == "no?[2J (yes)"
    with (
        something(http("502 Bad Gateway", b'{"error": 3}')) as port,
        pytest.raises(PommaiError, match="the gateway refuses"),
    ):
        OperatorClient(f"http://127.0.0.1:{port}", TOKEN).ask("GET", "/")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", "does not speak as a gateway does; is it http or https?"),
        (b"", "does not speak as a gateway does|cannot be reached"),
        (http("200 OK", b"<html>"), r"does not answer as a gateway does \(HTTP 200\)"),
        (http("200 OK", b"[]"), "does not answer as a gateway does"),
        (http("302 Found\r\nLocation: http://example.com/", b""), r"does not answer as a gateway does \(HTTP 302\)"),
        (http("200 OK", b"[" * 100_000), "does not answer as a gateway does"),
    ],
)
def test_what_is_no_gateway_is_said_to_be_none(answer: bytes, words: str) -> None:
    with something(answer) as port, pytest.raises(LinkError, match=words):
        OperatorClient(f"http://127.0.0.1:{port}", TOKEN).ask("GET", "/")


def test_nobody_there_is_told_from_somebody_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        monkeypatch.setattr(operator_client, "SECONDS", 0.2)
        with pytest.raises(LinkError, match="cannot be reached: it is silent"):
            OperatorClient(f"http://127.0.0.1:{port}", TOKEN).ask("GET", "/")
    with pytest.raises(LinkError, match=r"no gateway listens at .*`pommai gateway` starts one"):
        OperatorClient(f"http://127.0.0.1:{port}", TOKEN).ask("GET", "/")


def test_a_certificate_is_believed_only_when_it_is_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cert, key = issue(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    with something(http("200 OK", b"{}"), context) as port:
        with pytest.raises(LinkError, match=r"a certificate that is not trusted .*SSL_CERT_FILE may name"):
            OperatorClient(f"https://127.0.0.1:{port}", TOKEN).ask("GET", "/")
        CA.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        assert OperatorClient(f"https://127.0.0.1:{port}", TOKEN).ask("GET", "/") == {}


def test_words_for_a_terminal_are_plain_and_not_too_many() -> None:
    assert plain("schön\x1b[2J\n" + "x" * 2000) == "schön?[2J?" + "x" * 990
    assert plain(None) == ""
