"""Whom a child may make of a toy by asking for it.

A child who talks to somebody for kids must not talk its way to somebody who is not, nor out of the rules that its
grown-ups have chosen: so somebody for kids becomes only others for kids who are as careful. `by_voice` of a persona
says it otherwise: true lets it be asked for from everywhere, false never.
"""

from __future__ import annotations

from collections.abc import Mapping

from pommai.gateway.personas import Persona, Personas
from pommai.gateway.speech.rules import listener_of
from pommai.responses import Listener, Responses
from pommai.responses.listener import topic_name
from pommai.responses.model import CATEGORIES, LEVELS
from pommai.responses.names import asked_to_be


def others(persona: Persona, personas: Personas) -> dict[str, str]:
    """Everybody whom a child may make of this persona, the id with the name, in the order of the file."""
    return {
        toy_id: other.profile.name
        for toy_id, other in personas.items()
        if toy_id != persona.toy_id and _may_become(persona, other)
    }


def wanted(words: str, persona: Persona, names: Mapping[str, str], responses: Responses) -> str | None:
    """Whom a sentence asks for: an id of `names`, or the persona's own; None when it asks for nobody."""
    return asked_to_be(words, {**names, persona.toy_id: persona.profile.name}, responses)


def _may_become(persona: Persona, other: Persona) -> bool:
    if other.by_voice is not None:
        return other.by_voice
    if not persona.profile.is_for_kids:
        return True
    return other.profile.is_for_kids and _is_as_careful(listener_of(other), listener_of(persona))


def _is_as_careful(one: Listener, other: Listener) -> bool:
    """Whether everything that is kept from the other by level is kept from the one.

    A level of one's own keeps back the named topics, whole categories among them; so does strict alone of the others.
    """
    if other.safety_level in LEVELS:
        return one.safety_level in LEVELS and LEVELS.index(one.safety_level) <= LEVELS.index(other.safety_level)
    kept = {topic_name(topic) for topic in one.blocked_topics}
    if one.safety_level == LEVELS[0]:
        kept |= {*CATEGORIES}
    return {topic_name(topic) for topic in other.blocked_topics} <= kept
