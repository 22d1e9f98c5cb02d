"""The gateway that understands and speaks: how soon it answers, and how soon it is there."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.desk import ROOT
from benchmarks.figures import Figure, figure
from pommai.gateway.personas import Answers, load_personas
from pommai.gateway.server import Gateway, GatewaySettings
from pommai.gateway.speech.rules import Talks
from pommai.gateway.speech.talker import Talker
from pommai.io.recogniser import VoskRecogniser
from pommai.io.speech import EspeakSpeech
from pommai.protocol import messages as m
from pommai.protocol.messages import VoiceSettings
from pommai.responses import load_responses

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))

from gateway_material import TOKEN, encode_all, toy_at
from speech_material import VOICES, VOSK_TINY, frames, say, silence

ROUNDS = 10
STARTS = 7
SENTENCES = ("please sing me a song", "tell me a joke", "can you tell me a story", "good morning teddy")


def measure() -> list[Figure]:
    """Milliseconds from the last frame of a turn to the first of the answer, over a real socket; and to start."""
    first, later, seconds = asyncio.run(_answering())
    note = f"turns of {seconds:.1f} s, vosk-tiny, the file, espeak-ng; nothing of it said before"
    return [
        figure("gateway: last frame to first reply frame", later, "ms", goal=400.0, goal_on="p99", note=note),
        figure("gateway: the same, model not loaded yet", first, "ms"),
        figure("gateway start, no engines, as a process", [_start() for _ in range(STARTS)], "ms", goal=1000.0),
    ]


class _FreshVoice:
    """espeak-ng, which remembers nothing that it said."""

    async def speak(self, text: str, voice: VoiceSettings) -> Sequence[bytes]:
        return await EspeakSpeech().speak(text, voice)


async def _answering() -> tuple[list[float], list[float], float]:
    talks = Talks(load_responses(ROOT / "offline_responses.yaml"))
    personas = {
        name: replace(persona, answers=Answers()) for name, persona in load_personas(ROOT / "personas.yaml").items()
    }
    turns = [
        encode_all(b"".join(frames(silence(0.2) + say(sentence, voice) + silence(0.3))))
        for sentence in SENTENCES
        for voice in VOICES
    ]
    recogniser = VoskRecogniser(VOSK_TINY)
    talker = Talker("scripted", recogniser, talks, _FreshVoice(), EspeakSpeech())
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
