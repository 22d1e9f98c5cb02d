"""A gateway in somebody's home: nobody vouches for its certificate, so it makes one, and toys are told its key.

Beside the data file, in a folder of its own, are two keys that nobody else may read: the one in force, and a spare that
toys know too. The certificate is made of the first, and made again from it before it ends, so that what toys know it by
stays. When the first is lost or stolen, `spare.pem` takes its name, and every toy still knows the gateway.
"""

from __future__ import annotations

import base64
import hashlib
import os
import socket
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from threading import get_ident
from typing import TYPE_CHECKING, Final

from pommai.errors import SecretError, SettingsError
from pommai.io.secret import read_closed

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

LIFE: Final = timedelta(days=3650)
RENEW: Final = timedelta(days=365)
"""A certificate that ends so soon is made again at the next start, long before a toy refuses it."""
_MOST_BYTES: Final = 16_384
_SOMEWHERE: Final = ("192.0.2.1", 9)
"""An address for documents (RFC 5737). Nothing is sent there: the system is asked which way it would go."""


@dataclass(frozen=True, slots=True)
class Home:
    """What a gateway at home listens with, and what its toys know it by."""

    cert: Path
    key: Path
    pins: tuple[str, str]
    """Of the key in force and of the spare, as a toy's server_pins take them."""


def folder_of(data: Path) -> Path:
    """Where the keys of the gateway with this data file are."""
    return data.with_name(data.name + ".tls")


def open_home(data: Path, now: datetime | None = None) -> Home:
    """The keys and the certificate beside a data file; made where they are missing. `now`: UTC; the system's time.

    Raises SettingsError when they cannot be written, or are not what they should be.
    """
    folder = folder_of(data)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        key, spare = _key(folder / "key.pem"), _key(folder / "spare.pem")
        pins = _pin(key), _pin(spare)
        if pins[0] == pins[1]:
            raise SettingsError(f"{folder}: key.pem and spare.pem are the same key; delete spare.pem for a new one")
        cert = folder / "cert.pem"
        if not _is_good(cert, pins[0], now or datetime.now(UTC)):
            _write(cert, _certificate(key, now or datetime.now(UTC)), 0o644)
    except OSError as caught:
        raise SettingsError(f"{caught.filename or folder} cannot be used: {caught.strerror or caught}") from caught
    return Home(cert, folder / "key.pem", pins)


def own_address() -> str:
    """The address of this computer in its network, as toys in the same one reach it. Raises SettingsError."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        try:
            asked.connect(_SOMEWHERE)
            address = str(asked.getsockname()[0])
        except OSError:
            address = "0.0.0.0"
    if ip_address(address).is_loopback or ip_address(address).is_unspecified:
        raise SettingsError("this computer is in no network that a toy could reach it in; join the Wi-Fi first")
    return address


def _key(path: Path) -> EllipticCurvePrivateKey:
    """The key in a file, which is made when it is not there."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    if not path.exists():
        made = ec.generate_private_key(ec.SECP256R1())
        text = made.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        _write(path, text, 0o600, only_if_missing=True)
    try:
        found = serialization.load_pem_private_key(read_closed(path, _MOST_BYTES), None)
    except SecretError as caught:
        raise SettingsError(str(caught)) from None
    except (ValueError, TypeError) as caught:
        raise SettingsError(f"{path} is no key as PEM without a password") from caught
    if not isinstance(found, ec.EllipticCurvePrivateKey):
        raise SettingsError(f"{path} is a key of another kind than this gateway makes (elliptic curve)")
    return found


def _pin(key: EllipticCurvePrivateKey) -> str:
    return f"sha256/{base64.b64encode(hashlib.sha256(_public(key)).digest()).decode('ascii')}"


def _public(key: EllipticCurvePrivateKey) -> bytes:
    from cryptography.hazmat.primitives import serialization

    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _is_good(cert: Path, pin: str, now: datetime) -> bool:
    """Whether the certificate is of this key, and lasts."""
    import ssl

    from pommai.io.certificate import pin_of, validity_of

    try:
        der = ssl.PEM_cert_to_DER_cert(cert.read_text("ascii"))
        return f"sha256/{pin_of(der)}" == pin and validity_of(der).ends - now > RENEW
    except (FileNotFoundError, ValueError):
        return False


def _certificate(key: EllipticCurvePrivateKey, now: datetime) -> bytes:
    """Signed by itself. Toys look at its key alone; the names are for browsers and curl."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization

    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "pommai gateway")])
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))  # two clocks of a home are seldom one
        .not_valid_after(now + LIFE)
        .add_extension(x509.SubjectAlternativeName(_names()), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM)


def _names() -> list[x509.GeneralName]:
    from cryptography import x509

    host = socket.gethostname().partition(".")[0]
    names: list[x509.GeneralName] = [x509.DNSName("localhost")]
    if host.isascii() and host.replace("-", "").isalnum() and host != "localhost":
        names += [x509.DNSName(host), x509.DNSName(f"{host}.local")]
    return names


def _write(path: Path, content: bytes, mode: int, *, only_if_missing: bool = False) -> None:
    """At once or not at all. Two that begin at the same moment agree on the first one's key."""
    part = path.with_name(f"{path.name}.{os.getpid()}-{get_ident()}.part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    if not only_if_missing:
        os.replace(part, path)
        return
    try:
        os.link(part, path)
    except FileExistsError:
        pass
    finally:
        part.unlink()
