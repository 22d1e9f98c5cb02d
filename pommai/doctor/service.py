"""The toy as a service of systemd."""

from __future__ import annotations

import grp
from collections.abc import Callable

from pommai.doctor.finding import Finding, blocking, broken, listed, note, ok, wrong
from pommai.doctor.surroundings import Surroundings
from pommai.doctor.unit import NAME, UNKNOWN, Unit, asking, toys_unit

MANY_RESTARTS = 3
GROUPS = ("audio", "gpio", "spi")
"""Without these a toy is deaf, numb and dark."""


async def find_unit(command: Callable[..., object]) -> Unit | None:
    """What systemd, or its file, says of the toy's service; None without systemd, or without the service."""
    told = await command(*asking())  # type: ignore[misc]
    return toys_unit("" if told is None or told.status else told.text)


def service(surroundings: Surroundings) -> Finding:
    """Whether it is installed, started at boot, watched, and stays up."""
    unit = surroundings.unit
    if unit is None:
        if surroundings.holder:
            return note(f"{surroundings.holder}; it was started by hand, and nobody starts it at boot")
        return note(f"{NAME} is not installed: the toy does not start by itself", "sudo deploy/install.sh")
    figures = {
        "active": unit.active,
        "enabled": unit.enabled,
        "restarts": unit.restarts,
        "result": unit.result,
        "watchdog": unit.watchdog,
        "user": unit.user,
    }
    if unit.active == UNKNOWN:
        return note("installed; without D-Bus systemd tells root alone how it is", "sudo pommai doctor", **figures)
    again = f"{unit.restarts} restart{'' if unit.restarts == 1 else 's'}"
    log = f"journalctl -u {unit.name} -b -n 50"
    if unit.active == "failed" or unit.substate == "auto-restart":
        why = f", because: {unit.result}" if unit.result not in ("", "success") else ""
        return broken(f"the toy does not stay up ({again}{why})", log, **figures)
    if unit.enabled not in ("enabled", "enabled-runtime", "static", "alias"):
        return wrong("it does not start at boot", f"sudo systemctl enable --now {unit.name}", **figures)
    if unit.restarts >= MANY_RESTARTS:
        return wrong(f"{again} since it was started", log, **figures)
    if not unit.is_running:
        return note("installed and stopped", f"sudo systemctl start {unit.name}", **figures)
    if unit.watchdog in ("", "0", "infinity"):
        step = f"sudo systemctl edit {unit.name}, and write: [Service] WatchdogSec=30"
        return wrong("it runs, and nobody notices when it hangs", step, **figures)
    status = f": {unit.status}" if unit.status else ""
    return ok(f"running, {again}, watched every {unit.watchdog}{status}", **figures)


def groups(surroundings: Surroundings, members: Callable[[str], list[str]] | None = None) -> Finding:
    """Whether the toy's user may use sound card, button and lights."""
    unit, computer = surroundings.unit, surroundings.computer
    user = unit.user if unit is not None and unit.user else computer.user
    if user == "root":
        return note("this is root, who may do everything; a toy should not run so", "run it as a user of its own")
    if not computer.is_pi:
        return ok(f"{user}; at a desk nothing more is needed", user=user)
    given = unit.groups if unit is not None else ()
    missing = [name for name in GROUPS if name not in given and user not in (members or _members)(name)]
    if missing:
        return broken(
            f"{user} is not in the group{'s' if len(missing) > 1 else ''} {listed(missing)}",
            f"sudo usermod -aG {','.join(missing)} {user}\nthen log in anew, and start the toy anew",
            user=user,
            missing=missing,
        )
    return ok(f"{user}, in the groups {listed(list(GROUPS))}", user=user)


def _members(name: str) -> list[str]:
    try:
        return grp.getgrnam(name).gr_mem
    except KeyError:
        return []


check_service = blocking(service)
check_groups = blocking(groups)
