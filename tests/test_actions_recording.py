"""Hearing and sending, in a simulated toy on virtual time."""

import asyncio

from simulated_toy import simulated_toy

from pommai.actions import recording
from pommai.errors import CodecError
from pommai.qa.simulated_toy import settle
from pommai.qa.virtual_time import run


def test_a_recording_begins_300_ms_before_the_press_and_ends_with_the_release():
    async def scene():
        async with simulated_toy() as toy:
            toy.press()
            await toy.say(1.0)
            toy.release()
            await settle()
            assert 64 <= len(toy.body.turn.recording.frames) <= 66
            assert toy.body.turn.recording.closed

    run(scene())


def test_on_a_new_connection_the_recording_is_sent_again_from_its_beginning():
    async def scene():
        async with simulated_toy() as toy:
            toy.press()
            await toy.say(1.0)
            before = len(toy.link.audio)
            assert before > 40
            toy.link.go_down("gone")
            await toy.say(0.5)
            toy.link.go_up()
            await toy.say(0.5)
            toy.release()
            await asyncio.sleep(1)
            again = toy.link.audio[before:]
            assert [frame.sequence for frame in again] == list(range(len(again)))
            assert again[-1].final
            assert len(again) - 1 == len(toy.body.turn.recording.frames)
            assert toy.state == "processing"

    run(scene())


def test_a_connection_replaced_between_two_frames_is_noticed():
    async def scene():
        async with simulated_toy() as toy:
            toy.press()
            await toy.say(0.5)
            before = len(toy.link.audio)
            toy.link.go_down("gone")
            toy.link.go_up()
            await toy.say(0.5)
            assert toy.link.audio[before].sequence == 0

    run(scene())


def test_a_turn_answered_from_on_board_is_not_sent_when_the_link_comes_back():
    async def scene():
        async with simulated_toy() as toy:
            toy.link.stalled = True
            await toy.talk(2.0)
            toy.link.go_down("gone")
            await settle()
            assert toy.state == "speaking"
            toy.link.stalled = False
            toy.link.go_up()
            before = len(toy.link.audio)
            await asyncio.sleep(2)
            assert toy.link.audio[before:] == []

    run(scene())


def test_not_a_frame_is_sent_once_the_turn_is_over_even_if_it_was_being_encoded():
    async def scene():
        async with simulated_toy() as toy:
            begun, go_on = asyncio.Event(), asyncio.Event()

            async def slow(function, *arguments):
                begun.set()
                await go_on.wait()
                return function(*arguments)

            toy.body.offload = slow
            toy.press()
            await toy.say(0.5)
            await begun.wait()
            toy.release()
            await settle()
            toy.press()  # barge-in: the first turn is over
            await settle()
            go_on.set()
            await settle()
            assert {frame.turn for frame in toy.link.audio} <= {2}

    run(scene())


def test_speech_the_server_does_not_take_fails_the_turn_before_the_answer_limit():
    async def scene():
        async with simulated_toy() as toy:
            toy.link.stalled = True
            await toy.talk(3.0)
            assert toy.state == "processing"
            await asyncio.sleep(recording.FLUSH_LIMIT + 0.1)
            assert toy.state == "error"
            assert toy.body.turn.over
            toy.link.stalled = False
            sent = len(toy.link.audio)
            await asyncio.sleep(5)
            assert toy.state == "idle"
            assert len(toy.link.audio) == sent

    run(scene())


def test_a_flush_that_takes_too_long_says_nothing_about_a_turn_that_has_moved_on():
    async def scene():
        async with simulated_toy() as toy:
            toy.link.stalled = True
            await toy.talk(3.0)
            await asyncio.sleep(recording.FLUSH_LIMIT - 0.5)
            toy.press()
            await settle()
            await toy.say(2.0)
            assert toy.state == "listening"
            assert not [line for line in toy.trace.lines if line["name"] in ("error.activity", "reply.failed")]

    run(scene())


def test_cancelled_a_second_time_the_flush_ends_at_once():
    async def scene():
        async with simulated_toy() as toy:
            toy.link.stalled = True
            await toy.talk(3.0)
            (flushing,) = [task for task in asyncio.all_tasks() if task.get_name() == "listening.stream_speech"]
            flushing.cancel()
            await settle()
            assert flushing.cancelled()
            assert toy.state == "processing"

    run(scene())


def test_the_end_mark_waits_for_room_as_every_frame_does():
    async def scene():
        async with simulated_toy() as toy:
            refused = []
            real = toy.link.send_audio

            def send_audio(turn, sequence, packet, *, final):
                if final and len(refused) < 5:
                    refused.append(sequence)
                    return False
                return real(turn, sequence, packet, final=final)

            toy.link.send_audio = send_audio
            await toy.talk(0.5)
            await asyncio.sleep(0.5)
            assert len(refused) == 5
            assert toy.link.audio[-1].final

    run(scene())


def test_a_recording_that_never_heard_a_frame_sends_nothing():
    async def scene():
        async with simulated_toy() as toy:
            toy.room.stop()
            toy.body.hearing._preroll.clear()
            toy.press()
            await asyncio.sleep(0.5)
            toy.release()
            await settle()
            assert toy.state == "idle"
            assert toy.link.audio == []

    run(scene())


def test_a_broken_detector_ends_the_turn_in_an_error_the_child_sees():
    async def scene():
        async with simulated_toy() as toy:

            class Broken:
                def is_speech(self, frame):
                    raise ValueError("no such frame")

            toy.body.voice_activity = Broken
            toy.press()
            await asyncio.sleep(0.1)
            assert toy.state == "error"
            assert toy.body.turn.recording.closed
            await asyncio.sleep(3.1)
            assert toy.state == "idle"

    run(scene())


def test_a_broken_encoder_ends_the_turn_in_an_error_the_child_sees():
    async def scene():
        async with simulated_toy() as toy:

            async def broken(function, *arguments):
                raise CodecError("no")

            toy.body.offload = broken
            toy.press()
            await toy.say(0.5)
            assert toy.state == "error"

    run(scene())


def test_the_microphone_is_tried_again_until_it_works():
    async def scene():
        async with simulated_toy() as toy:
            toy.microphone.vanish()
            await asyncio.sleep(60)
            assert not toy.body.microphone_works
            toy.microphone.broken = None
            await asyncio.sleep(2.1)
            assert toy.body.microphone_works
            assert toy.microphone.is_open

    run(scene())
