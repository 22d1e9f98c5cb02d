"""Sentences about connections that ended."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from ssl import SSLCertVerificationError

import pytest
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK, InvalidMessage
from websockets.frames import Close

from pommai.errors import LinkError
from pommai.io.link_reason import reason_of

NOON_IN_1970 = datetime(1970, 1, 1, 12, 0, tzinfo=UTC)


def certificate_problem(words: str) -> SSLCertVerificationError:
    caught = SSLCertVerificationError(1, "certificate verify failed")
    caught.verify_message = words
    return caught


@pytest.mark.parametrize(
    ("caught", "sentence"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "the server cannot be reached: Connection refused"),
        (
            socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
            "the server cannot be reached: Name or service not known",
        ),
        (OSError("no route"), "the server cannot be reached: no route"),
        (ConnectionClosedError(None, None), "the connection broke"),
        (ConnectionClosedOK(Close(1001, ""), Close(1001, ""), True), "the server closed the connection (1001)"),
        (
            ConnectionClosedError(Close(1013, "come back later"), None),
            "the server closed the connection (1013: come back later)",
        ),
        (
            ConnectionClosedError(None, Close(1011, "keepalive ping timeout")),
            "the toy closed the connection (1011: keepalive ping timeout)",
        ),
        (
            ConnectionClosedError(Close(1009, ""), Close(1009, "too big"), False),
            "the toy closed the connection (1009: too big)",
        ),
        (LinkError("the server refuses the toy"), "the server refuses the toy"),
        (InvalidMessage("did not receive a valid HTTP response"), "did not receive a valid HTTP response"),
        (LinkError(), "LinkError"),
        (
            certificate_problem("self-signed certificate"),
            "the server's certificate is not accepted: self-signed certificate",
        ),
        (
            certificate_problem("certificate is not yet valid"),
            "the server's certificate is not accepted: certificate is not yet valid "
            "(is the toy's clock right? it says 1970-01-01 12:00 UTC)",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_end_has_a_sentence(caught, sentence) -> None:
    assert reason_of(caught, NOON_IN_1970) == sentence
