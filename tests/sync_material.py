"""Toys that tell a real gateway what happened, until they are killed: run as processes by test_sync_through_death.

    python sync_material.py whole ARGUMENTS...                 pommai ARGUMENTS, with less patience for a silent server
    python sync_material.py talking MEMORY URL DEVICE NUMBER   its memory, sync and link; much happens
    python sync_material.py telling MEMORY URL DEVICE          the same, but nothing happens: ends when all is told

The last two say on standard output what they were promised, one line each, in one write each: "alive DEVICE" first,
"written WORDS" once `flush` has returned, "sent ID" before a batch goes out, "settled ID" once `settle` has returned.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from random import Random
from typing import Any

from pommai.actions import sync
from pommai.actions.body import Body
from pommai.actions.inbox import Inbox
from pommai.io import link
from pommai.io.clock import SystemClock
from pommai.io.link import LinkTimes, WebSocketLink
from pommai.io.memory import SqliteMemory
from pommai.protocol.messages import Conversation, Message, SyncAck, SyncBatch

TOKEN = "only-for-tests"
UNWANTED = "unwanted " * 20
"""Begins the name of a figure that the gateway refuses: it is too long."""
TIMES = LinkTimes(open=1.0, handshake=1.0, retry_first=0.02, retry_limit=0.2)


def hasten() -> None:
    """Make sync and link as hasty as a test: what takes seconds in a house takes some milliseconds on loopback."""
    hasty = {"ACK_SECONDS": 0.25, "RETRY_FIRST": 0.02, "RETRY_LIMIT": 0.4, "TURN_SECONDS": 0.1}
    for name, seconds in hasty.items():
        assert hasattr(sync, name)
        setattr(sync, name, seconds)
    vars(link)["LinkTimes"] = lambda: TIMES


def ids(batch: SyncBatch) -> list[str]:
    """Of all items in it."""
    return [
        str(item["id"])
        for items in (batch.safety_events, batch.conversations, batch.metrics, batch.logs)
        for item in items
    ]


def tell(word: str, names: list[str]) -> None:
    os.write(1, "".join(f"{word} {name}\n" for name in names).encode())


class TellingMemory(SqliteMemory):
    """Says what was settled."""

    async def settle(self, ack: SyncAck) -> None:
        await super().settle(ack)
        assert await self.flush(), self.trouble
        tell("settled", [*ack.accepted, *(refused.id for refused in ack.rejected)])


class TellingLink(WebSocketLink):
    """Says what is sent."""

    def send(self, message: Message) -> bool:
        if isinstance(message, SyncBatch):
            tell("sent", ids(message))
        return super().send(message)


def part_of_a_toy(memory: SqliteMemory, url: str, device: str) -> Body:
    """A toy that has a memory and a link, and no other part."""
    none: Any = None
    parts = (
        "hearing voice codec sounds voice_activity speech_gate wake recogniser speech answerer show_theme mark offload "
        "live"
    )
    return Body(
        post=lambda event: None,
        link=TellingLink(url, token=TOKEN, device_id=device, toy_id="pommai-bear", capabilities={}, times=TIMES),
        memory=memory,
        clock=SystemClock(),
        built_in={},
        toy_id="pommai-bear",
        **dict.fromkeys(parts.split(), none),
    )


async def talk(memory: SqliteMemory, device: str, number: int) -> None:
    """Let something happen every few milliseconds. The number goes on from life to life, and so does what is said."""
    chance = Random(f"{device} {number}")
    while True:
        happened = []
        for _ in range(chance.randint(1, 4)):
            number += 1
            words = f"{device} {number:08}"
            match chance.randrange(5):
                case 0:
                    severity = chance.choice(("low", "high"))
                    memory.keep_safety_event({"reason": words, "severity": severity, "timestamp": "now"})
                case 1:
                    memory.keep_metric(words, number)
                case 2 if number % 3 == 0:
                    words = UNWANTED + words
                    memory.keep_metric(words, number)
                case _:
                    conversation = Conversation(f"c{device}{number}", "pommai-bear", words, "yes", "now", True)
                    memory.keep_conversation(conversation)
            happened.append(words)
        if await memory.flush():
            tell("written", happened)
        await asyncio.sleep(chance.uniform(0.0, 0.02))


async def wait_until_told(memory: SqliteMemory) -> None:
    while memory.unsent:
        await asyncio.sleep(0.02)


async def live(path: Path, url: str, device: str, number: int | None) -> None:
    memory = await TellingMemory.open(path, SystemClock())
    assert not memory.trouble, memory.trouble
    toy = part_of_a_toy(memory, url, device)
    tell("alive", [device])
    running = asyncio.gather(toy.link.run(Inbox(toy)), sync.sync_safety(toy), sync.sync_memory(toy))
    if number is not None:
        await asyncio.gather(running, talk(memory, device, number))
    await wait_until_told(memory)
    running.cancel()
    await asyncio.wait([running])
    await memory.close()


if __name__ == "__main__":
    hasten()
    if sys.argv[1] == "whole":
        from pommai.cli import main

        raise SystemExit(main(sys.argv[2:]))
    path, url, device, *number = sys.argv[2:]
    asyncio.run(live(Path(path), url, device, int(number[0]) if number else None))
