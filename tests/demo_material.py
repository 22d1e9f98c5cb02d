"""What the demo's tests share: a small toy as a table, and a trace of it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from pommai.chart.table import DecisionTable, StateInfo, Step
from pommai.demo.trace_tail import Line
from pommai.io.clock import SystemClock
from pommai.io.memory import SqliteMemory
from pommai.lights.load import parse_patterns
from pommai.lights.patterns import LightPatterns
from pommai.protocol.messages import Conversation, SyncAck


def table() -> DecisionTable:
    """A toy with two regions, of which one has an outer state with a light and details inside."""

    def state(id_: str, parent: str | None, description: str = "", led: str | None = None) -> StateInfo:
        return StateInfo(id_, parent, description, led, ())

    states = (
        state("toy", None),
        state("behaviour", "toy"),
        state("playing", "behaviour", "Everything."),
        state("idle", "playing", "Resting, and all ears. Nothing leaves the toy.", "blue"),
        state("listening", "playing", "It\nrecords.", "blue"),
        state("speaking", "playing", "It answers", "green"),
        state("safe_mode", "behaviour", "Quiet. Shh.", "warm"),
        state("calm", "safe_mode", "Nobody holds the button."),
        state("held", "safe_mode", "Somebody does."),
        state("link", "toy"),
        state("offline", "link", "No server."),
        state("online", "link", "The server is there."),
    )
    return DecisionTable("small", "0" * 64, states, (), Step((), ("toy",), None, (), 0), ())


def patterns() -> LightPatterns:
    return parse_patterns(
        """
patterns:
  blue: {description: It is here., kind: breathe, colour: blue, level: 60%, low: 20%, period: 4s}
  green: {description: It speaks., kind: steady, colour: lime, level: 50%}
  warm: {description: Night., kind: steady, colour: white, level: 30%}
"""
    )


def within(*leaf_path: str) -> list[str]:
    """A configuration: `toy` and its regions, with these inside, in document order."""
    active = {"toy", "behaviour", "link", *leaf_path}
    return [state.id for state in table().states if state.id in active]


def trace() -> list[Line]:
    """A conversation with a barge-in, then safe mode; a tick is a millisecond."""
    lines: list[Line] = []

    def add(at_ms: float, kind: str, name: str, turn: int = 0, **more: object) -> None:
        lines.append({"t_us": round((5000 + at_ms) * 1000), "kind": kind, "name": name, "turn": turn, **more})

    def configured(at_ms: float, *leaf_path: str, led: str | None = None) -> None:
        if led is not None:
            add(at_ms, "operation", led, op="led", args={})
        add(at_ms, "configuration", leaf_path[-1], states=within(*leaf_path))

    configured(0, "playing", "idle", "offline", led="blue")
    add(50, "event", "link.up", data={"session": "s"})
    configured(50, "playing", "idle", "online")
    add(1000, "event", "button.pressed", data={})
    configured(1002, "playing", "listening", "online", led="blue")
    add(1004, "mark", "first_frame_sent", 1)
    add(2000, "event", "button.released", 1, data={"held_s": 1.0})
    add(2001, "mark", "last_frame_captured", 1, frames=50)
    add(2003, "mark", "last_frame_sent", 1, frames=50)
    add(2003, "mark", "speech_sent", 1, frames=50, bytes=3000)
    add(2100, "mark", "first_reply_frame", 1)
    add(2100, "event", "reply.started", 1, data={})
    configured(2101, "playing", "speaking", "online", led="green")
    add(2105, "mark", "first_sample", 1)
    add(2500, "event", "button.pressed", 1, data={})
    add(2500, "operation", "abort_turn", 1, op="call", args={"reason": "barge-in"})
    configured(2501, "playing", "listening", "online", led="blue")
    add(2508, "mark", "silenced", 1)
    add(2508, "mark", "reply_received", 1, frames=25, bytes=1500)
    add(5500, "event", "button.held", 2, data={"held_s": 3.0})
    add(5500, "operation", "play", 2, op="call", args={"sound": "safe_mode"})
    configured(5501, "safe_mode", "calm", "online", led="warm")
    add(5600, "event", "button.released", 2, data={"held_s": 3.1})
    add(5700, "event", "button.pressed", 2, data={})
    configured(5701, "safe_mode", "held", "online")
    return lines


def remember(memory: Path, *, acknowledged: bool) -> None:
    """A toy's memory of one conversation, which the server has acknowledged or not."""

    async def write() -> None:
        opened = await SqliteMemory.open(memory, SystemClock())
        try:
            opened.keep_conversation(
                Conversation("one", "pommai-bear", "a joke", "Knock knock.", "2026-01-01T20:00:00Z", True)
            )
            batch = await opened.batch(safety=False)
            assert batch is not None
            if acknowledged:
                await opened.settle(SyncAck(batch.batch, ("one",), ()))
        finally:
            await opened.close()

    asyncio.run(write())
