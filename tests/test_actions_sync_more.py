"""Whatever server and network do, and whenever the plug is pulled: nothing that was not sent is let go of, nothing is
told twice, and nobody is flooded. On virtual time.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_toy import simulated_toy
from sync_material import ids

from pommai.actions.sync import RETRY_LIMIT
from pommai.io.clock import SimulatedClock
from pommai.io.memory_simulated import SimulatedMemory
from pommai.protocol.messages import Conversation, Message, Rejected, SafetyOverride, SyncAck, SyncBatch
from pommai.qa.simulated_toy import SimulatedToy, settle
from pommai.qa.virtual_time import run

HOUR = 3600.0
MOST_AN_HOUR = 2 * HOUR / RETRY_LIMIT + 40
"""Batches that nobody acknowledges: every two minutes in each of two lanes, and some more at first."""


def said(number: int) -> Conversation:
    return Conversation(f"c{number}", "pommai-bear", f"question {number}", "answer", "now", True)


def incident(number: int) -> dict[str, object]:
    return {"id": f"s{number}", "reason": f"a word {number}", "severity": "high", "timestamp": "now"}


def batches(toy: SimulatedToy) -> list[SyncBatch]:
    return [message for message in toy.link.messages if isinstance(message, SyncBatch)]


# -- a hostile server ----------------------------------------------------------------------


Answer = Callable[[SyncBatch], Iterable[SyncAck]]


async def serve(toy: SimulatedToy, answer: Answer, seconds: float) -> int:
    """Answer every batch so, at once; how many came."""
    loop = asyncio.get_running_loop()
    end, seen = loop.time() + seconds, 0
    while loop.time() < end:
        for batch in batches(toy)[seen:]:
            seen += 1
            for ack in answer(batch):
                toy.link.deliver(ack)
        await asyncio.sleep(0.1)
    return seen


STRANGE = tuple(f"x{number}" for number in range(100_000))
HOSTILE: dict[str, Answer] = {
    "takes what was never sent": lambda batch: [SyncAck(batch.batch, ("c90", "nobody"))],
    "refuses what was never sent": lambda batch: [SyncAck(batch.batch, (), (Rejected("c91", "no"),))],
    "takes a hundred thousand": lambda batch: [SyncAck(batch.batch, STRANGE)],
    "takes nothing": lambda batch: [SyncAck(batch.batch)],
    "speaks of other batches": lambda batch: [SyncAck("another", tuple(ids(batch)))],
    "says nothing": lambda batch: [],
}


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_a_server_that_takes_nothing_of_what_was_sent_is_not_flooded_and_nothing_is_let_go_of(hostile: Answer) -> None:
    async def scene() -> None:
        async with simulated_toy(alone=True) as toy:
            for number in range(3):
                toy.memory.keep_conversation(said(number))
                toy.memory.keep_safety_event(incident(number))
            assert await serve(toy, hostile, HOUR) <= MOST_AN_HOUR
            assert len(toy.memory.waiting) == 6
            await serve(toy, lambda batch: [SyncAck(batch.batch, tuple(ids(batch)))], 2 * RETRY_LIMIT)
            assert not toy.memory.waiting

    run(scene())


def test_nothing_is_settled_that_was_handed_out_and_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        async with simulated_toy(alone=True) as toy:
            send = toy.link.send

            def send_incidents(message: Message) -> bool:
                return not (isinstance(message, SyncBatch) and message.conversations) and send(message)

            monkeypatch.setattr(toy.link, "send", send_incidents)
            toy.memory.keep_conversation(said(1))
            await asyncio.sleep(1.0)
            toy.memory.keep_safety_event(incident(1))
            await settle()
            (batch,) = batches(toy)
            assert ids(batch) == ["s1"]
            toy.link.deliver(SyncAck(batch.batch, ("s1", "c1"), (Rejected("c1", "no"),)))
            await settle()
            assert set(toy.memory.waiting) == {"c1"}
            assert not toy.memory.refused

    run(scene())


def test_a_server_that_refuses_everything_is_asked_once_and_what_it_refuses_is_kept_aside() -> None:
    async def scene() -> None:
        async with simulated_toy(alone=True) as toy:
            for number in range(120):
                toy.memory.keep_conversation(said(number))

            def refuse(batch: SyncBatch) -> list[SyncAck]:
                return [SyncAck(batch.batch, (), tuple(Rejected(id_, "no") for id_ in ids(batch)))]

            await serve(toy, refuse, HOUR)
            assert max(Counter(id_ for batch in batches(toy) for id_ in ids(batch)).values()) == 1
            assert {id_: why for id_, (_, why) in toy.memory.refused.items()} == {f"c{n}": "no" for n in range(120)}

    run(scene())


def test_a_server_that_takes_one_item_at_a_time_gets_all_of_them() -> None:
    async def scene() -> None:
        async with simulated_toy(alone=True) as toy:
            for number in range(60):
                toy.memory.keep_conversation(said(number))
            came = await serve(toy, lambda batch: [SyncAck(batch.batch, (ids(batch)[-1], "c999"))], HOUR)
            assert came == 60
            assert not toy.memory.waiting

    run(scene())


# -- anything in any order -----------------------------------------------------------------


class Server:
    """A server that keeps what it gets, once, and whose word may be lost, late, repeated, partial or not to the point.

    It refuses items whose number can be divided by seven. In safe mode it must be told of nothing but incidents.
    """

    def __init__(self) -> None:
        self.kept: list[str] = []
        self.late: list[SyncAck] = []
        self._seen = 0

    def refuses(self, id_: str) -> bool:
        return id_[1:].isdigit() and int(id_[1:]) % 7 == 0

    def new_toy(self) -> None:
        self._seen, self.late = 0, []

    def take(self, toy: SimulatedToy) -> list[SyncAck]:
        """Take all that has come: what there is to say about it."""
        acks = []
        for batch in batches(toy)[self._seen :]:
            self._seen += 1
            good = [id_ for id_ in ids(batch) if not self.refuses(id_)]
            self.kept += [id_ for id_ in good if id_ not in self.kept]
            bad = (Rejected(id_, "divisible") for id_ in ids(batch) if self.refuses(id_))
            acks.append(SyncAck(batch.batch, tuple(good), tuple(bad)))
        return acks


WORDS = ("all", "lost", "late", "twice", "part", "foreign", "nothing")
DEEDS = st.one_of(
    st.tuples(st.just("keep"), st.integers(1, 60)),
    st.tuples(st.just("incident"), st.integers(1, 60)),
    st.tuples(st.just("link"), st.booleans()),
    st.tuples(st.just("server"), st.sampled_from(WORDS)),
    st.tuples(st.just("wait"), st.sampled_from((0.0, 1.0, 16.0, 130.0))),
    st.tuples(st.just("safe"), st.booleans()),
    st.tuples(st.just("clock"), st.sampled_from(("1970-01-01T00:00:00Z", "2026-09-21T12:00:00Z"))),
    st.tuples(st.just("plug"), st.none()),
)


class Story:
    """One toy through all its lives."""

    def __init__(self) -> None:
        self.server = Server()
        self.happened: list[str] = []
        self.number = 0
        self.memory: SimulatedMemory | None = None
        self.is_over = False
        self.safe_since = 0
        """Batches of this life that were sent before safe mode began."""

    async def live(self, deeds: list[tuple[str, object]]) -> None:
        """Until the plug is pulled."""
        self.safe_since = 0
        async with simulated_toy(memory=self.memory, alone=True) as toy:
            self.memory = toy.memory
            self.safe_since = 0 if "safe_mode" in toy.states else len(batches(toy))
            while deeds:
                name, value = deeds.pop(0)
                if name == "plug":
                    return
                await self._do(toy, name, value)
                assert not ("safe_mode" in toy.states and any(self._private(toy))), "told of the child in safe mode"
            await self.end_well(toy)
            self.is_over = True

    async def _do(self, toy: SimulatedToy, name: str, value: object) -> None:
        match name, value:
            case "keep" | "incident", int():
                for _ in range(value):
                    self.number += 1
                    if name == "keep":
                        toy.memory.keep_conversation(said(self.number))
                    else:
                        toy.memory.keep_safety_event(incident(self.number))
                    self.happened.append(f"{'c' if name == 'keep' else 's'}{self.number}")
            case "link", True:
                toy.link.go_up()
            case "link", _:
                toy.link.go_down()
            case "server", str():
                self._answer(toy, value)
            case "wait", float():
                await asyncio.sleep(value)
            case "safe", True:
                toy.link.deliver(SafetyOverride("pause_interaction", 0.0))
            case "safe", _:
                toy.link.deliver(SafetyOverride("resume"))
            case "clock", str():
                assert isinstance(toy.clock, SimulatedClock)
                toy.clock.set(value, trusted=not value.startswith("1970"))
        await settle()
        if "safe_mode" not in toy.states:
            self.safe_since = len(batches(toy))

    def _private(self, toy: SimulatedToy) -> list[SyncBatch]:
        since = batches(toy)[self.safe_since :]
        return [batch for batch in since if batch.conversations or batch.metrics or batch.logs]

    def _answer(self, toy: SimulatedToy, word: str) -> None:
        server = self.server
        for ack in server.take(toy):
            told = {"all": [ack], "twice": [ack, ack], "nothing": [SyncAck(ack.batch)]}.get(word, [])
            if word == "part":
                told = [SyncAck(ack.batch, ack.accepted[::2], ack.rejected[::2])]
            if word == "foreign":
                told = [SyncAck(ack.batch, ("c0", f"c{self.number + 1}"), (Rejected("s0", "no"),))]
            if word == "late":
                server.late.append(ack)
            for each in told:
                toy.link.deliver(each)
        if word == "late":
            for ack in server.late[:-1]:
                toy.link.deliver(ack)

    async def end_well(self, toy: SimulatedToy) -> None:
        """The server is well, and lets the toy go on: all is told, and then it is quiet."""
        toy.link.go_up()
        toy.link.deliver(SafetyOverride("resume"))
        for _ in range(400):
            for ack in self.server.take(toy):
                toy.link.deliver(ack)
            await asyncio.sleep(1.0)
        assert not toy.memory.waiting
        mine = [id_ for id_ in self.server.kept if id_ in set(self.happened)]
        assert set(mine) == {id_ for id_ in self.happened if not self.server.refuses(id_)}, "lost"
        assert len(set(self.server.kept)) == len(self.server.kept)
        assert {id_ for id_ in toy.memory.refused if id_ in self.happened} == set(self.happened) - set(mine)
        for kind in "cs":
            line = [int(id_[1:]) for id_ in mine if id_[0] == kind]
            assert line == sorted(line), "not in the order in which it happened"


@settings(max_examples=25, deadline=None)
@given(st.lists(DEEDS, min_size=3, max_size=40))
def test_whatever_happens_everything_is_told_once_and_in_order(deeds: list[tuple[str, object]]) -> None:
    story = Story()

    async def lives() -> None:
        rest = list(deeds)
        while not story.is_over:
            story.server.new_toy()
            await story.live(rest)

    run(lives())
