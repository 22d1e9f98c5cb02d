"""What the tests of the gateway's HTTP share: a gateway with its HTTP side on free ports, and somebody who asks."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from gateway_material import desk

from pommai.gateway.operator_token import OperatorToken
from pommai.gateway.orders import Orders
from pommai.gateway.server import Gateway
from pommai.gateway.web.app import Web, WebSettings

PERSONAS = Path(__file__).parents[1] / "personas.yaml"
OPERATOR = "the-operator-of-this-test"
BEARER = {"Authorization": f"Bearer {OPERATOR}"}


def web_of(gateway: Gateway, personas: Path = PERSONAS, tls: ssl.SSLContext | None = None, **more: Any) -> Web:
    """The HTTP side of a gateway, on any port unless it is told which."""
    return Web(Orders(gateway, personas), OperatorToken.of(OPERATOR), WebSettings(**{"port": 0, **more}), tls)


@asynccontextmanager
async def operated(**more: Any) -> AsyncIterator[tuple[Gateway, httpx.AsyncClient]]:
    """A gateway, and an operator who asks it."""
    async with desk(**more) as gateway, web_of(gateway) as web, asking(web) as client:
        yield gateway, client


def asking(web: Web, **more: Any) -> httpx.AsyncClient:
    """An operator."""
    return httpx.AsyncClient(base_url=web.url, headers=BEARER, trust_env=False, timeout=20, **more)


async def raw(port: int, data: bytes) -> bytes:
    """What comes back on a plain socket until it is closed; the request should ask for that."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    answer = await reader.read()
    writer.close()
    return answer
