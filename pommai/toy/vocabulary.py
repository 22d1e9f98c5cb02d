"""What charts of this toy may say: gathered from the events, actions, activities and guards that exist."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any, get_type_hints

from pommai.actions import ACTIONS, ACTIVITIES
from pommai.actions.registry import EFFECTS, CommandName, Seconds, SoundName
from pommai.chart.vocabulary import Parameter, Signature, Vocabulary
from pommai.events import EVENTS
from pommai.guards import GUARDS

_KINDS = {str: "text", float: "number", bool: "boolean", Seconds: "duration", CommandName: "text"}


def toy_vocabulary(
    led_patterns: Collection[str] | None = None, sounds: Collection[str] = (), commands: Collection[str] | None = None
) -> Vocabulary:
    """The vocabulary of this toy's charts.

    `led_patterns` None: patterns are not checked. `sounds` are for `play`. `commands` are for `say`; None: any text is.
    """
    choices: dict[object, Collection[str] | None] = {SoundName: sounds, CommandName: commands}
    return Vocabulary(
        events=frozenset(EVENTS),
        guards={name: _meaning(guard) for name, guard in GUARDS.items()},
        actions={name: _signature(name, function, choices) for name, function in ACTIONS.items()},
        activities={name: _signature(name, function, choices) for name, function in ACTIVITIES.items()},
        led_patterns=None if led_patterns is None else frozenset(led_patterns),
    )


def _signature(name: str, function: Callable[..., Any], named: Mapping[object, Collection[str] | None]) -> Signature:
    hints = get_type_hints(function)
    parameters = []
    for parameter in list(inspect.signature(function).parameters.values())[1:]:
        required = parameter.default is inspect.Parameter.empty
        hint = hints[parameter.name]
        there_are = named.get(hint)
        kind = "choice" if there_are is not None else _KINDS[hint]
        choices = tuple(sorted(there_are or ()))
        parameters.append(Parameter(parameter.name, kind, required, None if required else parameter.default, choices))
    return Signature(name, tuple(parameters), _meaning(function), EFFECTS.get(name, ()))


def _meaning(function: Callable[..., Any]) -> str:
    return (inspect.getdoc(function) or "").split("\n")[0]
