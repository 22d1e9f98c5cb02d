"""Puts the frames of one answer in order and says, every 20 ms, what the player is to do next.

No clock and no I/O: whoever receives calls `push`, whoever plays calls `pop` once for every 20 ms it plays, and these
calls are the only time there is here.

How it decides:

- *Waiting.* Before the first frame, and again whenever the next frame is not there, it waits until PREBUFFER frames
  are held, or the answer is complete, or PATIENCE pops have gone by with something held. So playback never starts on
  a frame whose successor is still on the way, a short answer starts at once, and two lonely frames are not kept for
  ever.
- *Starved.* After running dry it waits for PREBUFFER frames again: one gap of 60 ms is heard as a pause, a gap after
  every frame as a stutter. Nothing is dropped to catch up; an answer that came late is heard late, but whole.
- *Lost.* A frame that is not there when the waiting ends is lost: `Missing`, and if it comes later it is too late.
- *Gaps.* At most MAX_CONCEALED frames in a row are concealed, for Opus has faded to silence by then; a longer gap is
  shortened to that. A stream that starts at an odd number or jumps by a billion costs a fifth of a second, not a week.
- *Full.* A server may send a whole answer in one burst, so `capacity` is minutes. What comes after that is refused up
  to the end of the answer: a story cut once is better than one with holes.
- *End.* The final flag says where the answer ends. If none comes, an empty buffer is `NotYet` for ever: only the owner
  knows how long is too long, and reads `starved`.
"""

from __future__ import annotations

from msgspec import Struct

from pommai.protocol.messages import DownAudio

PREBUFFER = 3
"""Frames held before playback starts: 60 ms."""
PATIENCE = 5
"""Pops to wait for more when fewer are held: 100 ms."""
MAX_CONCEALED = 10
"""Longest run of missing frames that is concealed: 200 ms."""
CAPACITY = 6000
"""Frames held: two minutes; about 1.5 MB of packets and their keeping at 24 kbit/s, 9 MB at Opus's worst."""


class Packet(Struct, frozen=True):
    """Decode and play this."""

    packet: bytes


class Missing(Struct, frozen=True):
    """Conceal one frame, from the redundancy in `next_packet` when that is there."""

    next_packet: bytes | None


class NotYet(Struct, frozen=True):
    """Nothing to play for the next 20 ms: not enough is here yet, or the stream has run dry."""


class End(Struct, frozen=True):
    """The answer is over. Every later pop says so again."""


NOT_YET = NotYet()
END = End()


class JitterBuffer:
    """The frames of one answer; a new answer gets a new buffer.

    `starved` is the number of NotYet in a row so far: times 20 ms, how long nothing has come out.
    Counters, for the log at the end of an answer: `late` (came after its place was played or given up), `duplicates`,
    `refused` (no room, or beyond the end), `concealed`, `skipped` (what gaps were shortened by, in frames).
    """

    def __init__(self, *, prebuffer: int = PREBUFFER, patience: int = PATIENCE, capacity: int = CAPACITY) -> None:
        """`prebuffer` and `capacity` in frames, 1 or more; `patience` in pops, 0 or more."""
        self._prebuffer = prebuffer
        self._patience = patience
        self._capacity = max(capacity, prebuffer)
        self._held: dict[int, bytes | None] = {}  # None: the server itself has lost this frame
        self._next = 0
        self._highest = -1
        self._end: int | None = None  # the first sequence number that is not played
        self._complete = False
        self._waiting = True
        self._waited = 0
        self._lost_before = 0  # frames below this are given up while they are not there
        self.starved = 0
        self.late = 0
        self.duplicates = 0
        self.refused = 0
        self.concealed = 0
        self.skipped = 0

    @property
    def held(self) -> int:
        """Frames waiting to be played."""
        return len(self._held)

    @property
    def complete(self) -> bool:
        """The final frame has been seen: nothing more need come but what was overtaken."""
        return self._complete

    def push(self, audio: DownAudio) -> bool:
        """Take a frame; false when it was of no use (late, twice, or no room)."""
        taken = bool(audio.packet or audio.conceal) and self._take(audio)
        if audio.final and not self._complete:
            self._complete = True
            # An end marker without a sequence number of its own (some servers send 0) ends after all there is.
            end = max(audio.sequence, self._next, self._highest + 1)
            self._end = end if self._end is None else min(self._end, end)
            taken = True
        return taken

    def pop(self) -> Packet | Missing | NotYet | End:
        """What to play in the next 20 ms."""
        if self._end is not None and self._next >= self._end:
            return END
        if not self._ready():
            self.starved += 1
            return NOT_YET
        self.starved = 0
        if self._next in self._held:
            packet = self._held.pop(self._next)
        else:
            self._give_up()
            if self._next == self._end:
                return END
            packet = self._held.pop(self._next, None)
        self._next += 1
        if packet is not None:
            return Packet(packet)
        self.concealed += 1
        return Missing(self._held.get(self._next))

    def _take(self, audio: DownAudio) -> bool:
        sequence = audio.sequence
        if sequence < self._next:
            self.late += 1
            return False
        if sequence in self._held:
            self.duplicates += 1
            return False
        if self._end is not None and sequence >= self._end:
            self.refused += 1
            return False
        if len(self._held) >= self._capacity:
            # The answer is cut at the highest of those held and this one; lower ones still fill their places.
            self.refused += 1
            self._end = max(sequence, max(self._held))
            if self._end == sequence:
                return False
            del self._held[self._end]
        self._held[sequence] = None if audio.conceal else audio.packet
        self._highest = max(self._highest, sequence)
        return True

    def _ready(self) -> bool:
        """Whether the wait is over, or there was none."""
        if self._next in self._held and not self._waiting:
            return True
        if self._next < self._lost_before:
            return True
        if not self._held and self._end is None:
            self._waiting, self._waited = True, 0
            return False
        if not self._waiting:
            self._waiting, self._waited = True, 0
        whole = self._end is not None and len(self._held) == self._end - self._next
        if whole or len(self._held) >= self._prebuffer or self._waited >= self._patience:
            self._waiting = False
            return True
        self._waited += 1
        return False

    def _give_up(self) -> None:
        """The next frame is lost, with all up to the first one held; keep no more of the gap than can be concealed."""
        if self._next < self._lost_before:
            return
        target = min(self._held) if self._held else self._end
        assert target is not None  # _ready() lets nothing through while there is neither a frame nor an end
        self._lost_before = target
        if target - self._next > MAX_CONCEALED:
            self.skipped += target - MAX_CONCEALED - self._next
            self._next = target - MAX_CONCEALED
