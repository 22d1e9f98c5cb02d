"""The settings that count on this machine: those of the toy's service where there is one, and nobody names others."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pommai.doctor.unit import Unit
from pommai.toy.settings import CONFIG_ENVIRONMENT, CONFIG_NAME, Settings, load_settings


@dataclass(frozen=True, slots=True)
class Found:
    """What was found. `origin`: words for a person."""

    settings: Settings
    origin: str


def are_its_own(args: argparse.Namespace, unit: Unit, environment: Mapping[str, str]) -> bool:
    """Whether the settings are those of the toy's service: nobody names a file, or it is the service's."""
    named = _named(args, environment)
    try:
        return not named or (unit.config is not None and Path(named).samefile(unit.config))
    except OSError:
        return False


def settings_of(args: argparse.Namespace, unit: Unit | None, environment: Mapping[str, str], **more: Any) -> Found:
    """The settings in force. `more` is for `load_settings`. Raises SettingsError."""
    named = _named(args, environment)
    origin = f"settings of {named}" if named else f"settings of {CONFIG_NAME} here, or as they come"
    args = argparse.Namespace(**vars(args))
    if unit is not None and are_its_own(args, unit, environment):
        environment = {**unit.environment, **environment}
        if unit.config is not None:
            args.config = unit.config
        origin = f"settings of {unit.name}" + (f" ({unit.config})" if unit.config is not None else "")
    return Found(load_settings(args, environment=environment, **more), origin)


def _named(args: argparse.Namespace, environment: Mapping[str, str]) -> str | None:
    return getattr(args, "config", None) or environment.get(CONFIG_ENVIRONMENT)
