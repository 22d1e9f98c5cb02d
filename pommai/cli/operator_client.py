"""Asks a gateway by HTTP, as an operator; what goes wrong is a sentence for whoever typed the command."""

from __future__ import annotations

import argparse
import http.client
import json
import re
import socket
import ssl
from pathlib import Path
from typing import Any, BinaryIO, Final
from urllib.parse import urlsplit

from pommai.cli.gateway_operators import OPERATOR_VARIABLE, given_token
from pommai.errors import BundleError, LinkError, PommaiError, SettingsError

GATEWAY: Final = "http://127.0.0.1:8766"
SECONDS: Final = 10.0
"""How long the gateway may be silent."""
LOOKING_SECONDS: Final = 60.0
"""The same while it looks at a large file that was brought."""
MOST_BYTES: Final = 4 << 20
"""The longest answer that is read."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Teach a command where the gateway is, and who asks."""
    parser.add_argument(
        "--gateway",
        default=GATEWAY,
        metavar="URL",
        help="what the gateway printed behind `operators:` (default: %(default)s)",
    )
    parser.add_argument(
        "--token-file",
        type=Path,
        metavar="FILE",
        help=f"holds the operator's token (default: {OPERATOR_VARIABLE} of the environment)",
    )
    parser.add_argument("--json", action="store_true", help="print what the gateway answers, for programs")


class OperatorClient:
    """One gateway and one operator."""

    def __init__(self, url: str, token: str) -> None:
        """Raises SettingsError when the address or the token cannot be one."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise SettingsError(f"--gateway {url} is no address; write it as {GATEWAY}") from None
        host = parts.hostname or ""
        if parts.scheme not in ("http", "https") or not re.fullmatch(r"[!-~]+", host) or parts.path not in ("", "/"):
            hint = (
                "; that is where toys connect to: operators have another port" if parts.scheme in ("ws", "wss") else ""
            )
            raise SettingsError(f"--gateway {url} is no address; write it as {GATEWAY}{hint}")
        if re.fullmatch(r"[!-~]+", token) is None:
            raise SettingsError(
                "the operator's token is empty, or holds spaces or characters that a header cannot carry"
            )
        self._url = url.rstrip("/")
        self._token = token
        self._connection: http.client.HTTPConnection
        if parts.scheme == "https":
            context = ssl.create_default_context()
            self._connection = http.client.HTTPSConnection(host, port, timeout=SECONDS, context=context)
        else:
            self._connection = http.client.HTTPConnection(host, port, timeout=SECONDS)

    @classmethod
    def of(cls, args: argparse.Namespace) -> OperatorClient:
        """As the options say. Raises SettingsError."""
        token = given_token(args.token_file)
        if token is None:
            raise SettingsError(
                f"the gateway asks for its operator's token: put it into {OPERATOR_VARIABLE}, or name a file that "
                f"holds it with --token-file. It was printed when the gateway first started"
            )
        return cls(args.gateway, token)

    def ask(self, method: str, path: str, order: dict[str, Any] | None = None) -> dict[str, Any]:
        """What the gateway answers. Raises LinkError when it cannot be reached, PommaiError when it refuses."""
        return self._ask(method, path, None if order is None else json.dumps(order).encode(), {}, SECONDS)

    def _ask(
        self, method: str, path: str, body: bytes | BinaryIO | None, more: dict[str, str], seconds: float
    ) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._token}", "Connection": "close", **more}
        self._connection.timeout = seconds
        try:
            try:
                self._connection.request(method, path, body, headers)
            except (BrokenPipeError, ConnectionResetError):
                if self._connection.sock is None:
                    raise
                # It has refused before all was sent: that may be read.
            response = self._connection.getresponse()
            text = response.read(MOST_BYTES + 1)
        except ssl.SSLCertVerificationError as caught:
            raise LinkError(
                f"{self._url} shows a certificate that is not trusted ({caught.verify_message}); SSL_CERT_FILE may "
                f"name a file with those that are"
            ) from caught
        except (http.client.HTTPException, ssl.SSLError) as caught:
            raise LinkError(f"{self._url} does not speak as a gateway does; is it http or https?") from caught
        except ConnectionRefusedError as caught:
            raise LinkError(
                f"no gateway listens at {self._url}; `pommai gateway` starts one, and prints its address behind "
                f"`operators:`"
            ) from caught
        except (OSError, UnicodeError) as caught:
            words = "it is silent" if isinstance(caught, TimeoutError) else _reason(caught)
            raise LinkError(f"the gateway at {self._url} cannot be reached: {words}") from caught
        finally:
            self._connection.close()
        return self._read(response.status, text)

    def bring(self, path: str, file: Path, size: int) -> dict[str, Any]:
        """PUT a file; what the gateway answers. Raises as `ask` does, and BundleError when the file cannot be read."""
        try:
            content = file.open("rb")
        except OSError as caught:
            raise BundleError(f"{file} cannot be read: {caught.strerror}") from caught
        with content:
            return self._ask("PUT", path, content, {"Content-Length": str(size)}, LOOKING_SECONDS)

    def _read(self, status: int, text: bytes) -> dict[str, Any]:
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict) or len(text) > MOST_BYTES:
            raise LinkError(f"{self._url} does not answer as a gateway does (HTTP {status})")
        if status >= 400:
            error, hint = plain(value.get("error")), plain(value.get("hint"))
            raise PommaiError(f"{error or f'the gateway refuses (HTTP {status})'}{f' ({hint})' if hint else ''}")
        return value


def _reason(caught: Exception) -> str:
    if isinstance(caught, socket.gaierror | UnicodeError):
        return "nobody knows a machine of this name"
    return (caught.strerror if isinstance(caught, OSError) else None) or str(caught) or type(caught).__name__


def plain(words: object) -> str:
    """Words that cannot disturb a terminal, nor fill it."""
    return "".join(letter if letter.isprintable() else "?" for letter in words[:1000]) if isinstance(words, str) else ""
