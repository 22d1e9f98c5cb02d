"""What a language model may do besides talking, as tools of OpenAI's API: change who the toy is, and how loud.

Nothing else that the wire can do is to be had here: whatever a model writes, and whoever has talked it into that, can
do no more than a child may ask for. A call is obeyed when it is one of these, with arguments that hold; else the model
is told why not, and the toy is left alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pommai.gateway.responder import Become, Do
from pommai.gateway.speech.chat import Message, Tool
from pommai.gateway.speech.chat_stream import ToolCall
from pommai.source import quote

BECOME: Final = "become_persona"
VOLUME: Final = "set_volume"
MOST_OTHERS: Final = 50
"""Personas that a model is told of."""
SOFTEST: Final = 10
"""Percent: a toy that cannot be heard cannot be asked to be louder. How loud it gets at most, the toy knows itself."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a call: what the toy is to do, if anything, and what the model is told of it."""

    piece: Become | Do | None
    told: str


def tools_for(others: Mapping[str, str]) -> list[Tool]:
    """The tools, where a toy may become these: id and name."""
    tools = []
    if others:
        ids = list(others)[:MOST_OTHERS]
        names = ", ".join(f"{toy_id} is {others[toy_id]}" for toy_id in ids)
        words = (
            "Let the toy become another persona, when the child asks for exactly that one. Say goodbye in a few words; "
            f"the other greets the child itself. {names}."
        )
        tools.append(_tool(BECOME, words, "toy", {"type": "string", "enum": ids}))
    words = "Set how loud the toy speaks, when the child asks for it: 30 is soft, 60 as usual, 90 loud."
    tools.append(_tool(VOLUME, words, "percent", {"type": "integer", "minimum": SOFTEST, "maximum": 100}))
    return tools


def obey(calls: Sequence[ToolCall], others: Mapping[str, str]) -> list[Outcome]:
    """What becomes of the calls of one answer, in their order. Of each tool the first call that holds counts."""
    outcomes: list[Outcome] = []
    done: set[str] = set()
    for call in calls:
        if call.name in done:
            outcome = Outcome(None, "this was done already, and once is enough")
        else:
            outcome = _obey(call, others)
        if outcome.piece is not None:
            done.add(call.name)
        outcomes.append(outcome)
    return outcomes


def told(words: str, calls: Sequence[ToolCall], outcomes: Sequence[Outcome]) -> list[Message]:
    """What was said and called, and what became of it, as the model is told it."""
    called = [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for call in calls
    ]
    answers = [
        {"role": "tool", "tool_call_id": call.id, "content": outcome.told}
        for call, outcome in zip(calls, outcomes, strict=True)
    ]
    return [{"role": "assistant", "content": words, "tool_calls": called}, *answers]


def _obey(call: ToolCall, others: Mapping[str, str]) -> Outcome:
    try:
        arguments: Any = json.loads(call.arguments or "{}")
    except (ValueError, RecursionError):
        arguments = None
    if not isinstance(arguments, dict):
        return Outcome(None, "refused: the arguments are no JSON object")
    if call.name == BECOME:
        return _become(arguments.get("toy"), others)
    if call.name == VOLUME:
        return _set_volume(arguments.get("percent"))
    return Outcome(None, f"refused: there is no tool {quote(call.name)}")


def _become(toy: object, others: Mapping[str, str]) -> Outcome:
    wanted = toy.strip().casefold() if isinstance(toy, str) else ""
    for toy_id, name in others.items():
        if wanted in (toy_id.casefold(), name.casefold()):
            return Outcome(Become(toy_id), f"done: say goodbye in a few words, {name} comes in a moment and says hello")
    return Outcome(None, f"refused: toy must be one of {', '.join(list(others)[:MOST_OTHERS]) or 'nobody at all'}")


def _set_volume(percent: object) -> Outcome:
    if isinstance(percent, str) and percent.isascii() and percent.isdigit() and len(percent) <= 3:
        percent = int(percent)  # small models write numbers like this
    if isinstance(percent, bool) or not isinstance(percent, int | float) or not SOFTEST <= percent <= 100:
        return Outcome(None, f"refused: percent must be a number from {SOFTEST} to 100")
    return Outcome(Do("volume", {"percent": round(percent)}), "done: say so in a few words")


def _tool(name: str, words: str, argument: str, schema: Mapping[str, Any]) -> Tool:
    parameters = {
        "type": "object",
        "properties": {argument: dict(schema)},
        "required": [argument],
        "additionalProperties": False,
    }
    return {"type": "function", "function": {"name": name, "description": words, "parameters": parameters}}
