"""HTTP to the cloud: one POST at a time, every wait bounded, every answer bounded, and no surprises on the way.

httpcore, which httpx is built on, without httpx: it follows no redirect, asks no proxy of the environment, unpacks
nothing, and costs a slow core half as long to import.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from ssl import SSLCertVerificationError, SSLContext
from typing import Any, Final, NamedTuple
from urllib.parse import urljoin, urlsplit

import httpcore

from pommai.errors import CertificateError, CloudUnreachableError, SettingsError
from pommai.io.link_dial import look_up
from pommai.io.link_reason import reason_of
from pommai.io.tls import ServerTrust, check_encrypted

MAX_REPLY_BYTES: Final = 1 << 20
"""Of one answer. The largest honest one is a toy's configuration, a quarter of it."""
_SHOWN: Final = 120
"""Characters of a stranger's text in an error."""
_TROUBLE: Final = (
    httpcore.NetworkError,
    httpcore.TimeoutException,
    httpcore.ProtocolError,
    CertificateError,
    OSError,
    ValueError,
)


@dataclass(frozen=True, slots=True)
class CloudTimes:
    """Seconds, but for `attempts`. Tests use shorter ones."""

    connect: float = 5.0
    """For each address of the cloud, and again for TLS."""
    call: float = 10.0
    """For one call, from dialling to the last byte of the answer."""
    upload: float = 30.0
    """For one recording."""
    idle: float = 15.0
    """A connection that nobody uses is kept open so long: a batch is many calls."""
    retry_first: float = 0.5
    retry_limit: float = 4.0
    """Bounds of the waits between two attempts, doubling."""
    retry_after: float = 5.0
    """The longest wait the cloud may ask for within a call; a longer one is the caller's."""
    attempts: int = 3


class HttpReply(NamedTuple):
    """What came back. `retry_after`: seconds, None when the server does not say."""

    status: int
    retry_after: float | None
    body: bytes


class CloudHttp:
    """Connections to one origin. Made and closed on the event loop it is used on."""

    def __init__(
        self,
        url: str,
        *,
        times: CloudTimes | None = None,
        trust: ServerTrust | None = None,
        plaintext: bool = False,
    ) -> None:
        """`url` is https://host, or http:// on this machine (anywhere with `plaintext`); `trust` replaces that in the
        system's authorities. Raises SettingsError."""
        parts = urlsplit(url)
        self.host = parts.hostname or ""
        if parts.scheme not in ("http", "https") or not self.host:
            raise SettingsError(f"the cloud's address must be like https://host, not '{url}'")
        secure = parts.scheme == "https"
        check_encrypted("the cloud's address", secure, self.host, "https", plaintext=plaintext)
        self.times = times or CloudTimes()
        self._base = url.rstrip("/") + "/"
        self._origin = _origin(url)
        checked = (trust or ServerTrust()) if secure else None
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=None if checked is None else checked.context(),
            max_connections=2,
            keepalive_expiry=self.times.idle,
            network_backend=_Network(checked),
        )

    async def post(
        self,
        target: str,
        content: bytes,
        headers: Mapping[str, str],
        seconds: float,
        on_leaving: Callable[[], None] = lambda: None,
    ) -> HttpReply:
        """POST to a path below the cloud's address, or to an address of the same origin. `on_leaving` is told when
        somebody has answered whom the toy trusts, and the first of it is about to be sent.

        Raises CloudUnreachableError when there is no whole answer in so many seconds. What the status means is the
        caller's to say.
        """
        try:
            url = urljoin(self._base, target)
        except ValueError:
            url = ""
        if _origin(url) != self._origin:
            # Whatever a server says, a child's voice and the toy's token go where the grown-ups wanted them to go.
            raise CloudUnreachableError(f"the cloud wants to send the toy elsewhere than to {self.host}", again=False)
        limits = {"connect": self.times.connect, "read": seconds, "write": seconds, "pool": seconds}

        async def trace(step: str, _: object) -> None:
            if step.endswith("send_request_headers.started"):
                on_leaving()

        try:
            async with (
                asyncio.timeout(seconds),
                self._pool.stream(
                    "POST",
                    url,
                    headers=list(headers.items()),
                    content=content,
                    extensions={"timeout": limits, "trace": trace},
                ) as response,
            ):
                body = bytearray()
                async for piece in response.aiter_stream():
                    body += piece
                    if len(body) > MAX_REPLY_BYTES:
                        raise CloudUnreachableError(f"{self.host} answers with more than a toy reads", again=False)
                return HttpReply(response.status, _retry_after(response.headers), bytes(body))
        except (TimeoutError, httpcore.TimeoutException):
            raise CloudUnreachableError(f"{self.host} does not answer within {seconds:g} s") from None
        except _TROUBLE as caught:
            raise CloudUnreachableError(self._why(caught)) from None

    async def close(self) -> None:
        """Let go of the connections. Harmless when called again."""
        with contextlib.suppress(*_TROUBLE):
            await self._pool.aclose()

    def _why(self, caught: BaseException) -> str:
        cause: BaseException | None = caught
        while cause is not None:
            if isinstance(cause, CertificateError | SSLCertVerificationError):
                return reason_of(cause, datetime.now(UTC))
            cause = cause.__cause__ or cause.__context__
        return f"{self.host} cannot be reached: {plain(str(caught)) or type(caught).__name__}"


def plain(text: str) -> str:
    """A stranger's text, made fit to be shown: short, on one line, and without control over a terminal."""
    text = text[: _SHOWN + 1]
    text = "".join(character if character.isprintable() else " " for character in text)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _origin(url: str) -> tuple[str, str | None, int | None]:
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return "", None, None
    return parts.scheme, parts.hostname, port


def _retry_after(headers: Iterable[tuple[bytes, bytes]]) -> float | None:
    """Of the form in seconds alone: the form with a date asks for a clock that is right."""
    for name, value in headers:
        if name.lower() == b"retry-after" and len(value) <= 6 and value.isdigit():
            return float(value)
    return None


class _Network(httpcore.AsyncNetworkBackend):
    """Connects as httpcore's own does, but looks names up so that nobody has to wait for it at the end, and looks at
    who has answered before anything is sent."""

    def __init__(self, trust: ServerTrust | None) -> None:
        from httpcore import AnyIOBackend

        self._inner = AnyIOBackend()
        self._trust = trust

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        problem: Exception = httpcore.ConnectError(f"{host} has no address")
        for *_, address in await look_up(host, port):
            try:
                stream = await self._inner.connect_tcp(address[0], port, timeout, local_address, socket_options)
                return stream if self._trust is None else _Checked(stream, self._trust)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as caught:
                problem = caught
        raise problem

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class _Checked(httpcore.AsyncNetworkStream):
    """A connection that becomes one of TLS with a server of whom `trust` thinks well, or none."""

    def __init__(self, stream: httpcore.AsyncNetworkStream, trust: ServerTrust) -> None:
        self._stream = stream
        self._trust = trust

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return await self._stream.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self, ssl_context: SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        # What the clock is worth is asked anew for each connection; the context is that of the pool.
        stream = await self._stream.start_tls(self._trust.context(), server_hostname, timeout)
        try:
            self._trust.check(stream.get_extra_info("ssl_object"))
        except BaseException:
            await stream.aclose()
            raise
        return stream

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
