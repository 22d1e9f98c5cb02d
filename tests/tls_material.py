"""A server that speaks TLS, with certificates made on the spot, and a note of every byte that came through."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import trustme
from short_server import short_server

from pommai.io.certificate import pin_of
from pommai.io.ports import Stamp

SPARE = "A" * 43 + "="


def served_with(leaf: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf.configure_cert(context)
    return context


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def pin(leaf: trustme.LeafCert) -> str:
    return pin_of(ssl.PEM_cert_to_DER_cert(leaf.cert_chain_pems[0].bytes().decode()))


def day(year: int) -> datetime:
    return datetime(year, 6, 1, tzinfo=UTC)


def clock(text: str, *, trusted: bool):
    return lambda: Stamp(text, trusted)


@contextlib.asynccontextmanager
async def noting(context: ssl.SSLContext | None, answer: bytes = b"") -> AsyncIterator[tuple[int, bytearray]]:
    """Its port, and all it was sent after TLS's handshake."""
    heard = bytearray()

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(4096):
                heard.extend(data)
                if answer and b"\r\n\r\n" in heard:
                    writer.write(answer)
        writer.close()

    async with short_server(meet, context) as port:
        yield port, heard
