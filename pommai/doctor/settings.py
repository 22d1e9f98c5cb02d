"""The settings that count on this machine: those of the toy's service where there is one, and nobody names others."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass

from pommai.doctor.unit import Unit
from pommai.toy.settings import CONFIG_ENVIRONMENT, CONFIG_NAME, Settings, load_settings


@dataclass(frozen=True, slots=True)
class Found:
    """What was found. `origin`: words for a person."""

    settings: Settings
    origin: str


def settings_of(args: argparse.Namespace, unit: Unit | None, environment: Mapping[str, str]) -> Found:
    """The settings in force. Raises SettingsError."""
    named = getattr(args, "config", None) or environment.get(CONFIG_ENVIRONMENT)
    origin = f"settings of {named}" if named else f"settings of {CONFIG_NAME} here, or as they come"
    args = argparse.Namespace(**vars(args))
    if not named and unit is not None:
        environment = {**unit.environment, **environment}
        if unit.config is not None:
            args.config = unit.config
        origin = f"settings of {unit.name}" + (f" ({unit.config})" if unit.config is not None else "")
    return Found(load_settings(args, environment=environment), origin)
