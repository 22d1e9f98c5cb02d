"""The toy's systemd service: how it is, and the settings it has the toy run with."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

NAME = "pommai.service"
_PROPERTIES: Final = (
    *("LoadState", "ActiveState", "SubState", "Result", "UnitFileState", "NRestarts", "User", "ExecStart"),
    *("Environment", "WatchdogUSec", "StatusText", "SupplementaryGroups"),
)
"""What `systemctl show` is asked for."""
UNIT_FILE: Final = Path("/etc/systemd/system/pommai.service")
"""Where deploy/install.sh puts it."""
UNKNOWN: Final = "unknown"
_WRITTEN: Final = ("User", "SupplementaryGroups", "Environment")


@dataclass(frozen=True, slots=True)
class Unit:
    """What systemd says of it."""

    name: str = NAME
    active: str = "inactive"
    """active, activating, failed, inactive, ...; UNKNOWN where systemd tells root alone."""
    substate: str = ""
    result: str = "success"
    enabled: str = "enabled"
    restarts: int = 0
    user: str = ""
    watchdog: str = ""
    """As systemd writes it: 30s; 0 or empty is none."""
    status: str = ""
    groups: tuple[str, ...] = ()
    """What its user is given besides its own."""
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_running(self) -> bool:
        return self.active in ("active", "activating", "reloading", "deactivating") and self.substate != "auto-restart"

    @property
    def config(self) -> str | None:
        """The settings file its toy is given."""
        words = self.command
        for at, word in enumerate(words):
            if word == "--config" and at + 1 < len(words):
                return words[at + 1]
            if word.startswith("--config="):
                return word.partition("=")[2]
        return None


def asking(name: str = NAME) -> tuple[str, ...]:
    """The command that has systemd say of a unit what `read_unit` reads."""
    return "systemctl", "show", name, "--no-pager", f"--property={','.join(_PROPERTIES)}"


def toys_unit(shown: str) -> Unit | None:
    """The toy's service, as `systemctl show` wrote it, or as its file says where nothing was written: without D-Bus, as
    DietPi comes, systemd answers root alone. None when there is no such service."""
    return read_unit(shown if "LoadState=" in shown else _as_shown(UNIT_FILE))


def _as_shown(file: Path) -> str:
    try:
        lines = file.read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    found = {
        key: " ".join(line.partition("=")[2] for line in lines if line.startswith(f"{key}="))
        for key in (*_WRITTEN, "ExecStart")
    }
    found["ExecStart"] = f"{{ argv[]={found['ExecStart']} ; }}"
    found |= {"LoadState": "loaded", "ActiveState": UNKNOWN}
    return "\n".join(f"{key}={value}" for key, value in found.items())


def read_unit(shown: str, name: str = NAME) -> Unit | None:
    """What `systemctl show` wrote; None when there is no such service."""
    told = dict(line.partition("=")[::2] for line in shown.splitlines() if "=" in line)
    if told.get("LoadState") != "loaded":
        return None
    restarts = told.get("NRestarts", "")
    return Unit(
        name=name,
        active=told.get("ActiveState", "inactive"),
        substate=told.get("SubState", ""),
        result=told.get("Result", "success"),
        enabled=told.get("UnitFileState", ""),
        restarts=int(restarts) if restarts.isdigit() else 0,
        user=told.get("User", ""),
        watchdog=told.get("WatchdogUSec", ""),
        status=told.get("StatusText", ""),
        groups=tuple(told.get("SupplementaryGroups", "").split()),
        command=_command(told.get("ExecStart", "")),
        environment=_environment(told.get("Environment", "")),
    )


def _command(shown: str) -> tuple[str, ...]:
    """The words of `{ path=… ; argv[]=… ; ignore_errors=no ; … }`."""
    _, found, rest = shown.partition("argv[]=")
    return tuple(_words(rest.partition(" ; ")[0])) if found else ()


def _environment(shown: str) -> dict[str, str]:
    return dict(word.partition("=")[::2] for word in _words(shown) if "=" in word)


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:  # a quote without its end
        return text.split()
