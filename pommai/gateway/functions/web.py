"""The functions over HTTP, as Convex has it: calls, and recordings that are brought to an address."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from pommai.errors import CloudFunctionError, ProtocolError, StoreError
from pommai.gateway import uploads
from pommai.gateway.functions.body import MOST_BYTES, encoded, read_call
from pommai.gateway.functions.functions import Functions
from pommai.gateway.functions.parts import LATER, Caller, Kind
from pommai.gateway.functions.toys import UPLOAD_PATH

FUNCTION_FAILED: Final = 560
"""Convex's status for an error of a function."""
BODY_SECONDS: Final = 30.0
"""How long a body may take to come in."""
READ_AT_ONCE: Final = 65_536
"""Bytes of JSON that are read on the event loop. More could take as long as a frame of sound."""
SOUND: Final = "audio/ogg"
_KINDS: Final[tuple[Kind, ...]] = ("query", "mutation", "action")
_UPLOAD_STATUS: Final = {"FORBIDDEN": 403, "CONSENT_REQUIRED": 403, "RATE_LIMITED": 503}

_log = logging.getLogger(__name__)


def add_function_routes(app: web.Application, functions: Functions) -> None:
    """Answer /api/query, /api/mutation, /api/action, and the addresses for recordings."""
    for kind in _KINDS:
        app.router.add_route("*", f"/api/{kind}", _call(functions, kind))
    app.router.add_route("*", UPLOAD_PATH + "{token}", _upload(functions))


def refuse_functions(app: web.Application) -> None:
    """Say at the same paths that they are answered elsewhere: this gateway keeps nothing, and would answer as if nobody
    had ever sent anything."""

    async def answer(request: web.Request) -> web.Response:
        words = "this gateway keeps nothing itself: toys call the functions of its cloud (their setting cloud_url)"
        return _refusal(421, "INVALID", words)

    for path in (*(f"/api/{kind}" for kind in _KINDS), UPLOAD_PATH + "{token}"):
        app.router.add_route("*", path, answer)


class _RefusedError(Exception):
    """This is no call: an HTTP status, and words."""

    def __init__(self, status: int, code: str, message: str) -> None:
        self.status = status
        self.code = code
        super().__init__(message)


def _call(functions: Functions, kind: Kind) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(request: web.Request) -> web.Response:
        try:
            _must_be_post(request)
            _must_be_of("application/json", request)
            body = await _body(request, MOST_BYTES)
            call = read_call(body) if len(body) < READ_AT_ONCE else await asyncio.to_thread(read_call, body)
            value = await functions.call(kind, call.path, call.args, _caller(request))
        except _RefusedError as caught:
            return _refusal(caught.status, caught.code, str(caught))
        except ProtocolError as caught:
            return _refusal(400, "INVALID", str(caught))
        except CloudFunctionError as caught:
            return _failure(request, caught)
        return web.json_response({"status": "success", "value": encoded(value) if call.encoded else value})

    return answer


def _upload(functions: Functions) -> Callable[[web.Request], Awaitable[web.Response]]:
    store, consents = functions.parts.uploads, functions.parts.consents

    async def answer(request: web.Request) -> web.Response:
        token = request.match_info["token"]
        try:
            _must_be_post(request)
            await store.check(token, consents)
            _must_be_of(SOUND, request)
            sound = await _body(request, uploads.MOST_BYTES)
            if not sound:
                raise _RefusedError(400, "INVALID", "the recording is empty")
            storage_id = await store.put(token, request.headers["Content-Type"][:100], sound, consents)
        except _RefusedError as caught:
            return _refusal(caught.status, caught.code, str(caught))
        except CloudFunctionError as caught:
            return _refusal(_UPLOAD_STATUS.get(caught.code, 400), caught.code, str(caught), caught.retry_after)
        except StoreError as caught:
            _log.error("recording not kept", extra={"reason": str(caught)})
            return _refusal(503, "RATE_LIMITED", f"this cannot be kept now; try again in {LATER:g} s", LATER)
        return web.json_response({"storageId": storage_id})

    return answer


# -- in ------------------------------------------------------------------------------------


def _must_be_post(request: web.Request) -> None:
    if request.method != "POST":
        raise _RefusedError(405, "INVALID", f"{request.path[:80]} takes POST, not {request.method[:20]}")


def _must_be_of(wanted: str, request: web.Request) -> None:
    if request.content_type != wanted:
        raise _RefusedError(415, "INVALID", f"the Content-Type must be {wanted}, not {request.content_type[:80]}")


async def _body(request: web.Request, most: int) -> bytes:
    """All of the body. Never holds more than `most` bytes of it, whatever its Content-Length says."""
    too_large = _RefusedError(413, "INVALID", f"the body has more than {most} bytes")
    if request.content_length is not None and request.content_length > most:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for piece in request.content.iter_any():
                body += piece
                if len(body) > most:
                    raise too_large
    except TimeoutError:
        raise _RefusedError(408, "INVALID", f"the body did not come within {BODY_SECONDS:g} s") from None
    return bytes(body)


def _caller(request: web.Request) -> Caller:
    shown = request.headers.getall("Authorization", [])
    token = shown[0].removeprefix("Bearer ") if len(shown) == 1 and shown[0].startswith("Bearer ") else None
    # Behind a proxy that speaks TLS for us it has to be said so. Who lies gets an address that is of no use to it.
    scheme = request.headers.get("X-Forwarded-Proto", "")
    origin = f"{scheme if scheme in ('http', 'https') else request.scheme}://{request.host}"
    return Caller(token, request.remote or "", origin)


# -- out -----------------------------------------------------------------------------------


def _failure(request: web.Request, error: CloudFunctionError) -> web.Response:
    data: dict[str, object] = {"code": error.code, "message": str(error)}
    if error.retry_after is not None:
        data["retryAfter"] = error.retry_after
    # Convex's client for Python reads an error of a function from a 200 alone.
    status = 200 if request.headers.get("Convex-Client", "").startswith("python-") else FUNCTION_FAILED
    body = {"status": "error", "errorMessage": str(error), "errorData": data}
    return web.json_response(body, status=status)


def _refusal(status: int, code: str, words: str, retry_after: float | None = None) -> web.Response:
    headers = {} if retry_after is None else {"Retry-After": str(round(retry_after))}
    if status == 405:
        headers["Allow"] = "POST"
    response = web.json_response({"code": code, "message": words}, status=status, headers=headers)
    if status in (408, 413, 415, 421):
        response.force_close()  # what is left of the body is not read
    return response
