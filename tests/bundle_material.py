"""Bundles made by hand, right ones and wrong ones."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pommai.bundle.container import Bundle, open_bundle, pieces
from pommai.bundle.disk import Disk
from pommai.bundle.keys import PublicKey, sign
from pommai.bundle.manifest import Manifest, Part, decode
from pommai.bundle.state import State
from pommai.bundle.store import Store

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
FILES = {"led_patterns.yaml": b"patterns: {}\n", "sounds/wake.wav": b"RIFF" * 40_000}


def public(key: Ed25519PrivateKey, name: str = "maker") -> PublicKey:
    return PublicKey(key.public_key().public_bytes_raw(), name)


def keys(*made: Ed25519PrivateKey) -> dict[bytes, PublicKey]:
    return {public(key).id: public(key) for key in made or (KEY,)}


def manifest_of(files: Mapping[str, bytes] = FILES, **changes: Any) -> Manifest:
    parts = tuple(Part(name, len(data), hashlib.sha256(data).hexdigest()) for name, data in sorted(files.items()))
    return replace(Manifest(12, 0, "pommai", "", "2026-05-01T09:30:00Z", parts), **changes)


def bundle_bytes(
    files: Mapping[str, bytes] = FILES, signers: Sequence[Ed25519PrivateKey] = (KEY,), **changes: Any
) -> bytes:
    raw = manifest_of(files, **changes).encode()
    return b"".join(pieces(raw, [sign(raw, key) for key in signers], [files[name] for name in sorted(files)]))


@contextmanager
def opened(folder: Path, data: bytes | None = None, **changes: Any) -> Iterator[Bundle]:
    """A bundle, written into a folder and opened; nobody looks at its signatures."""
    path = folder / "given.pommai-bundle"
    path.write_bytes(bundle_bytes(**changes) if data is None else data)
    with open_bundle(path, None) as bundle:
        yield bundle


# -- a toy's store, through power cuts -------------------------------------------------------


def no_check(place: Path) -> None:
    """Whatever is in the bundle is right."""


def take(store: Store, folder: Path, version: int, **changes: Any) -> None:
    """Have a store take a bundle of two files of this version."""
    files = {"led_patterns.yaml": b"version: %d\n" % version, "sounds/wake.wav": b"RIFF" * 20_000}
    with opened(folder, files=files, version=version, **changes) as bundle:
        store.take(bundle, no_check)


def settled(folder: Path, version: int, disk: Disk | None = None) -> Store:
    """A store in which a bundle of this version has proved itself."""
    store = Store(folder / "updates", disk)
    take(store, folder, version)
    assert store.begin() is not None
    store.change(State.confirmed)
    return store


def whole_version(place: Path | None) -> int:
    """The version of the bundle in a folder, 0 for none; it must be whole."""
    if place is None:
        return 0
    manifest = decode((place / "bundle.json").read_bytes())
    for part in manifest.parts:
        data = (place / part.name).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (part.size, part.sha256)
    return manifest.version
