"""Whether a recording of the child may be stored in the cloud: when a guardian has agreed, and while that holds.

Nothing else lets a recording leave the toy but the turn it was made for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pommai.actions.body import Body, Turn


def may_leave(toy: Body, toy_id: str) -> bool:
    """Whether a recording of this toy may be stored in the cloud: it is the toy in force, and its guardian says so.

    Of a toy that is in force no longer nobody here knows what its guardian says by now.
    """
    profile = toy.profile
    return (
        toy.cloud is not None
        and profile is not None
        and profile.toy_id == toy_id
        and profile.guardian_settings.allow_uploads
    )


def hold_recording(toy: Body, turn: Turn, conversation: str) -> None:
    """Hold a turn that the server has answered, if it may leave the toy, until its conversation does."""
    if turn.packets and not turn.alone and may_leave(toy, toy.toy_id):
        toy.recordings.keep(conversation, toy.toy_id, turn.packets)
    turn.packets = []


def drop_recordings(toy: Body) -> None:
    """Hold nothing of what was said, that of the turn which is going on included."""
    toy.recordings.clear()
    toy.turn.packets = []


class HeldVoices:
    """What the cloud's carrier may take of the recordings."""

    def __init__(self, toy: Callable[[], Body]) -> None:
        self._toy = toy

    def take(self, conversation: str) -> Sequence[bytes] | None:
        """The packets; None when there are none, or they may not leave the toy (any more): then they are gone."""
        toy = self._toy()
        found = toy.recordings.take(conversation)
        return found[1] if found is not None and may_leave(toy, found[0]) else None

    def may_leave(self, toy_id: str) -> bool:
        return may_leave(self._toy(), toy_id)
