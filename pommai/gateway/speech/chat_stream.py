"""The stream of OpenAI's chat API: server-sent events, or one JSON object -> words, and tools that are to be called.

All of it is a stranger's: lines and calls have a size, and a call that is none does not spoil the words beside it.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pommai.errors import ChatError

if TYPE_CHECKING:
    import httpx

MOST_BYTES: Final = 2 << 20
"""Read of an answer, the service's wrapping included."""
LONGEST_LINE: Final = 64 << 10
"""Bytes."""
MOST_CALLS: Final = 4
"""Tools called in one answer; what is beyond is not looked at."""
LONGEST_ARGUMENTS: Final = 2_000
"""Characters of a call's arguments; a call with more is none."""
LONGEST_NAME: Final = 64
"""Characters of a tool's name, and of a call's id."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool that the model wants called. `arguments` is JSON, or is meant to be."""

    id: str
    name: str
    arguments: str


async def pieces_of(response: httpx.Response) -> AsyncGenerator[str | ToolCall, None]:
    """The words in a stream of events, then the tools that were called; a service that does not stream sends one JSON
    object. Raises ChatError when it is neither, or does not end.
    """
    streams = "json" not in response.headers.get("Content-Type", "").lower()
    room = MOST_BYTES if streams else LONGEST_LINE
    calls = _Calls()
    rest = b""
    async for part in response.aiter_raw():
        room -= len(part)
        *lines, rest = (rest + part).split(b"\n") if streams else (rest + part,)
        if room < 0 or len(rest) > LONGEST_LINE:
            raise ChatError("the language model does not stop sending")
        for line in lines:
            if line.startswith(b"data:"):  # else an event's name, a comment, an empty line
                data = line[5:].strip()
                if data == b"[DONE]":
                    for call in calls.whole():
                        yield call
                    return
                if words := _words_of(data, "delta", calls):
                    yield words
    if not streams and (words := _words_of(rest, "message", calls)):
        yield words
    for call in calls.whole():
        yield call


def _words_of(data: bytes, name: str, calls: _Calls) -> str | None:
    """The text in a piece of an answer, if there is any. Raises ChatError when it is no such thing."""
    try:
        found: Any = json.loads(data)
        if "error" in found:
            raise ChatError("the language model has a fault, and says so in the middle of its answer")
        choices = found.get("choices") or ()
        message = choices[0][name] if choices else {}
        content = message.get("content")
        calls.take(message.get("tool_calls"))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as caught:
        raise ChatError("the language model sends what is no answer") from caught
    if content is not None and not isinstance(content, str):
        raise ChatError("the language model sends what is no text")
    return content


@dataclass(slots=True)
class _Growing:
    """A call of which more may come."""

    index: object
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)
    length: int = 0


class _Calls:
    """Calls as they come: id and name first, then the arguments, bit by bit."""

    def __init__(self) -> None:
        self._calls: list[_Growing] = []

    def take(self, deltas: object) -> None:
        """What a piece of the answer says of calls. What is no call is left out."""
        for delta in deltas[: 2 * MOST_CALLS] if isinstance(deltas, list) else ():
            function = delta.get("function") if isinstance(delta, Mapping) else None
            if isinstance(function, Mapping):
                self._take(delta, function)

    def _take(self, delta: Mapping[str, Any], function: Mapping[str, Any]) -> None:
        index, name, id_ = delta.get("index"), function.get("name"), delta.get("id")
        id_ = id_[:LONGEST_NAME] if isinstance(id_, str) else ""
        call = self._calls[-1] if self._calls else None
        if index is not None:  # else, as of some services, it goes on with the last one unless it has a name
            call = next((each for each in reversed(self._calls) if each.index == index), None)
        named = isinstance(name, str) and bool(name)
        if call is None or (named and call.name and (index is None or id_ not in ("", call.id))):
            if len(self._calls) > MOST_CALLS:
                return
            call = _Growing(index)
            self._calls.append(call)
        call.id = call.id or id_
        if isinstance(name, str) and not call.name:
            call.name = name[: LONGEST_NAME + 1]
        arguments = function.get("arguments")
        if isinstance(arguments, Mapping):  # some services send them as they are
            arguments = json.dumps(arguments)
        if isinstance(arguments, str):
            call.length += len(arguments)
            if call.length <= LONGEST_ARGUMENTS:
                call.arguments.append(arguments)

    def whole(self) -> list[ToolCall]:
        """The calls, when all of the answer is there."""
        return [
            ToolCall(call.id or f"call_{number}", call.name, "".join(call.arguments))
            for number, call in enumerate(self._calls[:MOST_CALLS])
            if 0 < len(call.name) <= LONGEST_NAME and call.length <= LONGEST_ARGUMENTS
        ]
