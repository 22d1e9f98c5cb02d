"""Sound cards that are not as the toy would like them: what converting costs, how soon a lost card is back, and what a
child loses that speaks while it cuts the toy short.

Converting runs on PortAudio's thread, for every 20 ms of each direction. Its delay is that of a click's highest sample.
The card that goes and comes back is made of pipes, the toy a whole one; the clock starts when the card is there again.
For what is lost at a press, frames are counted that the card captured after it and no listener got; and sentences that
were understood whole are given to the tests' speech model without their beginning.
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.desk import ROOT, VOSK_TINY, Desk, desk
from benchmarks.figures import Figure, figure, time_rounds
from pommai.io.alsa_pipes import AlsaPipes
from pommai.io.card_format import TOYS_OWN, CardFormat, from_card, to_card
from pommai.io.speexdsp import FRAMES_A_SECOND, FrameResampler
from pommai.io.wav import read_wav
from pommai.protocol.audio import FRAME_SAMPLES, SAMPLE_BYTES, SAMPLE_RATE

sys.path.append(str(ROOT / "tests"))

from speech_material import VOICES, say, silence

CARDS = (TOYS_OWN, CardFormat(SAMPLE_RATE, 2), CardFormat(48_000, 2), CardFormat(44_100, 2))
LOSSES = 8
AWAY_SECONDS = 3.0
PRESSES = 20
BEGINNINGS_MS = (0, 40, 60, 80, 100, 120)
SENTENCES = ("tell me a story", "what time is it", "sing a song", "how are you", "goodnight", "be quiet")
PRESSING = f"""
import asyncio, json
from array import array
from pommai.io.capture import Capture
from pommai.io.playback import Playback
from pommai.io.portaudio import PortAudioMicrophone, PortAudioSpeaker

async def hum():
    while True:
        yield array("h", [1000] * {FRAME_SAMPLES}).tobytes()

async def main():
    microphone, up, captured, lost = PortAudioMicrophone(), [], [0], []
    hearing = Capture(microphone)
    voice = Playback(PortAudioSpeaker(), on_sound=hearing.deafen)
    tapped = microphone._captured
    def tap(frame):
        captured[0] = array("h", frame)[0]
        tapped(frame)
    microphone._captured = tap
    tasks = [asyncio.create_task(part.run(print, lambda: up.append(1))) for part in (hearing, voice)]
    while len(up) < 2 or not captured[0]:
        if len(up) == 2:
            print(flush=True)
        await asyncio.sleep(0.05)
    for i in range({PRESSES}):
        streaming = asyncio.create_task(voice.stream(hum()))
        await asyncio.sleep(0.5 + 0.037 * i % 0.02)
        stream, pressed = hearing.subscribe(preroll=True), captured[0]
        streaming.cancel()
        await asyncio.sleep(0.4)
        heard = [array("h", frame)[0] for frame in stream.drain()]
        stream.close()
        lost.append(20 * (next(value for value in heard if value > pressed) - pressed - 1))
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    return lost

print(json.dumps(asyncio.run(main())))
"""


def measure() -> list[Figure]:
    """Microseconds a frame, milliseconds of delay, and milliseconds from a card's return to its use."""
    made = []
    said = read_wav(ROOT / "tests" / "data" / "sentence.wav")[:100]
    for card in CARDS:
        captured = [to_card(card)(frame) for frame in said]
        hear, play = from_card(card), to_card(card)
        paths: tuple[tuple[str, Callable[[bytes], bytes], Sequence[bytes]], ...] = (
            ("microphone", hear, captured),
            ("speaker", play, said),
        )
        for name, work, frames in paths:
            taken = time_rounds(functools.partial(_all, work, frames), len(frames), 30)
            note = "nothing in the path" if card == TOYS_OWN else f"adds {_delay(name, card):.2g} ms"
            made.append(figure(f"{name} at {card}", taken, "us a frame", note=note))
    made += asyncio.run(_returns())
    return [*made, figure("said from a press on and not heard", _lost_at_a_press(), "ms"), *_without_beginning()]


def _all(work: Callable[[bytes], bytes], frames: Sequence[bytes]) -> None:
    for frame in frames:
        work(frame)


def _delay(direction: str, card: CardFormat) -> float:
    """Milliseconds that a click is later than without converting."""
    if card.rate == SAMPLE_RATE:
        return 0.0
    rates = (card.rate, SAMPLE_RATE) if direction == "microphone" else (SAMPLE_RATE, card.rate)
    resampler = FrameResampler(*rates)
    silence = bytes(rates[0] // FRAMES_A_SECOND * SAMPLE_BYTES)
    click = array("h", silence)
    click[0] = 20_000
    heard = array("h", resampler.push(click.tobytes()) + resampler.push(silence))
    return max(range(len(heard)), key=lambda i: abs(heard[i])) / rates[1] * 1e3


async def _returns() -> list[Figure]:
    samples: dict[str, list[float]] = {"microphone": [], "speaker": []}
    async with desk(server=False) as made:
        await made.start_toy()
        await made.until("idle")
        for i in range(LOSSES):
            await asyncio.sleep(1.0)
            made.pipes.stop()
            await asyncio.sleep(AWAY_SECONDS + i / LOSSES)
            came = time.monotonic()
            made.pipes.start()
            for name, moment in (await _back(made, came)).items():
                samples[name].append((moment - came) * 1e3)
    return [figure(f"card back to {name} back", samples[name], "ms", goal=2000.0, goal_on="p99") for name in samples]


async def _back(made: Desk, since: float) -> dict[str, float]:
    """When each device was in use again."""
    moments: dict[str, float] = {}
    while missing := [name for name in ("microphone", "speaker") if name not in moments]:
        for line in await made.until(f"{missing[0]}.back", kind="event"):
            device, _, what = line["name"].partition(".")
            if what == "back" and line["t_us"] / 1e6 > since:
                moments[device] = line["t_us"] / 1e6
    return moments


def _lost_at_a_press() -> list[float]:
    """Milliseconds of what is said from the moment of a press on, while the toy speaks, that no recording has."""
    with tempfile.TemporaryDirectory(prefix="pommai-bench-") as name:
        pipes = AlsaPipes(Path(name), Path(name) / "played.wav")
        pipes.start()
        environment = os.environ | pipes.environment
        with subprocess.Popen(
            [sys.executable, "-c", PRESSING], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
        ) as program:
            assert program.stdout is not None
            program.stdout.readline()
            pipes.say([array("h", [i] * FRAME_SAMPLES).tobytes() for i in range(1, 2500)])
            lost: list[float] = json.loads(program.stdout.read().split("\n")[-2])
        pipes.stop()
    return lost


def _without_beginning() -> list[Figure]:
    """How much of the tests' speech is understood whole when its beginning is missing."""
    import vosk

    vosk.SetLogLevel(-1)
    model = vosk.Model(str(VOSK_TINY))

    def is_understood(text: str, voice: str, missing: int) -> bool:
        recogniser = vosk.KaldiRecognizer(model, SAMPLE_RATE)
        said = say(text, voice)[missing * SAMPLE_RATE // 1000 * SAMPLE_BYTES :]
        recogniser.AcceptWaveform(silence(0.3) + said + silence(0.5))
        return bool(json.loads(recogniser.FinalResult())["text"] == text)

    made = []
    for missing in BEGINNINGS_MS:
        shares = [
            100.0 * sum(is_understood(text, voice, missing) for text in SENTENCES) / len(SENTENCES) for voice in VOICES
        ]
        made.append(figure(f"understood whole without its first {missing} ms", shares, "%", note="of four voices"))
    return made
