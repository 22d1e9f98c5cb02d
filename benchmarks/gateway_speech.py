"""The gateway that understands and speaks: how soon it answers, and how soon it is there."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.desk import ROOT
from benchmarks.figures import Figure, figure
from pommai.gateway.personas import Answers, Personas, load_personas
from pommai.gateway.server import Gateway, GatewaySettings
from pommai.gateway.speech.chat import Chat
from pommai.gateway.speech.piper import PiperSpeech
from pommai.gateway.speech.rules import Talks
from pommai.gateway.speech.talker import Talker
from pommai.io.ports import Speech, Transcript, Word
from pommai.io.recogniser import VoskRecogniser
from pommai.io.speech import EspeakSpeech
from pommai.protocol import messages as m
from pommai.protocol.messages import VoiceSettings
from pommai.responses import load_responses

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))

from gateway_material import TOKEN, encode_all, toy_at
from openai_stand_in import Reply, stand_in
from speech_material import VOICES, VOSK_TINY, frames, say, silence

ROUNDS = 10
STARTS = 7
ABORTS = 20
PIPER_TINY = Path(__file__).resolve().parent.parent / "tests" / "data" / "piper-tiny" / "tiny.onnx"
SENTENCES = ("please sing me a song", "tell me a joke", "can you tell me a story", "good morning teddy")


def measure() -> list[Figure]:
    """Milliseconds from the last frame of a turn to the first of the answer, over a real socket; to stop; to start."""
    first, later, seconds = asyncio.run(_answering(_FreshVoice()))
    note = f"turns of {seconds:.1f} s, vosk-tiny, the file, espeak-ng; nothing of it said before"
    with_piper = asyncio.run(_answering_with_piper())
    cut, ended = asyncio.run(_aborting())
    return [
        figure("gateway: last frame to first reply frame", later, "ms", goal=400.0, goal_on="p99", note=note),
        figure("gateway: the same, model not loaded yet", first, "ms"),
        figure("gateway: the same with piper", with_piper, "ms", note="its process, its way here; a voice that hums"),
        figure("gateway: abort to the language model's connection cut", cut, "ms"),
        figure("gateway: abort to the voice's process gone", ended, "ms"),
        figure("gateway start, no engines, as a process", [_start() for _ in range(STARTS)], "ms", goal=1000.0),
    ]


class _FreshVoice:
    """espeak-ng, which remembers nothing that it said."""

    async def speak(self, text: str, voice: VoiceSettings) -> Sequence[bytes]:
        return await EspeakSpeech().speak(text, voice)


async def _answering(voice: Speech) -> tuple[list[float], list[float], float]:
    talks = Talks(load_responses(ROOT / "offline_responses.yaml"))
    personas = _parrotless()
    turns = [
        encode_all(b"".join(frames(silence(0.2) + say(sentence, voice) + silence(0.3))))
        for sentence in SENTENCES
        for voice in VOICES
    ]
    recogniser = VoskRecogniser(VOSK_TINY)
    talker = Talker("scripted", recogniser, talks, voice, EspeakSpeech())
    samples = []
    async with Gateway(GatewaySettings(personas, TOKEN, port=0), talker) as gateway:
        for number in range(ROUNDS):  # a device each: one is told to rest after so many turns
            async with toy_at(gateway, f"desk-{number}") as toy:
                for turn, packets in enumerate(turns, 1):
                    for sequence, packet in enumerate(packets[:-1]):
                        await toy.send_frame(turn, sequence, packet)
                    await asyncio.sleep(0.02)  # the last frame comes when the others have been taken
                    began = time.perf_counter()
                    await toy.send_frame(turn, len(packets) - 1, packets[-1], final=True)
                    while not isinstance(await toy.receive(), m.DownAudio):
                        pass
                    samples.append((time.perf_counter() - began) * 1e3)
                    await toy.send(m.Abort(turn, "measured"))
                    await toy.send(m.Ping("now"))
                    while not isinstance(await toy.receive(), m.Pong):
                        pass
    await recogniser.close()
    return samples[:1], samples[1:], sum(map(len, turns)) * 0.02 / len(turns)


async def _answering_with_piper() -> list[float]:
    piper = PiperSpeech(PIPER_TINY)
    try:
        await piper.speak("Hello.", VoiceSettings())
        return (await _answering(piper))[1]
    finally:
        await piper.close()


class _Ears:
    """Understands a question."""

    async def transcribe(self, frames: Sequence[bytes]) -> Transcript:
        words = "why is the sky blue"
        return Transcript(words, tuple(Word(word, 1.0) for word in words.split()))

    async def close(self) -> None: ...


async def _aborting() -> tuple[list[float], list[float]]:
    """From `abort` on the wire to an end of what it ends: a language model that writes on, a voice that speaks on."""
    talks = Talks(load_responses(ROOT / "offline_responses.yaml"))
    with tempfile.TemporaryDirectory() as folder:
        cut = [await _abort_a_model(talks) for _ in range(ABORTS)]
        ended = [await _abort_a_voice(talks, Path(folder)) for _ in range(ABORTS)]
    return cut, ended


async def _abort_a_model(talks: Talks) -> float:
    asked = asyncio.Event()

    async def writes_on(reply: Reply) -> None:
        await reply.head()
        await reply.words("The sun paints it. And ")
        asked.set()
        await reply.until_hung_up()

    async with stand_in(writes_on) as service:
        chat = Chat(service.endpoint())
        try:
            talker = Talker("openai", _Ears(), talks, EspeakSpeech(), EspeakSpeech(), chat)
            return await _abort(talker, asked.wait(), service.hung_up.wait())
        finally:
            await chat.close()


async def _abort_a_voice(talks: Talks, folder: Path) -> float:
    pid, script = folder / "pid", folder / "slow-voice"

    def prepare() -> None:
        script.write_text(f"#!/bin/sh\necho $$ > {pid}.new && mv {pid}.new {pid}\nexec sleep 60\n")
        script.chmod(0o700)
        pid.unlink(missing_ok=True)

    async def until(holds: Callable[[], bool]) -> None:
        while not holds():  # noqa: ASYNC110 (of a process there is nothing else to wait for)
            await asyncio.sleep(0.0005)

    await asyncio.to_thread(prepare)
    talker = Talker("scripted", _Ears(), talks, EspeakSpeech(str(script)), EspeakSpeech())
    gone = until(lambda: not Path("/proc", pid.read_text().strip()).exists())
    return await _abort(talker, until(pid.exists), gone)


async def _abort(talker: Talker, begun: Awaitable[object], over: Awaitable[object]) -> float:
    """Milliseconds from the abort of an answer that has begun until it is over."""
    async with (
        asyncio.timeout(30),
        Gateway(GatewaySettings(_parrotless(), TOKEN, port=0), talker) as gateway,
        toy_at(gateway) as toy,
    ):
        await toy.say(1, encode_all(b"".join(frames(say("tell me a joke")))))
        await begun
        began = time.perf_counter()
        await toy.send(m.Abort(1, "measured"))
        await over
        return (time.perf_counter() - began) * 1e3


def _parrotless() -> Personas:
    """The project's personas, without answers of their own."""
    everybody = load_personas(ROOT / "personas.yaml")
    return {name: replace(persona, answers=Answers()) for name, persona in everybody.items()}


def _start() -> float:
    """From nothing to `listening on`."""
    command = [sys.executable, "-m", "pommai", "gateway", "--port", "0", "--log-level", "error"]
    began = time.perf_counter()
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=dict(os.environ)
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("listening on"):
                break
        taken = (time.perf_counter() - began) * 1e3
        process.stdin.write("quit\n")
        process.stdin.flush()
    return taken
