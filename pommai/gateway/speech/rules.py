"""The rules of `offline_responses.yaml`, as the gateway keeps them: one device's limits, and what it talked about.

They are the toy's own rules, asked through the same Answerer. What a child says goes back to its toy with the answer
(`user_text`), and it is the toy that tells the grown-ups of it: it does so without a server, too, and once is enough.
But for a pause: it is the gateway that asks for it, and says why.
"""

from __future__ import annotations

import random
from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import Final

from pommai.gateway.personas import Persona
from pommai.responses import Answer, Answerer, Listener, Responses
from pommai.responses.model import LEVELS

MOST_DEVICES: Final = 2_000
"""Whose talk is kept in mind; of more, the one that was silent longest is forgotten."""
MOST_TURNS: Final = 6
"""Of a talk that a language model is told."""
LONGEST_WORDS: Final = 500
"""Characters of what was said in one of them."""
FORGET_SECONDS: Final = 600.0
"""After such a silence another talk begins."""


@dataclass(frozen=True, slots=True)
class HeldBack:
    """Why a sentence is not said."""

    category: str
    because: tuple[str, ...]


class Talk:
    """One device: what it heard and said. `now` is in seconds of a clock that never goes back."""

    def __init__(self, responses: Responses) -> None:
        self._answerer = Answerer(responses, random.randrange)
        self._turns: deque[tuple[str, str]] = deque(maxlen=MOST_TURNS)
        self._with = ""
        self._last = 0.0

    def scripted(self, text: str, persona: Persona, now: float) -> Answer:
        """The answer of the file to a sentence; to none, that nothing was understood."""
        listener = listener_of(persona)
        if not text:
            return self._answerer.not_understood(listener, now)
        return self._answerer.answer(text, listener, now)

    def refused(self, text: str, persona: Persona, now: float) -> Answer | None:
        """The answer of the file when nobody else is to give one: help is needed, a topic is blocked, a limit reached,
        or nothing was understood. None: whoever answers may.
        """
        # As if the question had been answered often: then it counts against the limits as any other.
        found = self._answerer.answer(text, listener_of(persona), now, {text: "yes"}) if text else None
        if found is None:
            return self._answerer.not_understood(listener_of(persona), now)
        return None if found.outcome == "command" else found

    def sorry(self, persona: Persona, now: float) -> Answer:
        """What is said when whoever should answer cannot."""
        return self._answerer.not_understood(listener_of(persona), now)

    def done(self, persona: Persona) -> Answer:
        """What is said when a language model has done something and says nothing."""
        return self._answerer.done(listener_of(persona))

    def leaving(self, name: str, persona: Persona) -> str:
        """What is said before the toy becomes the one of this name; empty when the file says nothing of it."""
        return self._answerer.leaving(name, listener_of(persona))

    def staying(self, persona: Persona) -> str:
        """What a persona says when it was asked for itself; as `leaving`."""
        return self._answerer.staying(persona.profile.name, listener_of(persona))

    def holds_back(self, sentence: str, before: str, persona: Persona) -> HeldBack | None:
        """Whether a sentence may not be said after the one `before`: words of both may belong together."""
        listener = listener_of(persona)
        for text in (sentence, f"{before} {sentence}" if before else ""):
            touched = self._answerer.forbids(text, listener) if text else None
            if touched is not None:
                return HeldBack(*touched)
        return None

    def redirect(self, held_back: HeldBack, persona: Persona) -> Answer:
        """A friendly turn to something else."""
        return self._answerer.redirect(held_back.category, listener_of(persona))

    def remember(self, heard: str, said: str, persona: Persona, now: float) -> None:
        """Keep what was said in mind, for as long as they talk."""
        self.turns(persona, now)
        self._turns.append((heard[:LONGEST_WORDS], said[:LONGEST_WORDS]))

    def turns(self, persona: Persona, now: float) -> tuple[tuple[str, str], ...]:
        """What the child and this persona said lately, the newest last."""
        if persona.toy_id != self._with or now - self._last > FORGET_SECONDS:
            self._turns.clear()
        self._with, self._last = persona.toy_id, now
        return tuple(self._turns)


class Talks:
    """Every device's Talk, of at most MOST_DEVICES."""

    def __init__(self, responses: Responses) -> None:
        self.responses = responses
        self._talks: OrderedDict[str, Talk] = OrderedDict()

    def of(self, device_id: str) -> Talk:
        """The talk of a device, begun when it has none."""
        talk = self._talks.pop(device_id, None) or Talk(self.responses)
        self._talks[device_id] = talk
        if len(self._talks) > MOST_DEVICES:
            self._talks.popitem(last=False)
        return talk


def listener_of(persona: Persona) -> Listener:
    """Who listens to a persona. Of two levels that grown-ups have set for a child, the more careful one counts."""
    profile = persona.profile
    level, filtered = profile.safety_level, profile.guardian_settings.content_filter_level
    if profile.is_for_kids and level in LEVELS and filtered in LEVELS:
        level = min(level, filtered, key=LEVELS.index)
    return Listener(profile.toy_id, level, profile.guardian_settings.blocked_topics)
