"""The table of the functions, and what is checked before one of them runs: who calls, how often, with what."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Final

from pommai.errors import CloudFunctionError, ProtocolError, StoreError
from pommai.gateway.attempts import Attempts
from pommai.gateway.functions import for_gateways, keeping, toys
from pommai.gateway.functions.auth import Authenticate, Authentication
from pommai.gateway.functions.parts import LATER, Caller, Function, Kind, Parts
from pommai.protocol.limits import MESSAGES_PER_MINUTE
from pommai.protocol.schema import Shape, brief
from pommai.source import did_you_mean

CALLS_PER_MINUTE: Final = MESSAGES_PER_MINUTE
"""Of one device, uploads among them."""

_log = logging.getLogger(__name__)


class Functions:
    """The functions of docs/cloud.md on a gateway's own data."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self._calls = Attempts(CALLS_PER_MINUTE)
        self.table: Final[Mapping[str, Function]] = {
            "auth:authenticateDevice": Function(
                ("action", "mutation"), "nothing", Shape(Authenticate), Authentication().run
            ),
            "toys:getConfiguration": Function(("query",), "token", Shape(toys.OfAToy), toys.get_configuration),
            "storage:generateUploadUrl": Function(("mutation",), "token", Shape(toys.OfAToy), toys.generate_upload_url),
            "conversations:create": Function(
                ("mutation",), "token", Shape(keeping.CreateConversation), keeping.create_conversation
            ),
            "guardian:reportEvent": Function(("mutation",), "token", Shape(keeping.ReportEvent), keeping.report_event),
            "metrics:batchRecord": Function(("mutation",), "token", Shape(keeping.BatchRecord), keeping.batch_record),
            "logs:create": Function(("mutation",), "token", Shape(keeping.CreateLogs), keeping.create_logs),
            "gateway:checkToken": Function(
                ("query",), "service key", Shape(for_gateways.CheckToken), for_gateways.check_token
            ),
            "gateway:takeBatch": Function(
                ("mutation",), "service key", Shape(for_gateways.TakeBatch), for_gateways.take_batch
            ),
        }

    async def call(self, kind: Kind, path: str, args: Mapping[str, object], caller: Caller) -> object:
        """The value of a function, as JSON has it. Raises CloudFunctionError, with a code of docs/cloud.md."""
        try:
            return await self._call(kind, path, args, caller)
        except StoreError as caught:
            _log.error("function failed", extra={"path": path, "reason": str(caught)})
            words = f"this cannot be done now; try again in {LATER:g} s"
            raise CloudFunctionError(words, "RATE_LIMITED", LATER) from caught

    async def _call(self, kind: Kind, path: str, args: Mapping[str, object], caller: Caller) -> object:
        function = self.table.get(path)
        if function is None:
            raise CloudFunctionError(
                f"there is no function {brief(path)} ({did_you_mean(path[:100], self.table)})", "INVALID"
            )
        if kind not in function.kinds:
            raise CloudFunctionError(f"{path} is called by /api/{function.kinds[0]}, not /api/{kind}", "INVALID")
        device_id = await self.device_of(caller) if function.needs == "token" else None
        try:
            read: Any = function.args.read(args, "args")
        except ProtocolError as caught:
            raise CloudFunctionError(str(caught), "INVALID") from None
        if device_id is not None and read.device_id != device_id:
            raise CloudFunctionError("the token is another device's than args.deviceId says", "FORBIDDEN")
        if function.needs == "service key" and not await self.parts.devices.is_service_key(read.service_key):
            raise CloudFunctionError("args.serviceKey is wrong", "FORBIDDEN")
        return await function.run(self.parts, read, caller)

    async def device_of(self, caller: Caller) -> str:
        """Whose token the caller has shown; counts the call.

        Raises CloudFunctionError (UNAUTHENTICATED, DEVICE_NOT_FOUND, RATE_LIMITED) and StoreError.
        """
        found = None if caller.token is None else await self.parts.devices.who(caller.token)
        if found is None:
            raise CloudFunctionError("the token is missing, unknown or over", "UNAUTHENTICATED")
        device_id, registered = found
        if not registered:
            raise CloudFunctionError("this device was revoked", "DEVICE_NOT_FOUND")
        now = asyncio.get_running_loop().time()
        if not self._calls.allow(device_id, now):
            wait = self._calls.retry_after(device_id, now)
            words = f"more than {CALLS_PER_MINUTE} calls in a minute; wait {wait:.1f} s"
            raise CloudFunctionError(words, "RATE_LIMITED", round(wait, 3))
        return device_id
