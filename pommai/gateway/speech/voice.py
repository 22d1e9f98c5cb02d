"""A voice behind OpenAI's speech endpoint: a sentence in, frames out."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from pommai.errors import CodecError, SpeechError
from pommai.gateway.gateway_file import Endpoint
from pommai.gateway.speech.endpoint import open_client
from pommai.io.resample import resample
from pommai.io.speech_level import ready_frames
from pommai.io.speech_text import spoken_text
from pommai.protocol.audio import SAMPLE_RATE
from pommai.protocol.messages import VoiceSettings

SECONDS: Final = 6.0
"""Longest that a sentence may take."""
RATE: Final = 24_000
"""Samples a second of `response_format: pcm`: s16le, mono (https://platform.openai.com/docs/guides/text-to-speech)."""
MOST_BYTES: Final = 60 * RATE * 2
"""Of a sentence: a minute."""
SLOWEST, FASTEST = 0.25, 4.0
"""Speeds that the endpoint takes."""


class OpenAiSpeech:
    """Implements the port Speech with one voice for every persona, at the persona's speed. The owner closes it."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Raises SettingsError when httpx is not installed, or the key is not to be had."""
        self._endpoint = endpoint
        self._client = open_client(endpoint)

    async def close(self) -> None:
        """Hang up. Harmless when called again."""
        await self._client.aclose()

    async def speak(self, text: str, voice: VoiceSettings) -> Sequence[bytes]:
        """Frames that say the text, as much of it as `spoken_text` lets through; none when that is nothing.

        Raises SpeechError when the service fails or takes longer than SECONDS. Cancelled: the connection is cut.
        """
        words = spoken_text(text)
        if not words:
            return ()
        try:
            async with asyncio.timeout(SECONDS):
                pcm = await self._fetch(words, min(max(voice.speed, SLOWEST), FASTEST))
        except TimeoutError:
            raise SpeechError(f"the voice at {self._endpoint.url} has not spoken within {SECONDS:g} s") from None
        if pcm[:4] in (b"RIFF", b"OggS", b"fLaC") or pcm[:3] == b"ID3":
            raise SpeechError(f"the voice at {self._endpoint.url} sends files where it was asked for pcm")
        try:
            frames = await asyncio.to_thread(_frames, pcm[: len(pcm) // 2 * 2])
        except CodecError as caught:
            raise SpeechError(str(caught)) from caught
        if not frames:
            raise SpeechError(f"the voice at {self._endpoint.url} sends silence")
        return frames

    async def _fetch(self, words: str, speed: float) -> bytes:
        import httpx

        request = {
            "model": self._endpoint.model,
            "voice": self._endpoint.voice,
            "input": words,
            "response_format": "pcm",
            "speed": speed,
        }
        pcm = b""
        try:
            async with self._client.stream("POST", f"{self._endpoint.url}/audio/speech", json=request) as response:
                if response.status_code != 200:
                    raise SpeechError(f"the voice at {self._endpoint.url} refuses (HTTP {response.status_code})")
                async for part in response.aiter_raw():
                    pcm += part
                    if len(pcm) >= MOST_BYTES:
                        return pcm[:MOST_BYTES]
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as caught:
            words = f"the voice at {self._endpoint.url} cannot be reached, or hung up ({type(caught).__name__})"
            raise SpeechError(words) from caught
        return pcm


def _frames(pcm: bytes) -> tuple[bytes, ...]:
    return tuple(ready_frames(resample(pcm, RATE, SAMPLE_RATE)))
