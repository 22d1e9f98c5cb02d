"""The software itself on an installed toy: which environment it runs in, whether it could go back, and root's part."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from pommai.bundle import ROOT, VENVS
from pommai.bundle import state as states
from pommai.bundle.hatch import lies_there, said
from pommai.bundle.store import STATE
from pommai.doctor.finding import Finding, broken, note, ok, wrong
from pommai.doctor.surroundings import Surroundings
from pommai.doctor.unit import Unit, asking, read_unit
from pommai.errors import BundleError

FOLDER: Final = Path("/opt/pommai")
"""Where deploy/install.sh puts it."""
TIMER, SERVICE = "pommai-software.timer", "pommai-software.service"
_AGAIN: Final = "run deploy/install.sh again"


async def check_software(surroundings: Surroundings) -> Finding:
    """Whether what the links lead to is whole, and whether somebody looks after updates of it."""
    folder = surroundings.root / FOLDER.relative_to("/")
    if not _is_there(folder / "venv"):
        return note("not installed by deploy/install.sh; whoever has installed it keeps it new")
    name, before = (_linked(folder, link) for link in ("venv", "proven"))
    figures: dict[str, object] = {"software": name, "proven": before}
    if not name:
        return wrong(f"{folder}/venv is no link to an environment: software cannot be updated", _AGAIN, **figures)
    if not _is_whole(folder, name):
        return broken(f"{folder}/venv leads to {name}, which is not whole", _AGAIN, **figures)
    if not before or not _is_whole(folder, before):
        words = f"{name} is in force, and there is none to go back to ({folder}/proven leads nowhere)"
        return wrong(words, _AGAIN, **figures)
    return await _tended(surroundings, name, figures)


async def _tended(surroundings: Surroundings, name: str, figures: dict[str, object]) -> Finding:
    """Of software that is whole: how it fares, and who would change it."""
    place = surroundings.root / ROOT.relative_to("/")
    try:
        state = states.decode((place / STATE).read_bytes())
    except FileNotFoundError:
        state = states.State()
    except (OSError, BundleError) as caught:
        words = f"{name} is in force; what root has noted of updates cannot be read: {caught}"
        return wrong(words, _AGAIN, **figures)
    figures |= {"trial_starts": state.trial and state.trial.starts, "failed": list(state.failed)}
    figures["waiting"] = state.waiting and state.waiting.version
    if state.trial is not None:
        return note(f"{name} is on trial; the toy goes back alone when it fails", "", **figures)
    is_laid_out = lies_there(surroundings.settings.updates, place)
    if not is_laid_out and (words := said(place)[1]):  # of a later one than what is gone back from
        step = f"journalctl -u {SERVICE} -n 50; pommai bundle verify FILE says more of a bundle"
        return wrong(f"{name}; what was offered last is not installed: {words}", step, **figures)
    if state.word:
        step = "pommai bundle show says what it has; build a newer one"
        return wrong(f"{name}, gone back to, for {state.word}", step, **figures)
    timer, service = await _unit(surroundings, TIMER), await _unit(surroundings, SERVICE)
    if service is not None and service.active == "failed":
        return wrong(f"{name}; root's part has failed ({service.result})", f"journalctl -u {SERVICE} -n 50", **figures)
    if surroundings.settings.update_keys is not None and (timer is None or timer.active != "active"):
        step = f"sudo systemctl enable --now {TIMER}" if timer is not None else _AGAIN
        return wrong(f"{name}; nobody would install an update of it: {TIMER} is not running", step, **figures)
    if state.waiting is not None:
        return note(f"{name}; version {state.waiting.version} comes when the toy rests", **figures)
    if is_laid_out:
        step = f"it is looked at once a minute, and takes minutes; then journalctl -u {SERVICE} -n 50"
        return note(f"{name}; what was offered last is not installed yet", step, **figures)
    return ok(name if name != "installed" else "as deploy/install.sh has installed it", **figures)


async def _unit(surroundings: Surroundings, name: str) -> Unit | None:
    told = await surroundings.command(*asking(name))
    return None if told is None or told.status else read_unit(told.text, name)


def _is_there(path: Path) -> bool:
    return os.path.lexists(path)


def _linked(folder: Path, link: str) -> str:
    """The environment that a link leads to; empty: it is no such link."""
    try:
        target = Path(os.readlink(folder / link))
    except OSError:
        return ""
    return target.name if target.parent.name == VENVS else ""


def _is_whole(folder: Path, name: str) -> bool:
    return all((folder / VENVS / name / "bin" / program).exists() for program in ("python", "pommai"))
