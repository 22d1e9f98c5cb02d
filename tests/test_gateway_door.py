from __future__ import annotations

import pytest
from gateway_material import run
from hypothesis import given
from hypothesis import strategies as st

from pommai.errors import SettingsError
from pommai.gateway.door import Doors, OneToken


def test_one_token_opens_for_every_device_and_nothing_else_does() -> None:
    door = OneToken("hush-hush")
    assert run(door.admits("desk-1", "hush-hush"))
    assert run(door.admits("", "hush-hush"))
    for wrong in ("", "hush", "hush-hush ", "Hush-hush", "schön"):
        assert not run(door.admits("desk-1", wrong))


@given(st.text(st.characters()))
def test_whatever_a_stranger_shows_is_answered(token: str) -> None:
    assert run(OneToken("hush-hush").admits("desk-1", token)) == (token == "hush-hush")


@pytest.mark.parametrize("token", ["", "two words", "schön", "line\nbreak"])
def test_a_token_that_no_header_can_carry_is_refused(token: str) -> None:
    with pytest.raises(SettingsError, match="the token is empty, or holds spaces"):
        OneToken(token)


def test_of_several_doors_one_is_enough_and_none_lets_nobody_in() -> None:
    doors = Doors(OneToken("first"), OneToken("second"))
    assert run(doors.admits("desk-1", "first"))
    assert run(doors.admits("desk-1", "second"))
    assert not run(doors.admits("desk-1", "third"))
    assert not run(Doors().admits("desk-1", ""))
