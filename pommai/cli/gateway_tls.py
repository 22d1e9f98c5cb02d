"""What `pommai gateway` says of encryption before it listens."""

from __future__ import annotations

import argparse
import ipaddress
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pommai.cli.boot_file import ports_as_options
from pommai.errors import SettingsError

if TYPE_CHECKING:
    from pommai.gateway.tls import Certificate


def open_certificate(cert: Path | None, key: Path | None) -> Certificate | None:
    """The certificate to listen with; None when there is to be none. One that has ended is used, with a warning.

    Raises SettingsError when the files cannot be used.
    """
    if cert is None and key is None:
        return None
    if cert is None or key is None:
        raise SettingsError(
            "--tls-cert and --tls-key belong together: a certificate, and the key that it was made with"
        )
    from pommai.gateway.tls import Certificate

    certificate = Certificate(cert, key)
    if words := certificate.warning(datetime.now(UTC)):
        logging.getLogger(__name__).warning(words)
    return certificate


def be_at_home(args: argparse.Namespace) -> None:
    """Fill in what `--at-home` leaves out: where to listen, and with which certificate. Raises SettingsError."""
    from pommai.gateway.home import open_home

    if args.data is None:
        raise SettingsError("--at-home needs --data FILE: the certificate and the toys' secrets are kept beside it")
    if args.tls_cert is not None or args.tls_key is not None:
        raise SettingsError(
            "--at-home makes a certificate of its own: leave out --tls-cert and --tls-key, or --at-home"
        )
    home = open_home(args.data)
    args.tls_cert, args.tls_key = home.cert, home.key
    args.host = args.host or "0.0.0.0"


def words_at_home(data: Path, port: int, http_port: int | None) -> str:
    """How toys find a gateway at home that listens there, and are told; None: it has no port for HTTP."""
    from pommai.gateway.home import own_address

    try:
        where = own_address()
    except SettingsError as caught:
        return f"at home: {caught}"
    if http_port is None:
        return f"at home: toys find this computer at {where}; without HTTP those with a secret are not let in"
    tell = f"pommai devices add NAME --data {data} --boot-file FILE{ports_as_options(port, http_port)}"
    return f"at home: toys find this computer at {where}; each is told so by: {tell}"


def warning_of(host: str, certificate: Certificate | None) -> list[str]:
    """What is to be said when others could listen on the wire."""
    if certificate is not None or _is_loopback(host):
        return []
    return ["the wire is not encrypted: listen like this only on a network you trust"]


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
