"""Whom the toy trusts besides authorities: its server's pins and keys, and those who make its updates."""

from __future__ import annotations

import shlex
from pathlib import Path
from urllib.parse import urlsplit

from pommai.bundle.keys import read_public_keys
from pommai.doctor.finding import Finding, blocking, broken, note, ok, wrong
from pommai.doctor.surroundings import Surroundings
from pommai.errors import BundleError


def keys(surroundings: Surroundings) -> Finding:
    """Whether the files of keys that the settings name can be read, and hold some; what is pinned."""
    settings = surroundings.settings
    figures: dict[str, object] = {"server_pins": len(settings.server_pins)}
    said = []
    if settings.server_pins:
        host = urlsplit(settings.url).hostname
        said.append(f"{host} is known by {len(settings.server_pins)} pinned keys")
    for name, file in (("server_keys", settings.server_keys), ("update_keys", settings.update_keys)):
        if file is None:
            continue
        try:
            names = [key.name for key in read_public_keys(file).values()]
        except BundleError as caught:
            return _unread(surroundings, name, file, caught)
        figures[name] = names
        whose = f" ({', '.join(names)})" if all(names) else ""
        said.append(f"{len(names)} of {name}{whose}")
        if loose := _who_may_write(file):
            word = shlex.quote(str(file))
            step = f"sudo chown root: {word}; sudo chmod 644 {word}"
            return wrong(f"{file}, whose keys the toy trusts, can be written by {loose}", step, **figures)
    if not said:
        return ok("none of its own: authorities vouch for the server, and updates are not taken", **figures)
    return ok("; ".join(said), **figures)


def _unread(surroundings: Surroundings, name: str, file: Path, caught: BundleError) -> Finding:
    if isinstance(caught.__cause__, PermissionError) and surroundings.as_toy:
        return note(f"{name}: {caught}; the toy's own user may", f"{surroundings.as_toy} --only keys")
    step = f"a line a key, as `pommai bundle keygen` writes it to NAME.pub: put it right, or leave {name} out"
    if name == "update_keys":
        return wrong(f"no update is taken: {caught}", step)
    return broken(f"the toy does not start: {caught}", step)


def _who_may_write(file: Path) -> str:
    """Who besides its owner may write a file; empty: nobody."""
    mode = file.stat().st_mode
    return "everybody" if mode & 0o002 else "its group" if mode & 0o020 else ""


check_keys = blocking(keys)
