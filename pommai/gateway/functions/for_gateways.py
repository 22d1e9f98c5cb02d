"""`gateway:checkToken` and `gateway:takeBatch`: for gateways that keep nothing themselves and ask this one."""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct

from pommai.errors import CloudFunctionError
from pommai.gateway.functions.keeping import keep
from pommai.gateway.functions.parts import Caller, Parts
from pommai.protocol.messages import DeviceId, Id, Items, SyncBatch
from pommai.protocol.schema import Wire


class CheckToken(Struct, frozen=True):
    """The arguments of gateway:checkToken."""

    service_key: Annotated[str, Wire("serviceKey")]
    device_id: Annotated[str, Wire("deviceId")]
    websocket_token: Annotated[str, Wire("websocketToken")]


class TakeBatch(Struct, frozen=True):
    """The arguments of gateway:takeBatch."""

    service_key: Annotated[str, Wire("serviceKey")]
    device_id: Annotated[DeviceId, Wire("deviceId")]
    toy_id: Annotated[Id, Wire("toyId")]
    conversations: Items
    safety_events: Items
    metrics: Items
    logs: Items


async def check_token(parts: Parts, args: CheckToken, caller: Caller) -> object:
    """Whether a token opens the socket to a device, and until when. Raises StoreError."""
    until = await parts.devices.check_websocket(args.device_id, args.websocket_token)
    return {"valid": until is not None, "expiresAt": until}


async def take_batch(parts: Parts, args: TakeBatch, caller: Caller) -> object:
    """Keep what a device has sent to another gateway.

    Raises CloudFunctionError (DEVICE_NOT_FOUND, TOY_NOT_FOUND, INVALID) and StoreError.
    """
    if not await parts.devices.is_registered(args.device_id):
        raise CloudFunctionError("this device is not registered, or was revoked", "DEVICE_NOT_FOUND")
    parts.toy(args.toy_id)
    batch = SyncBatch("", args.conversations, args.safety_events, args.metrics, args.logs)
    return await keep(parts, args.device_id, args.toy_id, batch)
