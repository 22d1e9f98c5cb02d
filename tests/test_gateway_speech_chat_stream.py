from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from gateway_material import run
from hypothesis import given
from hypothesis import strategies as st
from openai_stand_in import call_event, event

from pommai.errors import ChatError
from pommai.gateway.speech.chat_stream import (
    LONGEST_ARGUMENTS,
    LONGEST_NAME,
    MOST_CALLS,
    ToolCall,
    pieces_of,
)


class Response:
    """What of httpx is needed."""

    def __init__(self, *parts: bytes, content_type: str = "text/event-stream") -> None:
        self.parts = parts
        self.headers = {"Content-Type": content_type}

    async def aiter_raw(self) -> AsyncIterator[bytes]:
        for part in self.parts:
            yield part


def pieces(*parts: bytes, **more: str) -> list[str | ToolCall]:
    async def all_of_it() -> list[str | ToolCall]:
        response: Any = Response(*parts, **more)
        return [piece async for piece in pieces_of(response)]

    return run(all_of_it())


def called(name: object = "wave", arguments: object = "{}", **more: object) -> dict[str, object]:
    return {"function": {"name": name, "arguments": arguments}, **more}


def test_arguments_grow_by_the_index_of_their_call() -> None:
    found = pieces(
        call_event(called(arguments='{"a"', index=0, id="x"), called("nod", "", index=1, id="y")),
        call_event({"index": 1, "function": {"arguments": "{}"}}),
        call_event({"index": 0, "function": {"arguments": ": 1}"}}),
    )
    assert found == [ToolCall("x", "wave", '{"a": 1}'), ToolCall("y", "nod", "{}")]


def test_services_that_number_nothing_or_everything_alike_are_understood() -> None:
    assert pieces(call_event(called()), call_event({"function": {"arguments": " "}}), call_event(called("nod"))) == [
        ToolCall("call_0", "wave", "{} "),
        ToolCall("call_1", "nod", "{}"),
    ]
    alike = call_event(called(index=0, id="x")), call_event(called("nod", index=0, id="y"))
    assert pieces(*alike) == [ToolCall("x", "wave", "{}"), ToolCall("y", "nod", "{}")]
    assert pieces(call_event(called(arguments={"a": 1}, index=0))) == [ToolCall("call_0", "wave", '{"a": 1}')]


def test_a_service_that_does_not_stream_may_call_tools() -> None:
    message = {"role": "assistant", "content": None, "tool_calls": [called(id="x")]}
    whole = json.dumps({"choices": [{"message": message}]}).encode()
    assert pieces(whole, content_type="application/json") == [ToolCall("x", "wave", "{}")]


@pytest.mark.parametrize(
    "garbage",
    [
        [7, None, "x", [], {}],
        [{"function": 7}, {"function": {"name": 7, "arguments": 7}}, called("")],
        [called("n" * (LONGEST_NAME + 1))],
        [called(arguments="x" * (LONGEST_ARGUMENTS + 1))],
    ],
)
def test_calls_that_are_none_do_not_spoil_the_words(garbage: list[object]) -> None:
    assert pieces(event("Hi."), call_event(*garbage), event(" You.")) == ["Hi.", " You."]
    bare = b"data: " + json.dumps({"choices": [{"delta": {"tool_calls": garbage[0]}}]}).encode() + b"\n\n"
    assert pieces(bare, event("Hi.")) == ["Hi."]


def test_of_many_calls_the_first_ones_count_and_nothing_grows() -> None:
    many = [call_event(called(f"tool{number}", index=number)) for number in range(1000)]
    long = [call_event({"index": 0, "function": {"arguments": "x" * 1000}})] * 100
    found = pieces(*many, *long)
    assert [call.name for call in found if isinstance(call, ToolCall)] == ["tool1", "tool2", "tool3"][: MOST_CALLS - 1]


KEYS = ["index", "id", "function", "name", "arguments"]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(KEYS), inner),
)


@given(st.lists(json_values, max_size=6))
def test_whatever_comes_is_calls_or_nothing(deltas: list[object]) -> None:
    for piece in pieces(call_event(*deltas)):
        assert isinstance(piece, ToolCall)
        assert isinstance(piece.arguments, str)
        assert piece.name


def test_what_is_no_answer_is_said() -> None:
    with pytest.raises(ChatError):
        pieces(b"data: 7\n\n")
