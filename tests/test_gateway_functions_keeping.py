from __future__ import annotations

import asyncio
from typing import Any

import pytest
from functions_material import parts_in_memory

from pommai.errors import CloudFunctionError
from pommai.gateway.archive import Alert
from pommai.gateway.functions.keeping import (
    BatchRecord,
    CreateConversation,
    CreateLogs,
    ReportEvent,
    batch_record,
    create_conversation,
    create_logs,
    report_event,
)
from pommai.gateway.functions.parts import Caller
from pommai.io.ports import CONVERSATIONS, LOGS, SAFETY
from pommai.protocol import messages as m

CALLER = Caller("token", "10.0.0.1", "http://desk")
TALK = CreateConversation("d1", "bear", "c1", "hello", "hello you", "now", True)


def event(**more: Any) -> ReportEvent:
    return ReportEvent(
        **{
            "device_id": "d1",
            "toy_id": "bear",
            "id": "s1",
            "event_type": "emergency_stop",
            "severity": "high",
            "details": {},
            "timestamp": "now",
            "is_urgent": True,
            **more,
        }
    )


def test_a_conversation_by_function_and_by_socket_is_one() -> None:
    async def test() -> None:
        async with parts_in_memory() as parts:
            assert await create_conversation(parts, TALK, CALLER) == {"accepted": ["c1"], "rejected": []}
            talk = m.Conversation("c1", "bear", "other words", "other words", "later", was_offline=False)
            await parts.archive.save("d1", talk)
            (kept,) = await parts.archive.items(CONVERSATIONS)
            assert kept.item == {
                "id": "c1",
                "toy_id": "bear",
                "user_input": "hello",
                "toy_response": "hello you",
                "timestamp": "now",
                "was_offline": True,
            }

    asyncio.run(test())


def test_a_safety_event_is_told_at_once_and_once_and_gives_way_to_the_incident_that_is_synced() -> None:
    async def test() -> None:
        async with parts_in_memory() as parts:
            told: list[Alert] = []
            parts.archive.on_alert = told.append
            for _ in range(2):
                await report_event(parts, event(details={"reason": "asked for help"}), CALLER)
            incident = {"id": "s1", "reason": "asked for help", "severity": "high", "sequence": 7}
            await parts.archive.take("d1", "bear", m.SyncBatch("b", safety_events=(incident,)))
            assert [alert[1:] for alert in told] == [("d1", "high", "asked for help")]
            (kept,) = await parts.archive.items(SAFETY)
            assert kept.item == incident

    asyncio.run(test())


@pytest.mark.parametrize("reason", [None, 5, "", "  ", "x" * 5000])
def test_an_event_without_a_good_reason_has_its_type_for_one(reason: object) -> None:
    async def test() -> None:
        async with parts_in_memory() as parts:
            await report_event(parts, event(details={"reason": reason}), CALLER)
            (kept,) = await parts.archive.items(SAFETY)
            assert kept.item["reason"] == "emergency_stop"
            assert kept.item["details"] == {"reason": reason}

    asyncio.run(test())


def test_a_line_of_a_log_has_a_level_an_event_and_fields_and_good_ones_are_kept_beside_bad_ones() -> None:
    async def test() -> None:
        async with parts_in_memory() as parts:
            good = {"id": "a", "level": "info", "event": "hello", "fields": {}}
            logs = (good, *({**good, "id": name, name: 5} for name in ("level", "event", "fields")))
            assert await create_logs(parts, CreateLogs("d1", "now", logs), CALLER) == {
                "accepted": ["a"],
                "rejected": [
                    {"id": "level", "reason": "level must be text, not 5"},
                    {"id": "event", "reason": "event must be text, not 5"},
                    {"id": "fields", "reason": "fields must be an object, not 5"},
                ],
            }
            assert [kept.id for kept in await parts.archive.items(LOGS)] == ["a"]

    asyncio.run(test())


def test_too_many_at_a_time_are_refused_by_name() -> None:
    async def test() -> None:
        async with parts_in_memory() as parts:
            many = tuple({"id": str(n), "name": "x", "value": n} for n in range(501))
            with pytest.raises(CloudFunctionError, match="metrics have 501 items; at most 500") as caught:
                await batch_record(parts, BatchRecord("d1", "now", many), CALLER)
            assert caught.value.code == "INVALID"

    asyncio.run(test())
