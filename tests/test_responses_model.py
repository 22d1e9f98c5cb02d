"""What the file says, as data."""

from __future__ import annotations

import pytest
from responses_material import SMALL, parsed

from pommai.responses.model import CATEGORIES, NEEDED_COMMANDS, RESERVED, Reply
from pommai.source import Node


def test_what_was_read_cannot_be_changed() -> None:
    responses = parsed(SMALL)
    with pytest.raises(TypeError):
        responses.commands["x"] = responses.commands["greeting"]  # type: ignore[index]
    with pytest.raises(AttributeError):
        responses.unknown = ()  # type: ignore[misc]


def test_replies_are_equal_wherever_they_stand() -> None:
    assert Reply("Hello.", at=Node(1, 2)) == Reply("Hello.", at=Node(3, 4))


def test_no_command_the_toy_relies_on_has_a_reserved_name() -> None:
    assert set(RESERVED).isdisjoint(NEEDED_COMMANDS)
    assert set(CATEGORIES) < set(RESERVED)
