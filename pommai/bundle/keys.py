"""Who may make bundles: Ed25519 keys (RFC 8032), through `cryptography`.

A private key is a PEM file that its owner alone can read. A public key is a line of text, `ed25519 BASE64 NAME`; a toy
has a file of such lines, of all whose bundles it takes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pommai.bundle.container import ID_BYTES, Signature
from pommai.errors import BundleError, SecretError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

KIND: Final = "ed25519"
MOST_KEYS: Final = 16
_MOST_BYTES: Final = 16_384
_MEANING: Final = b"pommai update bundle 1\0"
"""Goes before what is signed: a signature made for anything else is none of a bundle."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that bundles can be checked with: 32 bytes, and what people call it."""

    value: bytes
    name: str

    @property
    def id(self) -> bytes:
        """The first bytes of its SHA-256."""
        return hashlib.sha256(self.value).digest()[:ID_BYTES]

    def __str__(self) -> str:
        return f"{KIND} {base64.b64encode(self.value).decode()} {self.name}"


Keys = Mapping[bytes, PublicKey]
"""Public keys by their ids, in the order of their file: each may revoke those after it."""


def make_key(private: Path, public: Path) -> PublicKey:
    """Make a key and write both its halves; the private one with mode 0600.

    Raises BundleError when one of the files is there already, or cannot be written.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = Ed25519PrivateKey.generate()
    made = PublicKey(key.public_key().public_bytes_raw(), private.stem)
    written: list[Path] = []
    try:
        _write(private, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), 0o600)
        written.append(private)
        _write(public, f"{made}\n".encode(), 0o644)
    except OSError as caught:
        for path in written:
            path.unlink(missing_ok=True)
        path = public if written else private
        if isinstance(caught, FileExistsError):
            raise BundleError(f"{path} is there already; a key is never written over: choose another name") from caught
        raise BundleError(f"{path} cannot be written: {caught.strerror}") from caught
    return made


def _write(path: Path, data: bytes, mode: int) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def read_private_key(path: Path) -> Ed25519PrivateKey:
    """Raises BundleError when it is none, cannot be read, or can be read by others."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    from pommai.io.secret import read_closed

    try:
        data = read_closed(path, _MOST_BYTES, waits=True)
    except SecretError as caught:
        raise BundleError(f"the key to sign with: {_public_half(path) or caught}") from None
    try:
        key = load_pem_private_key(data, None)
        if isinstance(key, Ed25519PrivateKey):
            return key
    except (ValueError, TypeError, UnsupportedAlgorithm):
        pass
    words = _public_half(path) or f"{path} holds no private key without a password; `pommai bundle keygen` makes one"
    raise BundleError(words)


def _public_half(path: Path) -> str:
    """What to say of a file that holds the other half of a key, which everybody may read; else empty."""
    try:
        read_public_keys(path)
    except BundleError:
        return ""
    return f"{path} holds public keys, which sign nothing; the private half lies beside it, as NAME.key"


def sign(raw: bytes, key: Ed25519PrivateKey) -> Signature:
    """Sign a manifest."""
    public = PublicKey(key.public_key().public_bytes_raw(), "")
    return Signature(public.id, key.sign(_MEANING + raw))


def read_public_keys(path: Path) -> dict[bytes, PublicKey]:
    """The keys of a file, a line each; empty lines and those that begin with # do not count.

    Raises BundleError when a line is no key, or there is none, or more than MOST_KEYS.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as caught:
        raise BundleError(f"the public keys {path} cannot be read: {caught.strerror}") from caught
    found: dict[bytes, PublicKey] = {}
    for number, line in enumerate(data[:_MOST_BYTES].decode("utf-8", "replace").splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            key = _public_key(line, f"{path}:{number}")
            found[key.id] = key
    if not 1 <= len(found) <= MOST_KEYS or len(data) > _MOST_BYTES:
        raise BundleError(f"{path} must hold 1 to {MOST_KEYS} public keys, as `pommai bundle keygen` writes them")
    return found


def _public_key(line: str, place: str) -> PublicKey:
    kind, value, name = (*line.split(maxsplit=2), "", "", "")[:3]
    try:
        raw = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if kind != KIND or len(raw) != 32:
        more = "; this is the private half, which belongs on no toy" if "PRIVATE" in line else ""
        raise BundleError(f"{place}: is no public key: `{KIND} BASE64 NAME`, as `pommai bundle keygen` writes it{more}")
    return PublicKey(raw, "".join(letter for letter in name if letter.isprintable())[:80])


def check_signatures(
    raw: bytes, signatures: tuple[Signature, ...], keys: Keys, revoked: Collection[str] = ()
) -> tuple[PublicKey, ...]:
    """Whose signatures of this manifest are right, of those whose keys we have, less the revoked ones (ids in
    hexadecimal).

    Raises BundleError when there is none, or when one by a key of ours is wrong: then somebody has tampered with it.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    if not signatures:
        raise BundleError("nobody has signed the bundle: `pommai bundle sign`")
    good = []
    for signature in signatures:
        key = keys.get(signature.key_id)
        if key is None or key.id.hex() in revoked:
            continue
        try:
            Ed25519PublicKey.from_public_bytes(key.value).verify(signature.value, _MEANING + raw)
        except (InvalidSignature, ValueError):
            raise BundleError(
                f"the signature by {key.name or key.id.hex()} is wrong: the bundle was changed after it was signed"
            ) from None
        good.append(key)
    if not good:
        ids = ", ".join(signature.key_id.hex() for signature in signatures)
        known = ", ".join(
            f"{key.id.hex()} ({key.name}{', revoked' if key.id.hex() in revoked else ''})" for key in keys.values()
        )
        raise BundleError(f"the bundle is signed by {ids}, and trusted are {known}: it is not from whom you trust")
    return tuple(good)


def revoked_by(revokes: Sequence[str], signers: Collection[PublicKey], keys: Keys) -> tuple[str, ...]:
    """Which keys of ours a bundle revokes that these have signed.

    A key revokes those after it in the file of keys, and no other: whoever has stolen the key of every day cannot lock
    out the one in the drawer, which stands first and can only be taken out by hand. So one is always left.
    Raises BundleError when the bundle revokes a key that does not stand after one of its signers.
    """
    order = [key.id.hex() for key in keys.values()]
    first = min(order.index(key.id.hex()) for key in signers)
    if bold := [key_id for key_id in revokes if key_id in order[: first + 1]]:
        raise BundleError(
            f"the bundle revokes the key {bold[0]}, which only a key before it in the file of keys may; "
            f"the first signer of this one is {order[first]}"
        )
    return tuple(key_id for key_id in revokes if key_id in order)
