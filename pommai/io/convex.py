"""The cloud's functions over Convex's HTTP API, as a Convex deployment and `pommai gateway` answer it.

Every function the toy calls may be called twice: what it creates has an id of the toy's. So a call that got no answer
is made again, a few times, in a moment that grows and that chance has a say in.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Mapping
from random import Random
from typing import Final, Literal

from pommai.errors import CloudFunctionError, CloudUnreachableError
from pommai.io.cloud_http import CloudHttp, CloudTimes, HttpReply, plain
from pommai.io.link_retry import Backoff
from pommai.io.secret import Secret
from pommai.io.sent import NoteSent, ids_in

FunctionKind = Literal["query", "mutation", "action"]
LONGEST_WAIT: Final = 3600.0
"""The longest a server may make a toy wait."""
_FUNCTION_FAILED: Final = 560
"""Convex's status for an error of a function, in place of 200."""
_CODE = re.compile(r"[A-Z][A-Z_]{0,39}")
_STORAGE_ID = re.compile(r"[\x21-\x7e]{1,256}")


class ConvexClient:
    """Calls functions by path, such as `conversations:create`. Whose token goes with a call, the caller says."""

    def __init__(self, http: CloudHttp, *, random: Random | None = None, on_sent: NoteSent | None = None) -> None:
        """`on_sent` hears of what leaves the toy."""
        self._http = http
        self._random = random or Random()
        self._note = on_sent or (lambda *_: None)

    @property
    def times(self) -> CloudTimes:
        return self._http.times

    @property
    def host(self) -> str:
        return self._http.host

    async def call(
        self,
        kind: FunctionKind,
        path: str,
        args: Mapping[str, object],
        token: Secret | None = None,
        *,
        attempts: int | None = None,
    ) -> object:
        """The value of a function. `attempts`: how often it is tried at most, those of the times when not given.

        Raises CloudFunctionError when it answers with an error, CloudUnreachableError when it does not answer.
        """
        headers = {"Content-Type": "application/json"} | _authorization(token)
        content = json.dumps({"path": path, "args": args, "format": "json"}, allow_nan=False).encode()

        def leaves() -> None:
            if kind == "mutation":  # a query and an action ask for something, and tell nothing but who asks
                self._note(path, self.host, len(content), ids_in(args))

        backoff = Backoff(self._random, first=self.times.retry_first, limit=self.times.retry_limit)
        left = attempts or self.times.attempts
        while True:
            left -= 1
            try:
                return _value(path, await self._http.post(f"api/{kind}", content, headers, self.times.call, leaves))
            except CloudUnreachableError as caught:
                if not left or not caught.again:
                    raise
                wait = backoff.failed()
            except CloudFunctionError as caught:
                if not left or caught.code != "RATE_LIMITED" or (caught.retry_after or 0.0) > self.times.retry_after:
                    raise
                wait = (caught.retry_after or 0.0) + backoff.failed()
            await asyncio.sleep(wait)

    async def upload(self, url: str, data: bytes, content_type: str) -> str:
        """Bring bytes to an address that `storage:generateUploadUrl` gave: their storage id. Tried once.

        Raises as `call` does.
        """

        def leaves() -> None:
            self._note("recording of a turn", self.host, len(data), [])

        reply = await self._http.post(url, data, {"Content-Type": content_type}, self.times.upload, leaves)
        _check_status("the upload", reply)
        value = _json(reply.body)
        found = value.get("storageId") if isinstance(value, dict) else None
        if not isinstance(found, str) or not _STORAGE_ID.fullmatch(found):
            raise CloudUnreachableError("the upload was answered without a storageId", again=False)
        return found

    async def close(self) -> None:
        """Let go of the connections. Harmless when called again."""
        await self._http.close()


def _authorization(token: Secret | None) -> dict[str, str]:
    return {} if token is None else {"Authorization": f"Bearer {token.reveal()}"}


def _value(path: str, reply: HttpReply) -> object:
    """What a function gave. Raises what it raised."""
    _check_status(path, reply)
    answer = _json(reply.body)
    if isinstance(answer, dict) and answer.get("status") == "success":
        return answer.get("value")
    raise _error(path, answer) or CloudUnreachableError(f"{path}: the answer is none of a cloud function")


def _error(what: str, answer: object) -> CloudFunctionError | None:
    """The error of a function that an answer tells of, if it does."""
    if not isinstance(answer, dict) or answer.get("status") != "error":
        return None
    data = answer.get("errorData")
    data = data if isinstance(data, dict) else {}
    code = data.get("code")
    words = data.get("message") or answer.get("errorMessage") or "no reason given"
    return CloudFunctionError(
        f"{what}: {plain(str(words))}",
        code if isinstance(code, str) and _CODE.fullmatch(code) else "SERVER_ERROR",
        _seconds(data.get("retryAfter")),
    )


def _check_status(what: str, reply: HttpReply) -> None:
    status = reply.status
    if status in (200, _FUNCTION_FAILED):
        return
    if status == 401:
        raise CloudFunctionError(f"{what}: the cloud does not know the toy's token", "UNAUTHENTICATED")
    if status == 429:
        raise CloudFunctionError(f"{what}: too many calls", "RATE_LIMITED", _seconds(reply.retry_after))
    if 300 <= status < 400:
        raise CloudUnreachableError(f"{what}: HTTP {status} leads elsewhere, and a toy does not follow", again=False)
    with contextlib.suppress(CloudUnreachableError):
        if (error := _error(what, _json(reply.body))) is not None:
            raise error
    raise CloudUnreachableError(f"{what}: HTTP {status} in place of an answer", again=status >= 500)


def _json(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise CloudUnreachableError("the cloud's answer is no JSON") from None


def _seconds(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        return None  # NaN, too
    return float(min(value, LONGEST_WAIT))
