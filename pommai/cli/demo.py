"""`pommai demo`: a toy, its server and a child at play, on this machine."""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pommai.cli import INTERRUPTED

if TYPE_CHECKING:
    from pommai.demo.stage import Sound

OUT = Path("out")

_DESCRIPTION = """\
Start a gateway and a toy, each in a process of its own, and let a scripted child hold a conversation with the toy:
real sockets, real Opus, real sound. What happens is shown as it happens, with the toy's lights.

Sound goes through the sound card where there is one; else through PortAudio on a card made of two pipes; else,
without PyAudio, from and to WAV files. What the speaker played is in out/reply.wav, what happened in out/trace.jsonl,
what the toy remembers in out/memory.db and what the server keeps of it in out/archive.db.

Without the server the toy understands by a speech model. The child of the examples is a voice of espeak-ng's; in a
source checkout a tiny model understands it that was made for tests. Elsewhere it is the one of the toy's settings, and
without any the toy says kindly that it has not understood.
"""
_EPILOG = """\
Examples:
  pommai demo                                     examples/conversation.yaml, in about a minute
  pommai demo --script examples/evening.yaml      a whole evening, in a minute and a half
  pommai demo --interactive                       the space bar is the button
  pommai demo --script mine.yaml                  your own; the shipped ones show how

Exit code: 0 it went as scripted, 1 it did not, and why is said, 2 wrong usage or settings, 130 interrupted.
"""
_SOUNDS = {
    "card": "the sound card, through PortAudio",
    "pipes": "PortAudio, on a sound card made of two pipes",
    "wav": "WAV files, without PortAudio",
}


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Teach the command line this command."""
    parser = subparsers.add_parser(
        "demo",
        help="a toy, its server and a child at play, on this machine",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--script", type=Path, metavar="FILE", help="what happens (default: examples/conversation.yaml)")
    what.add_argument("--interactive", action="store_true", help="no script: the space bar is the button")
    parser.add_argument(
        "--sound", choices=("auto", *_SOUNDS), default="auto", help="(default: the best this machine has)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Play. Raises ScriptError, ChartError, LightsError or SettingsError when there is nothing to begin with."""
    import asyncio

    try:
        return asyncio.run(_demo(args))
    except asyncio.CancelledError:  # by SIGTERM or SIGHUP
        return INTERRUPTED


async def _demo(args: argparse.Namespace) -> int:
    import asyncio
    import signal

    from pommai.demo.director import Director
    from pommai.demo.ears import speech_model_for
    from pommai.demo.kept import what_is_kept
    from pommai.demo.scene import Scene
    from pommai.demo.screen import Screen
    from pommai.demo.script import Say, load_script
    from pommai.demo.stage import Stage, last_words
    from pommai.demo.summary import render_summary
    from pommai.errors import DemoError, SettingsError
    from pommai.io.sounds import SoundFolder
    from pommai.io.wav import read_wav
    from pommai.lights.load import load_patterns
    from pommai.toy.charts import load_behaviour
    from pommai.toy.settings import find_project_file, load_settings

    if args.interactive and not sys.stdin.isatty():
        raise SettingsError("--interactive needs a terminal: its space bar is the button")
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, task.cancel)
    settings = load_settings()
    patterns = load_patterns(settings.led_patterns)
    table = load_behaviour(
        settings.chart, frozenset(patterns), SoundFolder(settings.sounds).names(), settings.cache_dir
    )
    sound = (
        args.sound if args.sound != "auto" else await _best_sound(settings.speaker_device, settings.microphone_device)
    )
    model = speech_model_for(settings, a_person_speaks=args.interactive and sound == "card")
    script = _script(args.script)
    states = [state.id for state in table.states]
    steps = () if args.interactive else load_script(script, states, can_understand=model is not None)

    scene, screen = Scene(table), Screen(sys.stdout, patterns, loop.time())
    stage = Stage(OUT, sound, interactive=args.interactive, vosk_model=model)
    director = Director(stage, scene, screen)
    failure: DemoError | None = None
    try:
        async with stage:
            if args.interactive:
                hello = find_project_file("examples/hello.wav")
                screen.note(_welcome(hello.name if stage.can_say else ""))
                await director.attend(Say(hello, tuple(read_wav(hello))))
            else:
                screen.note(f"A toy and its server, in processes of their own. Sound: {_SOUNDS[sound]}.")
                await director.play(steps)
    except DemoError as caught:
        failure = caught
    finally:
        director.look()
        screen.close()
    files = (stage.reply, stage.trace, *stage.logs.values(), stage.memory, stage.archive)
    kept = await what_is_kept(stage.memory, stage.archive)
    words = _SOUNDS[sound]
    print()
    print(render_summary(director.lines, scene, files, words, screen.width, kept=kept, alerts=stage.alerts))
    if failure is None:
        return 0
    for name, log in stage.logs.items():
        print(f"\nlast lines of {log}:\n{last_words(log) or f'(the {name} said nothing)'}", file=sys.stderr)
    print(f"\nThe demo did not go as it should: {failure}", file=sys.stderr)
    return 1


def _script(named: Path | None) -> Path:
    """The script to play: a shipped one also goes by its name where it lies inside the installed package."""
    from pommai.errors import SettingsError
    from pommai.toy.settings import find_project_file

    if named is None:
        return find_project_file("examples/conversation.yaml")
    if not named.exists():
        with contextlib.suppress(SettingsError):
            return find_project_file(str(named))
    return named


def _welcome(said: str) -> str:
    words = "The space bar is the button: once presses it, once more lets it go. w is the wake word, q quits."
    if said:
        words += f" There is no sound card, so every press also says {said}; the answers are in {OUT / 'reply.wav'}."
    return words


async def _best_sound(speaker: str | None, microphone: str | None) -> Sound:
    """What this machine has: a card that opens, else PortAudio at least, else neither."""
    import importlib.util

    from pommai.errors import DeviceError
    from pommai.io.portaudio import PortAudioMicrophone, PortAudioSpeaker

    if importlib.util.find_spec("pyaudio") is None:
        return "wav"
    for device in (PortAudioSpeaker(speaker), PortAudioMicrophone(microphone)):
        try:
            if isinstance(device, PortAudioSpeaker):
                await device.open(lambda _: None)
            else:
                await device.open(lambda _: None, lambda _: None)
        except DeviceError:
            return "pipes" if sys.platform == "linux" else "wav"
        await device.close()
    return "card"
