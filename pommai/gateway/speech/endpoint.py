"""A service with OpenAI's HTTP API, as far as chat and speech have it in common: client, key, failures in words."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pommai.errors import SecretError, SettingsError
from pommai.gateway.gateway_file import Endpoint
from pommai.io.secret import read_closed

if TYPE_CHECKING:
    import httpx

CONNECT_SECONDS: Final = 3.0
"""How long a service may take to be reached."""
MOST_CONNECTIONS: Final = 100
"""To one service at a time: turns beyond wait for CONNECT_SECONDS, then are answered without it."""
LONGEST_KEY: Final = 4096
"""Characters."""
_NO_HTTPX: Final = "gateway.yaml names an openai engine, which needs httpx: pip install httpx"


def need_client(endpoint: Endpoint) -> None:
    """Raise SettingsError when httpx is not installed, or the key is not to be had. Nothing is opened."""
    _key(endpoint)
    if importlib.util.find_spec("httpx") is None:
        raise SettingsError(_NO_HTTPX)


def open_client(endpoint: Endpoint) -> httpx.AsyncClient:
    """A client of the service; the caller closes it.

    Proxies are not taken from the environment: what a child says goes where the file says, and nowhere else. Raises
    SettingsError when httpx is not installed, or the key is not to be had.
    """
    key = _key(endpoint)
    try:
        import httpx
    except ImportError as caught:
        raise SettingsError(_NO_HTTPX) from caught
    headers = {"Accept-Encoding": "identity"}  # what is not compressed cannot be a bomb
    if key is not None:
        headers["Authorization"] = f"Bearer {key}"
    timeout = httpx.Timeout(None, connect=CONNECT_SECONDS, pool=CONNECT_SECONDS)
    limits = httpx.Limits(max_connections=MOST_CONNECTIONS, max_keepalive_connections=MOST_CONNECTIONS)
    return httpx.AsyncClient(headers=headers, timeout=timeout, limits=limits, trust_env=False)


def _key(endpoint: Endpoint) -> str | None:
    if endpoint.key_env is not None:
        where = f"the environment variable {endpoint.key_env}"
        if endpoint.key_env not in os.environ:
            raise SettingsError(f"{where}, which is to hold the key for {endpoint.url}, is not set")
        key = os.environ[endpoint.key_env].strip()
    elif endpoint.key_file is not None:
        where = f"the file {endpoint.key_file}"
        try:
            key = read_closed(Path(os.path.expanduser(endpoint.key_file)), LONGEST_KEY).decode("ascii").strip()
        except SecretError as caught:
            raise SettingsError(f"the key of {endpoint.url} cannot be had: {caught}") from None
        except UnicodeDecodeError:
            raise SettingsError(f"the key of {endpoint.url} is not to be had: {where} is not ASCII text") from None
    else:
        return None
    if not key or len(key) > LONGEST_KEY or not all("!" <= letter <= "~" for letter in key):
        raise SettingsError(f"{where} holds no key for {endpoint.url}: it is empty, or has spaces or strange letters")
    return key
