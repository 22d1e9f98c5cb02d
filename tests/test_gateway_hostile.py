"""Bad toys: whatever one does, the others are served, and nothing of it stays behind."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import logging
import time
import tracemalloc
from collections.abc import AsyncGenerator
from itertools import count

import pytest
from gateway_material import desk, encode_all, run, sentence, toy_at
from hostile_material import RawToy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pommai.gateway.outbox import MOST_BYTES
from pommai.gateway.personas import Persona, Personas
from pommai.gateway.responder import Heard
from pommai.gateway.server import Gateway
from pommai.gateway.session import MOST_FRAMES_REFUSED
from pommai.protocol import messages as m
from pommai.protocol.limits import FRAMES_AT_ONCE, MAX_NUMBER, TURNS_PER_MINUTE
from pommai.protocol.wire import encode_binary, encode_message

SPOKEN = sentence(1.0)
PACKETS = encode_all(SPOKEN)


class Lecturer:
    """Never ends, and counts what it was asked for."""

    def __init__(self) -> None:
        self.produced = 0

    async def answer(self, heard: Heard, persona: Persona) -> AsyncGenerator[bytes, None]:
        while True:
            self.produced += 1
            yield SPOKEN

    def refuse(self, personas: Personas) -> None: ...


async def closed(toy: RawToy) -> None:
    """Read until the gateway has cut the connection."""
    with contextlib.suppress(ConnectionError):
        while await toy.reader.read(65_536):
            pass


# -- toys that do not read -----------------------------------------------------------------


def test_what_all_toys_are_told_reaches_those_that_read_while_others_do_not() -> None:
    async def test() -> None:
        async with desk() as gateway, contextlib.AsyncExitStack() as toys:
            deaf = [
                await toys.enter_async_context(await RawToy.connect(gateway, f"deaf-{number}", receive_bytes=2048))
                for number in range(10)
            ]
            reads = await toys.enter_async_context(toy_at(gateway, "reads"))
            filler = m.PiConfigUpdate({"HOTWORD_MODELS": ["x" * 40_000]})
            for session in gateway.sessions:
                if session.device_id.startswith("deaf"):
                    await session.send(filler)  # from here on nothing more goes out to them
            assert await gateway.pause(60) == len(deaf) + 1
            assert await gateway.switch_toy("robo-rex") == len(deaf) + 1
            assert isinstance(await reads.receive(), m.SafetyOverride)
            assert isinstance(await reads.receive(), m.SwitchToy)

    run(test())


def test_toys_that_do_not_read_hold_a_bounded_memory_and_are_given_up() -> None:
    toys, size = 20, 10_000
    allowed = MOST_BYTES + 64 * 1024  # what waits for one, what its socket's buffer holds, and the toy itself

    async def test() -> None:
        async with desk() as gateway, contextlib.AsyncExitStack() as stack:
            for number in range(toys):
                await stack.enter_async_context(await RawToy.connect(gateway, f"deaf-{number}", receive_bytes=2048))
            gc.collect()
            tracemalloc.start()
            try:
                before = tracemalloc.get_traced_memory()[0]
                rounds = 0
                while gateway.sessions and rounds < 100:
                    rounds += 1
                    for session in gateway.sessions:
                        with contextlib.suppress(Exception):
                            await session.send(m.PiConfigUpdate({"HOTWORD_MODELS": ["x" * size, str(rounds)]}))
                    held = (tracemalloc.get_traced_memory()[0] - before) / toys
                    assert held < allowed, "a toy that does not read holds memory without bound"
                assert gateway.metrics.refused["does not read"] == toys
            finally:
                tracemalloc.stop()
            while gateway._admission.inside:
                await asyncio.sleep(0.01)

    run(test())


def test_an_answer_to_a_toy_that_does_not_read_is_made_no_further_than_it_can_be_stopped() -> None:
    async def test() -> None:
        lecturer = Lecturer()
        async with desk(responder=lecturer) as gateway, await RawToy.connect(gateway, receive_bytes=2048) as deaf:
            for at, packet in enumerate(PACKETS):
                deaf.writer.write(deaf.binary(encode_binary(m.UpAudio(1, at, packet, at == len(PACKETS) - 1))))
            (end,) = gateway._entered.connections
            while end.has_room:
                await asyncio.sleep(0.01)
            made = lecturer.produced
            for _ in range(10):
                await asyncio.sleep(0.02)
            assert lecturer.produced <= made + 1
            deaf.writer.write(deaf.text(m.Abort(1, "barge-in")) + deaf.text(m.Ping("read at last")))
            while not isinstance(await deaf.receive(), m.Pong):
                pass
            assert lecturer.produced <= made + 1

    run(test())


# -- toys that send too much ---------------------------------------------------------------


def test_a_toy_that_sends_sound_faster_than_it_was_spoken_is_told_then_cut_and_others_are_answered() -> None:
    async def test() -> None:
        async with desk() as gateway, toy_at(gateway, "good") as good, await RawToy.connect(gateway, "bad") as bad:
            flood = b"".join(
                bad.binary(encode_binary(m.UpAudio(1, at, PACKETS[0]))) for at in range(FRAMES_AT_ONCE * 2)
            )
            writing = asyncio.create_task(write_all(bad, flood))
            error = await bad.receive()
            assert isinstance(error, m.ErrorMessage)
            assert (error.code, error.details["turn"]) == ("RATE_LIMITED", 1)
            await good.say(1, PACKETS)
            assert len(await good.answer()) == len(PACKETS)
            await closed(bad)
            await writing
            assert gateway.metrics.rate_limited >= MOST_FRAMES_REFUSED

    run(test())


async def write_all(toy: RawToy, data: bytes) -> None:
    with contextlib.suppress(ConnectionError):
        for at in range(0, len(data), 4096):
            toy.writer.write(data[at : at + 4096])
            await toy.writer.drain()


def test_more_turns_than_a_child_can_begin_are_refused_by_their_number() -> None:
    async def test() -> None:
        async with desk() as gateway, toy_at(gateway) as toy:
            for turn in range(TURNS_PER_MINUTE + 1):
                await toy.send_frame(turn, 0, b"", final=True)
                error = await toy.expect(m.ErrorMessage)
                assert error.details["turn"] == turn
                assert error.code == ("RATE_LIMITED" if turn == TURNS_PER_MINUTE else "AUDIO_ERROR")
            wait = error.details["retry_after"]
            assert isinstance(wait, float)
            assert 0 < wait <= 60

    run(test())


BOMBS = {
    "brackets": "[" * 1_000_000,
    "objects": '{"a":' * 200_000,
    "empty lists": '{"type":"ping","x":[' + "[]," * 300_000 + "[]]}",
    "numbers": '{"type":"ping","x":[' + "1," * 500_000 + "1]}",
    "digits": '{"type":"ping","x":' + "9" * 1_000_000 + "}",
    "exponent": '{"type":"ping","x":1e999999}',
    "escapes": '{"type":"ping","x":"' + "\\u0041" * 170_000 + '"}',
    "keys": "{" + ",".join(f'"{number}":{number}' for number in range(70_000)) + "}",
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_a_message_that_costs_more_than_it_weighs_is_refused_and_the_toy_goes_on(bomb: str) -> None:
    async def test() -> None:
        async with desk() as gateway, toy_at(gateway) as toy:
            await toy.connection.send(bomb)
            await toy.expect(m.ErrorMessage)
            await toy.say(1, PACKETS)
            assert len(await toy.answer()) == len(PACKETS)

    run(test())


# -- frames that lie -----------------------------------------------------------------------

GOOD = encode_binary(m.UpAudio(1, 0, PACKETS[0]))
LIES = {
    "nothing": b"",
    "half a header": GOOD[:7],
    "version 255": b"\xff" + GOOD[1:],
    "kind 2": GOOD[:1] + b"\x02" + GOOD[2:],
    "kind 0": GOOD[:1] + b"\x00" + GOOD[2:],
    "an empty packet": GOOD[:12],
    "more than a packet": GOOD + bytes(1276),
    "a megabyte": GOOD + bytes(1_000_000),
    "every flag": GOOD[:2] + b"\xff" + GOOD[3:],
    "the last turn there is": GOOD[:4] + b"\xff\xff\xff\xff" + GOOD[8:],
    "the last sequence there is": GOOD[:8] + b"\xff\xff\xff\xff" + GOOD[12:],
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_frame_that_lies_costs_its_turn_at_most(lie: bytes) -> None:
    async def test() -> None:
        async with desk() as gateway, toy_at(gateway, "good") as good:
            async with toy_at(gateway, "bad") as bad:
                for _ in range(3):
                    await bad.connection.send(lie)
                await bad.send(m.Ping("still there"))
                while not isinstance(await bad.receive(), m.Pong):
                    pass
                turn = 1 if lie[4:8] != b"\xff" * 4 else MAX_NUMBER
                if lie[2:3] != b"\xff":  # else the turn has ended
                    await bad.say(turn + (turn == 1), PACKETS)
                    if turn == 1:
                        while not isinstance(message := await bad.receive(), m.DownAudio) or not message.final:
                            pass
            await good.say(1, PACKETS)
            assert len(await good.answer()) == len(PACKETS)

    run(test())


@pytest.mark.parametrize("claims", [1, 126, 70_000, 2**20 + 1, 2**63 - 1, 2**63])
def test_a_websocket_frame_whose_length_is_not_true_costs_that_connection(claims: int) -> None:
    async def test() -> None:
        async with desk() as gateway, toy_at(gateway, "good") as good:
            async with await RawToy.connect(gateway, "bad") as bad:
                bad.writer.write(bad.frame(2, GOOD, claims=claims) * 3)
                bad.writer.write_eof()
                await closed(bad)
            while len(gateway.sessions) > 1:
                await asyncio.sleep(0)
            await good.say(1, PACKETS)
            assert len(await good.answer()) == len(PACKETS)

    run(test())


def test_the_end_of_a_turn_that_comes_twice_is_answered_once() -> None:
    async def test() -> None:
        async with desk() as gateway, toy_at(gateway) as toy:
            await toy.say(1, PACKETS)
            for _ in range(3):
                await toy.send_frame(1, len(PACKETS) - 1, PACKETS[-1], final=True)
            assert len(await toy.answer()) == len(PACKETS)
            await toy.send(m.Ping("now"))
            assert await toy.expect(m.Pong)

    run(test())


def test_a_persona_that_changes_during_a_turn_leaves_the_turn_whole() -> None:
    async def test() -> None:
        async with desk() as gateway, toy_at(gateway) as toy:
            for at, packet in enumerate(PACKETS[:-1]):
                await toy.send_frame(1, at, packet)
                if at == 10:
                    assert await gateway.switch_toy("robo-rex") == 1
                    await toy.expect(m.SwitchToy)
                    await toy.expect(m.PiConfigUpdate)
            await toy.send_frame(1, len(PACKETS) - 1, PACKETS[-1], final=True)
            frames = toy.frames()
            heard = [await anext(frames)]
            await toy.send(m.GetToyConfig("robo-rex"))
            while len(heard) < len(PACKETS):
                message = await toy.receive()
                if isinstance(message, m.DownAudio):
                    heard.append(message)
                else:
                    assert isinstance(message, (m.ToyConfig, m.PiConfigUpdate))
            assert heard[-1].final

    run(test())


def test_a_clock_that_says_1970_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = count()
    monkeypatch.setattr(time, "time", lambda: 7.0 - next(ticks) * 3600)

    async def test() -> None:
        async with desk() as gateway, toy_at(gateway) as toy:
            for turn in (1, 2):
                await toy.say(turn, PACKETS)
                assert len(await toy.answer()) == len(PACKETS)
            await toy.send(m.Ping("1970-01-01T00:00:07Z"))
            assert (await toy.expect(m.Pong)).timestamp == "1970-01-01T00:00:07Z"

    run(test())


# -- a thousand of them --------------------------------------------------------------------

TEXTS = (
    encode_message(m.Ping("now")),
    encode_message(m.Abort(1, "barge-in")),
    encode_message(m.Abort(MAX_NUMBER, "late")),
    encode_message(m.GetToyConfig("robo-rex")),
    encode_message(m.GetToyConfig("nobody")),
    encode_message(m.Handshake("somebody-else", "pommai-bear")),
    encode_message(m.SyncBatch("b", safety_events=({"id": "1", "reason": "r"},))),
    encode_message(m.GuardianAlert("high", "r", "now", id="1")),
    encode_message(m.PiConfigReport({}, ())),
    json.dumps({"type": "from_the_future"}),
    "{",
)


@st.composite
def mutated(draw: st.DrawFn, good: bytes) -> bytes:
    """A message with some of its bytes changed, taken out or put in."""
    data = bytearray(good)
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        data[at : at + draw(st.integers(0, 2))] = draw(st.binary(max_size=2))
    return bytes(data)


SOUNDS = st.builds(
    lambda turn, sequence, packet, final: encode_binary(m.UpAudio(turn, sequence, packet or b"x", final)),
    st.integers(0, 4) | st.just(MAX_NUMBER),
    st.integers(0, 6) | st.just(MAX_NUMBER),
    st.sampled_from(PACKETS[:4]) | st.binary(max_size=30),
    st.booleans(),
)
MESSAGES = (
    st.sampled_from(TEXTS).flatmap(lambda text: mutated(text.encode())).map(lambda data: RawToy.frame(1, data))
    | SOUNDS.map(RawToy.binary)
    | SOUNDS.flatmap(mutated).map(RawToy.binary)
    | st.builds(RawToy.frame, st.integers(0, 15), st.binary(max_size=20), fin=st.booleans())
    | st.builds(RawToy.frame, st.sampled_from((1, 2)), st.binary(max_size=20), claims=st.integers(0, 300))
)
SESSION = st.tuples(st.lists(MESSAGES, max_size=8), st.booleans())


async def misbehave(gateway: Gateway, device: str, messages: list[bytes], goes_at_once: bool) -> None:
    toy = await RawToy.connect(gateway, device)
    toy.writer.write(b"".join(messages))
    if not goes_at_once:
        toy.writer.write_eof()
        await closed(toy)
    await toy.close()


@given(st.lists(SESSION, min_size=25, max_size=25))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_after_a_thousand_bad_sessions_a_good_toy_is_answered_and_nothing_stays_behind(
    sessions: list[tuple[list[bytes], bool]],
) -> None:
    async def test() -> None:
        async with desk() as gateway, toy_at(gateway, "good") as good:
            tasks = asyncio.all_tasks()
            async with asyncio.TaskGroup() as group:
                for number, (messages, goes_at_once) in enumerate(sessions):
                    group.create_task(misbehave(gateway, f"bad-{number}", messages, goes_at_once))
            while len(gateway.sessions) > 1 or gateway._admission.inside > 1 or asyncio.all_tasks() - tasks:
                await asyncio.sleep(0)
            assert [session.device_id for session in gateway.sessions] == ["good"]
            await good.say(1, PACKETS[:10])
            assert len(await good.answer()) == 10
            assert gateway._entered.porch.waiting == 0

    logging.disable(logging.CRITICAL)
    try:
        run(test())
    finally:
        logging.disable(logging.NOTSET)
