from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager

import pytest
from gateway_material import run
from openai_stand_in import (
    Behaviour,
    Reply,
    StandIn,
    call_event,
    calling,
    event,
    refusing,
    sending,
    stalling,
    stand_in,
    telling,
)

from pommai.errors import ChatError
from pommai.gateway.gateway_file import Endpoint
from pommai.gateway.speech import chat as module
from pommai.gateway.speech.chat import MOST_CHARACTERS, Chat, Message
from pommai.gateway.speech.chat_stream import LONGEST_LINE, MOST_BYTES, ToolCall

QUESTION: Sequence[Message] = [{"role": "user", "content": "hello"}]


@asynccontextmanager
async def chat_with(*behaviours: Behaviour, **more: str) -> AsyncIterator[tuple[Chat, StandIn]]:
    async with stand_in(*behaviours) as service:
        chat = Chat(service.endpoint(**more))
        try:
            yield chat, service
        finally:
            await chat.close()


async def words_of(*behaviours: Behaviour) -> str:
    async with chat_with(*behaviours) as (chat, _):
        return "".join([str(piece) async for piece in chat.answer(QUESTION)])


def complaint_of(*behaviours: Behaviour) -> str:
    with pytest.raises(ChatError) as caught:
        run(words_of(*behaviours))
    assert "sk-secret" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_SECONDS", 0.3)
    monkeypatch.setattr(module, "NEXT_SECONDS", 0.3)


def test_words_come_as_they_are_written() -> None:
    async def test() -> None:
        go_on = asyncio.Event()

        async def slowly(reply: Reply) -> None:
            await reply.head()
            await reply.words("Once ")
            await go_on.wait()
            await reply.words("upon a time.")
            await reply.done()

        async with chat_with(slowly) as (chat, _), aclosing(chat.answer(QUESTION)) as pieces:
            assert await anext(pieces) == "Once "
            go_on.set()
            assert await anext(pieces) == "upon a time."
            assert await anext(pieces, None) is None

    run(test())


def test_the_question_is_one_of_openais_api_with_the_key_in_its_header(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", "sk-123")

    async def test() -> None:
        async with chat_with(telling("Hi."), key_env="A_KEY") as (chat, service):
            assert [piece async for piece in chat.answer(QUESTION)] == ["Hi."]
            assert service.paths == ["/v1/chat/completions"]
            assert service.headers[0]["authorization"] == "Bearer sk-123"
            (question,) = service.questions
            assert question["messages"] == QUESTION
            assert question["model"] == "a-model"
            assert question["stream"] is True

    run(test())


def test_a_service_that_does_not_stream_is_understood() -> None:
    whole = json.dumps({"choices": [{"message": {"role": "assistant", "content": "All at once."}}]}).encode()
    assert run(words_of(sending(whole, "application/json; charset=utf-8"))) == "All at once."


def test_pieces_without_words_comments_and_carriage_returns_are_passed_over() -> None:
    parts = b': ping\r\n\r\nevent: x\r\ndata: {"choices": []}\r\n\r\n' + event(None) + event("Hi.")
    assert run(words_of(sending(parts))) == "Hi."


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_service_that_is_busy_is_asked_once_more(status: int) -> None:
    assert run(words_of(refusing(status, Retry_After="0"), telling("Now."))) == "Now."
    assert f"HTTP {status}" in complaint_of(refusing(status, Retry_After="0"))


def test_a_service_that_is_busy_is_asked_twice_at_most() -> None:
    async def test() -> None:
        async with chat_with(refusing(429, Retry_After="0")) as (chat, service):
            with pytest.raises(ChatError):
                await anext(chat.answer(QUESTION))
            assert len(service.questions) == 2

    run(test())


@pytest.mark.parametrize("wait", ["60", "Wed, 21 Oct 2099 07:28:00 GMT", "9" * 400])
def test_a_service_that_is_busy_for_longer_than_a_toy_waits_is_not_asked_again(wait: str) -> None:
    async def test() -> None:
        async with chat_with(refusing(429, Retry_After=wait)) as (chat, service):
            with pytest.raises(ChatError, match="too much to do"):
                await anext(chat.answer(QUESTION))
            assert len(service.questions) == 1

    run(test())


@pytest.mark.parametrize("wait", ["Wed, 21 Oct 2015 07:28:00 GMT", "soon", "-5", "", "Wed, 21 Oct"])
def test_a_strange_or_past_retry_after_means_shortly(wait: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_AFTER", 0.01)
    assert run(words_of(refusing(429, Retry_After=wait), telling("Now."))) == "Now."


@pytest.mark.parametrize(
    ("status", "words"), [(401, "refuses the key"), (403, "refuses the key"), (404, "url and model"), (302, "url and")]
)
def test_what_will_not_get_better_is_not_asked_again(status: int, words: str) -> None:
    async def test() -> None:
        async with chat_with(refusing(status)) as (chat, service):
            with pytest.raises(ChatError, match=words):
                await anext(chat.answer(QUESTION))
            assert len(service.questions) == 1

    run(test())


@pytest.mark.usefixtures("impatient")
def test_silence_is_an_error_and_the_connection_is_cut() -> None:
    async def test() -> None:
        async with chat_with(stalling) as (chat, service):
            with pytest.raises(ChatError, match="has not begun"):
                await anext(chat.answer(QUESTION))
            await service.hung_up.wait()

    run(test())


@pytest.mark.usefixtures("impatient")
def test_an_answer_that_falls_silent_ends_there_also_when_pings_go_on() -> None:
    async def falls_silent(reply: Reply) -> None:
        await reply.head()
        await reply.words("Once upon ")
        while True:
            await reply.send(b": ping\n\n")
            await asyncio.sleep(0.02)

    assert run(words_of(falls_silent)) == "Once upon "


def test_an_answer_that_breaks_off_ends_there() -> None:
    async def breaks_off(reply: Reply) -> None:
        await reply.head(Content_Length="100000")
        await reply.words("Once upon ")

    assert run(words_of(breaks_off)) == "Once upon "
    assert run(words_of(sending(event("Once ") + b'data: {"error": {"message": "overloaded"}}\n\n'))) == "Once "


@pytest.mark.parametrize(
    "garbage",
    [
        b"data: hello\n\n",
        b"data: []\n\n",
        b"data: 7\n\n",
        b'data: {"choices": [7]}\n\n',
        b'data: {"choices": [{"delta": null}]}\n\n',
        b'data: {"choices": {"a": 1}}\n\n',
        b"data: " + b"[" * 60_000 + b"\n\n",
        b"data: \xff\xfe\n\n",
        event(["a", "list"]),
        event({"an": "object"}),
    ],
)
def test_garbage_is_no_answer(garbage: bytes) -> None:
    assert "sends what is no" in complaint_of(sending(garbage))


@pytest.mark.parametrize("nothing", [b"", b"data: [DONE]\n\n", event(""), b"<html>It works!</html>", b"\0" * 1000])
def test_nothing_is_no_answer(nothing: bytes) -> None:
    assert "with nothing" in complaint_of(sending(nothing))


def test_a_line_without_an_end_is_not_kept() -> None:
    assert "stop sending" in complaint_of(sending(b"data: " + b"x" * (LONGEST_LINE + 100_000)))
    assert "stop sending" in complaint_of(sending(b"{" * (LONGEST_LINE + 1), "application/json"))


def test_a_stream_of_nothing_without_an_end_is_cut() -> None:
    assert "stop sending" in complaint_of(sending(b": ping\n" * (MOST_BYTES // 7 + 1)))


def test_of_an_answer_without_an_end_the_beginning_is_taken_and_the_connection_is_cut() -> None:
    async def endless(reply: Reply) -> None:
        await reply.head()
        while True:
            await reply.words("blah " * 100)

    async def test() -> None:
        async with chat_with(endless) as (chat, service):
            words = "".join([str(piece) async for piece in chat.answer(QUESTION)])
            assert len(words) == MOST_CHARACTERS
            await service.hung_up.wait()

    run(test())


def test_an_aborted_answer_cuts_the_connection() -> None:
    async def goes_on(reply: Reply) -> None:
        await reply.head()
        await reply.words("Once ")
        await reply.until_hung_up()

    async def test() -> None:
        async with chat_with(goes_on) as (chat, service):
            async with aclosing(chat.answer(QUESTION)) as pieces:
                assert await anext(pieces) == "Once "
                assert not service.hung_up.is_set()
            await service.hung_up.wait()

    run(test())


def test_nobody_there_is_said() -> None:
    async def test() -> None:
        async with stand_in(stalling) as service:
            url = service.url
        chat = Chat(Endpoint(url, "a-model"))
        with pytest.raises(ChatError, match="cannot be reached"):
            await anext(chat.answer(QUESTION))
        await chat.close()

    run(test())


# -- tools -----------------------------------------------------------------------------------

TOOLS = [{"type": "function", "function": {"name": "wave", "parameters": {"type": "object", "properties": {}}}}]


def test_tools_are_told_of_and_what_is_called_comes_after_the_words() -> None:
    async def test() -> None:
        async with chat_with(calling(("wave", {"hand": "left"}), ("nod", {}), saying="Look!")) as (chat, service):
            pieces = [piece async for piece in chat.answer(QUESTION, TOOLS)]
            assert pieces == ["Look!", ToolCall("id-0", "wave", '{"hand": "left"}'), ToolCall("id-1", "nod", "{}")]
            assert service.questions[0]["tools"] == TOOLS

    run(test())


@pytest.mark.parametrize("status", [400, 404, 422, 501])
def test_a_service_that_takes_no_tools_answers_without_and_is_not_told_of_them_again(status: int) -> None:
    async def test() -> None:
        async with chat_with(refusing(status), telling("Hi.")) as (chat, service):
            for _ in range(2):
                assert [piece async for piece in chat.answer(QUESTION, TOOLS)] == ["Hi."]
            assert ["tools" in question for question in service.questions] == [True, False, False]
            assert not chat.takes_tools

    run(test())


def test_a_service_that_refuses_the_question_is_not_taken_for_one_that_refuses_tools() -> None:
    async def test() -> None:
        async with chat_with(refusing(404)) as (chat, service):
            with pytest.raises(ChatError, match="url and model"):
                await anext(chat.answer(QUESTION, TOOLS))
            assert chat.takes_tools
            assert len(service.questions) == 2

    run(test())


def test_a_service_that_has_a_fault_with_tools_is_asked_once_more_without() -> None:
    async def test() -> None:
        async with chat_with(refusing(500, Retry_After="0"), telling("Hi.")) as (chat, service):
            assert [piece async for piece in chat.answer(QUESTION, TOOLS)] == ["Hi."]
            assert ["tools" in question for question in service.questions] == [True, False]
            assert chat.takes_tools

    run(test())


def test_a_call_is_an_answer_and_one_that_breaks_off_is_none() -> None:
    async def breaks_off(reply: Reply) -> None:
        await reply.head(Content_Length="9999")
        await reply.send(call_event({"index": 0, "id": "x", "function": {"name": "wave", "arguments": "{}"}}))

    async def test() -> None:
        async with chat_with(breaks_off) as (chat, _):
            with pytest.raises(ChatError):
                await anext(chat.answer(QUESTION, TOOLS))

    run(test())
