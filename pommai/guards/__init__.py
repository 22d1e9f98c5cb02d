"""The questions a chart may ask: each answers yes or no at once, from what the toy knows."""

from __future__ import annotations

from collections.abc import Callable

from pommai.actions.body import Body

Guard = Callable[[Body], bool]


def heard_speech(toy: Body) -> bool:
    """Has the child said something in this turn?"""
    return toy.turn.heard_speech and not toy.turn.over


def hands_free(toy: Body) -> bool:
    """Was the toy called by name, so that no button will end the turn?"""
    return toy.turn.hands_free


def microphone_works(toy: Body) -> bool:
    """Can the toy hear?"""
    return toy.microphone_works


def reply_begun(toy: Body) -> bool:
    """Is there something of the server's answer to this turn already?"""
    return toy.turn.reply.begun and not toy.turn.over


def was_in_safe_mode(toy: Body) -> bool:
    """Was the toy put into safe mode, before it was switched on or since, and nobody has let it go?"""
    return toy.kept_safe


def held_at_power_up(toy: Body) -> bool:
    """Was the button down already when the toy was switched on?"""
    return toy.held_at_power_up


def press_began_elsewhere(toy: Body) -> bool:
    """Did the press that goes on begin in safe mode, say, so that it is no hold in play?"""
    return toy.press_began_elsewhere


def becomes_another_toy(toy: Body) -> bool:
    """Is the configuration that has come another toy's?"""
    return toy.offered is not None and toy.offered.toy_id != toy.toy_id


GUARDS: dict[str, Guard] = {
    guard.__name__: guard
    for guard in (
        heard_speech,
        hands_free,
        microphone_works,
        reply_begun,
        was_in_safe_mode,
        held_at_power_up,
        press_began_elsewhere,
        becomes_another_toy,
    )
}
"""Every guard, by the name a chart calls it."""
