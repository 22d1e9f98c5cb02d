"""The events that devices and activities emit."""

from __future__ import annotations

import re

import pytest

from pommai.events import EVENTS, SOURCES, Event


def test_every_event_is_known_by_its_own_name_and_says_what_it_means() -> None:
    for name, spec in EVENTS.items():
        assert spec.name == name
        assert re.fullmatch(r"[a-z]+\.[a-z_]+", name)
        assert spec.meaning.endswith(".")


def test_every_event_has_a_known_source_and_every_source_an_event() -> None:
    assert {spec.source for spec in EVENTS.values()} == set(SOURCES)


def test_every_payload_field_has_a_type_and_a_hint() -> None:
    for spec in EVENTS.values():
        for name, field in spec.fields.items():
            assert name.isidentifier()
            assert field.type in (str, float, int, bool)
            assert field.hint


def test_releases_and_safety_events_are_never_dropped() -> None:
    vital = {name for name, spec in EVENTS.items() if spec.vital}
    assert {"button.released", "button.held", "safety.pause", "safety.resume"} <= vital


def test_an_event_belongs_to_no_turn_and_carries_nothing_unless_said_so() -> None:
    event = Event("button.pressed")
    assert event.turn == 0
    assert dict(event.data) == {}


def test_events_and_the_list_of_them_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Event("button.pressed").name = "x"  # type: ignore[misc]
    with pytest.raises(TypeError):
        EVENTS["x"] = EVENTS["button.pressed"]  # type: ignore[index]
