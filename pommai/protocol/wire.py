"""Messages to what goes over the WebSocket and back, the same functions at both ends.

Text messages are JSON objects with a `type`. Sound is either a binary message a frame or, where one of the ends does
not say `binary_audio`, hex inside JSON; both give the same UpAudio and DownAudio.

Everything here raises ProtocolError and nothing else, whatever arrived: the sender is a stranger.

Binary frame, big-endian: u8 version = 1, u8 kind (1 up, 2 down), u8 flags (1 final, 2 conceal), u8 reserved, u32 turn,
u32 sequence, then the Opus packet. Reserved bits are sent as 0 and not looked at.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from msgspec import Struct

from pommai.errors import ProtocolError
from pommai.protocol import messages as m
from pommai.protocol.limits import MAX_MESSAGE_BYTES, MAX_NUMBER, MAX_PACKET_BYTES
from pommai.protocol.schema import Shape, brief
from pommai.protocol.strict_json import check_parts, read_json

Decoded = m.Message | m.UpAudio | m.DownAudio | m.AudioResponse | m.Unknown
"""What can come out of a WebSocket message."""

TYPES: Mapping[str, type[m.Message]] = MappingProxyType(
    {
        "handshake": m.Handshake,
        "handshake_ack": m.HandshakeAck,
        "ping": m.Ping,
        "pong": m.Pong,
        "error": m.ErrorMessage,
        "text_response": m.TextResponse,
        "abort": m.Abort,
        "get_toy_config": m.GetToyConfig,
        "toy_config": m.ToyConfig,
        "toy_config_update": m.ToyConfigUpdate,
        "switch_toy": m.SwitchToy,
        "pi_config_update": m.PiConfigUpdate,
        "pi_config_report": m.PiConfigReport,
        "command": m.Command,
        "update_report": m.UpdateReport,
        "guardian_alert": m.GuardianAlert,
        "safety_override": m.SafetyOverride,
        "save_conversation": m.SaveConversation,
        "sync_batch": m.SyncBatch,
        "sync_ack": m.SyncAck,
    }
)
"""Message classes by their `type` on the wire."""

_VERSION = 1
_UP, _DOWN = 1, 2
_FINAL, _CONCEAL = 1, 2
_HEADER = struct.Struct(">BBBxII")


class _Metadata(Struct, frozen=True):
    """Of a piece of the child's turn, in the hex form."""

    sequence: m.Number
    is_final: bool = False
    timestamp: str | None = None
    compression: Literal["opus"] = "opus"
    sample_rate: Literal[16000] = 16000
    channels: Literal[1] = 1


class _AudioChunk(Struct, frozen=True):
    """A piece of the child's turn, in the hex form."""

    turn: m.Number
    data: str
    metadata: _Metadata


class _Chunk(Struct, frozen=True):
    """A piece of an answer, in the hex form."""

    data: str
    sequence: m.Number
    is_final: bool = False
    compressed: Literal[True] = True
    conceal: bool = False


class _AudioResponse(Struct, frozen=True):
    """Pieces of an answer, in the hex form."""

    turn: m.Number
    chunks: tuple[_Chunk, ...]
    transcript: str | None = None
    emotion: str | None = None


_SHAPES: dict[str, Shape[Any]] = {name: Shape(kind) for name, kind in TYPES.items()}
_NAMES: dict[type, str] = {kind: name for name, kind in TYPES.items()}
_AUDIO_CHUNK = Shape(_AudioChunk)
_AUDIO_RESPONSE = Shape(_AudioResponse)


# -- out -----------------------------------------------------------------------------------


def encode_message(message: m.Message) -> str:
    """A message as JSON. Raises ProtocolError when the other end would have to refuse it."""
    name = _NAMES[type(message)]
    return _dump(name, _SHAPES[name], message)


def plain_form(message: m.Message) -> dict[str, object]:
    """A message as the object that JSON is made of. Fields that are None are left out."""
    name = _NAMES[type(message)]
    return {"type": name, **_SHAPES[name].write(message)}


def encode_audio_chunk(audio: m.UpAudio, timestamp: str) -> str:
    """A frame of the child's turn in the hex form; `timestamp` is its time, UTC, ISO 8601. Raises ProtocolError."""
    _check_packet(audio)
    metadata = _Metadata(audio.sequence, audio.final, timestamp)
    return _dump("audio_chunk", _AUDIO_CHUNK, _AudioChunk(audio.turn, audio.packet.hex(), metadata))


def encode_audio_response(response: m.AudioResponse) -> str:
    """Frames of an answer in the hex form. Raises ProtocolError."""
    chunks = []
    for audio in response.chunks:
        _check_packet(audio)
        if audio.turn != response.turn:
            raise ProtocolError(f"a frame of turn {audio.turn} in a response to turn {response.turn}", "AUDIO_ERROR")
        chunks.append(_Chunk(audio.packet.hex(), audio.sequence, audio.final, conceal=audio.conceal))
    written = _AudioResponse(response.turn, tuple(chunks), response.transcript, response.emotion)
    return _dump("audio_response", _AUDIO_RESPONSE, written)


def encode_binary(audio: m.UpAudio | m.DownAudio) -> bytes:
    """A frame of sound in the binary form. Raises ProtocolError."""
    _check_packet(audio)
    if not (0 <= audio.turn <= MAX_NUMBER and 0 <= audio.sequence <= MAX_NUMBER):
        raise ProtocolError(f"turn {audio.turn} or sequence {audio.sequence} is not 0..{MAX_NUMBER}", "AUDIO_ERROR")
    flags = _FINAL if audio.final else 0
    kind = _UP
    if isinstance(audio, m.DownAudio):
        kind = _DOWN
        flags |= _CONCEAL if audio.conceal else 0
    return _HEADER.pack(_VERSION, kind, flags, audio.turn, audio.sequence) + audio.packet


# -- in ------------------------------------------------------------------------------------


def decode(data: str | bytes) -> Decoded:
    """What one WebSocket message says, text or binary. Raises ProtocolError."""
    return decode_text(data) if isinstance(data, str) else decode_binary(data)


def decode_text(text: str) -> m.Message | m.UpAudio | m.AudioResponse | m.Unknown:
    """What a text message says; Unknown for a `type` this end has never heard of. Raises ProtocolError."""
    if len(text) > MAX_MESSAGE_BYTES:
        raise ProtocolError(f"a message of {len(text)} characters; at most {MAX_MESSAGE_BYTES} are read")
    value = read_json(text, "a message")
    if not isinstance(value, dict):
        raise ProtocolError("a message must be an object with a 'type'")
    name = value.get("type")
    if not isinstance(name, str):
        raise ProtocolError("a message must be an object with a 'type'")
    if name == "audio_chunk":
        return _read_audio_chunk(value)
    if name == "audio_response":
        return _read_audio_response(value)
    shape = _SHAPES.get(name)
    if shape is None:
        return m.Unknown(name[:60])
    message: m.Message = shape.read(value, name)
    return message


def decode_binary(data: bytes) -> m.UpAudio | m.DownAudio:
    """The frame of sound in a binary message. Raises ProtocolError."""
    if len(data) < _HEADER.size:
        raise ProtocolError(f"a binary frame of {len(data)} bytes; the header alone has {_HEADER.size}", "AUDIO_ERROR")
    version, kind, flags, turn, sequence = _HEADER.unpack_from(data)
    if version != _VERSION:
        raise ProtocolError(f"a binary frame of version {version}; this end speaks {_VERSION}", "AUDIO_ERROR")
    packet = bytes(data[_HEADER.size :])
    audio: m.UpAudio | m.DownAudio
    if kind == _UP:
        audio = m.UpAudio(turn, sequence, packet, bool(flags & _FINAL))
    elif kind == _DOWN:
        audio = m.DownAudio(turn, sequence, packet, bool(flags & _FINAL), bool(flags & _CONCEAL))
    else:
        raise ProtocolError(f"a binary frame of kind {kind}; there are {_UP} and {_DOWN}", "AUDIO_ERROR")
    _check_packet(audio)
    return audio


def _read_audio_chunk(value: dict[str, object]) -> m.UpAudio:
    try:
        chunk = _AUDIO_CHUNK.read(value, "audio_chunk")
    except ProtocolError as caught:
        raise ProtocolError(str(caught), "AUDIO_ERROR") from None
    audio = m.UpAudio(chunk.turn, chunk.metadata.sequence, _unhex(chunk.data), chunk.metadata.is_final)
    _check_packet(audio)
    return audio


def _read_audio_response(value: dict[str, object]) -> m.AudioResponse:
    try:
        response = _AUDIO_RESPONSE.read(value, "audio_response")
    except ProtocolError as caught:
        raise ProtocolError(str(caught), "AUDIO_ERROR") from None
    chunks = []
    for chunk in response.chunks:
        audio = m.DownAudio(response.turn, chunk.sequence, _unhex(chunk.data), chunk.is_final, chunk.conceal)
        _check_packet(audio)
        chunks.append(audio)
    return m.AudioResponse(response.turn, tuple(chunks), response.transcript, response.emotion)


def _check_packet(audio: m.UpAudio | m.DownAudio) -> None:
    if len(audio.packet) > MAX_PACKET_BYTES:
        size = len(audio.packet)
        raise ProtocolError(f"an Opus packet of {size} bytes; at most {MAX_PACKET_BYTES} are allowed", "AUDIO_ERROR")
    if not audio.packet and not audio.final and not (isinstance(audio, m.DownAudio) and audio.conceal):
        raise ProtocolError("a frame of sound that is empty and not the last", "AUDIO_ERROR")


def _unhex(text: str) -> bytes:
    try:
        packet = bytes.fromhex(text)
    except ValueError:
        packet = b""
    if 2 * len(packet) != len(text):  # fromhex() skips white space; the wire has none
        raise ProtocolError("data must be hex, two digits a byte", "AUDIO_ERROR")
    return packet


def _dump(name: str, shape: Shape[Any], value: object) -> str:
    """JSON of a message that was read back first: so neither end ever sends what the other refuses."""
    try:
        written = {"type": name, **shape.write(value)}
        shape.read(written, name)
        text = json.dumps(written, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (RecursionError, TypeError, ValueError) as caught:
        raise ProtocolError(f"{name} holds what JSON cannot: {brief(str(caught))}") from caught
    if len(text.encode()) > MAX_MESSAGE_BYTES:
        raise ProtocolError(f"{name} would be larger than {MAX_MESSAGE_BYTES} bytes")
    check_parts(text, name)
    return text
