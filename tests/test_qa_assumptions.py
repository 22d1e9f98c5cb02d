"""Assumptions of a proof, asserted while something runs."""

from __future__ import annotations

import pytest
from chart_material import checked
from simulated_toy import TABLE, simulated_toy

from pommai.chart.compile import compile_chart
from pommai.qa.assumptions import AssertingMachine
from pommai.qa.simulated_toy import settle
from pommai.qa.virtual_time import run

CHART = """\
states:
  idle: {transitions: [{event: button.pressed, cond: online, target: busy}]}
  busy: {transitions: [{event: link.up, cond: heard_speech, target: idle}]}
assumptions:
  quiet: {because: nobody is there, never_together: [online, heard_speech], in: idle, on: button.*}
"""


def machine() -> AssertingMachine:
    ready = checked(CHART)
    made = AssertingMachine(compile_chart(ready))
    made.start(lambda _: True)
    return made


def test_what_is_assumed_is_asserted_where_it_is_assumed() -> None:
    asserting = machine()
    asserting.receive("link.up", lambda _: True)
    asserting.receive("button.pressed", {"online": True, "heard_speech": False}.__getitem__)
    assert asserting.configuration == ("busy",)
    asserting.receive("button.pressed", lambda _: True)
    asserting.receive("link.up", lambda _: True)
    with pytest.raises(AssertionError, match=r"quiet is assumed, and not so, in idle on button\.pressed .nobody"):
        asserting.receive("button.pressed", lambda _: True)


def test_the_simulated_toy_is_held_to_what_its_chart_assumes() -> None:
    assert TABLE.specification.assumptions

    async def scene() -> None:
        async with simulated_toy() as toy:
            toy.body.turn.over = False
            toy.body.turn.heard_speech = True
            toy.post("link.up", session="s")
            await settle()

    with pytest.raises(AssertionError, match="between_turns is assumed, and not so"):
        run(scene())
