"""`conversations:create`, `guardian:reportEvent`, `metrics:batchRecord`, `logs:create`: what a toy wants to be kept.

What comes by these and what comes over the WebSocket goes into the same archive under the same ids: an item that takes
both ways is kept once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from msgspec import Struct, structs

from pommai.errors import CloudFunctionError
from pommai.gateway.archive import MOST_ITEMS
from pommai.gateway.functions.parts import Caller, Parts, Time
from pommai.gateway.items import LONGEST_REASON, is_id
from pommai.protocol.messages import DeviceId, Id, Items, Open, Rejected, SyncAck, SyncBatch
from pommai.protocol.schema import Pattern, Wire, brief

UNKNOWN_TOY = "unknown"
"""Of figures and logs: a device sends them for itself."""


class CreateConversation(Struct, frozen=True):
    """The arguments of conversations:create."""

    device_id: Annotated[DeviceId, Wire("deviceId")]
    toy_id: Annotated[Id, Wire("toyId")]
    id: str
    transcript: str
    response: str
    timestamp: Time
    was_offline: Annotated[bool, Wire("wasOffline")]
    audio_storage_id: Annotated[str | None, Wire("audioStorageId")] = None


class ReportEvent(Struct, frozen=True):
    """The arguments of guardian:reportEvent."""

    device_id: Annotated[DeviceId, Wire("deviceId")]
    toy_id: Annotated[Id, Wire("toyId")]
    id: str
    event_type: Annotated[str, Wire("eventType"), Pattern(r"[\s\S]*\S[\s\S]*", "text that says what happened")]
    severity: Literal["low", "medium", "high"]
    details: Open
    timestamp: Time
    is_urgent: Annotated[bool, Wire("isUrgent")]


class BatchRecord(Struct, frozen=True):
    """The arguments of metrics:batchRecord."""

    device_id: Annotated[DeviceId, Wire("deviceId")]
    timestamp: Time
    metrics: Items


class CreateLogs(Struct, frozen=True):
    """The arguments of logs:create."""

    device_id: Annotated[DeviceId, Wire("deviceId")]
    timestamp: Time
    logs: Items


async def create_conversation(parts: Parts, args: CreateConversation, caller: Caller) -> object:
    """Keep an exchange, and its recording if it has one.

    Raises CloudFunctionError (TOY_NOT_FOUND, CONSENT_REQUIRED, INVALID) and StoreError.
    """
    parts.toy(args.toy_id)
    item: dict[str, object] = {
        "id": _id(args.id),
        "toy_id": args.toy_id,
        "user_input": args.transcript,
        "toy_response": args.response,
        "timestamp": args.timestamp,
        "was_offline": args.was_offline,
    }
    if args.audio_storage_id is not None:
        item["audio_storage_id"] = args.audio_storage_id
        await parts.uploads.name(args.audio_storage_id, args.device_id, args.toy_id, args.id, parts.consents)
    return await _one(parts, args.device_id, args.toy_id, SyncBatch("", conversations=(item,)))


async def report_event(parts: Parts, args: ReportEvent, caller: Caller) -> object:
    """Keep a safety event, and tell of it. Raises CloudFunctionError (TOY_NOT_FOUND, INVALID) and StoreError."""
    parts.toy(args.toy_id)
    told = args.details.get("reason")
    item = {
        "id": _id(args.id),
        "reason": told if isinstance(told, str) and told.strip() and len(told) <= LONGEST_REASON else args.event_type,
        "severity": args.severity,
        "timestamp": args.timestamp,
        "event_type": args.event_type,
        "is_urgent": args.is_urgent,
        "details": args.details,
    }
    return await _one(parts, args.device_id, args.toy_id, SyncBatch("", safety_events=(item,)))


async def batch_record(parts: Parts, args: BatchRecord, caller: Caller) -> object:
    """Keep figures. Raises CloudFunctionError (INVALID) and StoreError."""
    return await keep(parts, args.device_id, UNKNOWN_TOY, SyncBatch("", metrics=args.metrics))


async def create_logs(parts: Parts, args: CreateLogs, caller: Caller) -> object:
    """Keep lines of a log. Raises CloudFunctionError (INVALID) and StoreError."""
    _check_number(SyncBatch("", logs=args.logs))
    faults = {item["id"]: fault for item in args.logs if (fault := _log_fault(item))}
    good = tuple(item for item in args.logs if item["id"] not in faults)
    ack = await parts.archive.take(args.device_id, UNKNOWN_TOY, SyncBatch("", logs=good))
    rejected = {refused.id: refused.reason for refused in ack.rejected} | faults
    in_order = [Rejected(id_, rejected[id_]) for id_ in dict.fromkeys(map(_id_of, args.logs)) if id_ in rejected]
    return kept(SyncAck("", ack.accepted, tuple(in_order)))


async def keep(parts: Parts, device_id: str, toy_id: str, batch: SyncBatch) -> object:
    """Keep a batch. Raises CloudFunctionError (INVALID) when it has too many items, and StoreError."""
    _check_number(batch)
    return kept(await parts.archive.take(device_id, toy_id, batch))


def kept(ack: SyncAck) -> object:
    """An acknowledgement as functions give it."""
    rejected = [{"id": refused.id, "reason": refused.reason} for refused in ack.rejected]
    return {"accepted": list(ack.accepted), "rejected": rejected}


async def _one(parts: Parts, device_id: str, toy_id: str, batch: SyncBatch) -> object:
    """Keep the one item of a batch: what is wrong with it is an error, for it stands alone."""
    ack = await parts.archive.take(device_id, toy_id, batch)
    for refused in ack.rejected:
        raise CloudFunctionError(f"args: {refused.reason}", "INVALID")
    return kept(ack)


def _check_number(batch: SyncBatch) -> None:
    lists = {name: items for name, items in structs.asdict(batch).items() if name != "batch"}
    number = sum(map(len, lists.values()))
    if number > MOST_ITEMS:
        names = " and ".join(name for name, items in lists.items() if items)
        raise CloudFunctionError(f"{names} have {number} items; at most {MOST_ITEMS} are taken at a time", "INVALID")


def _id(value: str) -> str:
    if not is_id(value):
        raise CloudFunctionError(f"args.id must be 1 to 128 printable characters, not {brief(value)}", "INVALID")
    return value


def _id_of(item: Mapping[str, Any]) -> str:
    id_: str = item["id"]
    return id_


def _log_fault(item: Mapping[str, object]) -> str:
    """Why a line of a log is none; empty when it is one. Its `id` was looked at."""
    for name, kind, words in (("level", str, "text"), ("event", str, "text"), ("fields", Mapping, "an object")):
        if not isinstance(item.get(name), kind):
            return f"{name} must be {words}, not {brief(item.get(name))}"
    return ""
