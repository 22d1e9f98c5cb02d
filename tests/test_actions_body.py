"""What actions can reach: recordings, replies, turns."""

import asyncio

from simulated_toy import simulated_toy

from pommai.actions.body import MAX_RECORDING, MAX_TURN, Recording, Reply, Turn
from pommai.protocol.messages import DownAudio
from pommai.qa.simulated_toy import tone
from pommai.qa.virtual_time import run


def test_a_recording_wakes_who_follows_it_at_each_frame_and_at_its_end():
    async def scene():
        recording = Recording()
        seen = []

        async def follow():
            while not recording.closed:
                await recording.changed()
                seen.append(len(recording.frames))

        following = asyncio.create_task(follow())
        for level in (1, 2):
            recording.append(tone(level))
            await asyncio.sleep(0.02)
        recording.close()
        recording.close()
        await following
        assert seen == [1, 2, 2]

    run(scene())


def test_a_recording_that_is_closed_or_full_takes_nothing_more():
    recording = Recording()
    for _ in range(MAX_RECORDING + 1):
        recording.append(b"")
    assert len(recording.frames) == MAX_RECORDING
    recording = Recording()
    recording.close()
    recording.append(b"")
    assert recording.frames == []


def piece(sequence: int, *, final: bool = False) -> DownAudio:
    return DownAudio(1, sequence, b"packet", final)


def test_waiting_for_more_of_a_reply_ends_when_enough_is_held():
    async def scene():
        reply = Reply()
        waiting = asyncio.create_task(reply.more(10.0, enough=2))
        await asyncio.sleep(0.1)
        reply.push(piece(0))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        reply.push(piece(1))
        await waiting
        assert asyncio.get_running_loop().time() < 1

    run(scene())


def test_waiting_for_more_of_a_reply_ends_when_all_is_here_or_time_is_over():
    async def scene():
        now = asyncio.get_running_loop().time
        reply = Reply()
        waiting = asyncio.create_task(reply.more(10.0, enough=5))
        await asyncio.sleep(0.1)
        reply.push(piece(0, final=True))
        await waiting
        assert now() < 1
        await reply.more(0.5, enough=5)
        assert 0.5 <= now() < 1

    run(scene())


def test_a_reply_counts_what_has_come():
    reply = Reply()
    assert not reply.begun
    reply.push(piece(0))
    assert (reply.begun, reply.frames, reply.bytes) == (True, 1, 6)


def test_a_turn_is_with_the_server_until_it_is_over_or_answered_from_on_board():
    turn = Turn(1)
    assert turn.is_with_server
    turn.alone = True
    assert not turn.is_with_server
    assert not Turn(1, over=True).is_with_server


def test_a_new_turn_ends_the_one_before_and_ids_start_anew_at_the_end_of_the_wires_range():
    async def scene():
        async with simulated_toy() as toy:
            first = toy.body.next_turn()
            second = toy.body.next_turn()
            assert (first.over, second.over) == (True, False)
            assert second.id == first.id + 1
            second.id = MAX_TURN
            assert toy.body.next_turn().id == 1

    run(scene())
