"""Messages as values: what holds for a toy of which the server says nothing."""

from __future__ import annotations

import pytest
from msgspec.structs import asdict

from pommai.protocol.messages import Abort, ToyProfile
from pommai.protocol.wire import TYPES


def test_a_toy_of_which_nothing_is_said_is_for_kids_and_strict() -> None:
    profile = ToyProfile("bear", "Bear")
    assert profile.is_for_kids
    assert (profile.safety_level, profile.guardian_settings.content_filter_level) == ("strict", "strict")


@pytest.mark.parametrize("kind", TYPES.values())
def test_messages_cannot_be_changed_and_hold_nothing_else(kind) -> None:
    assert kind.__struct_config__.frozen
    assert kind.__dictoffset__ == 0
    assert kind.__doc__


def test_a_message_says_what_it_holds() -> None:
    assert asdict(Abort(3, "barge-in")) == {"turn": 3, "reason": "barge-in"}
