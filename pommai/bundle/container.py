"""How a bundle lies in a file: a header, the manifest, and the parts one after the other, as they are.

    16 bytes  POMMAI-BUNDLE-1 and a line feed
     4 bytes  length of the manifest, big-endian
     1 byte   number of signatures
    72 bytes  for each: 8 of the key's id, 64 of the Ed25519 signature of the manifest
     ...      the manifest
     ...      the parts, in the manifest's order

Neither zip nor tar: those say the same thing in two places, unpack to more than they are, and know links, devices and
paths. Here nothing is packed, the manifest alone says what there is, and the file is as long as it says, to the byte.
Nothing of a manifest is looked at before its signature was.
"""

from __future__ import annotations

import hashlib
import os
import stat
import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from pommai.bundle.manifest import Manifest, Part, decode
from pommai.errors import BundleError

MAGIC: Final = b"POMMAI-BUNDLE-1\n"
SUFFIX: Final = ".pommai-bundle"
MOST_SIGNATURES: Final = 4
MOST_MANIFEST: Final = 128 << 10
ID_BYTES: Final = 8
SIGNATURE_BYTES: Final = 64
CHUNK: Final = 65_536
_HEADER: Final = struct.Struct(">16sIB")
_SIGNATURE: Final = struct.Struct(f">{ID_BYTES}s{SIGNATURE_BYTES}s")
MOST_FILE: Final = _HEADER.size + MOST_SIGNATURES * _SIGNATURE.size + MOST_MANIFEST + (256 << 20)
"""Bytes of the largest bundle there can be."""


@dataclass(frozen=True, slots=True, order=True)
class Signature:
    """By whom, as the first bytes of the key's SHA-256, and the 64 bytes."""

    key_id: bytes
    value: bytes


Check = Callable[[bytes, tuple[Signature, ...]], object]
"""Asked of a manifest and its signatures; raises BundleError when they are not good enough."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """An open bundle whose header is right. `raw` is the manifest as it was signed."""

    file: BinaryIO
    raw: bytes
    signatures: tuple[Signature, ...]
    manifest: Manifest
    start: int
    """Where the first part begins."""

    def read(self, part: Part) -> Iterator[bytes]:
        """A part, piece by piece. Raises BundleError, after the last piece, when it is not what the manifest says."""
        before = (other.size for other in self.manifest.parts[: self.manifest.parts.index(part)])
        self.file.seek(self.start + sum(before))
        digest, left = hashlib.sha256(), part.size
        while left:
            try:
                piece = self.file.read(min(CHUNK, left))
            except OSError as caught:  # a stick that was pulled out
                raise BundleError(f"the bundle cannot be read: {caught.strerror}") from caught
            if not piece:
                raise BundleError(f"the bundle ends in the middle of {part.name}: it was cut off; fetch it again")
            digest.update(piece)
            left -= len(piece)
            yield piece
        if digest.hexdigest() != part.sha256:
            raise BundleError(f"{part.name} in the bundle is not what was signed: it is damaged; fetch it again")

    def check_parts(self) -> None:
        """Read every part to its end. Raises BundleError when one is not what the manifest says."""
        for part in self.manifest.parts:
            for _ in self.read(part):
                pass


@contextmanager
def open_bundle(path: Path, check: Check | None, handle: int | None = None) -> Iterator[Bundle]:
    """Open a bundle and read its manifest.

    `check` is asked before anything is made of the manifest; None takes any. `handle` is the file, where it is open
    already; it is closed in any case. Raises BundleError when the file cannot be read, or is no whole bundle.
    """
    try:
        # A pipe or a terminal would keep the toy waiting for ever.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC) if handle is None else handle
    except OSError as caught:
        raise BundleError(f"{path} cannot be read: {caught.strerror}") from caught
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        os.close(handle)
        raise BundleError(f"{path} is no file")
    with os.fdopen(handle, "rb") as file:
        try:
            bundle = _read(file, status.st_size, check)
        except BundleError as caught:
            raise BundleError(f"{path}: {caught}") from caught
        except OSError as caught:
            raise BundleError(f"{path} cannot be read: {caught.strerror or caught}") from caught
        yield bundle


def _read(file: BinaryIO, size: int, check: Check | None) -> Bundle:
    raw, signatures = read_signed(file)
    if check is not None:
        check(raw, signatures)
    manifest = decode(raw)
    start = file.tell()
    if size != start + manifest.size:
        much = "cut off" if size < start + manifest.size else "longer than it says"
        raise BundleError(f"the bundle is {much}: {size:,} bytes instead of {start + manifest.size:,}; fetch it again")
    return Bundle(file, raw, signatures, manifest, start)


def read_signed(file: BinaryIO) -> tuple[bytes, tuple[Signature, ...]]:
    """What stands before a bundle's parts: the manifest as it was signed, and the signatures, none of them looked at.

    Raises BundleError, OSError.
    """
    header = file.read(_HEADER.size)
    if header[: len(MAGIC)] != MAGIC[: len(header)] or not header:
        raise BundleError("this is no update bundle; `pommai bundle build` makes one")
    if len(header) < _HEADER.size:
        raise BundleError("the bundle is cut off; fetch it again")
    _, length, count = _HEADER.unpack(header)
    if length > MOST_MANIFEST or count > MOST_SIGNATURES:
        raise BundleError("the bundle's header is damaged; fetch it again")
    block = file.read(count * _SIGNATURE.size)
    raw = file.read(length)
    if len(block) < count * _SIGNATURE.size or len(raw) < length:
        raise BundleError("the bundle is cut off; fetch it again")
    signatures = tuple(Signature(*fields) for fields in _SIGNATURE.iter_unpack(block))
    ids = [signature.key_id for signature in signatures]
    if ids != sorted(set(ids)):
        raise BundleError("the bundle's signatures are out of order, or one key has signed twice")
    return raw, signatures


def pieces(raw: bytes, signatures: Iterable[Signature], parts: Iterable[bytes]) -> Iterator[bytes]:
    """A bundle's bytes, from a manifest, the signatures of it, and the contents of its parts in order."""
    ordered = sorted(signatures)
    if len(ordered) > MOST_SIGNATURES or len(raw) > MOST_MANIFEST:
        raise BundleError(
            f"a bundle has at most {MOST_SIGNATURES} signatures and a manifest of {MOST_MANIFEST:,} bytes"
        )
    yield _HEADER.pack(MAGIC, len(raw), len(ordered))
    for signature in ordered:
        yield _SIGNATURE.pack(signature.key_id, signature.value)
    yield raw
    yield from parts
