"""Being called by name."""

from __future__ import annotations

import logging
from typing import Final

from pommai.actions.body import Body
from pommai.actions.playback import play_sound
from pommai.actions.registry import action, activity
from pommai.errors import SoundError
from pommai.events import Event
from pommai.io.ports import WakeHit

logger = logging.getLogger(__name__)

WAKE_SOUND: Final = "wake"
"""What answers the wake word when the toy has nothing of its own."""


@activity
async def await_wake_word(toy: Body) -> None:
    """Listen for the toy's name; being called is wake.heard."""

    def called(hit: WakeHit) -> None:
        toy.mark("called", turn=toy.turn.id, phrase=hit.phrase, score=hit.score)
        toy.post(Event("wake.heard", {"phrase": hit.phrase, "score": hit.score}))

    stream = toy.hearing.subscribe(preroll=False, patient=True)
    try:
        await toy.wake.listen(stream, called)
    finally:
        stream.close()


@action
def acknowledge(toy: Body) -> None:
    """Let the child hear that the toy listens: one of the toy's acknowledgements, in turn, else the wake sound."""
    own = toy.acknowledgements
    if own:
        name = own[toy.turn.id % len(own)]
        try:
            play_sound(toy, name)
            return
        except SoundError as caught:
            logger.warning("no such acknowledgement", extra={"reason": str(caught)})
    play_sound(toy, WAKE_SOUND)
