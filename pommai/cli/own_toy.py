"""The settings of this machine's toy, for the commands that look after it.

A toy that systemd runs has its settings file and its folders from its unit. The shell of whoever looks after it knows
nothing of them: there the same command would look into other folders, and find nothing.
"""

from __future__ import annotations

import argparse
import os
import subprocess
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pommai.doctor.unit import Unit
    from pommai.toy.settings import Settings

_PATIENCE: Final = 10.0
"""Seconds that systemd has to answer."""


def own_settings(args: argparse.Namespace) -> Callable[..., Settings]:
    """`load_settings` for the toy of this machine: with the settings and folders of its service where there is one,
    unless somebody names another settings file. Flags and the environment count before the service's."""
    from pommai.doctor.settings import settings_of

    unit = own_service(args)

    def load(**more: Any) -> Settings:
        return settings_of(args, unit, os.environ, **more).settings

    return load


def own_service(args: argparse.Namespace) -> Unit | None:
    """The toy's service, unless somebody names a settings file that is none of its own; its folders are those of this
    process from then on, where the environment does not name others. None: there is none."""
    from pommai.doctor.settings import are_its_own

    unit = _unit()
    if unit is None or not are_its_own(args, unit, os.environ):
        return None
    for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME"):
        if name in unit.environment:
            os.environ.setdefault(name, unit.environment[name])
    return unit


def _unit() -> Unit | None:
    """The toy's service; None where there is none."""
    from pommai.doctor.unit import asking, toys_unit

    try:
        told = subprocess.run(
            asking(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env={**os.environ, "LC_ALL": "C"},
            timeout=_PATIENCE,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return toys_unit("")
    return toys_unit(told.stdout.decode("utf-8", "replace"))
