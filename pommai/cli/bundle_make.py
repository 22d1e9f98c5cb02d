"""`pommai bundle keygen`, `build` and `sign`: the maker's side."""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from pommai.bundle.container import CHUNK, SUFFIX, open_bundle, pieces
from pommai.bundle.keys import make_key, read_private_key, read_public_keys
from pommai.bundle.keys import sign as sign_manifest
from pommai.bundle.manifest import CHART, CHART_SOURCE, FILES, SOUNDS, WHEELS, Manifest, Part
from pommai.errors import BundleError


def keygen(args: argparse.Namespace) -> int:
    """Make a key."""
    private, public = Path(f"{args.name}.key"), Path(f"{args.name}.pub")
    made = make_key(private, public)
    print(f"{private}: the private key: signs bundles; whoever has it can change your toys")
    print(f"{public}: the public key {made.id.hex()}: its line goes into the toys' update_keys")
    return 0


def build(args: argparse.Namespace) -> int:
    """Make a bundle."""
    from pommai.toy.update_check import as_shipped, check_update, told_by_name

    folder: Path = args.folder
    if not folder.is_dir():
        raise BundleError(f"there is no folder {folder}")
    key = None if args.key is None else read_private_key(args.key)
    output: Path = args.output or Path(f"{folder.resolve().name}-{args.number}{SUFFIX}")
    with tempfile.TemporaryDirectory(prefix="pommai-bundle-") as made:
        place = Path(made)
        names = _gather(folder, place)
        if not names:
            raise BundleError(f"{folder} holds nothing for a bundle: {', '.join(FILES[1:])}, {SOUNDS} or {WHEELS}")
        manifest = Manifest(
            version=args.number,
            floor=args.floor,
            device_type=args.device_type,
            fleet=args.fleet,
            created=_now(),
            parts=tuple(_part(place, name) for name in names),
            revokes=tuple(sorted({_key_id(given) for given in args.revoke})),
        )
        raw = manifest.encode()
        if not manifest.is_software:
            if CHART_SOURCE in names:
                print("compiling and proving the chart ...", file=sys.stderr)
            with told_by_name(place, folder):
                check_update(as_shipped(place))
        signatures = () if key is None else (sign_manifest(raw, key),)
        write_bundle(output, pieces(raw, signatures, chain.from_iterable(_chunks(place / name) for name in names)))
    signed = "not signed yet: `pommai bundle sign`" if key is None else f"signed by {args.key}"
    files = "1 file" if len(names) == 1 else f"{len(names)} files"
    print(f"{output}: version {manifest.version}, {files}, {output.stat().st_size / 1000:,.0f} kB, {signed}")
    return 0


def _key_id(given: str) -> str:
    """Of a key that is given as its file NAME.pub, or as its id."""
    return next(iter(read_public_keys(Path(given)))).hex() if "." in given or "/" in given else given


def sign(args: argparse.Namespace) -> int:
    """Sign a bundle."""
    key = read_private_key(args.key)
    with open_bundle(args.file, None) as bundle:
        bundle.check_parts()
        made = sign_manifest(bundle.raw, key)
        signatures = [one for one in bundle.signatures if one.key_id != made.key_id] + [made]
        parts = chain.from_iterable(bundle.read(part) for part in bundle.manifest.parts)
        write_bundle(args.file, pieces(bundle.raw, signatures, parts))
    count = "1 signature" if len(signatures) == 1 else f"{len(signatures)} signatures"
    print(f"{args.file}: signed by {made.key_id.hex()}, {count}")
    return 0


def write_bundle(path: Path, contents: Iterable[bytes]) -> None:
    """Write a bundle, whole or not at all. Raises BundleError when it cannot be written."""
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            for piece in contents:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as caught:
        raise BundleError(f"{path} cannot be written: {caught.strerror}") from caught
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


def _gather(folder: Path, place: Path) -> list[str]:
    """Copy what belongs in a bundle, and compile the chart; the names, sorted."""
    names = [name for name in FILES[1:] if (folder / name).is_file()]
    for below in (SOUNDS, WHEELS):
        if (folder / below).is_dir():
            files = (path for path in (folder / below).iterdir() if not path.name.startswith("."))
            names += [f"{below}/{path.name}" for path in files]
            (place / below).mkdir()
    for name in names:
        try:
            shutil.copyfile(folder / name, place / name)
        except OSError as caught:
            raise BundleError(f"{folder / name} cannot be read: {caught.strerror}") from caught
    left = sorted(path.name for path in folder.iterdir() if path.name not in {*FILES, SOUNDS, WHEELS})
    if names and left:
        print(f"not taken along: {', '.join(left)}", file=sys.stderr)
    if CHART_SOURCE in names:
        from pommai.toy.update_check import told_by_name

        with told_by_name(place, folder):
            _compile(place)
        names.append(CHART)
    return sorted(names)


def _compile(place: Path) -> None:
    from pommai.chart.table import dump
    from pommai.io.sounds import SoundFolder
    from pommai.lights.load import load_patterns
    from pommai.responses import load_responses
    from pommai.toy.charts import compile_file
    from pommai.toy.update_check import as_shipped

    settings = as_shipped(place)
    sounds = SoundFolder(settings.sounds).names()
    commands = load_responses(settings.offline_responses, sounds).command_names
    table = compile_file(place / CHART_SOURCE, load_patterns(settings.led_patterns).keys(), sounds, commands)
    (place / CHART).write_text(dump(table), "utf-8")


def _part(place: Path, name: str) -> Part:
    with (place / name).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Part(name, (place / name).stat().st_size, digest)


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(CHUNK):
            yield piece


def _now() -> str:
    """The time, or SOURCE_DATE_EPOCH (reproducible-builds.org): then the same files make the same bundle."""
    told = os.environ.get("SOURCE_DATE_EPOCH", "")
    seconds = int(told) if told.isascii() and told.isdigit() and len(told) <= 11 else time.time()
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
