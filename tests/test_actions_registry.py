"""How functions become words of the chart."""

import asyncio
import inspect

from pommai.actions import ACTIONS, ACTIVITIES
from pommai.actions.registry import EFFECTS


def test_actions_return_at_once_and_activities_take_their_time():
    assert not any(asyncio.iscoroutinefunction(function) for function in ACTIONS.values())
    assert all(asyncio.iscoroutinefunction(function) for function in ACTIVITIES.values())
    assert not ACTIONS.keys() & ACTIVITIES.keys()


def test_every_word_of_the_chart_says_what_it_means_and_takes_the_toy_first():
    for name, function in {**ACTIONS, **ACTIVITIES}.items():
        assert function.__name__ == name
        assert inspect.getdoc(function), name
        assert next(iter(inspect.signature(function).parameters)) == "toy", name


def test_whoever_uses_the_link_says_that_it_sends():
    """But for `stay_connected`, which keeps the link and has nothing to say."""
    using = {
        name for name, function in {**ACTIONS, **ACTIVITIES}.items() if "toy.link.send" in inspect.getsource(function)
    }
    through_others = {"stream_speech", "sync_safety", "sync_memory", "alert_guardian", "pass_on_alert"}
    assert using | through_others == EFFECTS.keys()
