"""How a function becomes an action or an activity of the chart: by its name and its signature.

    @action
    def abort_turn(toy: Body, reason: str) -> None:
        '''End the turn.'''

makes `abort_turn: {reason: barge-in}` and `abort_turn: barge-in` valid in a chart. An action returns at once; an
activity is `async`, runs while its state is active and is cancelled when the state is left.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NewType, TypeVar

Seconds = NewType("Seconds", float)
"""A parameter written as a duration: `2s`, or a name from the chart's durations."""
SoundName = NewType("SoundName", str)
"""A parameter that names one of the toy's sounds."""
CommandName = NewType("CommandName", str)
"""A parameter that names a command of offline_responses.yaml."""

Action = Callable[..., None]
Activity = Callable[..., Awaitable[None]]

ACTIONS: dict[str, Action] = {}
"""Every action, by the name a chart calls it."""
ACTIVITIES: dict[str, Activity] = {}
"""Every activity, by the name a chart calls it."""

EFFECTS: dict[str, tuple[str, ...]] = {}
"""What an action or activity does to the world, in words a chart's properties may use instead of its name."""

_F = TypeVar("_F", bound=Callable[..., Any])


def action(function: _F) -> _F:
    """Make a function an action."""
    ACTIONS[function.__name__] = function
    return function


def activity(function: _F) -> _F:
    """Make a coroutine function an activity."""
    ACTIVITIES[function.__name__] = function
    return function


def sends_to_cloud(function: _F) -> _F:
    """Say that an action or activity sends something to the server: properties may speak of all that do."""
    EFFECTS[function.__name__] = ("sends_to_cloud",)
    return function
