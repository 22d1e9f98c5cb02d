"""Puts a toy together: from settings to devices, from devices to a runtime."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import os
import sys
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, closing
from pathlib import Path
from random import Random
from typing import Any

from pommai.actions import ACTIONS, ACTIVITIES
from pommai.actions.body import Body
from pommai.actions.configuration import recall_configuration
from pommai.actions.live import LiveConfiguration
from pommai.actions.safety import recall_safe_mode
from pommai.chart.table import DecisionTable, Step
from pommai.errors import DeviceError
from pommai.events import Event
from pommai.guards import GUARDS
from pommai.io.capture import Capture
from pommai.io.codec import OpusCodec
from pommai.io.lights_show import LightShow
from pommai.io.link import WebSocketLink
from pommai.io.link_none import NoLink
from pommai.io.link_token import StoredToken
from pommai.io.link_waiting import WaitingLink
from pommai.io.playback import Playback
from pommai.io.ports import Button, Lights, Link, Microphone, Speaker
from pommai.io.power_up import is_first_start
from pommai.io.service_manager import ServiceManager
from pommai.io.sounds import SoundFolder
from pommai.io.tls import ServerTrust
from pommai.io.toy_files import ToyFolders
from pommai.io.voice_activity import SpeechGate, WebRtcVoiceActivity
from pommai.lights.patterns import LightPatterns
from pommai.responses import Answerer, Responses, load_responses
from pommai.toy.background import keep_running
from pommai.toy.charts import load_behaviour
from pommai.toy.cloud import CloudParts, make_cloud
from pommai.toy.ending import Ending
from pommai.toy.first_turn import FirstTurn
from pommai.toy.forget import Forgetting, tell_of_reset
from pommai.toy.identity import Identity, Missing, identity_of
from pommai.toy.kept import kept
from pommai.toy.log_keeper import keep_logs
from pommai.toy.logs import hide
from pommai.toy.on_board import OnBoard, built_in_toys, loudness, on_board, who_it_was
from pommai.toy.runtime import Runtime
from pommai.toy.server_keys import make_guard
from pommai.toy.settings import Settings
from pommai.toy.sound_watch import SoundWatch, sound_gaps
from pommai.toy.trace import FileTrace, NoTrace
from pommai.toy.updates import Updates
from pommai.toy.vitals import keep_vitals

logger = logging.getLogger(__name__)

CAPABILITIES = {
    "audio": True,
    "wake_word": True,
    "offline_mode": True,
    "toy_switching": True,
    "guardian_mode": True,
    "binary_audio": True,
}
"""What this toy tells the server it can do."""


async def run_toy(
    settings: Settings,
    on_start: Callable[[Callable[[], None]], None] | None = None,
    flags: Sequence[str] = (),
) -> bool:
    """Run a toy until it is stopped: by the keyboard, by cancelling, or by the function that `on_start` is given.

    True: it has ended by itself, to be started again: on another update bundle, because its server has asked for it, or
    to forget everything. `flags` are those it was started with.

    `on_start` is called when there is something to stop; before that, files are read and the chart is compiled, which
    takes seconds on a slow core, and the event loop with it.
    Raises SettingsError, ChartError, LightsError, TableError, SoundError or CodecError when the toy cannot begin at
    all. Devices that fail never end it: they are logged, shown, and tried again. But a driver that hangs does, since
    only a new process can open the card again: then DeviceError, when all is closed.
    """
    loop = asyncio.get_running_loop()
    patterns = read_patterns(settings)
    sounds = SoundFolder(settings.sounds)
    responses = read_responses(settings, sounds.names())
    table = load_behaviour(
        settings.chart, frozenset(patterns), sounds.names(), settings.cache_dir, responses.command_names
    )
    manager = ServiceManager()
    microphone, speaker = make_microphone(settings), make_speaker(settings)
    codec = OpusCodec()
    trace = NoTrace() if settings.trace is None else FileTrace(settings.trace, loop.time)
    async with AsyncExitStack() as stack:
        stack.enter_context(closing(trace))
        pool = stack.enter_context(ThreadPoolExecutor(max_workers=1, thread_name_prefix="codec"))
        board = await on_board(settings, stack, lambda event: runtime.post(event))
        toy_id = who_it_was(settings, board.memory)
        keep_logs(stack, board.memory.keep_log)
        cloud = make_cloud(settings, stack, board.clock, board.note_sent, lambda: runtime.body)
        identity = await identity_of(settings)
        missing = Missing(lambda event: runtime.post(event))
        link = make_link(settings, cloud, toy_id, board, identity, missing)
        hearing = Capture(microphone, settings.echo)
        lights = LightShow(make_lights(settings), patterns)

        def offload(function: Callable[..., Any], *arguments: Any) -> asyncio.Future[Any]:
            return loop.run_in_executor(pool, function, *arguments)

        def make_body(post: Callable[[Event], None]) -> Body:
            return Body(
                post=post,
                mark=lambda name, turn, **more: trace.write("mark", name, turn, **more),
                offload=offload,
                hearing=hearing,
                voice=Playback(
                    speaker,
                    loudness(settings, board.memory),
                    ceiling=settings.volume_ceiling / 100,
                    on_sound=hearing.deafen,
                ),
                link=link,
                codec=codec,
                sounds=sounds,
                voice_activity=WebRtcVoiceActivity,
                speech_gate=SpeechGate,
                wake=board.wake,
                recogniser=board.recogniser,
                speech=board.speech,
                answerer=Answerer(responses, Random().randrange),
                memory=board.memory,
                clock=board.clock,
                built_in=built_in_toys(settings.personas, settings.cache_dir),
                show_theme=lights.set_theme,
                live=LiveConfiguration(ToyFolders(settings.models, sounds)),
                toy_id=toy_id,
                cloud=None if cloud is None else cloud.functions,
                offer_update=lambda args: updates.offer(args),
                forget=lambda: forgetting.begin(),
                end=lambda: ending.end(),
                begin_again=lambda: ending.begin_again(),
            )

        first_turn = FirstTurn()

        def rests(resting: bool) -> None:
            first_turn.on_configuration(resting)
            updates.on_configuration(resting)
            sound.on_configuration(resting)
            missing.on_configuration(resting)

        runtime = Runtime(
            table,
            make_body,
            lights,
            actions=ACTIONS,
            activities=ACTIVITIES,
            guards=GUARDS,
            patterns=frozenset(patterns),
            trace=trace,
            on_configuration=_tell_rest(manager, rests, table),
        )
        updates = Updates(
            settings, stop=runtime.stop, reached=lambda: runtime.body.connections, send=link.send, flags=flags
        )
        ending = Ending(runtime.stop)
        button = make_button(settings, runtime.stop, microphone)
        forgetting = Forgetting(settings, lambda: runtime.body, lambda: None if button is None else button.first_press)
        sound = SoundWatch(runtime.stop, runtime.post, board.memory)
        recall_safe_mode(runtime.body)
        recall_configuration(runtime.body)
        if board.fresh:
            tell_of_reset(runtime.body)
        keep_running(stack, keep_vitals(lambda: runtime.body, gaps=lambda: sound_gaps(microphone, speaker)), "vitals")
        keep_running(stack, manager.feed_watchdog(), "watchdog")
        keep_running(stack, first_turn.prepare(), "first turn")
        keep_running(stack, updates.run(), "updates")
        keep_running(stack, sound.run(), "sound")
        if identity.trouble:
            logger.warning("nobody has set this toy up", extra={"reason": identity.trouble})
            runtime.post(Event("identity.missing"))
        first_start = is_first_start(board.memory)
        if on_start is not None:
            on_start(runtime.stop)
        try:
            _start(button, runtime)
            runtime.body.held_at_power_up = first_start and button is not None and button.first_press is not None
            await runtime.run()
        finally:
            manager.stopping()
            if button is not None:
                button.close()
    if sound.trouble:
        raise DeviceError(sound.trouble)
    return updates.wants_start or ending.wants_start


def read_patterns(settings: Settings) -> LightPatterns:
    """The light patterns. Raises LightsError with every problem of the file."""

    def read() -> LightPatterns:
        from pommai.lights.load import load_patterns

        return load_patterns(settings.led_patterns)

    return kept(settings.cache_dir, "lights", settings.led_patterns, read, code=["lights"])


def read_responses(settings: Settings, sounds: Collection[str]) -> Responses:
    """What there is to say without a server. Raises ResponsesError with every problem of the file."""
    path = settings.offline_responses
    return kept(
        settings.cache_dir,
        "responses",
        path,
        lambda: load_responses(path, sounds),
        code=["responses"],
        more=" ".join(sorted(sounds)),
    )


def make_link(
    settings: Settings, cloud: CloudParts | None, toy_id: str, board: OnBoard, identity: Identity, missing: Missing
) -> Link:
    """The way to the server: with the token that somebody has set, else with those of the cloud.

    A toy that has neither goes nowhere: nobody has told it who it is. One that cannot read it waits until it can, and
    `missing` is told when that happens while it runs.
    """
    if identity.secret is None:
        return NoLink(toy_id)
    stored = None if settings.token_file is None else StoredToken(settings.token_file, hide)
    credentials = stored or (cloud and cloud.tokens)
    assert credentials, "a device's secret goes with a cloud"
    link = WebSocketLink(
        settings.url,
        token=credentials,
        device_id=settings.device_id,
        toy_id=toy_id,
        capabilities=CAPABILITIES,
        trust=ServerTrust(pins=settings.server_pins, now=board.clock.now),
        plaintext=settings.plaintext == "anywhere",
        guard=make_guard(settings, board.clock),
        on_sent=board.note_sent,
    )
    return WaitingLink(link, identity.secret, readable=not identity.trouble, on_change=missing.on_link)


def _tell_rest(
    manager: ServiceManager, on_configuration: Callable[[bool], None], table: DecisionTable
) -> Callable[[Step], None]:
    """Tells whether the toy rests, and the service manager that it is ready: when it rests for the first time."""

    def tell(step: Step) -> None:
        rests = not table.specification.resting.isdisjoint(step.configuration)
        on_configuration(rests)
        if rests:
            manager.ready()

    return tell


def _start(button: Button | None, runtime: Runtime) -> None:
    if button is None:
        return
    try:
        button.start(runtime.post)
    except DeviceError as caught:
        # A toy without its button still speaks when called, and still tells its server.
        logger.error("no button", extra={"reason": str(caught)})


# -- which device -------------------------------------------------------------------------


def on_a_pi() -> bool:
    """Whether this machine is a Raspberry Pi."""
    try:
        return b"Raspberry Pi" in Path("/proc/device-tree/model").read_bytes()
    except OSError:
        return False


def make_microphone(settings: Settings) -> Microphone:
    """The microphone the settings ask for; `auto` is PortAudio's where PyAudio is installed, else none."""
    from pommai.io.wav import WavMicrophone

    kind = _sound_kind(settings.microphone.kind, "microphone")
    if kind == "portaudio":
        from pommai.io.portaudio import PortAudioMicrophone

        return PortAudioMicrophone(settings.microphone_device)
    return WavMicrophone(settings.microphone.file)


def make_speaker(settings: Settings) -> Speaker:
    """The speaker the settings ask for; `auto` is PortAudio's where PyAudio is installed, else none."""
    speaker = _bare_speaker(settings)
    if settings.speaker_copy is None:
        return speaker
    from pommai.io.speaker_copy import SpeakerCopy

    return SpeakerCopy(speaker, settings.speaker_copy)


def _bare_speaker(settings: Settings) -> Speaker:
    kind = _sound_kind(settings.speaker.kind, "speaker")
    if kind == "portaudio":
        from pommai.io.portaudio import PortAudioSpeaker

        return PortAudioSpeaker(settings.speaker_device)
    if settings.speaker.file is not None:
        from pommai.io.wav import WavSpeaker

        return WavSpeaker(settings.speaker.file)
    from pommai.io.silence import SilentSpeaker

    return SilentSpeaker()


def _sound_kind(kind: str, device: str) -> str:
    if kind != "auto":
        return kind
    if importlib.util.find_spec("pyaudio") is not None:
        return "portaudio"
    logger.warning("PyAudio is not installed, so there is no sound", extra={"device": device})
    return "none"


def make_button(settings: Settings, quit_: Callable[[], None], microphone: Microphone) -> Button | None:
    """The button the settings ask for; `auto` is the GPIO's on a Pi, the keyboard at a terminal, else lines of text.

    Lines of text may also speak, into a microphone that is made of WAV files.
    """
    kind = settings.button
    if kind == "auto":
        kind = "gpio" if on_a_pi() else "keyboard" if sys.stdin.isatty() else "lines"
    if kind == "gpio":
        from pommai.io.button_gpio import GpioButton

        return GpioButton(settings.button_pin)
    if kind == "keyboard":
        from pommai.io.button_keyboard import KeyboardButton

        return KeyboardButton(quit_)
    if kind == "lines":
        from pommai.io.button_lines import LineButton
        from pommai.io.wav import WavMicrophone, read_wav

        if isinstance(microphone, WavMicrophone):
            return LineButton(quit_, say=lambda file: microphone.say(read_wav(file)))
        return LineButton(quit_)
    return None


def make_lights(settings: Settings) -> Lights:
    """The lights the settings ask for; `auto` is what a Pi has, the terminal at a desk, else none."""
    from pommai.io import lights
    from pommai.io.lights_terminal import TerminalLights

    kind = settings.lights
    if kind == "auto":
        if on_a_pi():
            kind = "apa102" if os.path.exists("/dev/spidev0.0") else "rgb"
        else:
            kind = "terminal" if sys.stdout.isatty() else "none"
    if kind == "rgb":
        return lights.RgbLed(settings.led_pins)
    if kind == "apa102":
        return lights.Apa102()
    if kind == "terminal":
        return TerminalLights(sys.stdout)
    return lights.SimulatedLights()
