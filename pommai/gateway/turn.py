"""One turn on its way in: packets put in order, then made into sound."""

from __future__ import annotations

from pommai.errors import CodecError
from pommai.io.ports import Codec
from pommai.protocol.audio import FRAME_SECONDS, frames_in

LONGEST = frames_in(60.0)
"""Frames of a turn that are kept; what comes after them is not heard."""


class IncomingTurn:
    """Collects the packets of one turn, whatever order they come in. Holds at most LONGEST of them."""

    def __init__(self, turn: int) -> None:
        self.turn = turn
        self._packets: dict[int, bytes] = {}

    def add(self, sequence: int, packet: bytes) -> None:
        """Keep a packet. One seen before, an empty one, or one past LONGEST changes nothing."""
        if packet and sequence < LONGEST:
            self._packets.setdefault(sequence, packet)

    @property
    def received(self) -> int:
        """Packets held."""
        return len(self._packets)

    @property
    def missing(self) -> int:
        """Packets lost between the first and the last one held."""
        return max(self._packets) - min(self._packets) + 1 - len(self._packets) if self._packets else 0

    @property
    def seconds(self) -> float:
        """How long the turn is, lost packets included."""
        return (self.received + self.missing) * FRAME_SECONDS

    def decode(self, codec: Codec) -> bytes:
        """The sound of the turn in order, with what is missing concealed; empty when nothing was received.

        Takes about 30 us a frame: not for the event loop. Raises CodecError, with the packet's number, when a packet
        is none: TCP damages nothing, so it was wrong when it was sent.
        """
        if not self._packets:
            return b""
        decoder = codec.decoder()
        frames = []
        for sequence in range(min(self._packets), max(self._packets) + 1):
            packet = self._packets.get(sequence)
            if packet is None:
                frames.append(decoder.conceal(self._packets.get(sequence + 1)))
                continue
            try:
                frames.append(decoder.decode(packet))
            except CodecError as caught:
                raise CodecError(f"frame {sequence} of turn {self.turn}: {caught}") from caught
        return b"".join(frames)
