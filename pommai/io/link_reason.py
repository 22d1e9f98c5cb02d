"""Why a connection ended, as a sentence for the log and for whoever looks after the toy."""

from __future__ import annotations

import sys
from datetime import datetime
from ssl import SSLCertVerificationError
from typing import TYPE_CHECKING, cast

from pommai.errors import LinkError

if TYPE_CHECKING:
    from websockets.exceptions import ConnectionClosed


def connection_errors() -> tuple[type[Exception], ...]:
    """What a connection may end with. Those of the library are among them once it is there to raise them."""
    of_library = _of_library("WebSocketException")
    return (LinkError, OSError) if of_library is None else (LinkError, OSError, of_library)


def reason_of(caught: Exception, now: datetime) -> str:
    """The sentence. `now` is what the toy's clock says: until it was set, no certificate is valid yet."""
    if isinstance(caught, SSLCertVerificationError):
        words = f"the server's certificate is not accepted: {caught.verify_message}"
        if "not yet valid" in caught.verify_message:
            return f"{words} (is the toy's clock right? it says {now:%Y-%m-%d %H:%M} UTC)"
        return words
    if isinstance(caught, OSError):
        return f"the server cannot be reached: {caught.strerror or caught}"
    closed = _of_library("ConnectionClosed")
    if closed is not None and isinstance(caught, closed):
        return _closed(cast("ConnectionClosed", caught))
    return str(caught) or type(caught).__name__


def _of_library(name: str) -> type[Exception] | None:
    """An exception of websockets, once that is imported: when a server has answered for the first time."""
    return getattr(sys.modules.get("websockets.exceptions"), name, None)


def _closed(caught: ConnectionClosed) -> str:
    close = caught.rcvd or caught.sent
    if close is None:
        return "the connection broke"
    by_server = caught.rcvd is not None and (caught.sent is None or caught.rcvd_then_sent)
    if not by_server and caught.sent is not None:
        close = caught.sent
    words = f"{close.code}: {close.reason}" if close.reason else str(int(close.code))
    return f"{'the server' if by_server else 'the toy'} closed the connection ({words})"
