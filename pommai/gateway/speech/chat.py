"""A language model behind OpenAI's chat API: words in, words out as they are written.

Whatever is at the other end may be slow, silent, broken or hostile. Every wait has an end, every buffer a size, and
what goes wrong is a ChatError in plain words, without the key and without the service's own text.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final

from pommai.errors import ChatError
from pommai.gateway.gateway_file import Endpoint
from pommai.gateway.speech.chat_stream import ToolCall, pieces_of
from pommai.gateway.speech.endpoint import open_client

if TYPE_CHECKING:
    import httpx

FIRST_SECONDS: Final = 12.0
"""From the question to the first words, a retry included: a toy waits 20 s for the first sound of an answer."""
NEXT_SECONDS: Final = 4.0
"""Between words: a toy that has begun to speak runs dry."""
RETRY_AFTER: Final = 0.5
"""Seconds to wait when the service is busy and does not say how long."""
ROOM: Final = 3.0
"""Seconds that must be left after waiting, or it is not tried again."""
MOST_CHARACTERS: Final = 8_000
"""Taken of an answer, thoughts and markup included."""
_KNOWS_NO_TOOLS: Final = frozenset((400, 404, 422, 501))
"""What services say to a question with tools when they take none: it is asked again without."""
_BUSY: Final = frozenset((408, 409, 425, 429, 500, 502, 503, 504, 529))

Message = dict[str, Any]
"""`role` (system, user, assistant, tool) and `content`, and for tools what else OpenAI's API says."""
Tool = dict[str, Any]
"""A tool as OpenAI's API declares it."""

_log = logging.getLogger(__name__)


class Chat:
    """One model. The owner closes it."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Raises SettingsError when httpx is not installed, or the key is not to be had."""
        self._endpoint = endpoint
        self._client = open_client(endpoint)
        self.takes_tools = True
        """Whether tools are told of: until the service turned out to take questions only without."""

    async def close(self) -> None:
        """Hang up. Harmless when called again."""
        await self._client.aclose()

    async def answer(
        self, messages: Sequence[Message], tools: Sequence[Tool] = (), until: float | None = None
    ) -> AsyncGenerator[str | ToolCall, None]:
        """What the model writes, piece by piece, at most MOST_CHARACTERS; the tools it calls come last, if all of its
        answer has come.

        Ends when the model does, or falls silent for NEXT_SECONDS, or breaks off. Raises ChatError when nothing came by
        `until`, a time of the event loop (None: within FIRST_SECONDS). Cancelled or closed: the connection is cut.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + FIRST_SECONDS if until is None else until
        left = MOST_CHARACTERS
        began = False
        async with aclosing(self._tries(messages, tools, until)) as pieces:
            try:
                while left > 0:
                    async with asyncio.timeout_at(loop.time() + NEXT_SECONDS if began else until):
                        piece = await anext(pieces, None)
                    if piece is None:
                        break
                    began = True
                    if isinstance(piece, ToolCall):
                        yield piece
                        continue
                    yield piece[:left]
                    left -= len(piece)
            except TimeoutError:
                if not began:
                    raise ChatError(f"the language model has not begun to answer in {FIRST_SECONDS:g} s") from None
                _log.warning("chat broke off", extra={"reason": f"no more words in {NEXT_SECONDS:g} s"})
            except ChatError as caught:
                if not began:
                    raise
                _log.warning("chat broke off", extra={"reason": str(caught)})
        if not began:
            raise ChatError("the language model has answered with nothing")

    async def _tries(
        self, messages: Sequence[Message], tools: Sequence[Tool], until: float
    ) -> AsyncGenerator[str | ToolCall, None]:
        """The answer; a service that is busy is asked once more, when there is time for it."""
        try:
            async with aclosing(self._with_or_without(messages, tools)) as pieces:
                async for piece in pieces:
                    yield piece
        except _BusyError as caught:
            left = until - asyncio.get_running_loop().time()
            if caught.wait > left - ROOM:
                raise
            _log.info("chat tried again", extra={"reason": str(caught), "after": caught.wait})
            await asyncio.sleep(caught.wait)
            # Some servers have a fault (HTTP 500) where tools are concerned, and else none.
            async with aclosing(self._with_or_without(messages, () if caught.has_fault else tools)) as pieces:
                async for piece in pieces:
                    yield piece

    async def _with_or_without(
        self, messages: Sequence[Message], tools: Sequence[Tool]
    ) -> AsyncGenerator[str | ToolCall, None]:
        """The answer to a question with tools; without, from a service that does not take them."""
        refused: _RefusedError | None = None
        if tools and self.takes_tools:
            try:
                async with aclosing(self._try(messages, tools)) as pieces:
                    async for piece in pieces:
                        yield piece
                return
            except _RefusedError as caught:
                if caught.status not in _KNOWS_NO_TOOLS:
                    raise
                refused = caught
        async with aclosing(self._try(messages, ())) as pieces:
            async for piece in pieces:
                if refused is not None:  # and it was the tools
                    _log.warning("the language model takes no tools", extra={"reason": str(refused)})
                    self.takes_tools, refused = False, None
                yield piece

    async def _try(self, messages: Sequence[Message], tools: Sequence[Tool]) -> AsyncGenerator[str | ToolCall, None]:
        import httpx

        # How much it may write is not asked for: services call that by different names, and refuse one another's.
        question = {"model": self._endpoint.model, "messages": list(messages), "stream": True}
        if tools:
            question["tools"] = list(tools)
        began = False
        try:
            async with self._client.stream("POST", f"{self._endpoint.url}/chat/completions", json=question) as response:
                _refuse(response)
                async with aclosing(pieces_of(response)) as pieces:
                    async for piece in pieces:
                        began = True
                        yield piece
        except httpx.ConnectError as caught:
            raise _BusyError("the language model cannot be reached", RETRY_AFTER) from caught
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as caught:
            words = f"the language model hung up ({type(caught).__name__})"
            raise ChatError(words) if began else _BusyError(words, RETRY_AFTER) from caught


class _BusyError(ChatError):
    """Not now. `wait` is in seconds."""

    def __init__(self, message: str, wait: float, *, has_fault: bool = False) -> None:
        super().__init__(message)
        self.wait = wait
        self.has_fault = has_fault


class _RefusedError(ChatError):
    """Not this question."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def _refuse(response: httpx.Response) -> None:
    """Raise ChatError unless the service is going to answer."""
    status = response.status_code
    if status in _BUSY:
        words = "has too much to do" if status == 429 else "has a fault"
        wait = _retry_after(response.headers)
        raise _BusyError(f"the language model {words} (HTTP {status})", wait, has_fault=status == 500)
    if status in (401, 403):
        raise ChatError(f"the language model refuses the key (HTTP {status}): see key_file or key_env in gateway.yaml")
    if status != 200:
        words = f"the language model does not take the question (HTTP {status}): see url and model"
        raise _RefusedError(words, status)


def _retry_after(headers: httpx.Headers) -> float:
    """Seconds, however the header says it (RFC 9110: seconds, or a date)."""
    told = headers.get("Retry-After", "").strip()
    try:
        if told.isascii() and told.replace(".", "", 1).isdigit():
            return float(told)
        return max(0.0, (parsedate_to_datetime(told) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return RETRY_AFTER
