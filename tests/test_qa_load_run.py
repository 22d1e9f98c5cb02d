"""A crowd at a real gateway, and at gateways that fail it."""

from __future__ import annotations

import asyncio
import os
import socket
from dataclasses import replace

import pytest
from gateway_material import run
from load_material import QUICK, SPEECH, TOKEN, TOY, desk, rude_server, target_of
from websockets.asyncio.server import ServerConnection

from pommai.errors import LinkError
from pommai.protocol import messages as m
from pommai.protocol.wire import decode, encode_binary
from pommai.qa import load_run, load_toy
from pommai.qa.load_process import WatchedProcess
from pommai.qa.load_run import Now, run_load
from pommai.qa.load_target import Target
from pommai.qa.load_toy import Habits


def test_crowds_come_one_after_the_other_and_every_turn_is_answered() -> None:
    async def test() -> None:
        shown: list[Now] = []
        async with desk() as gateway:
            watched = WatchedProcess(os.getpid())
            load = await run_load(target_of(gateway), (2, 5), SPEECH, QUICK, watched=watched, progress=shown.append)
            assert gateway.sessions == ()
        assert load.well
        assert not load.interrupted
        assert [step.toys for step in load.steps] == [2, 5]
        assert [step.most_up for step in load.steps] == [2, 5]
        assert [step.figures.answered for step in load.steps] == [4, 10]
        assert [len(step.figures.connects) for step in load.steps] == [2, 5]
        assert load.first_s > 0
        assert all(step.gateway is not None and step.gateway.cpu > 0 for step in load.steps)
        assert all(step.figures.lags for step in load.steps)
        assert all(step.others is not None and step.others >= 0.0 for step in load.steps)
        shares = [now.share for now in shown]
        assert shares == sorted(shares)
        assert shown[-1].up <= 5

    run(test())


def test_what_toys_say_and_when_depends_on_the_seed_alone() -> None:
    async def sent(seed: int) -> int:
        speech = tuple(packets[:length] for packets in SPEECH for length in range(3, 20))
        async with desk() as gateway:
            load = await run_load(target_of(gateway), (3,), speech, QUICK, seed=seed)
        return load.steps[0].figures.frames_sent

    async def test() -> None:
        first, same, other = [await sent(seed) for seed in (1, 1, 2)]
        assert first == same != other

    run(test())


def test_a_gateway_that_is_not_there_is_told_at_once() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        target = Target(f"ws://127.0.0.1:{taken.getsockname()[1]}/", TOKEN, TOY)
        with pytest.raises(LinkError, match=r"no toy gets in at ws://127\.0\.0\.1:\d+/: the server cannot be reached"):
            run(run_load(target, (3,), SPEECH, QUICK))


def test_a_gateway_that_refuses_the_token_is_asked_once() -> None:
    async def test() -> None:
        async with desk() as gateway:
            with pytest.raises(LinkError, match="the server refuses the toy's token"):
                await run_load(target_of(gateway, token="wrong"), (3,), SPEECH, QUICK)

    run(test())


def test_a_server_that_is_no_gateway_is_told() -> None:
    async def test() -> None:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
            writer.close()

        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            target = Target(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/", TOKEN, TOY)
            with pytest.raises(LinkError, match="the server answers HTTP 200 instead of opening a WebSocket"):
                await run_load(target, (3,), SPEECH, QUICK)

    run(test())


def test_a_gateway_that_answers_nothing_is_told_before_the_crowd_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_toy, "ANSWER_SECONDS", 0.1)

    async def test() -> None:
        connections = 0

        async def never_answer(connection: ServerConnection) -> None:
            nonlocal connections
            connections += 1
            await connection.wait_closed()

        async with rude_server(never_answer) as target:
            with pytest.raises(LinkError, match=r"lets a toy in and does not answer it: no answer within 0\.1 s"):
                await run_load(target, (3,), SPEECH, QUICK)
        assert connections == 1

    run(test())


def test_a_persona_that_the_gateway_does_not_have_is_told_before_the_crowd_comes() -> None:
    async def test() -> None:
        async with desk() as gateway:
            with pytest.raises(LinkError, match="does not answer it: error TOY_NOT_FOUND"):
                await run_load(target_of(gateway, toy_id="nobody"), (3,), SPEECH, QUICK)

    run(test())


def test_a_gateway_that_dies_in_the_middle_ends_it_with_the_figures_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_run, "GONE_SECONDS", 0.5)

    async def test() -> None:
        gateway = desk()
        await gateway.__aenter__()
        closing: list[asyncio.Task[None]] = []

        def die_once_it_talks(now: Now) -> None:
            if now.turns >= 3 and not closing:
                closing.append(asyncio.create_task(gateway.__aexit__(None, None, None)))

        load = await run_load(target_of(gateway), (3,), SPEECH, replace(QUICK, turns=100), progress=die_once_it_talks)
        await closing[0]
        (step,) = load.steps
        assert load.ended.startswith("no toy is connected any more: the server ")
        assert not load.well
        assert step.figures.answered >= 3
        assert any(words.startswith("connection lost: ") for words in step.figures.failures)

    run(test())


def test_a_gateway_of_ones_own_that_ends_is_noticed_at_once() -> None:
    class Dead:
        epitaph = ""

    async def test() -> None:
        own = Dead()

        def die(now: Now) -> None:
            own.epitaph = "the gateway was ended by SIGKILL"

        async with desk() as gateway:
            load = await run_load(target_of(gateway), (2, 3), SPEECH, QUICK, gateway=own, progress=die)
        assert load.ended == "the gateway was ended by SIGKILL"
        assert len(load.steps) == 1

    run(test())


def test_a_gateway_of_ones_own_that_ends_at_the_first_turn_says_how() -> None:
    class Dead:
        epitaph = "the gateway ended with exit code 1"

    async def test() -> None:
        async def hang_up(connection: ServerConnection) -> None:
            await connection.close()

        async with rude_server(hang_up) as target:
            with pytest.raises(LinkError, match="the gateway ended with exit code 1"):
                await run_load(target, (3,), SPEECH, QUICK, gateway=Dead())

    run(test())


def test_it_stops_when_it_is_told_to_and_keeps_the_figures_so_far() -> None:
    async def test() -> None:
        stop = asyncio.Event()

        def stop_after_a_turn(now: Now) -> None:
            if now.turns:
                stop.set()

        async with desk() as gateway:
            load = await run_load(
                target_of(gateway),
                (3, 4),
                SPEECH,
                Habits(seconds=3600.0, thinking=(0.0, 0.0)),
                stop=stop,
                progress=stop_after_a_turn,
            )
        assert load.interrupted
        assert load.well
        assert len(load.steps) == 1
        assert load.steps[0].figures.answered >= 1

    run(test())


def test_it_stops_while_it_waits_for_the_first_answer() -> None:
    async def test() -> None:
        stop = asyncio.Event()

        async def never_answer(connection: ServerConnection) -> None:
            stop.set()
            await connection.wait_closed()

        async with rude_server(never_answer, polite=False) as target:
            load = await run_load(target, (3,), SPEECH, QUICK, stop=stop)
        assert load.interrupted
        assert load.steps == []

    run(test())


def test_garbage_from_the_gateway_counts_as_a_mistake() -> None:
    async def test() -> None:
        calls = 0

        async def babble_from_the_second_on(connection: ServerConnection) -> None:
            nonlocal calls
            calls += 1
            mine = calls
            async for data in connection:
                message = decode(data)
                if isinstance(message, m.UpAudio) and message.final:
                    if mine > 1:
                        await connection.send("[[[")
                    await connection.send(encode_binary(m.DownAudio(message.turn, 0, b"\xb8", final=True)))

        async with rude_server(babble_from_the_second_on) as target:
            load = await run_load(target, (2,), SPEECH, QUICK)
        assert load.steps[0].figures.failures == {"messages that make no sense": 4}
        assert not load.well

    run(test())
