from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest
from gateway_material import PERSONAS, decode_all, desk, encode_all, run, sentence, toy_at
from websockets.exceptions import ConnectionClosedError

from pommai.errors import FleetError
from pommai.gateway import answering
from pommai.gateway.active import ActivePersonas
from pommai.gateway.answering import ENCODE_AT_ONCE, Answering, Shared, now_text
from pommai.gateway.archive import Archive
from pommai.gateway.bench import Bench
from pommai.gateway.metrics import Metrics
from pommai.gateway.personas import Persona, Personas
from pommai.gateway.responder import Become, Do, Heard, Piece, Said
from pommai.gateway.turn import IncomingTurn
from pommai.gateway.waiting import MOST_SECONDS, Waiting
from pommai.io.codec import QUICK, WHOLE, OpusCodec
from pommai.protocol import messages as m
from pommai.protocol.audio import FRAME_BYTES

SPOKEN = sentence(1.0)
PACKETS = encode_all(SPOKEN)


class Reader:
    """Reads pieces out, and then does something."""

    def __init__(self, *pieces: Piece, then: Callable[[], None] = lambda: None) -> None:
        self._pieces, self._then = pieces, then

    async def answer(self, heard: Heard, persona: Persona) -> AsyncGenerator[Piece, None]:
        for piece in self._pieces:
            yield piece
        self._then()

    def refuse(self, personas: Personas) -> None: ...


class PaperToy:
    """A toy on paper, that notes what it gets, until its connection is cut."""

    def __init__(self) -> None:
        self.device_id, self.toy_id = "desk-1", "pommai-bear"
        self.got: list[object] = []
        self.is_cut = False

    def fact(self, **fields: object) -> dict[str, object]:
        return fields

    async def send(self, message: m.Message) -> None:
        if self.is_cut:
            raise ConnectionClosedError(None, None)
        self.got.append(message)

    async def send_sound(self, audio: m.DownAudio) -> None:
        if self.is_cut:
            raise ConnectionClosedError(None, None)
        self.got.append(audio)


def heard(turn: int = 1) -> IncomingTurn:
    incoming = IncomingTurn(turn)
    for sequence, packet in enumerate(PACKETS):
        incoming.add(sequence, packet)
    return incoming


async def answered(toy: PaperToy, responder: Any, *, ends: int = 1, bench: Bench | None = None) -> Metrics:
    """Have a turn answered to its end; what was counted."""
    ended: list[None] = []
    metrics = Metrics()
    with bench or Bench() as bench:
        async with await Archive.open() as archive:
            shared = Shared(
                ActivePersonas(PERSONAS), responder, OpusCodec(WHOLE), OpusCodec(QUICK), archive, metrics, bench
            )
            answers = Answering(toy, shared, lambda: ended.append(None))
            answers.begin(heard())
            while answers.is_running or len(ended) < ends:
                await asyncio.sleep(0)
    assert len(ended) == ends
    return metrics


@pytest.mark.parametrize("extra", [0, 2, FRAME_BYTES - 2, FRAME_BYTES, ENCODE_AT_ONCE * FRAME_BYTES])
def test_pieces_of_any_length_become_whole_frames_and_the_last_one_is_marked(extra: int) -> None:
    async def test() -> None:
        toy = PaperToy()
        pcm = SPOKEN[: 5 * FRAME_BYTES + extra]
        await answered(toy, Reader(pcm[:100], Said("words"), pcm[100:]))
        frames = [message for message in toy.got if isinstance(message, m.DownAudio)]
        assert toy.got[0] == m.TextResponse(1, "words", None)
        assert len(frames) == -(-len(pcm) // FRAME_BYTES)
        assert [frame.final for frame in frames] == [False] * (len(frames) - 1) + [True]
        assert len(decode_all(frames)) * 2 == len(frames) * FRAME_BYTES

    run(test())


class Behind(Bench):
    """Always has more to do than it can."""

    is_behind = True


def test_an_answer_that_begins_while_others_wait_is_encoded_quickly_and_sounds_the_same() -> None:
    async def sizes(bench: Bench) -> tuple[int, bytes]:
        toy = PaperToy()
        await answered(toy, Reader(SPOKEN), bench=bench)
        frames = [message for message in toy.got if isinstance(message, m.DownAudio)]
        return sum(len(frame.packet) for frame in frames), decode_all(frames).tobytes()

    async def test() -> None:
        (size, whole), (quick_size, quick) = await sizes(Bench()), await sizes(Behind())
        assert quick_size > 1.5 * size, "bits instead of work"
        assert len(quick) == len(whole)

    run(test())


def test_a_toy_that_is_cut_in_the_middle_ends_its_answer_without_a_fault(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        toy = PaperToy()

        def cut() -> None:
            toy.is_cut = True

        metrics = await answered(toy, Reader(SPOKEN[: 3 * FRAME_BYTES], then=cut))
        assert (metrics.turns_aborted, metrics.turns_answered) == (1, 0)

    run(test())
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_sound_is_encoded_beside_the_event_loop() -> None:
    threads: set[int] = set()

    class Watched(OpusCodec):
        def encoder(self) -> Any:
            inner = super().encoder()

            class Encoder:
                def encode(self, pcm: bytes) -> bytes:
                    threads.add(threading.get_ident())
                    return inner.encode(pcm)

            return Encoder()

    async def test() -> None:
        async with desk(codec=Watched()) as gateway, toy_at(gateway) as toy:
            await toy.say(1, PACKETS)
            await toy.answer()

    run(test())
    assert threads
    assert threading.get_ident() not in threads


def test_many_toys_that_end_a_turn_at_once_are_all_answered_whole() -> None:
    async def test() -> None:
        async with desk() as gateway:

            async def talk(device: str) -> None:
                async with toy_at(gateway, device) as toy:
                    await toy.say(1, PACKETS)
                    assert [frame.sequence for frame in await toy.answer()] == list(range(len(PACKETS)))

            async with asyncio.TaskGroup() as group:
                for number in range(30):
                    group.create_task(talk(f"toy-{number}"))

    run(test())


class Mute:
    """Never finds its words, and notes when it need not look for them any more."""

    def __init__(self) -> None:
        self.asked = self.stopped = 0

    async def answer(self, heard: Heard, persona: Persona) -> AsyncGenerator[Piece, None]:
        self.asked += 1
        try:
            await asyncio.Event().wait()
        finally:
            self.stopped += 1
        yield b""

    def refuse(self, personas: Personas) -> None: ...


def test_an_answer_that_would_come_too_late_is_given_up_and_the_toy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "ANSWER_SECONDS", 0.5)  # enough to begin, however busy the machine is

    async def test() -> None:
        toy, responder = PaperToy(), Mute()
        metrics = await answered(toy, responder)
        (error,) = toy.got
        assert isinstance(error, m.ErrorMessage)
        assert (error.code, error.details["turn"]) == ("RATE_LIMITED", 1)
        assert responder.stopped == 1
        assert metrics.turns_failed == {"RATE_LIMITED": 1}

    run(test())


def test_an_answer_that_has_begun_may_take_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "ANSWER_SECONDS", 1.0)

    async def test() -> None:
        toy = PaperToy()
        metrics = await answered(toy, Reader(3 * SPOKEN))
        assert metrics.turns_answered == 1

    run(test())


def test_who_would_wait_too_long_is_told_at_once_and_nothing_is_done_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Waiting, "expected", lambda self, now: MOST_SECONDS + 1)

    async def test() -> None:
        toy, responder = PaperToy(), Mute()
        await answered(toy, responder)
        (error,) = toy.got
        assert isinstance(error, m.ErrorMessage)
        assert (error.code, error.details) == ("RATE_LIMITED", {"retry_after": MOST_SECONDS + 1, "turn": 1})
        assert not responder.asked

    run(test())


def test_the_time_for_the_wire_is_utc() -> None:
    assert now_text().endswith("+00:00")


class Changing:
    """Has the toy become Robo Rex and be softer, speaks, and remembers who was to answer."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, set[str]]] = []

    async def answer(self, heard: Heard, persona: Persona) -> AsyncGenerator[Piece, None]:
        self.asked.append((persona.toy_id, set(heard.personas)))
        yield Said("Here he comes.")
        if persona.toy_id != "robo-rex":
            yield Become("robo-rex")
        yield Do("volume", {"percent": 30})
        yield SPOKEN
        await asyncio.Event().wait()

    def refuse(self, personas: Personas) -> None: ...


def test_who_is_asked_for_comes_before_a_sample_is_sent_and_answers_the_next_turn_whatever_the_child_does() -> None:
    async def test() -> None:
        responder = Changing()
        async with desk(responder=responder) as gateway, toy_at(gateway) as toy:
            await toy.say(1, PACKETS)
            assert (await toy.expect(m.TextResponse)).text == "Here he comes."
            assert (await toy.expect(m.SwitchToy)).toy_id == "robo-rex"
            await toy.expect(m.PiConfigUpdate)
            assert await toy.expect(m.Command) == m.Command("volume", {"percent": 30})
            await toy.expect(m.DownAudio)
            await toy.say(2, PACKETS)  # the child interrupts, and the toy has not changed yet
            while not isinstance(await toy.receive(), m.TextResponse):
                pass
            assert responder.asked == [("pommai-bear", set(PERSONAS)), ("robo-rex", set(PERSONAS))]
            active = gateway.active.get_active_persona("desk-1")
            assert active is not None
            assert active.toy_id == "robo-rex"

    run(test())


def test_a_child_gets_whom_it_asks_for_while_the_other_gateways_cannot_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nobody_hears(toy_id: str, device_id: str | None = None) -> int:
        raise FleetError("Redis is away")

    async def test() -> None:
        async with desk(responder=Changing()) as gateway, toy_at(gateway) as toy:
            monkeypatch.setattr(gateway.active, "set", nobody_hears)
            await toy.say(1, PACKETS)
            await toy.expect(m.TextResponse)
            assert (await toy.expect(m.SwitchToy)).toy_id == "robo-rex"
            await toy.send(m.GetToyConfig("robo-rex"))
            while not isinstance(message := await toy.receive(), m.ToyConfig):
                pass
            assert message.config.toy_id == "robo-rex"

    run(test())
