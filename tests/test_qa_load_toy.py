"""One of many toys, at a real gateway and at rude ones."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest
from gateway_material import run
from load_material import QUICK, SPEECH, desk, rude_server, target_of, until
from websockets.asyncio.server import ServerConnection

from pommai.protocol import messages as m
from pommai.protocol.wire import decode, encode_binary, encode_message
from pommai.qa import load_toy
from pommai.qa.load_figures import Figures
from pommai.qa.load_target import Target
from pommai.qa.load_toy import Habits, LoadToy


async def live(target: Target, habits: Habits = QUICK, watch: Callable[[LoadToy], object] | None = None) -> Figures:
    """A toy's whole life."""
    figures = Figures()
    toy = LoadToy(1, target, SPEECH, habits, figures, Random(1))
    go = asyncio.Event()
    go.set()
    life = asyncio.create_task(toy.live(go))
    if watch is not None:
        watch(toy)
    await life
    if toy.oddities:
        figures.failures["odd"] += toy.oddities
    return figures


def test_a_toy_says_its_turns_and_hears_each_answered() -> None:
    async def test() -> None:
        async with desk() as gateway:
            figures = await live(target_of(gateway))
        assert (figures.turns, figures.answered, figures.mistakes) == (2, 2, 0)
        assert figures.frames_sent == 2 * len(SPEECH[0])
        assert figures.frames_received >= 2 * len(SPEECH[0])
        assert len(figures.gaps) == 2
        assert len(figures.connects) == 1
        assert figures.pushes == 1, "the gateway tells each toy its settings, and hears what became of them"
        assert min(figures.latencies) > 0.0

    run(test())


def test_a_toy_that_always_interrupts_sends_aborts_and_goes_on() -> None:
    async def test() -> None:
        async with desk() as gateway:
            figures = await live(target_of(gateway), replace(QUICK, barge_in=1.0))
        assert (figures.turns, figures.barge_ins, figures.mistakes) == (2, 2, 0)
        assert figures.gaps == [], "an answer that was not heard out says nothing about breaks"

    run(test())


def test_toys_that_talk_for_a_time_stop_when_it_is_over() -> None:
    async def test() -> None:
        async with desk() as gateway:
            figures = await live(target_of(gateway), Habits(seconds=0.5, barge_in=0.0, thinking=(0.0, 0.01)))
        assert figures.answered == figures.turns >= 1, "the turn under way is heard to its end"

    run(test())


def test_an_error_of_the_gateway_is_counted_by_its_code() -> None:
    async def test() -> None:
        async with desk() as gateway:
            figures = await live(target_of(gateway, toy_id="nobody"))
        assert figures.errors["TOY_NOT_FOUND"] >= 2
        assert figures.answered == 0

    run(test())


def test_a_connection_that_breaks_in_a_turn_loses_the_turn_and_comes_back() -> None:
    async def test() -> None:
        seen = 0

        async def cut_the_first(connection: ServerConnection) -> None:
            nonlocal seen
            seen += 1
            number = seen
            async for data in connection:
                message = decode(data)
                if not isinstance(message, m.UpAudio):
                    continue
                if number == 1:
                    return
                if message.final:
                    await connection.send(encode_binary(m.DownAudio(message.turn, 0, b"\xb8", final=True)))

        async with rude_server(cut_the_first) as target:
            figures = await live(target)
        assert figures.reconnects == 1
        assert figures.failures["a turn was lost with its connection"] == 1
        assert sum(count for words, count in figures.failures.items() if words.startswith("connection lost:")) == 1
        assert figures.answered == 1

    run(test())


def test_silence_instead_of_an_answer_is_noted_and_aborted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_toy, "ANSWER_SECONDS", 0.1)

    async def test() -> None:
        aborts = []

        async def never_answer(connection: ServerConnection) -> None:
            async for data in connection:
                if isinstance(message := decode(data), m.Abort):
                    aborts.append(message.reason)

        async with rude_server(never_answer) as target:
            figures = await live(target)
        assert figures.failures == {"no answer within 0.1 s": 2}
        assert figures.answered == 0
        assert figures.latencies == [0.1, 0.1], "who waits in vain has waited, too"
        assert aborts[:1] == ["answer limit"]

    run(test())


def test_an_answer_without_an_end_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_toy, "ANSWER_SECONDS", 0.1)

    async def test() -> None:
        async def begin_only(connection: ServerConnection) -> None:
            async for data in connection:
                message = decode(data)
                if isinstance(message, m.UpAudio) and message.final:
                    await connection.send(encode_binary(m.DownAudio(message.turn, 0, b"\xb8")))

        async with rude_server(begin_only) as target:
            figures = await live(target)
        assert figures.failures == {"an answer broke off within 0.1 s": 2}

    run(test())


def test_a_toy_that_is_sent_to_rest_talks_no_more_turns() -> None:
    async def test() -> None:
        async def send_to_rest(connection: ServerConnection) -> None:
            async for data in connection:
                message = decode(data)
                if isinstance(message, m.UpAudio) and message.final:
                    await connection.send(encode_message(m.SafetyOverride("pause_interaction", 300.0, "rest")))

        async with rude_server(send_to_rest) as target:
            figures = await live(target)
        assert (figures.turns, figures.rests, figures.mistakes) == (1, 1, 0)

    run(test())


def test_garbage_is_counted_and_harms_nobody() -> None:
    async def test() -> None:
        async def babble(connection: ServerConnection) -> None:
            async for data in connection:
                message = decode(data)
                if isinstance(message, m.UpAudio) and message.final:
                    await connection.send("[[[")
                    await connection.send(b"\x07")
                    await connection.send(encode_binary(m.DownAudio(message.turn, 0, b"\xb8", final=True)))

        async with rude_server(babble) as target:
            figures = await live(target)
        assert figures.failures["odd"] == 4
        assert figures.answered == 2

    run(test())


def test_a_toy_becomes_whom_the_gateway_asks_for() -> None:
    async def test() -> None:
        async with desk() as gateway:

            async def switch() -> None:
                await until(lambda: bool(gateway.sessions))
                await gateway.switch_toy("robo-rex")
                await until(lambda: not gateway.sessions or gateway.sessions[0].toy_id == "robo-rex")

            switching = asyncio.create_task(switch())
            figures = await live(target_of(gateway))
            await switching
        assert figures.mistakes == 0
        assert figures.pushes >= 2

    run(test())


def test_frames_that_come_after_an_interruption_are_counted_apart() -> None:
    async def test() -> None:
        async def talk_on(connection: ServerConnection) -> None:
            async for data in connection:
                match decode(data):
                    case m.UpAudio(turn, _, _, True):
                        await connection.send(encode_binary(m.DownAudio(turn, 0, b"\xb8")))
                    case m.Abort(turn):
                        await connection.send(encode_binary(m.DownAudio(turn, 1, b"\xb8")))

        async with rude_server(talk_on) as target:
            figures = await live(target, replace(QUICK, barge_in=1.0))
        assert figures.barge_ins == 2
        assert figures.stale >= 1, "the first turn's, heard during the second"

    run(test())


def test_a_toy_that_has_said_all_closes_its_connection() -> None:
    async def test() -> None:
        async with desk() as gateway:
            await live(target_of(gateway))
            await until(lambda: not gateway.sessions)

    run(test())
