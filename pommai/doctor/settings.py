"""The settings that count on this machine: those of the toy's service where there is one, and nobody names others."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, replace

from pommai.doctor.unit import Unit
from pommai.errors import SettingsError
from pommai.toy.settings import CONFIG_ENVIRONMENT, CONFIG_NAME, Settings, load_settings

_UNREAD = "a-token-that-could-not-be-read"
"""Stands in for one while the other settings are read; then it is taken out again."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was found. `token_problem`: why the token could not be read, else empty. `origin`: words for a person."""

    settings: Settings
    token_problem: str
    origin: str


def settings_of(args: argparse.Namespace, unit: Unit | None, environment: Mapping[str, str]) -> Found:
    """The settings in force. A token that this user may not read is left out. Raises SettingsError for all else."""
    named = getattr(args, "config", None) or environment.get(CONFIG_ENVIRONMENT)
    origin = f"settings of {named}" if named else f"settings of {CONFIG_NAME} here, or as they come"
    args = argparse.Namespace(**vars(args))
    if not named and unit is not None:
        environment = {**unit.environment, **environment}
        if unit.config is not None:
            args.config = unit.config
        origin = f"settings of {unit.name}" + (f" ({unit.config})" if unit.config is not None else "")
    try:
        return Found(load_settings(args, environment=environment), "", origin)
    except SettingsError as caught:
        problem = caught
    without = argparse.Namespace(**{name: value for name, value in vars(args).items() if name != "token_file"})
    variables = {name: value for name, value in environment.items() if name != "POMMAI_TOKEN_FILE"}
    try:
        settings = load_settings(without, environment={**variables, "POMMAI_USER_TOKEN": _UNREAD})
    except SettingsError:
        raise problem from None
    return Found(replace(settings, token=None), str(problem), origin)
