"""What the toy says of its own accord: a greeting, a calm sentence in safe mode."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from pommai.actions.body import Body
from pommai.actions.registry import CommandName, action
from pommai.errors import DeviceError, SpeechError

logger = logging.getLogger(__name__)

BREATH: Final = 0.1
"""Seconds between a sound and the words that follow it."""


@action
def say(toy: Body, command: CommandName) -> None:
    """Say one of the replies of a command of offline_responses.yaml, when what is playing now is over."""
    toy.sayings.put(toy.answerer.say(command, toy.listener).reply)


@action
def say_first(toy: Body, command: CommandName) -> None:
    """Say one of the replies of a command as `say` does; what else is to be said now comes after it, not instead."""
    toy.sayings.put(toy.answerer.say(command, toy.listener).reply, first=True)


@action
def say_calm_words(toy: Body) -> None:
    """Say what the grown-up who paused the toy wants said, else the calm words of offline_responses.yaml.

    What is not for this child is not said, whoever wants it.
    """
    words, toy.pause_words = toy.pause_words, ""
    if toy.answerer.forbids(words, toy.listener) is not None:
        words = ""
    toy.sayings.put(words or toy.answerer.enter_safe_mode(toy.listener).reply)


@action
def hush(toy: Body) -> None:
    """Say nothing of what was about to be said, and stop what is being said."""
    toy.sayings.drop()
    toy.voice.stop()


async def say_what_comes(toy: Body) -> None:
    """Say one thing after another until cancelled; a newer one takes the place of one that was not begun."""
    while True:
        words = await toy.sayings.get()
        try:
            frames = await toy.speech.speak(words, toy.voice_settings)
        except (SpeechError, DeviceError) as caught:
            logger.warning("words not spoken", extra={"reason": str(caught)})
            frames = []
        wait = toy.sound_until + BREATH - asyncio.get_running_loop().time()
        if frames and wait > 0:
            await asyncio.sleep(wait)
        if toy.sayings.is_newest(words):
            toy.sayings.drop()
            if frames:
                toy.voice.play(frames)
