from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from gateway_material import run
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed

from pommai.gateway.outbox import MOST_BYTES, MOST_WAITING, Outbox


class PaperWire:
    """Takes so many messages, then has no room until it is read."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.posted: list[bytes] = []
        self.is_open = True
        self.on_room: Callable[[], None] | None = None

    @property
    def has_room(self) -> bool:
        return self.room > 0

    def post(self, data: bytes, *, text: bool) -> None:
        assert self.is_open
        self.room -= 1
        self.posted.append(data)

    def read(self, messages: int) -> None:
        self.room += messages
        assert self.on_room is not None
        self.on_room()

    def end(self) -> None:
        self.is_open = False
        assert self.on_room is not None
        self.on_room()


def no_reason(reason: str) -> None:
    raise AssertionError(reason)


def test_what_finds_room_goes_out_at_once() -> None:
    wire = PaperWire(2)
    outbox = Outbox(wire, no_reason)
    assert outbox.send("ä") == 2
    assert (wire.posted, len(outbox), outbox.bytes_waiting) == (["ä".encode()], 0, 0)


@given(st.lists(st.integers(0, 4) | st.text(max_size=3), max_size=40))
def test_messages_keep_their_order_whenever_the_toy_reads(steps: list[int | str]) -> None:
    wire = PaperWire(0)
    outbox = Outbox(wire, no_reason)
    sent = []
    for step in steps:
        if isinstance(step, int):
            wire.read(step)
        else:
            outbox.send(step)
            sent.append(step.encode())
        assert wire.posted == sent[: len(wire.posted)]
        assert outbox.bytes_waiting == sum(map(len, sent[len(wire.posted) :]))
        assert not (len(outbox) and wire.room > 0), "what has room does not wait"
    wire.read(len(sent))
    assert wire.posted == sent


@pytest.mark.parametrize(("size", "most"), [(10, MOST_WAITING), (MOST_BYTES // 4, 4)], ids=["many", "large"])
def test_a_toy_that_does_not_read_is_given_up_when_too_much_waits(size: int, most: int) -> None:
    reasons: list[str] = []
    wire = PaperWire(0)

    def give_up(reason: str) -> None:
        reasons.append(reason)
        wire.end()

    outbox = Outbox(wire, give_up)
    for _ in range(most):
        outbox.send("x" * size)
    for _ in range(2):
        with pytest.raises(ConnectionClosed):
            outbox.send("x" * size)
    assert reasons == [f"{most} messages are waiting for it, and it does not read"]
    assert (len(outbox), outbox.bytes_waiting, wire.posted) == (0, 0, [])


def test_one_message_may_be_as_large_as_the_protocol_lets_it_be() -> None:
    wire = PaperWire(0)
    outbox = Outbox(wire, no_reason)
    outbox.send("x" * (1 << 20))
    wire.read(1)
    assert [len(data) for data in wire.posted] == [1 << 20]


def test_sound_waits_for_room_and_behind_what_was_there_before_it() -> None:
    async def test() -> None:
        wire = PaperWire(0)
        outbox = Outbox(wire, no_reason)
        outbox.send("words")
        frame = asyncio.create_task(outbox.send_sound(b"frame"))
        await asyncio.sleep(0)
        wire.read(1)
        await asyncio.sleep(0)
        assert (wire.posted, frame.done()) == ([b"words"], False)
        wire.read(1)
        await frame
        assert wire.posted == [b"words", b"frame"]

    run(test())


def test_sound_that_nobody_wants_any_more_is_never_sent() -> None:
    async def test() -> None:
        wire = PaperWire(0)
        outbox = Outbox(wire, no_reason)
        frame = asyncio.create_task(outbox.send_sound(b"of a dead turn"))
        await asyncio.sleep(0)
        frame.cancel()
        await asyncio.wait([frame])
        wire.read(5)
        outbox.send("next")
        assert wire.posted == [b"next"]

    run(test())


def test_the_end_of_the_connection_wakes_whoever_waits() -> None:
    async def test() -> None:
        wire = PaperWire(0)
        outbox = Outbox(wire, no_reason)
        outbox.send("never read")
        frames = [asyncio.create_task(outbox.send_sound(b"frame")) for _ in range(3)]
        await asyncio.sleep(0)
        wire.end()
        for frame in frames:
            with pytest.raises(ConnectionClosed):
                await frame
        assert (wire.posted, len(outbox)) == ([], 0)
        with pytest.raises(ConnectionClosed):
            outbox.send("too late")

    run(test())
