"""A simulated toy that costs little while nothing goes on, and to which the events of a profile can be brought about.

An event of a profile is what the chart is to see; here something is done so that it sees it. The button's gestures, the
end of an answer, timers: the toy makes these itself, so nothing is done for them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

from pommai.chart.table import DecisionTable
from pommai.events import Event
from pommai.io.button import SimulatedButton
from pommai.io.codec import SimulatedCodec
from pommai.io.lights import SimulatedLights
from pommai.io.memory_simulated import SimulatedMemory
from pommai.io.simulated_audio import RestingSpeaker, SimulatedMicrophone
from pommai.lights.patterns import LightPatterns
from pommai.protocol import messages as m
from pommai.protocol.audio import FRAME_SECONDS, SILENCE
from pommai.protocol.pi_config import ACKNOWLEDGEMENTS, MODELS, THRESHOLD
from pommai.qa.invariants import Invariants, WatchedLink, WatchedSpeaker, answer_frame
from pommai.qa.simulated_toy import SPEECH, SimulatedToy

DOZE_FRAMES: Final = 5
"""Frames that come together while nobody listens, as `Microphone.attend` allows."""
LIGHT_FRAME_S: Final = 0.2
"""Moving lights take most of the work there is while a toy rests, and nobody watches these."""
ACK_S: Final = 0.05
"""Seconds in which a server that reads acknowledges what it was told."""
NOT_FOR_CHILDREN: Final = "then the monster took a gun and killed them all"
"""What no server should say to a child."""
SETTINGS: Final = {MODELS: ["okay_nabu", "../../etc/passwd"], THRESHOLD: 2.0, ACKNOWLEDGEMENTS: ["hello"]}
"""What a server sets that is half right."""
FRAMES: Final = 20
"""Pieces of an answer when a profile does not say how many."""


class DozingMicrophone(SimulatedMicrophone):
    """Hears the room by itself: frame by frame while somebody listens, else five at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.aloud = False
        self._next = 0.0
        self._beat: asyncio.TimerHandle | None = None

    async def open(self, deliver: Callable[[bytes], None], lost: Callable[[str], None]) -> None:
        """Begin to hear. Raises AudioDeviceError while `broken`."""
        await super().open(deliver, lost)
        self._next = asyncio.get_running_loop().time() + FRAME_SECONDS
        self._wait()

    async def close(self) -> None:
        """Stop. Harmless when called again."""
        if self._beat is not None:
            self._beat.cancel()
            self._beat = None
        await super().close()

    def attend(self, within: float) -> None:
        """What was held back is delivered first."""
        if self.is_open:
            self._deliver_due()
        super().attend(within)
        if self.is_open:
            self._wait()

    def _wait(self) -> None:
        if self._beat is not None:
            self._beat.cancel()
        at = self._next + (DOZE_FRAMES - 1) * FRAME_SECONDS if self.attended else self._next
        self._beat = asyncio.get_running_loop().call_at(at, self._tick)

    def _tick(self) -> None:
        self._beat = None
        self._deliver_due()
        if self.is_open:
            self._wait()

    def _deliver_due(self) -> None:
        now = asyncio.get_running_loop().time() + 1e-6
        while self._next <= now and self.is_open:
            self._next += FRAME_SECONDS
            self.feed(SPEECH if self.aloud else SILENCE)


class ForgetfulSpeaker(RestingSpeaker, WatchedSpeaker):
    """It remembers nothing of what it has played."""

    def _play(self, frame: bytes | None) -> None:
        super()._play(frame)
        self.played.clear()


class ListeningServer(WatchedLink):
    """A link to a server that keeps whatever the toy tells it to keep, and says so."""

    def send(self, message: m.Message) -> bool:
        """As any link does; a batch is acknowledged in a moment, unless the server does not read."""
        sent = super().send(message)
        if sent and isinstance(message, m.SyncBatch) and not self.stalled:
            lists = (message.safety_events, message.conversations, message.metrics, message.logs)
            taken = tuple(str(item["id"]) for items in lists for item in items)
            asyncio.get_running_loop().call_later(ACK_S, self._acknowledge, m.SyncAck(message.batch, taken))
        return sent

    def _acknowledge(self, ack: m.SyncAck) -> None:
        if self.running.is_set() and not self.stalled:
            self.deliver(ack)


class BusyToy(SimulatedToy):
    """One toy of a campaign, with a real button. `deeds` of a profile are done by `do`."""

    link: WatchedLink

    def __init__(self, table: DecisionTable, patterns: LightPatterns, *, memory: SimulatedMemory | None = None) -> None:
        """`memory`: that of the toy before it was switched off."""
        self.ears, self.mouth = DozingMicrophone(), ForgetfulSpeaker()
        lights = SimulatedLights(1)
        super().__init__(
            table,
            ListeningServer(up=False),
            patterns,
            microphone=self.ears,
            speaker=self.mouth,
            lights=lights,
            light_frame_s=LIGHT_FRAME_S,
            memory=memory,
        )
        self.button = SimulatedButton()
        self.invariants = Invariants(self.runtime, self.ears, lights, patterns)
        self.link.invariants = self.mouth.invariants = self.invariants
        self._sent = (0, 0)  # the latest turn that was answered, and how many pieces
        self._deeds: dict[str, Callable[[Mapping[str, Any]], None]] = {
            "button.pressed": lambda how: self.button.press(),
            "button.released": lambda how: self.button.release(),
            "speech.started": lambda how: self._talk(True),
            "speech.ended": lambda how: self._talk(False),
            "microphone.lost": lambda how: self.ears.vanish(),
            "microphone.back": lambda how: setattr(self.ears, "broken", None),
            "speaker.lost": lambda how: self.mouth.vanish(),
            "speaker.back": lambda how: setattr(self.mouth, "broken", None),
            "link.connecting": lambda how: self.link.call(),
            "link.up": lambda how: self.link.go_up(),
            "link.down": lambda how: self.link.go_down(str(how.get("reason", "lost"))),
            "reply.started": lambda how: self._answer(how, final=False),
            "reply.finished": lambda how: self._answer(how, final=True),
            "reply.failed": self._refuse,
            "toy.loaded": self._configure,
            "toy.load_failed": lambda how: self.link.deliver(m.ErrorMessage("TOY_NOT_FOUND", "no such toy", {})),
            "toy.switch": lambda how: self.link.deliver(m.SwitchToy(how.get("toy_id", "owl"))),
            "safety.pause": lambda how: self.link.deliver(
                m.SafetyOverride("pause_interaction", how.get("seconds", 20.0))
            ),
            "safety.resume": lambda how: self.link.deliver(m.SafetyOverride("resume")),
            "wake.heard": lambda how: self.wake.call(str(how.get("phrase", "hey pommai"))),
            "reply.blocked": lambda how: self.link.deliver(m.TextResponse(self._turn(how), NOT_FOR_CHILDREN)),
            "volume.asked": lambda how: self.link.deliver(m.Command("volume", {"percent": how.get("percent", 50.0)})),
            "stop.asked": lambda how: self.link.deliver(m.Command("stop")),
            "play.asked": lambda how: self.link.deliver(m.Command("play", {"sound": how.get("sound", "hello")})),
            "reload.asked": lambda how: self.link.deliver(m.Command("reload")),
            "restart.asked": lambda how: self.link.deliver(m.Command("restart")),
            "reset.asked": lambda how: self.link.deliver(m.Command("reset")),
            "config.offered": lambda how: self.link.deliver(m.PiConfigUpdate(SETTINGS)),
            "wake.refused": lambda how: self.runtime.post(
                Event("wake.refused", {"reason": "damaged", "models": "okay_nabu", **how})
            ),
            "server.stalls": lambda how: setattr(self.link, "stalled", True),
            "server.reads": lambda how: setattr(self.link, "stalled", False),
            "server.garbage": lambda how: self.link.deliver_audio(m.DownAudio(self.body.turn.id, 0, b"noise")),
            "server.silence": lambda how: self.link.deliver_audio(m.DownAudio(self.body.turn.id, 0, b"", final=True)),
            "server.words": lambda how: self.link.deliver(m.TextResponse(self._turn(how), "hello")),
        }
        for event in ("identity.missing", "safety.alert", "error.action", "error.activity"):
            self._deeds[event] = lambda how, event=event: self.runtime.post(Event(event, dict(how)))  # type: ignore[misc]

    def do(self, event: str, how: Mapping[str, Any]) -> None:
        """Bring an event about, now. Of what the toy makes itself, nothing is done."""
        deed = self._deeds.get(event)
        if deed is not None:
            deed(how)

    @property
    def can_do(self) -> frozenset[str]:
        """Events that can be brought about."""
        return frozenset(self._deeds)

    def forget(self) -> None:
        """Drop what was remembered of the past: a campaign is long."""
        self.link.sent.clear()
        self.trace.lines.clear()
        self.wake.wanted.clear()
        self.speech.spoken.clear()

    def _talk(self, aloud: bool) -> None:
        self.ears.aloud = aloud

    def _turn(self, how: Mapping[str, Any]) -> int:
        return max(0, self.body.turn.id - int(how.get("older", 0)))

    def _answer(self, how: Mapping[str, Any], *, final: bool) -> None:
        turn, count = self._turn(how), int(how.get("frames", FRAMES))
        begun, sent = self._sent
        first = int(how["first"]) if "first" in how else sent if begun == turn else 0
        self._sent = turn, first + count
        packet = SimulatedCodec().encoder().encode(answer_frame(turn))
        pieces = [m.DownAudio(turn, first + i, packet, final and i == count - 1) for i in range(count)]
        order = int(how.get("order", 1))
        self.link.deliver_audio(*sorted(pieces, key=lambda piece: piece.sequence * order % 7) if order > 1 else pieces)

    def _refuse(self, how: Mapping[str, Any]) -> None:
        self.link.deliver(m.ErrorMessage(str(how.get("code", "AUDIO_ERROR")), "no", {"turn": self._turn(how)}))

    def _configure(self, how: Mapping[str, Any]) -> None:
        toy = str(how.get("toy_id", "pommai-bear"))
        profile = m.ToyProfile(toy, toy.title())
        self.link.deliver(m.ToyConfigUpdate(profile) if how.get("update") else m.ToyConfig(profile))
