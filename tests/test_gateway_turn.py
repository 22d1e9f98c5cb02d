from __future__ import annotations

import random

import pytest
from gateway_material import encode_all, level_of, samples_of, sentence

from pommai.errors import CodecError
from pommai.gateway.turn import LONGEST, IncomingTurn
from pommai.io.codec import OpusCodec
from pommai.protocol.audio import FRAME_BYTES

CODEC = OpusCodec()
PACKETS = encode_all(sentence(1.0))


def heard(turn: IncomingTurn) -> bytes:
    return turn.decode(CODEC)


def whole() -> IncomingTurn:
    turn = IncomingTurn(1)
    for sequence, packet in enumerate(PACKETS):
        turn.add(sequence, packet)
    return turn


def test_frames_out_of_order_and_twice_sound_as_if_they_had_come_in_order_and_once() -> None:
    order = list(enumerate(PACKETS)) * 2
    random.Random(7).shuffle(order)
    turn = IncomingTurn(1)
    for sequence, packet in order:
        turn.add(sequence, packet)
    assert heard(turn) == heard(whole())
    assert (turn.received, turn.missing, turn.seconds) == (50, 0, 1.0)


def test_the_first_of_two_frames_with_one_number_counts() -> None:
    turn = whole()
    turn.add(0, b"something else")
    assert heard(turn) == heard(whole())


def test_lost_frames_are_concealed_and_the_turn_stays_as_long() -> None:
    turn = IncomingTurn(1)
    lost = {20, 21, 35}
    for sequence, packet in enumerate(PACKETS):
        if sequence not in lost:
            turn.add(sequence, packet)
    sound = heard(turn)
    assert len(sound) == len(PACKETS) * FRAME_BYTES
    assert turn.missing == 3
    for sequence in lost:
        at = sequence * FRAME_BYTES
        assert level_of(samples_of(sound[at : at + FRAME_BYTES])) > 0.01


def test_a_turn_whose_beginning_was_lost_begins_with_what_was_heard() -> None:
    turn = IncomingTurn(1)
    for sequence, packet in enumerate(PACKETS[10:], 10):
        turn.add(sequence, packet)
    assert len(heard(turn)) == 40 * FRAME_BYTES


def test_a_turn_of_nothing_is_empty() -> None:
    turn = IncomingTurn(1)
    turn.add(0, b"")
    assert heard(turn) == b""
    assert (turn.received, turn.missing, turn.seconds) == (0, 0, 0.0)


def test_no_more_than_a_minute_is_kept() -> None:
    turn = IncomingTurn(1)
    for sequence in (0, LONGEST - 1, LONGEST, 2**32 - 1):
        turn.add(sequence, PACKETS[0])
    assert turn.received == 2
    assert turn.seconds == pytest.approx(60.0)


def test_a_packet_that_is_no_opus_is_named() -> None:
    turn = IncomingTurn(4)
    for sequence, packet in enumerate(PACKETS[:5]):
        turn.add(sequence, packet if sequence != 3 else b"\xff" * 30)
    with pytest.raises(CodecError, match="frame 3 of turn 4"):
        heard(turn)
