from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest
from gateway_material import loudest_hertz, pcm_of, run, samples_of
from openai_stand_in import Behaviour, Reply, StandIn, refusing, sending, stalling, stand_in

from pommai.errors import SpeechError
from pommai.gateway.speech import voice as module
from pommai.gateway.speech.voice import RATE, OpenAiSpeech
from pommai.protocol.audio import FRAME_BYTES
from pommai.protocol.messages import VoiceSettings

TONE = pcm_of(0.4 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE))
"""A second at the service's rate."""


async def spoken(
    behaviour: Behaviour, text: str = "Hello, *friend*!", speed: float = 1.2
) -> tuple[Sequence[bytes], StandIn]:
    async with stand_in(behaviour) as service:
        speech = OpenAiSpeech(service.endpoint(voice="nova"))
        try:
            return await speech.speak(text, VoiceSettings(speed=speed)), service
        finally:
            await speech.close()


def test_a_sentence_becomes_frames_of_the_same_pitch_and_length() -> None:
    frames, service = run(spoken(sending(TONE, "audio/pcm")))
    assert {len(frame) for frame in frames} == {FRAME_BYTES}
    assert len(frames) in (49, 50, 51)
    assert abs(loudest_hertz(samples_of(b"".join(frames))) - 440) < 2
    assert service.paths == ["/v1/audio/speech"]
    assert service.questions == [
        {"model": "a-model", "voice": "nova", "input": "Hello, friend!", "response_format": "pcm", "speed": 1.2}
    ]


def test_what_cannot_be_said_is_not_asked_for() -> None:
    frames, service = run(spoken(stalling, "\U0001f43b"))
    assert frames == ()
    assert service.paths == []


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (refusing(500), "HTTP 500"),
        (refusing(401), "HTTP 401"),
        (sending(b"RIFF" + bytes(100), "audio/wav"), "asked for pcm"),
        (sending(b"ID3" + bytes(100), "audio/mpeg"), "asked for pcm"),
        (sending(b"", "audio/pcm"), "silence"),
        (sending(bytes(9999), "audio/pcm"), "silence"),
    ],
)
def test_what_is_no_sound_is_an_error(behaviour: Behaviour, words: str) -> None:
    with pytest.raises(SpeechError, match=words) as caught:
        run(spoken(behaviour))
    assert "sk-secret" not in str(caught.value)


def test_a_voice_that_breaks_off_or_stalls_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    async def breaks_off(reply: Reply) -> None:
        await reply.head(200, "audio/pcm", Content_Length="100000")
        await reply.send(TONE[:100])

    with pytest.raises(SpeechError, match="hung up"):
        run(spoken(breaks_off))
    monkeypatch.setattr(module, "SECONDS", 0.2)
    with pytest.raises(SpeechError, match="within"):
        run(spoken(stalling))


def test_of_a_voice_without_an_end_a_minute_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    async def endless(reply: Reply) -> None:
        await reply.head(200, "audio/pcm")
        while True:
            await reply.send(TONE)

    monkeypatch.setattr(module, "MOST_BYTES", 2 * len(TONE))
    frames, _ = run(spoken(endless))
    assert 99 <= len(frames) <= 101


def test_cancelled_the_connection_is_cut() -> None:
    async def test() -> None:
        async with stand_in(stalling) as service:
            speech = OpenAiSpeech(service.endpoint(voice="nova"))
            task = asyncio.create_task(speech.speak("Hello.", VoiceSettings()))
            while not service.questions:
                await asyncio.sleep(0.01)
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()
            await service.hung_up.wait()
            await speech.close()

    run(test())
