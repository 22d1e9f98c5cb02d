"""What a bundle says of itself: for whom it is, its version, and each file in it with its size and hash.

There is one way to write a manifest down, to the byte; whoever reads one that is written otherwise refuses it. A file's
name is one of a few, or a bare name in one of two folders, so that no name can lead anywhere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pommai.errors import BundleError

FORMAT: Final = 1
MOST_PARTS: Final = 512
MOST_VERSION: Final = 2**53 - 1
"""Beyond it, readers of JSON disagree about numbers."""
MOST_BYTES: Final = 256 << 20
"""Of all parts together."""

CHART: Final = "statechart.pommai.json"
CHART_SOURCE: Final = "statechart.yaml"
FILES: Final = (CHART, CHART_SOURCE, "led_patterns.yaml", "offline_responses.yaml", "personas.yaml")
SOUNDS: Final = "sounds"
WHEELS: Final = "wheels"
_MEBIBYTE: Final = 1 << 20
_PARTS: Final = (
    (re.compile("|".join(map(re.escape, FILES))), 8 * _MEBIBYTE),
    (re.compile(rf"{SOUNDS}/[a-z0-9][a-z0-9_-]{{0,63}}\.(wav|opus|raw)"), 4 * _MEBIBYTE),
    (re.compile(rf"{WHEELS}/[A-Za-z0-9][A-Za-z0-9_.+-]{{0,199}}\.whl"), 96 * _MEBIBYTE),
)
"""What a part may be called, and the most bytes it may have."""

_DEVICE: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_FLEET: Final = re.compile(r"([a-z0-9][a-z0-9_-]{0,63})?")
_CREATED: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_HASH: Final = re.compile(r"[0-9a-f]{64}")
_KEY_ID: Final = re.compile(r"[0-9a-f]{16}")
MOST_REVOKED: Final = 16
"""Keys that one bundle can revoke."""


@dataclass(frozen=True, slots=True, order=True)
class Part:
    """A file of a bundle. `sha256` is in lower-case hexadecimal."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a bundle says of itself.

    version      a whole number from 1 on; a toy takes only what is newer than all it ever had
    floor        once this bundle has proved itself, the toy never goes back to a version below; at most `version`
    device_type  the kind of toy it is for
    fleet        the fleet it is for; empty: all
    created      when it was made, in UTC: 2026-05-01T09:30:00Z; for people
    parts        its files, sorted by name
    revokes      ids of keys, sorted, whose signatures count no more (see `keys.revoked_by`)
    """

    version: int
    floor: int
    device_type: str
    fleet: str
    created: str
    parts: tuple[Part, ...]
    revokes: tuple[str, ...] = ()

    @property
    def is_software(self) -> bool:
        """It holds wheels, and nothing else; any other bundle holds none."""
        return self.parts[0].name.startswith(WHEELS + "/")

    @property
    def size(self) -> int:
        """Bytes of all parts."""
        return sum(part.size for part in self.parts)

    def as_json(self) -> dict[str, Any]:
        """The manifest in JSON values."""
        revokes = {"revokes": list(self.revokes)} if self.revokes else {}
        return {
            **revokes,
            "bundle": FORMAT,
            "created": self.created,
            "device_type": self.device_type,
            "fleet": self.fleet,
            "floor": self.floor,
            "parts": [[part.name, part.size, part.sha256] for part in self.parts],
            "version": self.version,
        }

    def encode(self) -> bytes:
        """The one way to write it. Raises BundleError when it says what no manifest may say."""
        _check(self)
        return _canonical(self.as_json())


def decode(raw: bytes) -> Manifest:
    """Read what `encode` wrote. Raises BundleError for anything else."""
    try:
        document = json.loads(raw.decode("ascii"))
        manifest = _read(document)
    except (ValueError, TypeError, KeyError, RecursionError) as caught:
        raise BundleError("the bundle's manifest cannot be read: it is damaged, or of a newer format") from caught
    _check(manifest)
    if _canonical(manifest.as_json()) != raw:
        raise BundleError("the bundle's manifest is not written as `pommai bundle build` writes it; build it anew")
    return manifest


def _canonical(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")


def _read(document: Any) -> Manifest:
    if document["bundle"] != FORMAT:
        raise ValueError("another format")
    return Manifest(
        version=document["version"],
        floor=document["floor"],
        device_type=document["device_type"],
        fleet=document["fleet"],
        created=document["created"],
        parts=tuple(Part(name, size, sha256) for name, size, sha256 in document["parts"]),
        revokes=tuple(document.get("revokes", ())),
    )


def check_target(manifest: Manifest, device_type: str, fleet: str) -> None:
    """Is the bundle for a toy of this type and fleet? Raises BundleError."""
    if manifest.device_type != device_type:
        raise BundleError(f"the bundle is for devices of type {manifest.device_type}, this is a {device_type}")
    if manifest.fleet not in ("", fleet):
        raise BundleError(f"the bundle is for the fleet {manifest.fleet}, this toy is of {fleet}")


def _check(manifest: Manifest) -> None:
    _number("version", manifest.version, 1, MOST_VERSION)
    _number("floor", manifest.floor, 0, manifest.version)
    _text("device_type", manifest.device_type, _DEVICE, "letters a to z, digits, - and _")
    _text("fleet", manifest.fleet, _FLEET, "letters a to z, digits, - and _, or nothing for all fleets")
    _text("created", manifest.created, _CREATED, "a time such as 2026-05-01T09:30:00Z")
    if len(manifest.revokes) > MOST_REVOKED:
        raise BundleError(f"a bundle revokes at most {MOST_REVOKED} keys, not {len(manifest.revokes)}")
    for key_id in manifest.revokes:
        _text("a revoked key", key_id, _KEY_ID, "its id, 16 hexadecimal digits, as `pommai bundle keygen` says it")
    if list(manifest.revokes) != sorted(set(manifest.revokes)):
        raise BundleError("the keys that a bundle revokes must be sorted, each there once")
    if not 1 <= len(manifest.parts) <= MOST_PARTS:
        raise BundleError(f"a bundle holds 1 to {MOST_PARTS} files, not {len(manifest.parts)}")
    for part in manifest.parts:
        _check_part(part)
    names = [part.name for part in manifest.parts]
    if names != sorted(names) or len({name.lower() for name in names}) != len(names):
        raise BundleError("the files of a bundle must be sorted by name, each there once")
    wheels = sum(name.startswith(WHEELS + "/") for name in names)
    if wheels not in (0, len(names)):
        raise BundleError("a bundle holds wheels, or a toy's files, not both: make two")
    if (CHART in names) != (CHART_SOURCE in names):
        raise BundleError(f"{CHART} and {CHART_SOURCE} go together: what a toy runs, and what it was made of")
    if manifest.size > MOST_BYTES:
        raise BundleError(f"the bundle is too large: {manifest.size:,} bytes, {MOST_BYTES:,} at most")


def _check_part(part: Part) -> None:
    most = next((most for kind, most in _PARTS if isinstance(part.name, str) and kind.fullmatch(part.name)), None)
    if most is None:
        raise BundleError(
            f"a bundle cannot hold a file called {ascii(part.name)[:80]}: it holds {', '.join(FILES)}, "
            f"{SOUNDS}/NAME.wav (or .opus, .raw; small letters, digits, - and _), or {WHEELS}/NAME.whl"
        )
    _number(f"the size of {part.name}", part.size, 0, most)
    _text(f"the hash of {part.name}", part.sha256, _HASH, "a SHA-256 in hexadecimal")


def _number(what: str, value: object, least: int, most: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise BundleError(f"{what} must be a whole number in {least}..{most}, not {ascii(value)[:40]}")


def _text(what: str, value: object, allowed: re.Pattern[str], words: str) -> None:
    if not isinstance(value, str) or not allowed.fullmatch(value):
        raise BundleError(f"{what} must be {words}, not {ascii(value)[:80]}")
