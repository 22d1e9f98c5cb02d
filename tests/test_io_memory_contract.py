"""What a memory does, whichever it is: the one on a disk and the simulated one, held to the same words."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from memory_material import DAY, AnyMemory, Machine, ids, incident, said, sync

from pommai.io.memory_items import BATCH_ITEMS
from pommai.protocol.messages import Rejected, SyncAck, ToyProfile, VoiceSettings
from pommai.protocol.wire import decode_text, encode_message

Scene = Callable[[AnyMemory, Machine], Awaitable[None]]


class Stage:
    """Plays a scene with a new memory of one kind."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind, self.folder = kind, folder

    def play(self, scene: Scene, machine: Machine | None = None) -> None:
        machine = machine or Machine()

        async def act() -> None:
            async with self._memory(machine) as memory:
                await scene(memory, machine)

        asyncio.run(act())

    @asynccontextmanager
    async def _memory(self, machine: Machine) -> AsyncIterator[AnyMemory]:
        if self.kind == "simulated":
            yield machine.simulated()
        else:
            async with machine.memory(self.folder / "memory.db") as memory:
                yield memory


@pytest.fixture(params=["sqlite", "simulated"])
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Stage:
    return Stage(request.param, tmp_path)


def test_what_is_kept_waits_for_the_server_in_the_order_it_came(stage: Stage) -> None:
    async def scene(memory: AnyMemory, _: Machine) -> None:
        assert memory.unsent == 0
        assert await memory.batch(safety=False) is None
        for name in ("one", "two", "three"):
            memory.keep_conversation(said(name))
        assert memory.unsent == 3
        batch = await memory.batch(safety=False)
        assert batch is not None
        assert ids(batch) == ["one", "two", "three"]
        sequences = [item["sequence"] for item in batch.conversations]
        assert sequences == sorted(sequences)
        first = batch.conversations[0]
        assert {key: first[key] for key in first if key != "sequence"} == {
            "id": "one",
            "toy_id": "bear",
            "user_input": "hello",
            "toy_response": "Hi there!",
            "timestamp": "2026-09-21T12:00:00.000Z",
            "was_offline": False,
            "clock_trusted": True,
        }

    stage.play(scene)


def test_safety_events_travel_alone_and_urgent_ones_first(stage: Stage) -> None:
    async def scene(memory: AnyMemory, _: Machine) -> None:
        memory.keep_conversation(said("talk"))
        memory.keep_safety_event(incident("calm", "low"))
        memory.keep_safety_event(incident("alarm", "high"))
        assert ids(await memory.batch(safety=True)) == ["alarm", "calm"]
        assert ids(await memory.batch(safety=False)) == ["talk"]

    stage.play(scene)


def test_metrics_come_after_conversations_however_old_they_are(stage: Stage) -> None:
    async def scene(memory: AnyMemory, _: Machine) -> None:
        memory.keep_metric("wake", 1.0)
        memory.keep_conversation(said("talk"))
        batch = await memory.batch(safety=False)
        assert batch is not None
        assert (len(batch.conversations), len(batch.metrics)) == (1, 1)
        assert batch.metrics[0]["name"] == "wake"
        assert batch.metrics[0]["value"] == 1.0
        for number in range(BATCH_ITEMS):
            memory.keep_conversation(said(f"more {number}"))
        batch = await memory.batch(safety=False)
        assert batch is not None
        assert (len(batch.conversations), len(batch.metrics)) == (BATCH_ITEMS, 0)

    stage.play(scene)


def test_a_batch_is_the_same_until_it_is_settled_and_then_the_next(stage: Stage) -> None:
    async def scene(memory: AnyMemory, _: Machine) -> None:
        for number in range(60):
            memory.keep_conversation(said(f"talk-{number}"))
        first = await memory.batch(safety=False)
        assert first == await memory.batch(safety=False)
        assert first is not None
        assert ids(first) == [f"talk-{number}" for number in range(50)]
        await memory.settle(SyncAck(first.batch, tuple(ids(first))))
        assert memory.unsent == 10
        second = await memory.batch(safety=False)
        assert ids(second) == [f"talk-{number}" for number in range(50, 60)]
        assert second is not None
        assert second.batch != first.batch
        await memory.settle(SyncAck(first.batch, tuple(ids(first))))  # the network repeats itself
        assert memory.unsent == 10

    stage.play(scene)


def test_an_item_that_is_refused_is_not_sent_again(stage: Stage) -> None:
    async def scene(memory: AnyMemory, _: Machine) -> None:
        for name in ("good", "bad", "late"):
            memory.keep_conversation(said(name))
        batch = await memory.batch(safety=False)
        assert batch is not None
        await memory.settle(SyncAck(batch.batch, ("good",), (Rejected("bad", "no such toy"),)))
        assert ids(await memory.batch(safety=False)) == ["late"]
        assert memory.unsent == 1

    stage.play(scene)


def test_nothing_is_settled_that_was_never_sent(stage: Stage) -> None:
    async def scene(memory: AnyMemory, _: Machine) -> None:
        memory.keep_conversation(said("sent"))
        batch = await memory.batch(safety=False)
        memory.keep_conversation(said("unsent"))
        memory.keep_safety_event(incident("danger"))
        assert batch is not None
        stranger = SyncAck(batch.batch, ("danger", "nobody", ""), (Rejected("unsent", "go away"),))
        await memory.settle(stranger)
        assert memory.unsent == 3
        assert ids(await memory.batch(safety=True)) == ["danger"]
        assert ids(await memory.batch(safety=False)) == ["sent", "unsent"]

    stage.play(scene)


def test_an_item_kept_twice_is_one_item(stage: Stage) -> None:
    async def scene(memory: AnyMemory, _: Machine) -> None:
        memory.keep_conversation(said("again"))
        memory.keep_conversation(said("again"))
        assert await memory.flush()
        memory.keep_conversation(said("again"))
        assert await memory.flush()
        assert ids(await memory.batch(safety=False)) == ["again"]
        assert await sync(memory) == ["again"]
        memory.keep_conversation(said("again"))
        assert await memory.flush()
        assert memory.unsent == 0

    stage.play(scene)


def test_metrics_have_ids_of_their_own(stage: Stage) -> None:
    async def scene(memory: AnyMemory, _: Machine) -> None:
        for _number in range(20):
            memory.keep_metric("turns", 1)
        assert len(set(ids(await memory.batch(safety=False)))) == 20

    stage.play(scene)


def test_whoever_waits_for_something_new_is_woken_in_its_lane_alone(stage: Stage) -> None:
    async def scene(memory: AnyMemory, _: Machine) -> None:
        await memory.flush()
        safety = asyncio.ensure_future(memory.changed(safety=True))
        rest = asyncio.ensure_future(memory.changed(safety=False))
        memory.keep_conversation(said("talk"))
        await rest
        assert not safety.done()
        memory.keep_safety_event(incident("danger"))
        await safety
        rest = asyncio.ensure_future(memory.changed(safety=False))
        await memory.flush()
        assert not rest.done()
        memory.keep_metric("turns", 1)
        await rest

    stage.play(scene)


def test_facts_are_there_at_once_and_forgotten_at_once(stage: Stage) -> None:
    async def scene(memory: AnyMemory, _: Machine) -> None:
        assert memory.fact("safe_mode") is None
        memory.keep_fact("safe_mode", "on")
        assert memory.fact("safe_mode") == "on"
        memory.keep_fact("safe_mode", None)
        assert memory.fact("safe_mode") is None
        memory.keep_fact("safe_mode", None)

    stage.play(scene)


BEAR = ToyProfile(
    "bear", "Bär", "Kind.", VoiceSettings("de", 1.5, 0.8), led_theme={"a": "b"}, knowledge_base={"k": [1]}
)


def test_toys_are_kept_in_the_order_they_were_first_seen(stage: Stage) -> None:
    async def scene(memory: AnyMemory, _: Machine) -> None:
        assert await memory.toys() == ()
        assert await memory.toy("bear") is None
        memory.keep_toy(BEAR)
        memory.keep_toy(ToyProfile("robot", "Robot"))
        assert await memory.toys() == ("bear", "robot")
        assert await memory.toy("bear") == BEAR
        changed = ToyProfile("bear", "Old bear", safety_level="moderate", wake_word_alternatives=("hey bear",))
        memory.keep_toy(changed)
        assert await memory.toys() == ("bear", "robot")
        assert await memory.toy("bear") == changed

    stage.play(scene)


def test_a_question_asked_more_than_five_times_in_a_week_is_popular(stage: Stage) -> None:
    async def scene(memory: AnyMemory, machine: Machine) -> None:
        for number in range(5):
            memory.keep_conversation(said(f"sky-{number}", "Why is the sky blue?", "Because of the air."))
        await memory.flush()
        assert dict(memory.popular()) == {}
        memory.keep_conversation(said("sky-5", "why is the SKY blue", "It scatters light."))
        memory.keep_conversation(said("sky-6", " Why is the sky... blue?!", "I cannot ask.", offline=True))
        await memory.flush()
        assert dict(memory.popular()) == {"why is the sky blue": "It scatters light."}
        machine.seconds += 8 * DAY
        memory.keep_conversation(said("moon", "Why is the moon white?", "It is dusty."))
        await memory.flush()
        assert dict(memory.popular()) == {}

    stage.play(scene)


def test_what_only_the_toy_itself_has_answered_is_not_popular(stage: Stage) -> None:
    async def scene(memory: AnyMemory, _: Machine) -> None:
        for number in range(9):
            memory.keep_conversation(said(f"{number}", "tell me a joke", "Knock knock!", offline=True))
            memory.keep_conversation(said(f"e{number}", " ?! ", "What?"))
        await memory.flush()
        assert dict(memory.popular()) == {}

    stage.play(scene)


def test_twenty_questions_are_popular_at_most_those_asked_most(stage: Stage) -> None:
    async def scene(memory: AnyMemory, _: Machine) -> None:
        for question in range(25):
            for number in range(6 + (question % 5)):
                memory.keep_conversation(said(f"{question}-{number}", f"question {question}", f"answer {question}"))
        await memory.flush()
        popular = list(memory.popular().items())
        assert len(popular) == 20
        assert popular[0] == ("question 24", "answer 24")
        assert not {f"question {question}" for question in (0, 5, 10, 15, 20)} & dict(popular).keys()

    stage.play(scene)


def test_what_is_older_than_its_days_goes_and_the_rest_stays(stage: Stage) -> None:
    async def scene(memory: AnyMemory, machine: Machine) -> None:
        memory.keep_conversation(said("old"))
        memory.keep_safety_event(incident("old danger"))
        memory.keep_metric("old", 1)
        await memory.flush()
        machine.seconds += 8 * DAY
        memory.keep_conversation(said("new"))
        memory.retain({"conversations": 5, "nonsense": 1})
        await memory.flush()
        assert ids(await memory.batch(safety=False)) == ["new"]
        assert ids(await memory.batch(safety=True)) == ["old danger"]

    stage.play(scene)


def test_nothing_is_deleted_by_a_clock_that_is_not_trusted(stage: Stage) -> None:
    async def scene(memory: AnyMemory, machine: Machine) -> None:
        memory.keep_conversation(said("kept"))
        await memory.flush()
        machine.clock.set("2036-01-01T00:00:00Z", trusted=False)
        memory.retain({"conversations": 1})
        await memory.flush()
        assert ids(await memory.batch(safety=False)) == ["kept"]

    stage.play(scene)


def test_a_clock_that_is_set_puts_right_what_was_kept_before(stage: Stage) -> None:
    async def scene(memory: AnyMemory, machine: Machine) -> None:
        machine.seconds = 10.0
        event = incident("danger") | {"timestamp": "1970-01-01T00:00:10Z"}
        memory.keep_safety_event(event)
        batch = await memory.batch(safety=True)
        assert batch is not None
        assert batch.safety_events[0]["clock_trusted"] is False
        machine.seconds = 70.0
        machine.clock.set("2026-09-21T12:01:00Z")
        memory.retain({"safety_events": 1})
        await memory.flush()
        batch = await memory.batch(safety=True)
        assert batch is not None
        assert batch.safety_events[0]["timestamp"] == "2026-09-21T12:00:00.000Z"
        assert batch.safety_events[0]["clock_trusted"] is True

    stage.play(scene, Machine(start="1970-01-01T00:00:00Z", trusted=False))


def test_a_timestamp_from_before_the_clock_was_set_does_not_pass_for_trusted(stage: Stage) -> None:
    async def scene(memory: AnyMemory, _: Machine) -> None:
        memory.keep_safety_event(incident("danger") | {"timestamp": "1970-01-01T00:00:10Z"})
        memory.keep_safety_event({"id": "timeless", "reason": "x"})
        batch = await memory.batch(safety=True)
        assert batch is not None
        assert [item["timestamp"] for item in batch.safety_events] == ["2026-09-21T12:00:00.000Z"] * 2

    stage.play(scene)


def test_keeping_never_raises_and_never_keeps_sound(stage: Stage) -> None:
    async def scene(memory: AnyMemory, _: Machine) -> None:
        nonsense = object()
        memory.keep_conversation(nonsense)  # type: ignore[arg-type]
        memory.keep_safety_event(nonsense)  # type: ignore[arg-type]
        memory.keep_metric("soon", nonsense)  # type: ignore[arg-type]
        memory.keep_metric("never", float("nan"))
        assert memory.unsent == 0
        memory.keep_safety_event(incident("loud") | {"audio": b"\x00" * 9000, "more": [bytearray(9), {"pcm": b"x"}]})
        batch = await memory.batch(safety=True)
        assert batch is not None
        assert batch.safety_events[0]["reason"] == "a bad word"
        assert "audio" not in batch.safety_events[0]
        assert batch.safety_events[0]["more"] == [{}]

    stage.play(scene)


def test_the_fattest_batch_fits_into_one_message(stage: Stage) -> None:
    async def scene(memory: AnyMemory, _: Machine) -> None:
        for number in range(BATCH_ITEMS):
            memory.keep_conversation(said(f"{number}", "\x00" * 100_000, "🧸" * 100_000))
            memory.keep_safety_event(
                incident(f"s{number}") | {f"key {key}": ["\x07" * 5000] * 90 for key in range(90)} | {"n": 2**80}
            )
        for safety in (True, False):
            batch = await memory.batch(safety=safety)
            assert batch is not None
            assert len(ids(batch)) == BATCH_ITEMS
            assert decode_text(encode_message(batch)) == batch
            (first, *_rest) = batch.safety_events or batch.conversations
            assert first["reason" if safety else "user_input"]

    stage.play(scene)


def test_with_no_days_at_all_things_go_as_soon_as_the_server_has_them(stage: Stage) -> None:
    async def scene(memory: AnyMemory, machine: Machine) -> None:
        memory.retain({"conversations": 0})
        memory.keep_conversation(said("brief"))
        memory.keep_conversation(said("waits"))
        batch = await memory.batch(safety=False)
        assert batch is not None
        await memory.settle(SyncAck(batch.batch, ("brief",)))
        assert ids(await memory.batch(safety=False)) == ["waits"]
        machine.seconds += 2 * DAY
        memory.retain({"conversations": 1})
        await memory.flush()
        assert await memory.batch(safety=False) is None

    stage.play(scene)
