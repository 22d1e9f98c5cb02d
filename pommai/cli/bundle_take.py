"""`pommai bundle verify`, `show`, `apply` and `rollback`: the toy's side."""

from __future__ import annotations

import argparse
import json
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pommai.bundle import ROOT
from pommai.bundle.container import Bundle, open_bundle
from pommai.bundle.hatch import said
from pommai.bundle.keys import check_signatures, read_public_keys, revoked_by
from pommai.cli.arguments import print_json_or
from pommai.errors import SettingsError

if TYPE_CHECKING:
    from pommai.bundle.state import Kept, State
    from pommai.toy.settings import Settings
    from pommai.toy.update_check import Fitness


def verify(args: argparse.Namespace) -> int:
    """Look at a bundle as a toy would."""
    keys = read_public_keys(args.keys)
    with open_bundle(args.file, partial(check_signatures, keys=keys)) as bundle:
        by = check_signatures(bundle.raw, bundle.signatures, keys)
        gone = revoked_by(bundle.manifest.revokes, by, keys)
        fitness = None if bundle.manifest.is_software else _fitness(bundle)
        if fitness is None:
            bundle.check_parts()
    found = {**_described(bundle), "would_revoke": list(gone), "signed_by": [key.name or key.id.hex() for key in by]}
    words = (
        f"{args.file}: version {bundle.manifest.version}, signed by {', '.join(found['signed_by'])}, every hash right"
    )
    if gone:
        words += f", revokes {', '.join(gone)}"
    if fitness is not None:
        found["properties"] = len(fitness.proof.verdicts)
        words += f", {found['properties']} properties hold"
    print_json_or(args.json, found, words)
    return 0


def _fitness(bundle: Bundle) -> Fitness:
    from pommai.bundle.store import Store
    from pommai.toy.update_check import as_shipped, check_update, told_by_name

    found: list[Fitness] = []

    def check(place: Path) -> None:
        with told_by_name(place):
            found.append(check_update(as_shipped(place)))

    with tempfile.TemporaryDirectory(prefix="pommai-bundle-") as folder:
        Store(Path(folder) / "store").take(bundle, check)
    return found[0]


def show(args: argparse.Namespace) -> int:
    """What a bundle says of itself, or what this toy has."""
    if args.file is None:
        return _show_store(args)
    with open_bundle(args.file, None) as bundle:
        found = _described(bundle)
    manifest = bundle.manifest
    lines = [
        f"version      {manifest.version}",
        f"floor        {manifest.floor or 'none: any version may be gone back to'}",
        f"for          {manifest.device_type}, {f'fleet {manifest.fleet}' if manifest.fleet else 'all fleets'}",
        f"made         {manifest.created}",
        f"signed by    {', '.join(found['key_ids']) or 'nobody'} (not looked at here: `pommai bundle verify`)",
        f"holds        {len(manifest.parts)} files, {manifest.size / 1000:,.0f} kB",
        *(f"revokes      {key_id}" for key_id in manifest.revokes),
        *(f"  {part.size:>10,}  {part.sha256[:16]}  {part.name}" for part in manifest.parts),
    ]
    print_json_or(args.json, found, "\n".join(lines))
    return 0


def _described(bundle: Bundle) -> dict[str, Any]:
    return {**bundle.manifest.as_json(), "key_ids": [one.key_id.hex() for one in bundle.signatures]}


def _show_store(args: argparse.Namespace) -> int:
    from pommai.bundle.state import encode
    from pommai.bundle.store import Store
    from pommai.cli.own_toy import own_settings
    from pommai.toy.update_report import one_line
    from pommai.toy.update_take import revoked_keys

    store = Store(own_settings(args)().updates)
    state = store.read()

    def named(kept: Kept | None) -> str:
        if kept is None:
            return "what came with the software"
        return f"version {kept.version}" + ("" if store.is_whole(kept) else ", DAMAGED")

    trial = "" if state.trial is None else f", on trial ({state.trial.starts} starts)"
    lines = [f"in force     {named(state.current)}{trial}"]
    if state.waiting is not None:
        lines.append(f"comes next   {named(state.waiting)}, when the toy rests or is started")
    if state.current is not None:
        lines.append(f"before it    {named(state.previous)}")
    lines.append(f"takes        versions above {max(state.highest, state.current.version if state.current else 0)}")
    if state.floor:
        lines.append(f"floor        {state.floor}: nobody goes back below")
    if state.failed:
        lines.append(f"did not work {', '.join(map(str, state.failed))}")
    if state.word:
        lines.append(f"taken back   {one_line(state.word)}")
    root = Store(ROOT).read()
    if revoked := revoked_keys(store):
        lines.append(f"revoked      {', '.join(revoked)}: bundles by these keys are not taken")
    lines += _software_lines(root)
    print_json_or(args.json, {**json.loads(encode(state)), "software": json.loads(encode(root))}, "\n".join(lines))
    return 0


def _software_lines(root: State) -> list[str]:
    """What root says of the software."""
    from pommai.toy.update_report import one_line

    def named(kept: Kept | None) -> str:
        return "what install.sh has made" if kept is None else f"version {kept.version}"

    trial = "" if root.trial is None else f", on trial ({root.trial.starts} starts, {root.trial.seconds} s)"
    lines = [f"software     {named(root.current)}{trial}"]
    if root.waiting is not None:
        lines.append(f"comes next   software {root.waiting.version}, when the toy rests or is started")
    if root.failed:
        lines.append(f"did not work software {', '.join(map(str, root.failed))}")
    if root.word:
        lines.append(f"taken back   software {one_line(root.word)}")
    if words := said(ROOT)[1]:
        lines.append(f"last refused {one_line(words)}")
    return lines


def apply(args: argparse.Namespace) -> int:
    """Take a bundle on this toy."""
    from pommai.cli.own_toy import own_settings
    from pommai.toy.update_take import take_file, take_from

    own = own_settings(args)

    def load(place: Path) -> Settings:
        return own(bundle=lambda _: place)

    remote = (args.origin, args.sha256, args.size)
    if (args.file is None) == (args.origin is None) or (args.origin is not None and None in remote):
        raise SettingsError("pommai bundle apply: give a FILE, or --from with --sha256 and --size")
    settings = own()
    taken = take_from(*remote, settings, load) if args.file is None else take_file(args.file, settings, load)
    manifest = taken.manifest
    if manifest.is_software:
        words = f"software {manifest.version} is signed and whole; root installs it (pommai-software.timer)"
    else:
        words = f"version {manifest.version} comes into force when the toy rests, or is started"
    if taken.unused:
        words += f"; the settings name files of their own, so not used are: {', '.join(taken.unused)}"
    if taken.revoked:
        words += f"; keys that count no more: {', '.join(taken.revoked)}"
    found = {"version": manifest.version, "software": manifest.is_software, "unused": list(taken.unused)}
    print_json_or(args.json, {**found, "revoked": list(taken.revoked)}, words)
    return 0


def rollback(args: argparse.Namespace) -> int:
    """Have the bundle before back."""
    from pommai.bundle.store import Store
    from pommai.cli.own_toy import own_settings

    state = Store(own_settings(args)().updates).go_back()
    version = None if state.current is None else state.current.version
    words = f"version {version}" if version else "what came with the software"
    print_json_or(args.json, {"version": version}, f"in force when the toy rests, or is started: {words}")
    return 0
