"""What toys say."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from gateway_material import level_of, samples_of

from pommai.errors import SoundError, SpeechError
from pommai.io.codec import OpusCodec
from pommai.io.speech import EspeakSpeech
from pommai.io.wav import write_wav
from pommai.protocol.audio import SILENCE
from pommai.qa import load_speech
from pommai.qa.load_speech import SENTENCES, read_recordings, speak_sentences

SENTENCE = Path(__file__).parent / "data" / "sentence.wav"


def decoded(packets: tuple[bytes, ...]) -> bytes:
    decoder = OpusCodec().decoder()
    return b"".join(map(decoder.decode, packets))


def test_sentences_are_spoken_with_silence_around_them() -> None:
    spoken = asyncio.run(speak_sentences())
    assert len(spoken) == len(SENTENCES)
    for packets in spoken:
        samples = samples_of(decoded(packets))
        assert level_of(samples) > 0.02, "somebody speaks"
        assert level_of(samples[:2000]) < 0.01, "and not at once"
        assert 1.0 < len(packets) * 0.02 < 5.0


def test_without_espeak_it_is_said_that_recordings_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_speech, "EspeakSpeech", lambda: EspeakSpeech("no-such-program"))
    with pytest.raises(SpeechError, match=r"--speech FILE\.wav"):
        asyncio.run(speak_sentences())


def test_a_recording_is_one_thing_to_say() -> None:
    (packets,) = read_recordings([SENTENCE])
    assert level_of(samples_of(decoded(packets))) > 0.02


def test_recordings_that_cannot_be_said_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SoundError, match="there is no file"):
        read_recordings([tmp_path / "gone.wav"])
    long, empty = tmp_path / "long.wav", tmp_path / "empty.wav"
    write_wav(long, [SILENCE] * 1501)
    write_wav(empty, [])
    for file in (long, empty):
        with pytest.raises(SoundError, match="something to say takes up to 30 s"):
            read_recordings([file])
