"""What a chart may say: the events, guards, actions, activities and light patterns that exist."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec import Struct, field, to_builtins

if TYPE_CHECKING:
    from pommai.chart.model import Value


class Parameter(Struct, frozen=True):
    """An argument of an action. `kind` is text, number, boolean, duration or choice."""

    name: str
    kind: str
    required: bool
    default: Value | None = None
    choices: tuple[str, ...] = ()


class Signature(Struct, frozen=True):
    """An action or activity, with its parameters in order and its first docstring line."""

    name: str
    parameters: tuple[Parameter, ...] = ()
    meaning: str = ""
    effects: tuple[str, ...] = ()
    """What it does to the world, in words properties may use instead of its name: `sends_to_cloud`."""


class Vocabulary(Struct, frozen=True):
    """All names a chart may use. `led_patterns` is None when no pattern file is at hand."""

    events: frozenset[str] = frozenset()
    guards: Mapping[str, str] = field(default_factory=dict)
    """Guard name -> what it asks."""
    actions: Mapping[str, Signature] = field(default_factory=dict)
    activities: Mapping[str, Signature] = field(default_factory=dict)
    led_patterns: frozenset[str] | None = None

    def fingerprint(self) -> str:
        """A hash that changes when a chart compiled with this vocabulary could come out otherwise."""
        plain = {
            "events": sorted(self.events),
            "guards": sorted(self.guards),
            "actions": {name: to_builtins(signature) for name, signature in sorted(self.actions.items())},
            "activities": {name: to_builtins(signature) for name, signature in sorted(self.activities.items())},
            "led_patterns": None if self.led_patterns is None else sorted(self.led_patterns),
        }
        return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()
