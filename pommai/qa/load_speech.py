"""What simulated toys say: a few sentences, encoded once and said by all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from pommai.errors import SoundError, SpeechError
from pommai.io.codec import OpusCodec
from pommai.io.speech import EspeakSpeech
from pommai.io.wav import read_wav
from pommai.protocol.audio import FRAME_SECONDS, SILENCE, frames_in
from pommai.protocol.messages import VoiceSettings

Utterance = tuple[bytes, ...]
"""Opus packets, 20 ms each."""

SENTENCES: Final = (
    "tell me a joke",
    "please sing me a song",
    "can you tell me a story about a snail",
    "good morning teddy",
    "why is the sky blue",
    "what is your name",
)
VOICES: Final = ("en-us+f2", "en-us+f4", "en-gb-scotland+m3")
LONGEST_S: Final = 30.0
"""Longest utterance: a toy listens no longer."""
_AROUND: Final = frames_in(0.2)
"""Frames of silence before and after a sentence, as long as a child holds the button."""


async def speak_sentences() -> tuple[Utterance, ...]:
    """Sentences that children say, spoken by espeak-ng. Raises SpeechError, CodecError."""
    speech = EspeakSpeech()
    around = [SILENCE] * _AROUND
    try:
        spoken = [
            await speech.speak(words, VoiceSettings(VOICES[number % len(VOICES)]))
            for number, words in enumerate(SENTENCES)
        ]
    except SpeechError as caught:
        raise SpeechError(f"{caught}\n(or let the toys say recordings of yours: --speech FILE.wav)") from caught
    return await asyncio.to_thread(_encode_all, [[*around, *frames, *around] for frames in spoken])


def read_recordings(files: Iterable[Path]) -> tuple[Utterance, ...]:
    """Recordings, each of which is one thing to say. Raises SoundError, CodecError."""
    recordings = []
    for file in files:
        frames = read_wav(file)
        seconds = len(frames) * FRAME_SECONDS
        if not 0 < seconds <= LONGEST_S:
            raise SoundError(f"{file} is {seconds:.1f} s long; something to say takes up to {LONGEST_S:g} s")
        recordings.append(frames)
    return _encode_all(recordings)


def _encode_all(recordings: Sequence[Sequence[bytes]]) -> tuple[Utterance, ...]:
    codec = OpusCodec()
    return tuple(tuple(map(codec.encoder().encode, frames)) for frames in recordings)
