"""What a toy never does, whatever happens: judged on its devices, while it runs.

The chart's properties say what the chart may do. These say what came of it: which sound was sent, which was heard,
whether the microphone was open, what colour the lights had.
"""

from __future__ import annotations

import functools
from array import array
from typing import Final

from pommai.io.lights import SimulatedLights
from pommai.io.link_simulated import SimulatedLink
from pommai.io.simulated_audio import SimulatedMicrophone, SimulatedSpeaker
from pommai.lights.patterns import LightPatterns
from pommai.lights.render import Animation
from pommai.protocol.audio import FRAME_SAMPLES, SAMPLE_BYTES
from pommai.protocol.messages import Abort, GuardianAlert, Message, SyncBatch
from pommai.toy.runtime import Runtime

QUIET: Final = "safe_mode"
"""In this state the microphone is closed, and nothing is sent but QUIET_MESSAGES."""
QUIET_MESSAGES: Final = (Abort, GuardianAlert)
"""The end of the turn there was, and the alert. Besides them, batches of incidents alone."""
LATE: Final = 0.001
"""Seconds a light may be late: `pommai.io.lights_show` shows a frame a hair after it began."""
_LEVEL: Final = 5000
_MARKED: Final = 32
"""Samples at the end of a frame, which no fade reaches, whose signs are the bits of a turn's id."""


@functools.lru_cache(maxsize=16)
def answer_frame(turn: int) -> bytes:
    """A frame of the answer to a turn, 1..2**32 - 1. However loud it is played, it tells whose it is."""
    mark = [-_LEVEL if turn >> bit & 1 else _LEVEL for bit in range(_MARKED)]
    return array("h", [_LEVEL] * (FRAME_SAMPLES - _MARKED) + mark).tobytes()


def answered_turn(frame: bytes) -> int:
    """The turn to which a frame is an answer; 0 of any other sound, none of which goes below zero at its end."""
    mark = array("h", frame[-_MARKED * SAMPLE_BYTES :])
    return 0 if min(mark) >= 0 else sum(1 << bit for bit, sample in enumerate(mark) if sample < 0)


class Invariants:
    """Watches one simulated toy. `wrongs` holds a sentence for everything that should not have been.

    `WatchedLink` and `WatchedSpeaker` tell it what is sent and heard at that moment; `look` judges the rest, and is
    to be called when everything that could happen now has happened.
    """

    def __init__(
        self, runtime: Runtime, microphone: SimulatedMicrophone, lights: SimulatedLights, patterns: LightPatterns
    ) -> None:
        self.wrongs: list[str] = []
        self._runtime, self._microphone, self._lights = runtime, microphone, lights
        self._activities = {state.id: state.activities for state in runtime.machine.table.states}
        self._animations = {name: Animation(patterns[name], lights.count, runtime.lights.frame_s) for name in patterns}

    def allows(self, activity: str) -> bool:
        """Whether an active state does this."""
        return any(activity in self._activities[id_] for id_ in self._runtime.machine.configuration)

    def sends_sound(self, turn: int) -> None:
        """A frame of speech is given to the link."""
        now = self._runtime.body.turn
        if turn != now.id or not now.is_with_server:
            self.wrongs.append(f"sound of turn {turn} is sent, in which the server has no part")
        if QUIET in self._runtime.machine.configuration:
            self.wrongs.append(f"sound is sent in {QUIET}")

    def sends(self, message: Message) -> None:
        """A message is given to the link."""
        if QUIET in self._runtime.machine.configuration and not _is_quiet(message):
            self.wrongs.append(f"{type(message).__name__} is sent in {QUIET}")

    def plays(self, frame: bytes) -> None:
        """The speaker plays a frame."""
        answered, turn = answered_turn(frame), self._runtime.body.turn
        if not answered:
            return
        if answered != turn.id:
            self.wrongs.append(f"an answer to turn {answered} is heard in turn {turn.id}")
        if not self.allows("play_reply"):
            self.wrongs.append(f"an answer is heard in {' '.join(self._runtime.machine.configuration)}")

    def look(self) -> list[str]:
        """Judge what there is now. Returns all that has been wrong so far."""
        runtime, wrongs = self._runtime, self.wrongs
        states = runtime.machine.configuration
        where = f"in {' '.join(states)}"
        if self._microphone.is_open and not self.allows("hear"):
            wrongs.append(f"the microphone is open {where}")
        wanted = sorted(name for id_ in states for name in self._activities[id_])
        if sorted(runtime.activities.running) != wanted:
            wrongs.append(f"{sorted(runtime.activities.running)} run {where}, and should be {wanted}")
        for timer in runtime.timers.pending:
            if timer.split(".")[1] not in states:
                wrongs.append(f"{timer} is left over {where}")
        self._look_at_lights(where)
        return wrongs

    def look_at_rest(self) -> list[str]:
        """Judge what is left over once nobody does anything any more. Returns all that has been wrong so far."""
        if not self._runtime.body.turn.over:
            self.wrongs.append(f"turn {self._runtime.body.turn.id} has no end")
        if len(self._runtime.queue):
            self.wrongs.append(f"{len(self._runtime.queue)} events wait")
        return self.look()

    def _look_at_lights(self, where: str) -> None:
        show = self._runtime.lights
        led = self._runtime.machine.step.led
        if show.pattern != (led or "off"):
            self.wrongs.append(f"the light is {show.pattern} {where}, and should be {led}")
        elif show.pattern is not None and self._lights.is_open:
            animation, since = self._animations[show.pattern], show.shown_for
            if self._lights.colours not in (animation.colours(since), animation.colours(max(0.0, since - LATE))):
                self.wrongs.append(f"{show.pattern} shows {self._lights.colours} after {since:.3f} s {where}")


def _is_quiet(message: Message) -> bool:
    if isinstance(message, SyncBatch):
        return not (message.conversations or message.metrics or message.logs)
    return isinstance(message, QUIET_MESSAGES)


class WatchedLink(SimulatedLink):
    """A simulated link that tells `invariants` what is sent."""

    invariants: Invariants | None = None

    def send(self, message: Message) -> bool:
        sent = super().send(message)
        if sent and self.invariants is not None:
            self.invariants.sends(message)
        return sent

    def send_audio(self, turn: int, sequence: int, packet: bytes, *, final: bool) -> bool:
        sent = super().send_audio(turn, sequence, packet, final=final)
        if sent and self.invariants is not None:
            self.invariants.sends_sound(turn)
        return sent


class WatchedSpeaker(SimulatedSpeaker):
    """A simulated speaker that tells `invariants` what is heard."""

    invariants: Invariants | None = None

    def _play(self, frame: bytes | None) -> None:
        if frame is not None and self.invariants is not None:
            self.invariants.plays(frame)
        super()._play(frame)
