from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncGenerator
from typing import Annotated

import pytest
from gateway_material import (
    FOURTH_DOWN,
    PERSONAS,
    THIRD,
    decode_all,
    desk,
    encode_all,
    pitch_ratio,
    run,
    samples_of,
    sentence,
    toy_at,
)
from msgspec import Struct
from websockets.exceptions import ConnectionClosed

from pommai.errors import SettingsError
from pommai.gateway.answering import LEAD, MOST_SHOWN
from pommai.gateway.archive import Archive
from pommai.gateway.keeping import LATER
from pommai.gateway.personas import Persona
from pommai.gateway.responder import Heard
from pommai.gateway.session import MOST_NOTED
from pommai.protocol import messages as m
from pommai.protocol.limits import MESSAGES_PER_MINUTE
from pommai.protocol.schema import Shape, Wire
from pommai.protocol.wire import decode, encode_message

SPOKEN = sentence(1.2)
PACKETS = encode_all(SPOKEN)


class Lecturer:
    """A responder that never ends, and tells whether it was ended."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()

    async def answer(self, heard: Heard, persona: Persona) -> AsyncGenerator[bytes, None]:
        try:
            while True:
                yield SPOKEN
        finally:
            self.ended.set()


class Broken:
    """A responder that raises after a piece of its answer, if it has one."""

    def __init__(self, error: Exception, piece: bytes = b"") -> None:
        self._error, self._piece = error, piece

    async def answer(self, heard: Heard, persona: Persona) -> AsyncGenerator[bytes, None]:
        if self._piece:
            yield self._piece
        raise self._error


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "hex"])
def test_a_sentence_comes_back_a_third_higher_and_as_long(binary: bool) -> None:
    async def test() -> None:
        async with desk() as gateway, toy_at(gateway, binary=binary) as toy:
            await toy.say(1, PACKETS)
            answer = await toy.answer()
        assert [frame.sequence for frame in answer] == list(range(len(answer)))
        assert {frame.turn for frame in answer} == {1}
        assert len(answer) == pytest.approx(len(PACKETS), rel=0.02)
        assert pitch_ratio(samples_of(SPOKEN), decode_all(answer)) == pytest.approx(THIRD, rel=0.02)

    run(test())


def test_frames_out_of_order_twice_and_lost_give_the_same_long_answer() -> None:
    async def test() -> None:
        order = [3, 0, 1, 1, 2, 4, 3, 9, 5, *range(10, len(PACKETS) - 1)]  # 6, 7 and 8 are lost
        async with desk() as gateway, toy_at(gateway) as toy:
            for sequence in order:
                await toy.send_frame(1, sequence, PACKETS[sequence])
            await toy.send_frame(1, len(PACKETS), b"", final=True)
            answer = await toy.answer()
        assert len(answer) == len(PACKETS) - 1
        assert pitch_ratio(samples_of(SPOKEN), decode_all(answer)) == pytest.approx(THIRD, rel=0.02)

    run(test())


def test_an_abort_in_the_middle_of_an_answer_is_followed_by_no_frame_of_it() -> None:
    async def test() -> None:
        lecturer = Lecturer()
        async with desk(responder=lecturer) as gateway, toy_at(gateway) as toy:
            await toy.say(1, PACKETS[:5])
            frames = toy.frames()
            for _ in range(15):
                await anext(frames)
            await toy.send(m.Abort(1, "barge-in"))
            await toy.send(m.Ping("now"))
            while not isinstance(message := await toy.receive(), m.Pong):
                assert isinstance(message, m.DownAudio), "sent before the abort was read"
            await lecturer.ended.wait()
            await toy.send(m.Ping("later"))
            assert await toy.expect(m.Pong)

    run(test())


def test_what_comes_late_for_an_aborted_turn_is_not_answered() -> None:
    async def test() -> None:
        async with desk() as gateway, toy_at(gateway) as toy:
            await toy.send_frame(1, 0, PACKETS[0])
            await toy.send(m.Abort(1, "safe mode"))
            await toy.send_frame(1, 1, PACKETS[1], final=True)
            await toy.say(2, PACKETS)
            assert {frame.turn for frame in await toy.answer()} == {2}

    run(test())


def test_a_new_turn_ends_the_answer_to_the_older_one() -> None:
    async def test() -> None:
        lecturer = Lecturer()
        async with desk(responder=lecturer) as gateway, toy_at(gateway) as toy:
            await toy.say(1, PACKETS[:5])
            await anext(toy.frames())
            await toy.send_frame(2, 0, PACKETS[0])
            await lecturer.ended.wait()

    run(test())


def test_a_turn_older_than_the_newest_is_ignored() -> None:
    async def test() -> None:
        async with desk() as gateway, toy_at(gateway) as toy:
            await toy.send_frame(5, 0, PACKETS[0])
            await toy.say(4, PACKETS)
            await toy.send(m.Abort(4, "late"))
            for sequence in range(1, len(PACKETS)):
                await toy.send_frame(5, sequence, PACKETS[sequence], final=sequence == len(PACKETS) - 1)
            answer = await toy.answer()
            assert {frame.turn for frame in answer} == {5}
            assert len(answer) == len(PACKETS)

    run(test())


def test_a_long_answer_is_not_sent_faster_than_it_can_be_stopped() -> None:
    async def test() -> None:
        loop = asyncio.get_running_loop()
        async with desk(responder=Lecturer()) as gateway, toy_at(gateway) as toy:
            await toy.say(1, PACKETS[:5])
            frames, count, began = toy.frames(), 0, loop.time()
            while loop.time() - began < 0.4:
                await anext(frames)
                count += 1
            # Never more than the lead and twice real time; how much less depends on the machine.
            assert LEAD <= count <= LEAD + 2 * (loop.time() - began) / 0.02 + 1

    run(test())


@pytest.mark.parametrize(
    "packets", [[b""], encode_all(bytes(20 * 640)), [PACKETS[0], b"\xff" * 20]], ids=["empty", "silent", "no-opus"]
)
def test_a_turn_with_nothing_to_answer_is_told_so_with_its_number(packets: list[bytes]) -> None:
    async def test() -> None:
        async with desk() as gateway, toy_at(gateway) as toy:
            await toy.say(7, packets)
            error = await toy.expect(m.ErrorMessage)
            assert error.code == "AUDIO_ERROR"
            assert error.details == {"turn": 7}
            await toy.say(8, PACKETS)
            assert len(await toy.answer()) == len(PACKETS)

    run(test())


def test_an_expected_failure_of_the_responder_is_told_in_its_words() -> None:
    async def test() -> None:
        responder = Broken(SettingsError("the voice 'honey' is not installed"))
        async with desk(responder=responder) as gateway, toy_at(gateway) as toy:
            await toy.say(1, PACKETS)
            error = await toy.expect(m.ErrorMessage)
            assert (error.code, error.message) == ("AUDIO_ERROR", "the voice 'honey' is not installed")

    run(test())


def test_a_fault_of_the_responder_ends_the_turn_and_not_the_session(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        responder = Broken(ZeroDivisionError("secret"), SPOKEN[:6400])
        async with desk(responder=responder) as gateway, toy_at(gateway) as toy:
            for turn in (1, 2):
                await toy.say(turn, PACKETS)
                while isinstance(message := await toy.receive(), m.DownAudio):
                    assert not message.final
                assert isinstance(message, m.ErrorMessage)
                assert message.details == {"turn": turn}
                assert "secret" not in message.message

    with caplog.at_level(logging.ERROR):
        run(test())
    assert "ZeroDivisionError" in caplog.text


def test_a_ping_is_answered_with_its_own_timestamp_and_the_servers_time() -> None:
    async def test() -> None:
        async with desk() as gateway, toy_at(gateway) as toy:
            await toy.send(m.Ping("1970-01-01T00:00:07Z"))
            pong = await toy.expect(m.Pong)
            assert pong.timestamp == "1970-01-01T00:00:07Z"
            assert pong.server_time is not None
            assert pong.server_time.endswith("+00:00")

    run(test())


def test_a_toy_is_told_who_it_is_and_answers_like_that_from_then_on() -> None:
    async def test() -> None:
        async with desk() as gateway, toy_at(gateway) as toy:
            await toy.send(m.GetToyConfig("robo-rex"))
            assert (await toy.expect(m.ToyConfig)).config.name == "Robo Rex"
            await toy.expect(m.PiConfigUpdate)
            await toy.say(1, PACKETS)
            ratio = pitch_ratio(samples_of(SPOKEN), decode_all(await toy.answer()))
            assert ratio == pytest.approx(FOURTH_DOWN, rel=0.02)

    run(test())


def test_a_toy_nobody_knows_is_told_which_there_are() -> None:
    async def test() -> None:
        async with desk() as gateway, toy_at(gateway, toy="pomai-bear") as toy:
            await toy.send(m.GetToyConfig("pomai-bear"))
            error = await toy.expect(m.ErrorMessage)
            assert error.code == "TOY_NOT_FOUND"
            assert "did you mean 'pommai-bear'?" in error.message
            await toy.say(1, PACKETS)
            error = await toy.expect(m.ErrorMessage)
            assert (error.code, error.details) == ("TOY_NOT_FOUND", {"turn": 1})

    run(test())


def test_garbage_is_answered_with_what_is_wrong_and_the_toy_goes_on() -> None:
    garbage: list[str | bytes] = ["{", "[]", '{"type": 3}', '{"type": "abort"}', b"", b"\x09" * 20, "\x00"]

    async def test() -> None:
        async with desk() as gateway, toy_at(gateway) as toy:
            for data in garbage:
                await toy.connection.send(data)
                assert (await toy.expect(m.ErrorMessage)).code in ("BAD_MESSAGE", "AUDIO_ERROR")
            await toy.connection.send('{"type": "from_the_future", "x": 1}')
            await toy.send(m.Handshake("desk-1", "pommai-bear"))
            assert "comes once" in (await toy.expect(m.ErrorMessage)).message
            await toy.say(1, PACKETS)
            assert len(await toy.answer()) == len(PACKETS)

    run(test())


def test_messages_of_no_use_here_are_noted_once_and_ignored(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        async with desk() as gateway, toy_at(gateway) as toy:
            for _ in range(3):
                await toy.connection.send('{"type": "from_the_future"}')
                await toy.send(m.Pong("now"))
            await toy.send(m.Ping("now"))
            await toy.expect(m.Pong)

    with caplog.at_level(logging.INFO):
        run(test())
    ignored = [vars(record)["type"] for record in caplog.records if record.getMessage() == "message ignored"]
    assert ignored == ["from_the_future", "Pong"]


def test_too_many_messages_are_refused_once_with_when_to_come_back_then_cut_but_sound_is_free() -> None:
    async def test() -> None:
        async with desk() as gateway, toy_at(gateway) as toy:
            ping = encode_message(m.Ping("now"))
            for _ in range(MESSAGES_PER_MINUTE):
                await toy.connection.send(ping)
            for _ in range(MESSAGES_PER_MINUTE):
                await toy.expect(m.Pong)
            await toy.connection.send(ping)
            error = await toy.expect(m.ErrorMessage)
            assert error.code == "RATE_LIMITED"
            wait = error.details["retry_after"]
            assert isinstance(wait, float)
            assert 0 < wait <= 60
            await toy.say(1, PACKETS)
            assert len(await toy.answer()) == len(PACKETS)
            with contextlib.suppress(ConnectionClosed):
                for _ in range(1_000):
                    await toy.connection.send(ping)
            with pytest.raises(ConnectionClosed) as caught:
                await toy.receive()
            assert caught.value.rcvd is not None
            assert caught.value.rcvd.code == 1008

    run(test())


# -- what toys send to be kept ---------------------------------------------------------------


TALK = m.Conversation("c1", "pommai-bear", "hello", "Hello!", "1970-01-01T00:00:07Z", was_offline=True)
BATCH = m.SyncBatch(
    "b1",
    conversations=({"id": "c1", "toy_id": "pommai-bear", "user_input": "hello", "toy_response": "Hello!"},),
    safety_events=({"id": "s1", "reason": "asked for help"}, {"id": "s2"}),
    metrics=({"id": "m1", "name": "wake.hits", "value": 3},),
    logs=({"id": "l1", "event": "woke"},),
)
ACK = m.SyncAck("b1", ("s1", "c1", "m1", "l1"), (m.Rejected("s2", "needs 'reason'"),))


def test_a_batch_is_acknowledged_as_often_as_it_comes_and_kept_once() -> None:
    async def test() -> None:
        async with desk() as gateway:
            for _ in range(2):
                async with toy_at(gateway) as toy:
                    for _ in range(2):
                        await toy.send(BATCH)
                        assert await toy.expect(m.SyncAck) == ACK
            assert sum(count.number for count in await gateway.archive.counts()) == 4

    run(test())


def test_an_alert_a_conversation_and_the_sync_of_both_are_kept_once_each() -> None:
    async def test() -> None:
        async with desk() as gateway, toy_at(gateway) as toy:
            await toy.send(m.GuardianAlert("high", "asked for help", "now", id="s1"))
            await toy.send(m.SaveConversation(TALK))
            await toy.send(BATCH)
            assert await toy.expect(m.SyncAck) == ACK
            assert [alert.severity for alert in await gateway.archive.alerts()] == ["high"]
            (kept,) = await gateway.archive.items("conversations")
            assert kept.item["was_offline"] is True

    run(test())


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (m.SyncBatch("b1", logs=tuple({"id": str(number)} for number in range(501))), "a batch of 501 items; at most"),
        (m.SaveConversation(m.Conversation("", "robo-rex", "", "", "now", was_offline=True)), "id must be 1 to 128"),
        (m.GuardianAlert("high", "", "now"), "reason must be text"),
    ],
    ids=["too many", "no id", "no reason"],
)
def test_what_cannot_be_kept_is_refused_in_words_that_fail_no_turn(message: m.Message, words: str) -> None:
    async def test() -> None:
        async with desk() as gateway, toy_at(gateway) as toy:
            await toy.send(message)
            error = await toy.expect(m.ErrorMessage)
            assert error.code == "BAD_MESSAGE"
            assert words in error.message
            await toy.send(BATCH)
            assert await toy.expect(m.SyncAck) == ACK

    run(test())


def test_items_that_are_too_large_are_rejected_and_an_answer_that_would_be_is_an_error() -> None:
    async def test() -> None:
        async with desk() as gateway, toy_at(gateway) as toy:
            await toy.send(m.SyncBatch("b1", logs=({"id": "l1", "words": "x" * 40_000}, {"id": "l2"})))
            ack = await toy.expect(m.SyncAck)
            assert ack.accepted == ("l2",)
            assert "is 40022 bytes long; at most 32768 are kept" in ack.rejected[0].reason
            await toy.send(m.SyncBatch("b2", logs=tuple({"id": f"{number}" + "x" * 2050} for number in range(500))))
            assert "sync_ack would be larger" in (await toy.expect(m.ErrorMessage)).message
            await toy.send(m.Ping("now"))
            await toy.expect(m.Pong)

    run(test())


@pytest.mark.parametrize("message", [BATCH, m.SaveConversation(TALK), m.GuardianAlert("high", "help", "now", id="s1")])
def test_a_disk_that_takes_nothing_acknowledges_nothing_and_the_conversation_goes_on(message: m.Message) -> None:
    async def test() -> None:
        archive = await Archive.open()
        await archive.close()
        async with desk(archive=archive) as gateway, toy_at(gateway) as toy:
            await toy.send(message)
            error = await toy.expect(m.ErrorMessage)
            assert (error.code, error.details) == ("RATE_LIMITED", {"retry_after": LATER})
            await toy.say(1, PACKETS)
            assert len(await toy.answer()) == len(PACKETS)

    run(test())


# -- older and newer toys --------------------------------------------------------------------


class OldProfile(Struct, frozen=True):
    """What a toy knew of itself before wake engines and sounds were a persona's."""

    toy_id: Annotated[str, Wire("toyId")]
    name: str
    voice_settings: m.VoiceSettings
    is_for_kids: bool
    safety_level: str
    wake_word: str


class OldConfig(Struct, frozen=True):
    config: OldProfile


def test_a_toy_is_told_all_that_a_persona_says_and_an_older_one_takes_what_it_knows() -> None:
    async def test() -> None:
        async with desk() as gateway, toy_at(gateway) as toy:
            await toy.send(m.GetToyConfig("robo-rex"))
            data = await toy.connection.recv()
            new = decode(data)
            assert isinstance(new, m.ToyConfig)
            assert (new.config.wake_engine, new.config.wake_models) == ("microwakeword", ("okay_nabu",))
            assert new.config.led_theme == {"loading_chase": "switching_rainbow"}
            assert new.config == PERSONAS["robo-rex"].profile
            old = Shape(OldConfig).read(json.loads(data), "toy_config").config
            assert (old.name, old.wake_word, old.safety_level) == ("Robo Rex", "okay nabu", "strict")
            await toy.expect(m.PiConfigUpdate)
            await toy.send(m.GetToyConfig("pommai-bear"))
            config = (await toy.expect(m.ToyConfig)).config
            assert config.acknowledgements == ("wake", "hello")
            assert config.wake_word_alternatives == ("hey pom my", "hello bear")

    run(test())


def test_no_more_is_kept_of_what_a_toy_says_it_has_set_than_can_be_shown() -> None:
    async def test() -> None:
        async with desk() as gateway, toy_at(gateway) as toy:
            refused = tuple(m.RefusedSetting(f"KEY_{number}", "unknown") for number in range(100))
            await toy.send(m.PiConfigReport({"HOTWORD_THRESHOLD": 0.5}, refused))
            await toy.send(m.PiConfigReport({"HOTWORD_MODELS": ["x" * 20_000]}, ()))
            assert "16384 are kept" in (await toy.expect(m.ErrorMessage)).message
            report = gateway.sessions[0].report
            assert report is not None
            assert (dict(report.applied), len(report.refused)) == ({"HOTWORD_THRESHOLD": 0.5}, MOST_NOTED)

    run(test())


def test_what_a_toy_says_of_its_updates_is_kept_short_and_printable() -> None:
    async def test() -> None:
        async with desk() as gateway, toy_at(gateway) as toy:
            words, failed = "no\x1b[31m room " + "x" * 10_000, tuple(range(1, 1000))
            software = m.SoftwareReport(2, failed=failed, undone=3, reason=words)
            said = {"failed": failed, "reason": words, "software": software, "undone": 4, "why": words}
            await toy.send(m.UpdateReport(1, "pommai", "home", **said))
            await toy.send(m.Ping("now"))
            await toy.expect(m.Pong)
            kept = gateway.sessions[0].update
            assert kept is not None
            assert kept.software is not None
            for each in (kept, kept.software):
                assert len(each.failed) == MOST_NOTED
                assert each.failed[-1] == 999
                assert each.reason.startswith("no[31m room xx")
                assert len(each.reason) <= MOST_SHOWN
            assert kept.why == kept.reason

    run(test())
