"""The codec of the wire: what one end writes the other reads, and strangers raise ProtocolError only."""

from __future__ import annotations

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pommai.errors import ProtocolError
from pommai.protocol import messages as m
from pommai.protocol.limits import MAX_INTEGER, MAX_MESSAGE_BYTES, MAX_NUMBER, MAX_PACKET_BYTES
from pommai.protocol.wire import (
    TYPES,
    decode,
    decode_binary,
    decode_text,
    encode_audio_chunk,
    encode_audio_response,
    encode_binary,
    encode_message,
)

NOW = "2025-06-01T12:00:00Z"

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
ids = st.from_regex(r"[A-Za-z0-9_-]{1,20}", fullmatch=True)
numbers = st.integers(0, MAX_NUMBER)
flags = st.dictionaries(texts, st.booleans(), max_size=4)
anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-MAX_INTEGER, MAX_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
opens = st.dictionaries(texts, anything, max_size=4)
items = st.lists(st.builds(lambda rest, id_: {**rest, "id": id_}, opens, texts), max_size=3).map(tuple)
maybe = st.none() | texts
names = st.lists(texts, max_size=3).map(tuple)
versions = st.integers(0, MAX_INTEGER)
factors = st.floats(0.25, 4.0)
profiles = st.builds(
    m.ToyProfile,
    ids,
    texts,
    texts,
    st.builds(m.VoiceSettings, texts, factors, factors),
    st.booleans(),
    texts,
    maybe,
    names,
    texts,
    names,
    st.floats(0.0, 1.0),
    names,
    st.dictionaries(texts, texts, max_size=3),
    anything,
    st.builds(
        m.GuardianSettings,
        texts,
        names,
        names,
        st.dictionaries(texts, st.integers(0, 3650), max_size=3),
        st.booleans(),
    ),
)

MESSAGES = {
    m.Handshake: st.builds(m.Handshake, ids, ids, numbers, flags),
    m.HandshakeAck: st.builds(m.HandshakeAck, texts, flags, maybe),
    m.Ping: st.builds(m.Ping, texts),
    m.Pong: st.builds(m.Pong, texts, maybe),
    m.ErrorMessage: st.builds(m.ErrorMessage, texts, texts, opens),
    m.TextResponse: st.builds(m.TextResponse, numbers, texts, maybe),
    m.Abort: st.builds(m.Abort, numbers, texts),
    m.GetToyConfig: st.builds(m.GetToyConfig, ids),
    m.ToyConfig: st.builds(m.ToyConfig, profiles),
    m.ToyConfigUpdate: st.builds(m.ToyConfigUpdate, profiles),
    m.SwitchToy: st.builds(m.SwitchToy, ids, texts),
    m.PiConfigUpdate: st.builds(m.PiConfigUpdate, opens),
    m.PiConfigReport: st.builds(
        m.PiConfigReport, opens, st.lists(st.builds(m.RefusedSetting, texts, texts), max_size=3).map(tuple)
    ),
    m.Command: st.builds(m.Command, texts, opens),
    m.UpdateReport: st.builds(
        m.UpdateReport,
        versions,
        ids,
        ids,
        st.booleans(),
        versions,
        st.lists(versions, max_size=3).map(tuple),
        st.none() | st.text("0123456789abcdef", min_size=64, max_size=64),
        st.sampled_from(["", "taking", "taken", "refused"]),
        texts,
        st.none()
        | st.builds(
            m.SoftwareReport,
            versions,
            st.booleans(),
            versions,
            st.booleans(),
            st.lists(versions, max_size=3).map(tuple),
            versions,
            texts,
        ),
        versions,
        texts,
    ),
    m.GuardianAlert: st.builds(m.GuardianAlert, texts, texts, texts, maybe, maybe),
    m.SafetyOverride: st.builds(
        m.SafetyOverride, st.sampled_from(["pause_interaction", "resume"]), st.floats(0.0, 86_400.0), texts
    ),
    m.SaveConversation: st.builds(
        m.SaveConversation, st.builds(m.Conversation, texts, ids, texts, texts, texts, st.booleans())
    ),
    m.SyncBatch: st.builds(m.SyncBatch, texts, items, items, items, items),
    m.SyncAck: st.builds(m.SyncAck, texts, names, st.lists(st.builds(m.Rejected, texts, texts), max_size=3).map(tuple)),
}
messages = st.one_of(*MESSAGES.values())
packets = st.binary(min_size=1, max_size=MAX_PACKET_BYTES)


@st.composite
def ups(draw: st.DrawFn) -> m.UpAudio:
    final = draw(st.booleans())
    return m.UpAudio(draw(numbers), draw(numbers), draw(packets | st.just(b"") if final else packets), final)


@st.composite
def downs(draw: st.DrawFn, turn: int | None = None) -> m.DownAudio:
    final, conceal = draw(st.booleans()), draw(st.booleans())
    packet = draw(packets | st.just(b"") if final or conceal else packets)
    return m.DownAudio(draw(numbers) if turn is None else turn, draw(numbers), packet, final, conceal)


@st.composite
def responses(draw: st.DrawFn) -> m.AudioResponse:
    turn = draw(numbers)
    return m.AudioResponse(turn, tuple(draw(st.lists(downs(turn), max_size=4))), draw(maybe), draw(maybe))


def test_every_message_has_a_type_and_a_round_trip() -> None:
    assert set(TYPES.values()) == set(MESSAGES)
    assert set(TYPES.values()) == set(m.Message.__args__)


@given(messages)
def test_the_other_end_reads_what_was_written(message) -> None:
    assert decode_text(encode_message(message)) == message


@given(ups() | downs())
def test_sound_survives_the_binary_form(audio) -> None:
    assert decode_binary(encode_binary(audio)) == audio


@given(ups())
def test_the_hex_form_of_the_turn_gives_the_same_as_the_binary_one(audio) -> None:
    assert decode(encode_audio_chunk(audio, NOW)) == decode(encode_binary(audio)) == audio


@given(responses())
def test_the_hex_form_of_an_answer_gives_the_same_as_the_binary_one(response) -> None:
    decoded = decode(encode_audio_response(response))
    assert decoded == response
    assert tuple(decode(encode_binary(audio)) for audio in response.chunks) == decoded.chunks


def test_a_device_may_go_by_its_mac_address_or_host_name() -> None:
    for device_id in ("b8:27:eb:00:00:01", "toy-7.local"):
        handshake = m.Handshake(device_id, "bear")
        assert decode_text(encode_message(handshake)) == handshake


def test_the_wire_spells_names_as_the_protocol_does() -> None:
    assert json.loads(encode_message(m.Handshake("pi-1", "bear", capabilities={"audio": True}))) == {
        "type": "handshake",
        "deviceId": "pi-1",
        "toyId": "bear",
        "protocol": 1,
        "capabilities": {"audio": True},
    }
    assert json.loads(encode_audio_chunk(m.UpAudio(4, 2, b"\x01\xff"), NOW)) == {
        "type": "audio_chunk",
        "turn": 4,
        "data": "01ff",
        "metadata": {
            "sequence": 2,
            "is_final": False,
            "timestamp": NOW,
            "compression": "opus",
            "sample_rate": 16000,
            "channels": 1,
        },
    }


def test_the_binary_frame_is_laid_out_as_the_protocol_says() -> None:
    frame = encode_binary(m.DownAudio(1, 2, b"opus", final=True, conceal=True))
    assert frame == bytes([1, 2, 3, 0]) + struct.pack(">II", 1, 2) + b"opus"


def test_reserved_bits_are_left_to_the_future() -> None:
    frame = bytes([1, 1, 0xF0, 9]) + struct.pack(">II", 1, 2) + b"opus"
    assert decode_binary(frame) == m.UpAudio(1, 2, b"opus")


def test_a_type_nobody_knows_is_said_to_be_unknown() -> None:
    assert decode_text('{"type": "dance", "tempo": 120}') == m.Unknown("dance")


def test_a_server_that_sends_json_as_javascript_does_is_understood() -> None:
    text = '{"type":"safety_override","action":"pause_interaction","duration":30,"message":null,"why":{}}'
    assert decode_text(text) == m.SafetyOverride("pause_interaction", 30.0)


CHUNK = '{"type":"audio_chunk","turn":1,"data":%s,"metadata":{"sequence":0%s}}'
RESPONSE = '{"type":"audio_response","turn":1,"chunks":[{"data":"00","sequence":0,"compressed":false}]}'


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        '"ping"',
        "{}",
        '{"type": 7}',
        "{'type': 'ping'}",
        '{"type":"ping"}',
        '{"type":"ping","timestamp":1}',
        '{"type":"ping","timestamp":"\\ud800"}',
        '{"type":"abort","turn":-1,"reason":""}',
        '{"type":"abort","turn":4294967296,"reason":""}',
        '{"type":"abort","turn":1.0,"reason":""}',
        '{"type":"abort","turn":true,"reason":""}',
        '{"type":"ping","timestamp":"1","timestamp":"2"}',
        '{"type":"command","name":"x","args":{"v":NaN}}',
        '{"type":"command","name":"x","args":{"v":-Infinity}}',
        '{"type":"command","name":"x","args":{"v":1e999}}',
        '{"type":"command","name":"x","args":{"v":%s}}' % ("9" * 5000),
        '{"type":"command","name":"x","args":{"v":%s}}' % ("9" * 400),
        '{"type":"command","name":"x","args":{"v":%s}}' % ("[" * 50 + "]" * 50),
        "[" * 500_000,
        '{"a":' * 100_000,
        '{"type":"safety_override","action":"explode","duration":1,"message":""}',
        '{"type":"switch_toy","toyId":"../../etc/passwd","reason":""}',
        '{"type":"sync_batch","batch":"1","logs":[{"no_id":1}]}',
        CHUNK % ('"0"', ""),
        CHUNK % ('"0g"', ""),
        CHUNK % ('"00 1"', ""),
        CHUNK % ('" 00 "', ""),
        CHUNK % ('""', ""),
        CHUNK % ("7", ""),
        CHUNK % ('"00"', ',"sample_rate":48000'),
        CHUNK % ('"00"', ',"compression":"mp3"'),
        CHUNK % ('"%s"' % ("00" * 1276), ""),
        RESPONSE,
    ],
    ids=lambda text: text[:40] or "nothing",
)
def test_what_the_protocol_does_not_allow_is_a_protocol_error(text) -> None:
    with pytest.raises(ProtocolError) as caught:
        decode_text(text)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        bytes(11),
        bytes([2, 1, 0, 0]) + bytes(8) + b"x",
        bytes([1, 3, 0, 0]) + bytes(8) + b"x",
        bytes([1, 1, 0, 0]) + bytes(8),
        bytes([1, 1, 2, 0]) + bytes(8),
        bytes([1, 1, 0, 0]) + bytes(8) + bytes(1276),
    ],
)
def test_a_binary_frame_that_is_none_is_a_protocol_error_about_audio(frame) -> None:
    with pytest.raises(ProtocolError) as caught:
        decode_binary(frame)
    assert caught.value.code == "AUDIO_ERROR"


def test_a_message_over_one_mebibyte_is_not_even_parsed() -> None:
    with pytest.raises(ProtocolError, match="at most"):
        decode_text('{"type":"ping","timestamp":"%s"}' % ("x" * MAX_MESSAGE_BYTES))


circle: dict[str, object] = {}
circle["circle"] = circle


@pytest.mark.parametrize(
    "message",
    [
        m.Abort(-1, "no such turn"),
        m.Abort(2**32, "nor this"),
        m.GetToyConfig("a toy"),
        m.GetToyConfig("b8:27:eb:00:00:01"),
        m.Handshake("my pi", "bear"),
        m.Ping("\ud800"),
        m.Command("x", {"v": float("nan")}),
        m.Command("x", {"v": object()}),
        m.Command("x", {"v": b"bytes"}),
        m.Command("x", {7: "seven"}),
        m.Command("x", circle),
        m.Command("x", {"v": "x" * MAX_MESSAGE_BYTES}),
        m.SyncBatch("1", logs=({"text": "no id"},)),
    ],
    ids=lambda message: type(message).__name__,
)
def test_what_the_other_end_would_refuse_is_not_written(message) -> None:
    with pytest.raises(ProtocolError):
        encode_message(message)


def test_an_answer_does_not_mix_turns() -> None:
    with pytest.raises(ProtocolError, match="turn 2"):
        encode_audio_response(m.AudioResponse(1, (m.DownAudio(2, 0, b"x"),)))


@pytest.mark.parametrize("audio", [m.UpAudio(-1, 0, b"x"), m.UpAudio(0, 2**32, b"x"), m.UpAudio(0, 0, b"")])
def test_sound_out_of_range_is_not_written(audio) -> None:
    with pytest.raises(ProtocolError):
        encode_binary(audio)
    with pytest.raises(ProtocolError):
        encode_audio_chunk(audio, NOW)


@given(st.binary(max_size=64))
def test_arbitrary_bytes_are_sound_or_a_protocol_error(data) -> None:
    try:
        audio = decode_binary(data)
    except ProtocolError:
        return
    assert decode_binary(encode_binary(audio)) == audio


@given(st.text(max_size=64))
def test_arbitrary_text_is_a_protocol_error(text) -> None:
    with pytest.raises(ProtocolError):
        decode_text(text)


FIELDS = """turn text reason toyId deviceId config payload name args data metadata chunks sequence action id batch logs
conversation timestamp sessionId code message"""
KEYS = st.sampled_from(FIELDS.split())


@given(
    st.sampled_from([*TYPES, "audio_chunk", "audio_response"]),
    st.dictionaries(
        KEYS,
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
            max_leaves=10,
        ),
    ),
)
def test_a_known_type_with_any_content_is_a_message_or_a_protocol_error(name, content) -> None:
    try:
        decoded = decode_text(json.dumps({**content, "type": name}))
    except ProtocolError:
        return
    if isinstance(decoded, m.AudioResponse):
        assert decode(encode_audio_response(decoded)) == decoded
    elif isinstance(decoded, m.UpAudio):
        assert decode(encode_audio_chunk(decoded, NOW)) == decoded
    else:
        assert decode(encode_message(decoded)) == decoded


@pytest.mark.parametrize(
    "text",
    ["[" * 1_000_000, '{"a":' * 200_000, '{"type":"ping","x":[' + "[]," * 9_000 + "[]]}", "1," * 50_000],
    ids=["brackets", "objects", "lists", "numbers"],
)
def test_a_message_of_too_many_parts_is_refused_unread(text: str) -> None:
    with pytest.raises(ProtocolError, match="too many parts"):
        decode_text(text)


def test_neither_end_sends_more_parts_than_are_read() -> None:
    with pytest.raises(ProtocolError, match="too many parts"):
        encode_message(m.SyncBatch("b", logs=tuple({"id": str(number)} for number in range(6_000))))
