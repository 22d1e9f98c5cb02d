"""Speech on board, simulated."""

from __future__ import annotations

import asyncio

import pytest
from audio_material import run_virtually

from pommai.errors import SpeechError
from pommai.io.ports import Speech
from pommai.io.speech_simulated import SimulatedSpeech
from pommai.protocol.audio import FRAME_BYTES
from pommai.protocol.messages import VoiceSettings


def test_a_longer_text_is_longer_speech_and_all_is_remembered() -> None:
    async def main() -> None:
        speech = SimulatedSpeech()
        port: Speech = speech
        short = await port.speak("Hi", VoiceSettings())
        long = await port.speak("Hi there, little bear", VoiceSettings("tin"))
        assert 0 < len(short) < len(long)
        assert {len(frame) for frame in long} == {FRAME_BYTES}
        assert speech.spoken == [("Hi", VoiceSettings()), ("Hi there, little bear", VoiceSettings("tin"))]
        assert await port.speak(" ", VoiceSettings()) == []

    asyncio.run(main())


def test_it_takes_its_time_and_fails_when_told_to() -> None:
    async def main() -> float:
        speech = SimulatedSpeech(0.5)
        await speech.speak("Hi", VoiceSettings())
        speech.broken = "no voice today"
        with pytest.raises(SpeechError, match="no voice today"):
            await speech.speak("Hi", VoiceSettings())
        assert len(speech.spoken) == 2
        return asyncio.get_running_loop().time()

    assert run_virtually(main()) == pytest.approx(1.0)
