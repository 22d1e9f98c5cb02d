"""One of many toys: the real link, real Opus at real pace, and notes of what it lives through."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

from pommai.io.link import WebSocketLink
from pommai.io.tls import ServerTrust
from pommai.protocol import messages as m
from pommai.protocol.audio import FRAME_SECONDS
from pommai.qa.load_figures import Figures, play
from pommai.qa.load_speech import Utterance
from pommai.qa.load_target import Target

ANSWER_SECONDS: Final = 20.0
"""How long a toy waits for an answer, or for it to go on: what the shipped chart allows."""
BACK_SECONDS: Final = 60.0
"""How long it waits for its connection to come back before it talks no more."""
THINKING_SECONDS: Final = (0.5, 3.0)
"""Between the end of an answer and the next turn."""
CAPABILITIES: Final = {
    "audio": True,
    "wake_word": False,
    "offline_mode": True,
    "toy_switching": True,
    "guardian_mode": True,
    "binary_audio": True,
}


@dataclass(frozen=True, slots=True)
class Habits:
    """How toys behave. Either each takes so many `turns`, or they talk for `seconds`."""

    turns: int | None = None
    seconds: float | None = None
    barge_in: float = 0.05
    """The share of answers that a child interrupts, 0.0..1.0."""
    thinking: tuple[float, float] = THINKING_SECONDS
    """Seconds between the end of an answer and the next turn: least and most."""


@dataclass(slots=True)
class _Turn:
    number: int
    sent_at: float | None = None
    arrivals: list[tuple[float, m.DownAudio]] = field(default_factory=list)
    started: asyncio.Event = field(default_factory=asyncio.Event)
    """An answer has begun, or will not come."""
    over: asyncio.Event = field(default_factory=asyncio.Event)


class LoadToy:
    """A toy that connects, says something, listens, thinks, and says the next thing: one turn at a time.

    Implements LinkListener. `reason` says why its connection is down, if it is.
    """

    def __init__(
        self,
        number: int,
        target: Target,
        speech: Sequence[Utterance],
        habits: Habits,
        figures: Figures,
        random: Random,
    ) -> None:
        self.up = asyncio.Event()
        self.reason = ""
        self._link = WebSocketLink(
            target.url,
            token=target.token,
            device_id=f"load-{number:04}",
            toy_id=target.toy_id,
            capabilities=CAPABILITIES,
            trust=None if target.ssl is None else ServerTrust(target.ssl),
            plaintext=True,  # whose server it is, was asked before
            random=random,
        )
        self.answered_or_down = asyncio.Event()
        """The first attempt to connect has come to something."""
        self.turns = 0
        """Turns that have ended, however they did."""
        self._speech = speech
        self._habits = habits
        self._figures = figures
        self._random = random
        self._loop = asyncio.get_running_loop()
        self._dialled = 0.0
        self._was_up = False
        self._number = 0
        self._turn: _Turn | None = None
        self._rests_until = 0.0

    @property
    def oddities(self) -> int:
        """Messages of the gateway that are none, or make no sense."""
        return self._link.oddities.total()

    # -- what the link tells ---------------------------------------------------------------

    def on_connecting(self) -> None:
        self._dialled = self._loop.time()

    def on_up(self, session: str, server_time: str | None = None) -> None:
        self._figures.connects.append(self._loop.time() - self._dialled)
        self._figures.reconnects += self._was_up
        self._was_up = True
        self.up.set()
        self.answered_or_down.set()
        self._link.send(m.GetToyConfig(self._link.toy_id))

    def on_down(self, reason: str) -> None:
        self.reason = reason
        self._figures.fail(f"{'connection lost' if self.up.is_set() else 'no connection'}: {reason}")
        self.up.clear()
        self.answered_or_down.set()
        if self._turn is not None:
            self._end_turn("a turn was lost with its connection")

    def on_message(self, message: m.Message) -> None:
        match message:
            case m.PiConfigUpdate(payload):
                self._figures.pushes += self._link.send(m.PiConfigReport(payload))
            case m.SwitchToy(toy_id):
                self._link.toy_id = toy_id
                self._link.send(m.GetToyConfig(toy_id))
            case m.SafetyOverride("pause_interaction", duration):
                self._rests_until = self._loop.time() + (duration or math.inf)
                if self._turn is not None:
                    self._figures.rests += 1
                    self._end_turn()
            case m.SafetyOverride("resume"):
                self._rests_until = 0.0
            case m.ErrorMessage(code, _, details):
                self._figures.errors[code] += 1
                if self._turn is not None and details.get("turn") == self._turn.number:
                    self._end_turn()

    def on_audio(self, audio: m.DownAudio) -> None:
        turn = self._turn
        self._figures.frames_received += 1
        if turn is None or audio.turn != turn.number:
            self._figures.stale += 1
            return
        now = self._loop.time()
        if not turn.arrivals and turn.sent_at is not None:
            self._figures.latencies.append(now - turn.sent_at)
            self._figures.answered += 1
        turn.arrivals.append((now, audio))
        turn.started.set()
        if audio.final:
            turn.over.set()

    # -- its life --------------------------------------------------------------------------

    async def live(self, go: asyncio.Event) -> None:
        """Connect; after `go`, talk as the habits say; then close the connection. Cancelled: close it at once."""
        link = asyncio.create_task(self._link.run(self), name="load link")
        try:
            await go.wait()
            until = math.inf if self._habits.seconds is None else self._loop.time() + self._habits.seconds
            await asyncio.sleep(self._random.uniform(0.0, self._habits.thinking[1]))
            while self._wants_to_talk(until) and await self._can_talk(until):
                interrupted = await self._take_turn()
                self.turns += 1
                if not interrupted:
                    await asyncio.sleep(self._random.uniform(*self._habits.thinking))
        finally:
            link.cancel()
            await asyncio.wait([link])

    def _wants_to_talk(self, until: float) -> bool:
        return self._loop.time() < until and (self._habits.turns is None or self.turns < self._habits.turns)

    async def _can_talk(self, until: float) -> bool:
        """Wait until it is connected and need not rest; false when that is too late."""
        patience = min(BACK_SECONDS, until - self._loop.time())
        try:
            async with asyncio.timeout(patience):
                await self.up.wait()
        except TimeoutError:
            return False
        rest = self._rests_until - self._loop.time()
        if rest > 0:
            if self._habits.turns is not None or self._loop.time() + rest >= until:
                return False  # it has to rest for longer than anybody wants to wait
            await asyncio.sleep(rest)
        return True

    async def _take_turn(self) -> bool:
        """Say something and hear the answer out, or interrupt it: then the next turn comes at once."""
        turn = self._turn = _Turn(self._number)
        self._number += 1
        try:
            if not await self._say(turn, self._random.choice(self._speech)):
                return False
            if not await self._hears(turn, turn.started, "no answer"):
                return False
            if not turn.arrivals:
                return False  # it will not come, and it has been noted why
            if self._random.random() < self._habits.barge_in:
                await self._interrupt(turn)
                return True
            if await self._hears(turn, turn.over, "an answer broke off"):
                await self._listen(turn)
            return False
        finally:
            self._turn = None

    async def _say(self, turn: _Turn, packets: Utterance) -> bool:
        """Send the packets, one every 20 ms; false when the turn ended before they did."""
        began = self._loop.time()
        for sequence, packet in enumerate(packets):
            await asyncio.sleep(began + sequence * FRAME_SECONDS - self._loop.time())
            if turn.over.is_set():
                return False
            final = sequence == len(packets) - 1
            if self._link.send_audio(turn.number, sequence, packet, final=final):
                self._figures.frames_sent += 1
            elif self._link.is_up:
                self._figures.fail("the gateway takes frames too slowly, and one was dropped")
        turn.sent_at = self._loop.time()
        self._figures.turns += 1
        return True

    async def _hears(self, turn: _Turn, event: asyncio.Event, otherwise: str) -> bool:
        """Wait for it, as long as frames keep coming; note it, and abort, when they do not."""
        while True:
            heard = len(turn.arrivals)
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    await event.wait()
            except TimeoutError:
                if len(turn.arrivals) > heard:
                    continue
                self._figures.fail(f"{otherwise} within {ANSWER_SECONDS:g} s")
                if not turn.arrivals:
                    self._figures.latencies.append(ANSWER_SECONDS)
                self._link.send(m.Abort(turn.number, "answer limit"))
                return False
            return True

    async def _interrupt(self, turn: _Turn) -> None:
        """Talk into the answer: somewhere in its first two seconds."""
        try:
            async with asyncio.timeout(self._random.uniform(0.1, 2.0)):
                await turn.over.wait()
        except TimeoutError:
            self._link.send(m.Abort(turn.number, "barge-in"))
        self._figures.barge_ins += 1

    async def _listen(self, turn: _Turn) -> None:
        """Note how the answer sounds, and wait until it would have been played to its end."""
        if not turn.arrivals[-1][1].final:
            return  # the connection broke in the middle of it
        playback = play(turn.arrivals)
        self._figures.gaps.append(playback.longest_gap_s)
        self._figures.dry += playback.dry
        self._figures.dry_s += playback.dry_s
        await asyncio.sleep(turn.arrivals[0][0] + playback.seconds - self._loop.time())

    def _end_turn(self, failure: str = "") -> None:
        """There will be no (more) answer to the turn under way."""
        assert self._turn is not None
        if failure and not self._turn.over.is_set():
            self._figures.fail(failure)
        self._turn.started.set()
        self._turn.over.set()
