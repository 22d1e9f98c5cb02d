"""The file by which `pommai devices` tells a toy who it is: pommai.toml for the boot partition of its card."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from pommai.errors import SettingsError

PORT = 8765
HTTP_PORT = 8766
"""Those of `pommai gateway`, unless it is told otherwise."""


def ports_as_options(port: int, http_port: int) -> str:
    """What says these ports to `pommai gateway` and `pommai devices`, each after a blank; nothing of the usual ones."""
    told = (("--port", port, PORT), ("--http-port", http_port, HTTP_PORT))
    return "".join(f" {option} {number}" for option, number, usual in told if number != usual)


def check_place(path: Path) -> None:
    """Whether a boot file can be written there. Raises SettingsError, before a secret is made and lost."""
    if path.is_dir():
        raise SettingsError(f"{path} is a folder; name the file in it: {path / 'pommai.toml'}")
    if os.path.lexists(path):
        raise SettingsError(f"{path} is there already, and may hold a secret: delete it, or name another file")
    if not path.parent.is_dir():
        raise SettingsError(
            f"there is no folder {path.parent}: is the card in this computer, and its first partition open?"
        )
    if not os.access(path.parent, os.W_OK):
        raise SettingsError(f"{path.parent} cannot be written by this user")


def write_boot_file(
    path: Path,
    device_id: str,
    secret: str,
    address: str,
    pins: Sequence[str],
    port: int = PORT,
    http_port: int = HTTP_PORT,
) -> None:
    """Write what a toy is told: who it is, and where and by what it knows its gateway. Raises SettingsError."""
    host = f"[{address}]" if ":" in address else address
    text = "".join(
        f"{key} = {json.dumps(value)}\n"
        for key, value in (
            ("device_id", device_id),
            ("url", f"wss://{host}:{port}/audio-stream"),
            ("cloud_url", f"https://{host}:{http_port}"),
            ("server_pins", list(pins)),
            ("secret", secret),
        )
    )
    text = f"# Tells a toy who it is. It takes this at its next start, and wipes it.\n{text}"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())  # people pull cards out
    except OSError as caught:
        raise SettingsError(
            f"{path} cannot be written: {caught.strerror}; `pommai devices rotate {device_id}` gives another secret"
        ) from caught
