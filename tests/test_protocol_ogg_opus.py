"""Ogg Opus files: read back by a reader of our own after the two standards, and by Xiph's."""

from __future__ import annotations

import math
import struct
from array import array
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from pommai.io.codec import OpusCodec
from pommai.io.opus_file import read_opus
from pommai.protocol.audio import FRAME_SAMPLES
from pommai.protocol.limits import MAX_PACKET_BYTES
from pommai.protocol.ogg_opus import GRANULES, PRE_SKIP, ogg_opus


def checksum(data: bytes) -> int:
    """RFC 3533, section 6, word for word: bit by bit."""
    value = 0
    for byte in data:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1) ^ 0x04C11DB7 if value & 0x80000000 else value << 1
            value &= 0xFFFFFFFF
    return value


def pages(file: bytes) -> list[tuple[int, int, int, list[bytes]]]:
    """Kind, granule position, number and packets of every page; all are sound and of one stream."""
    found, at, serials = [], 0, set()
    while at < len(file):
        magic, version, kind, granule, serial, number, crc, places = struct.unpack_from("<4sBBqIIIB", file, at)
        assert (magic, version) == (b"OggS", 0)
        table = file[at + 27 : at + 27 + places]
        begin = body = at + 27 + places
        packets, length = [], 0
        for value in table:
            length += value
            if value < 255:
                packets.append(file[body : body + length])
                body, length = body + length, 0
        assert length == 0  # no packet goes on on the next page
        assert begin + sum(table) == body
        page = bytearray(file[at:body])
        page[22:26] = bytes(4)
        assert checksum(page) == crc
        serials.add(serial)
        found.append((kind, granule, number, packets))
        at = body
    assert len(serials) == 1
    return found


@given(st.lists(st.binary(min_size=1, max_size=MAX_PACKET_BYTES), max_size=120), st.integers(0, 2**32 - 1))
def test_what_is_put_in_comes_out_whatever_its_size(packets: list[bytes], serial: int) -> None:
    head, tags, *rest = pages(ogg_opus(packets, serial))
    assert (head[:3], [head[3][0][:8], head[3][0][8:10]]) == ((2, 0, 0), [b"OpusHead", b"\x01\x01"])
    assert tags[1:3] == (0, 1)
    assert tags[3][0][:8] == b"OpusTags"
    assert [packet for page in rest for packet in page[3]] == packets
    assert [page[2] for page in rest] == list(range(2, 2 + len(rest)))
    done = 0
    for page in rest:
        done += len(page[3])
        assert page[1] == done * GRANULES
    kinds = [page[0] for page in (tags, *rest)]
    assert kinds == [0] * (len(kinds) - 1) + [4]


def alike(one: array[int], other: array[int]) -> float:
    """1.0 when both sound the same, whatever their loudness."""
    size = math.sqrt(sum(x * x for x in one) * sum(x * x for x in other))
    return sum(x * y for x, y in zip(one, other, strict=True)) / size


def test_players_hear_what_was_said_without_what_the_encoder_looked_ahead(tmp_path: Path) -> None:
    encoder, decoder = OpusCodec().encoder(), OpusCodec().decoder()
    sweep = [round(9000 * math.sin(0.04 * i + 1e-5 * i * i)) for i in range(60 * FRAME_SAMPLES)]
    frames = [array("h", sweep[at : at + FRAME_SAMPLES]).tobytes() for at in range(0, len(sweep), FRAME_SAMPLES)]
    packets = [encoder.encode(frame) for frame in frames]
    path = tmp_path / "turn.opus"
    path.write_bytes(ogg_opus(packets, 7))
    heard = array("h", b"".join(read_opus(path, 10.0)))
    direct = array("h", b"".join(decoder.decode(packet) for packet in packets))
    skipped = PRE_SKIP // 3
    assert abs(len(heard) - (len(direct) - skipped)) <= FRAME_SAMPLES
    likeness = {lag: alike(heard[3200:9600], direct[3200 + lag : 9600 + lag]) for lag in range(0, 200, 2)}
    assert max(likeness.values()) > 0.99
    assert max(likeness, key=likeness.__getitem__) == skipped
