"""Taking a bundle on a toy: everything that must be right before it may wait for the next rest.

Runs in a process of its own (`pommai bundle apply`), beside a toy that may be talking: it takes seconds.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from pommai.bundle import ROOT
from pommai.bundle.container import SUFFIX, Bundle, open_bundle
from pommai.bundle.fetch import fetch
from pommai.bundle.hatch import Hatch
from pommai.bundle.keys import check_signatures, read_public_keys, revoked_by
from pommai.bundle.manifest import Manifest, check_target
from pommai.bundle.store import Store
from pommai.errors import BundleError
from pommai.io.clock import SystemClock
from pommai.io.tls import ServerTrust, pins_at
from pommai.toy.settings import BUNDLED, Settings
from pommai.toy.update_check import check_update, told_by_name

LoadSettings = Callable[[Path], Settings]
"""The settings this toy would have with the bundle in this folder in force."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A bundle that was taken. Software is laid out for root to install; anything else waits for the next rest."""

    manifest: Manifest
    unused: tuple[str, ...] = ()
    """Settings that name a file of their own, so that the bundle's is not used."""
    revoked: tuple[str, ...] = ()
    """Keys that count no more from now on."""


def take_file(path: Path, settings: Settings, load: LoadSettings, root: Path = ROOT) -> Taken:
    """Take a bundle from a file. `root` is where root notes which software is in force.

    Raises BundleError with the first thing that speaks against it.
    """
    if settings.update_keys is None:
        raise BundleError(
            "this toy takes no bundles, for it trusts nobody's: name a file of public keys in the setting update_keys"
        )
    keys = read_public_keys(settings.update_keys)
    store = Store(settings.updates)
    check = partial(check_signatures, keys=keys, revoked=revoked_keys(store, root))
    with open_bundle(path, check) as bundle:
        manifest = bundle.manifest
        check_target(manifest, settings.device_type, settings.fleet)
        gone = revoked_by(manifest.revokes, check(bundle.raw, bundle.signatures), keys)
        if gone:
            # Whatever becomes of the rest: a key that is out of its owner's hands must not count for a moment longer.
            store.revoke(gone)
            Hatch(settings.updates).revoke(bundle)
        if not manifest.is_software:
            return replace(_take(bundle, store, load), revoked=gone)
        if words := Store(root).read().refuses(manifest):
            raise BundleError(words)
        Hatch(settings.updates).want(bundle)
        return Taken(manifest, revoked=gone)


def revoked_keys(store: Store, root: Path = ROOT) -> tuple[str, ...]:
    """Ids of the keys that count no more: those the toy has noted, and those root has, who forgets less."""
    return tuple(dict.fromkeys((*store.read().revoked, *Store(root).read().revoked)))


def _take(bundle: Bundle, store: Store, load: LoadSettings) -> Taken:
    unused: list[str] = []

    def check(place: Path) -> None:
        with told_by_name(place):
            settings = load(place)
            there = {name for name, file in BUNDLED.items() if (place / file).exists()}
            unused.extend(sorted(name for name in there if place not in getattr(settings, name).parents))
            check_update(settings)

    store.take(bundle, check)
    return Taken(bundle.manifest, unused=tuple(unused))


def take_from(url: str, sha256: str, size: int, settings: Settings, load: LoadSettings) -> Taken:
    """Fetch a bundle, and take it. Raises BundleError."""
    store = Store(settings.updates)
    with store.room_for(size) as folder, tempfile.TemporaryDirectory(dir=folder, prefix=".fetched-") as temporary:
        file = Path(temporary) / f"bundle{SUFFIX}"
        try:
            with file.open("wb") as target:
                for piece in fetch(url, sha256, size, _trust(url, settings)):
                    target.write(piece)
        except OSError as caught:
            raise BundleError(f"{file} cannot be written: {caught.strerror or caught}") from caught
        return take_file(file, settings, load)


def _trust(url: str, settings: Settings) -> ServerTrust | None:
    """Who may answer there: at the toy's own server those alone whom it knows, where it knows any."""
    if not url.startswith("https:"):
        return None
    return ServerTrust(pins=pins_at(url, settings.url, settings.server_pins), now=SystemClock().now)
