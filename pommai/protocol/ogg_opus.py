"""Opus packets put into an Ogg Opus file, which any player plays (RFC 3533, RFC 7845)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Sequence
from typing import Final

from pommai.protocol.audio import FRAME_SAMPLES, SAMPLE_RATE

CONTENT_TYPE: Final = "audio/ogg"
GRANULES: Final = FRAME_SAMPLES * 48_000 // SAMPLE_RATE
"""Of one packet: an Ogg Opus file counts at 48 kHz whatever was recorded."""
PRE_SKIP: Final = 312
"""Samples at 48 kHz that a player drops at the beginning: what libopus looks ahead, 6.5 ms, when it encodes speech."""
PAGE_PACKETS: Final = 50
"""A page a second. Of the largest packets a page holds 42: its table has 255 places."""

_FIRST, _LAST = 2, 4
_MIRRORED: Final = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))


def ogg_opus(packets: Sequence[bytes], serial: int) -> bytes:
    """A file of one turn's packets, 20 ms each. `serial`, u32, tells its stream from others."""
    head = struct.pack("<8sBBHIhB", b"OpusHead", 1, 1, PRE_SKIP, SAMPLE_RATE, 0, 0)
    vendor = b"pommai"
    tags = struct.pack(f"<8sI{len(vendor)}sI", b"OpusTags", len(vendor), vendor, 0)
    pages = [_page([head], 0, serial, 0, _FIRST), _page([tags], 0, serial, 1, 0 if packets else _LAST)]
    done = 0
    while done < len(packets):
        some = _fitting(packets[done : done + PAGE_PACKETS])
        done += len(some)
        kind = _LAST if done == len(packets) else 0
        pages.append(_page(some, done * GRANULES, serial, len(pages), kind))
    return b"".join(pages)


def _fitting(packets: Sequence[bytes]) -> Sequence[bytes]:
    """As many of them as the table of one page has places for, at least one."""
    places = 0
    for count, packet in enumerate(packets):
        places += len(packet) // 255 + 1
        if places > 255:
            return packets[:count]
    return packets


def _page(packets: Iterable[bytes], granule: int, serial: int, number: int, kind: int) -> bytes:
    table, body = bytearray(), bytearray()
    for packet in packets:
        table += b"\xff" * (len(packet) // 255)
        table.append(len(packet) % 255)
        body += packet
    head = struct.pack("<4sBBqIII", b"OggS", 0, kind, granule, serial, number, 0)
    page = bytearray(head + bytes([len(table)]) + table + body)
    struct.pack_into("<I", page, 22, _checksum(page))
    return bytes(page)


def _checksum(data: bytes | bytearray) -> int:
    """Ogg's CRC-32: that of zlib with all bits in the other order, begun at and ended with nothing."""
    mirrored = zlib.crc32(data.translate(_MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2)
