"""A whole toy whose devices are simulated, and the child and the server that play with it."""

from __future__ import annotations

import asyncio
import functools
from array import array
from collections.abc import Callable, Iterable
from typing import Any

from pommai.actions import ACTIONS, ACTIVITIES
from pommai.actions.body import Body
from pommai.actions.configuration import recall_configuration
from pommai.actions.live import LiveConfiguration
from pommai.actions.safety import recall_safe_mode
from pommai.chart.table import DecisionTable
from pommai.errors import ModelError, SoundError
from pommai.events import Event
from pommai.guards import GUARDS
from pommai.io.capture import Capture
from pommai.io.clock import SimulatedClock
from pommai.io.codec import SimulatedCodec
from pommai.io.lights import SimulatedLights
from pommai.io.lights_show import LightShow
from pommai.io.link_simulated import SimulatedLink
from pommai.io.memory_simulated import SimulatedMemory
from pommai.io.playback import Playback
from pommai.io.ports import Cloud, ToyFiles
from pommai.io.recogniser_simulated import SimulatedRecogniser
from pommai.io.simulated_audio import SimulatedMicrophone, SimulatedSpeaker
from pommai.io.speech_simulated import SimulatedSpeech
from pommai.io.ticker import Ticker
from pommai.io.voice_activity import SimulatedVoiceActivity, SpeechGate
from pommai.io.wake_simulated import SimulatedWake
from pommai.lights.patterns import LightPatterns
from pommai.lights.render import FRAME_S
from pommai.protocol.audio import FRAME_SAMPLES, SILENCE
from pommai.protocol.messages import DownAudio, ToyConfig, ToyProfile
from pommai.responses import Answerer, Responses, load_responses
from pommai.toy.runtime import Runtime
from pommai.toy.settings import RESOURCES, find_project_file

SOUND_NAMES = tuple(sorted(path.stem for path in (RESOURCES / "sounds").glob("*.wav")))
"""The toy's own sounds."""


def tone(level: int) -> bytes:
    """A frame that can be told from others by its level, 1..32767."""
    return array("h", [level] * FRAME_SAMPLES).tobytes()


MODELS = {
    "okay_nabu": "microwakeword",
    "hey_jarvis": "microwakeword",
    "tars.onnx": "openwakeword",
    "alexa.onnx": "openwakeword",
}
"""Wake models of a simulated toy, and what listens with them."""
SPEECH = tone(9000)
_NOT_THE_STATE = ("toy", "behaviour", "link", "offline", "connecting", "online", "asking", "answering_alone")
BUILT_IN = {toy_id: ToyProfile(toy_id, toy_id.title()) for toy_id in ("pommai-bear", "robo-rex")}
"""The toys that come with a simulated one."""


@functools.cache
def _responses() -> Responses:
    return load_responses(find_project_file("offline_responses.yaml"))


class Sounds:
    """Three frames a sound, each sound of its own level."""

    def names(self) -> frozenset[str]:
        return frozenset(SOUND_NAMES)

    def frames(self, name: str) -> list[bytes]:
        if name not in SOUND_NAMES:
            raise SoundError(f"there is no sound '{name}'")
        return [tone(100 + SOUND_NAMES.index(name))] * 3


class Files:
    """Files by name: two models for each engine, and the toy's own sounds."""

    def wake_engine(self, model: str) -> str:
        engine = MODELS.get(model)
        if engine is None:
            raise ModelError(f"there is no wake model '{model}'")
        return engine

    def sound(self, file: str) -> str:
        name = file.removesuffix(".wav")
        if name not in SOUND_NAMES:
            raise SoundError(f"there is no sound '{name}'")
        return name


class Recorded:
    """A trace kept in memory."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def write(self, kind: str, name: str, turn: int, **more: object) -> None:
        now = asyncio.get_running_loop().time()
        self.lines.append({"t": now, "kind": kind, "name": name, "turn": turn, **more})

    def close(self) -> None:
        pass


class SimulatedToy:
    """A toy of the real parts but for its devices. Made and used on a running event loop."""

    def __init__(
        self,
        table: DecisionTable,
        link: SimulatedLink,
        patterns: LightPatterns,
        *,
        microphone: SimulatedMicrophone | None = None,
        speaker: SimulatedSpeaker | None = None,
        lights: SimulatedLights | None = None,
        light_frame_s: float = FRAME_S,
        memory: SimulatedMemory | None = None,
        files: ToyFiles | None = None,
        cloud: Cloud | None = None,
    ) -> None:
        """Devices that are not given are the plain simulated ones, with three LEDs; the memory is empty; without a
        cloud, what is synced goes over the link."""
        self.cloud = cloud
        self.files = files or Files()
        self.link = link
        self.wake = SimulatedWake()
        self.recogniser = SimulatedRecogniser("tell me a joke")
        self.speech = SimulatedSpeech()
        self.clock = SimulatedClock(asyncio.get_running_loop().time)
        self.memory = memory or SimulatedMemory(self.clock, uptime=asyncio.get_running_loop().time)
        self.microphone = microphone or SimulatedMicrophone()
        self.speaker = speaker or SimulatedSpeaker()
        self.lights = lights or SimulatedLights(3)
        self.hearing = Capture(self.microphone)
        self.show = LightShow(self.lights, patterns, light_frame_s)
        self.trace = Recorded()
        self.speaking = False
        self.room = Ticker(lambda: self.microphone.feed(SPEECH if self.speaking else SILENCE))
        self.runtime = Runtime(
            table,
            self.make_body,
            self.show,
            actions=ACTIONS,
            activities=ACTIVITIES,
            guards=GUARDS,
            patterns=frozenset(patterns),
            trace=self.trace,
        )
        self.body = self.runtime.body
        recall_safe_mode(self.body)
        recall_configuration(self.body)

    def make_body(self, post: Callable[[Event], None]) -> Body:
        async def offload(function: Any, *arguments: Any) -> Any:
            return function(*arguments)

        return Body(
            post=post,
            mark=lambda name, turn, **more: self.trace.write("mark", name, turn, **more),
            offload=offload,
            hearing=self.hearing,
            voice=Playback(self.speaker, on_sound=self.hearing.deafen),
            link=self.link,
            codec=SimulatedCodec(),
            sounds=Sounds(),
            voice_activity=SimulatedVoiceActivity,
            speech_gate=SpeechGate,
            wake=self.wake,
            recogniser=self.recogniser,
            speech=self.speech,
            answerer=Answerer(_responses(), lambda count: 0),
            memory=self.memory,
            clock=self.clock,
            built_in=BUILT_IN,
            show_theme=self.show.set_theme,
            live=LiveConfiguration(self.files),
            toy_id="pommai-bear",
            cloud=self.cloud,
        )

    # -- the child ------------------------------------------------------------------------

    def post(self, name: str, **data: object) -> None:
        self.runtime.post(Event(name, data))

    def press(self) -> None:
        self.post("button.pressed")

    def release(self) -> None:
        self.post("button.released", held_s=1.0)

    async def say(self, seconds: float) -> None:
        self.speaking = True
        await asyncio.sleep(seconds)
        self.speaking = False

    async def talk(self, seconds: float = 1.0) -> None:
        """Press, say something, release."""
        self.press()
        await self.say(seconds)
        self.release()
        await settle()

    async def rest(self) -> None:
        """Wait until the toy is idle again; at most a minute."""
        async with asyncio.timeout(60.0):
            while self.state != "idle":  # noqa: ASYNC110 (a simulation may poll for what it waits for)
                await asyncio.sleep(0.1)

    # -- the server -----------------------------------------------------------------------

    async def be_loaded(self, toy_id: str = "pommai-bear") -> None:
        self.link.deliver(ToyConfig(ToyProfile(toy_id, toy_id.title())))
        await settle()

    def answer(self, levels: Iterable[int], turn: int | None = None, first: int = 0, final: bool = True) -> None:
        """Send an answer of frames of these levels."""
        encoder = SimulatedCodec().encoder()
        levels = list(levels)
        for i, level in enumerate(levels):
            last = final and i == len(levels) - 1
            packet = encoder.encode(tone(level))
            self.link.deliver_audio(DownAudio(turn or self.body.turn.id, first + i, packet, last))

    # -- looking --------------------------------------------------------------------------

    @property
    def states(self) -> tuple[str, ...]:
        return self.runtime.machine.configuration

    @property
    def state(self) -> str:
        """The deepest active state of the behaviour; how it thinks is no difference."""
        return [id_ for id_ in self.states if id_ not in _NOT_THE_STATE][-1]

    def operations(self, op: str) -> list[str]:
        return [line["name"] for line in self.trace.lines if line["kind"] == "operation" and line["op"] == op]

    def heard(self) -> list[int]:
        """Levels of the frames the speaker played, without repeats in a row; of what fades away, nothing."""
        levels = [level for _, frame in self.speaker.played if (level := array("h", frame)[-1])]
        return [level for i, level in enumerate(levels) if i == 0 or level != levels[i - 1]]


async def settle() -> None:
    """Let everything that can happen now happen."""
    for _ in range(40):
        await asyncio.sleep(0)
