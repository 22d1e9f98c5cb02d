"""What the gateway's tests share: a sentence, measures of pitch, and a scripted toy on a real WebSocket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from websockets.asyncio.client import ClientConnection, connect

from pommai.gateway.personas import Personas, load_personas
from pommai.gateway.server import Gateway, GatewaySettings
from pommai.io.codec import OpusCodec
from pommai.io.wav import read_wav
from pommai.protocol import messages as m
from pommai.protocol.audio import FRAME_BYTES, SAMPLE_RATE
from pommai.protocol.wire import Decoded, decode, encode_audio_chunk, encode_binary, encode_message

T = TypeVar("T")
Samples = NDArray[np.float64]

TOKEN = "only-for-tests"
PERSONAS: Personas = load_personas(Path(__file__).parents[1] / "personas.yaml")
THIRD = 2 ** (4 / 12)
"""What a major third up multiplies a frequency by."""
FOURTH_DOWN = 2 ** (-5 / 12)


def run(test: Coroutine[Any, Any, T]) -> T:
    """Run a test that awaits; one that hangs fails, and no busy machine is taken for that."""

    async def limited() -> T:
        async with asyncio.timeout(150):
            return await test

    return asyncio.run(limited())


# -- sound ---------------------------------------------------------------------------------


def sentence(seconds: float = 4.4) -> bytes:
    """The beginning of 4.4 s of espeak-ng speech, s16le, 16 kHz, whole frames."""
    return b"".join(read_wav(Path(__file__).parent / "data" / "sentence.wav")[: round(seconds * 50)])


def tone(hertz: float, seconds: float, level: float = 0.5) -> bytes:
    """A sine, s16le, 16 kHz."""
    times = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return pcm_of(level * np.sin(2 * np.pi * hertz * times))


def pcm_of(samples: Samples) -> bytes:
    return np.rint(samples * 32767).astype("<i2").tobytes()


def samples_of(pcm: bytes) -> Samples:
    return np.frombuffer(pcm, "<i2") / 32768.0


def level_of(samples: Samples) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(samples**2)))


def loudest_hertz(samples: Samples) -> float:
    """The frequency at which most energy is."""
    size = 8 * len(samples)
    return float(np.abs(np.fft.rfft(samples * np.hanning(len(samples)), size)).argmax() * SAMPLE_RATE / size)


def pitch_track(samples: Samples) -> Samples:
    """Hertz every 16 ms, from the autocorrelation (Boersma 1993) of 64 ms; nan where there is no voice."""
    width, step = 1024, 256
    window = np.hanning(width)
    window_alone = np.fft.irfft(np.abs(np.fft.rfft(window, 2 * width)) ** 2)[:width]
    track = []
    for start in range(0, len(samples) - width, step):
        piece = samples[start : start + width]
        likeness = np.fft.irfft(np.abs(np.fft.rfft((piece - piece.mean()) * window, 2 * width)) ** 2)[:width]
        likeness /= window_alone * max(likeness[0], 1e-12) / window_alone[0]
        shortest, longest = SAMPLE_RATE // 600, SAMPLE_RATE // 60
        best = shortest + int(np.argmax(likeness[shortest:longest]))
        voiced = level_of(piece) > 0.02 and likeness[best] > 0.85
        track.append(SAMPLE_RATE / best if voiced else np.nan)
    return np.array(track)


def pitch_ratio(before: Samples, after: Samples) -> float:
    """How much higher `after` is than `before`, where both are voiced: the median over time."""
    ratios = pitch_track(after)[: len(pitch_track(before))] / pitch_track(before)[: len(pitch_track(after))]
    assert np.isfinite(ratios).sum() >= 15, "too little voice to compare"
    return float(np.nanmedian(ratios))


def encode_all(pcm: bytes) -> list[bytes]:
    """Opus packets of whole frames."""
    encoder = OpusCodec().encoder()
    return [encoder.encode(pcm[at : at + FRAME_BYTES]) for at in range(0, len(pcm) - FRAME_BYTES + 1, FRAME_BYTES)]


def decode_all(frames: Iterable[m.DownAudio]) -> Samples:
    """The sound of an answer."""
    decoder = OpusCodec().decoder()
    return samples_of(b"".join(decoder.decode(frame.packet) for frame in frames))


# -- the scripted toy ----------------------------------------------------------------------


def desk(port: int = 0, **more: Any) -> Gateway:
    """A gateway on a free port with the project's personas."""
    return Gateway(GatewaySettings(PERSONAS, TOKEN, port=port), **more)


class ScriptedToy:
    """A toy that does what a test says."""

    def __init__(self, connection: ClientConnection, *, binary: bool) -> None:
        self.connection = connection
        self.binary = binary

    async def send(self, message: m.Message) -> None:
        await self.connection.send(encode_message(message))

    async def send_frame(self, turn: int, sequence: int, packet: bytes, *, final: bool = False) -> None:
        audio = m.UpAudio(turn, sequence, packet, final)
        if self.binary:
            await self.connection.send(encode_binary(audio))
        else:
            await self.connection.send(encode_audio_chunk(audio, "2026-01-01T00:00:00Z"))

    async def say(self, turn: int, packets: list[bytes]) -> None:
        for sequence, packet in enumerate(packets):
            await self.send_frame(turn, sequence, packet, final=sequence == len(packets) - 1)

    async def receive(self) -> Decoded:
        return decode(await self.connection.recv())

    async def expect(self, kind: type[T]) -> T:
        """The next message, which must be of this kind."""
        message = await self.receive()
        assert isinstance(message, kind), message
        return message

    async def frames(self) -> AsyncIterator[m.DownAudio]:
        """Frames of an answer as they come, to the final one."""
        while True:
            message = await self.receive()
            assert isinstance(message, m.AudioResponse if not self.binary else m.DownAudio), message
            for frame in message.chunks if isinstance(message, m.AudioResponse) else (message,):
                yield frame
                if frame.final:
                    return

    async def answer(self) -> list[m.DownAudio]:
        """A whole answer."""
        return [frame async for frame in self.frames()]


def knock(gateway: Gateway, device: str = "desk-1", **more: Any) -> connect:
    """A connection that has not introduced itself. Use with `async with`."""
    headers = {"Authorization": f"Bearer {TOKEN}", "X-Device-ID": device}
    return connect(gateway.url, additional_headers=headers, proxy=None, **more)


@asynccontextmanager
async def toy_at(
    gateway: Gateway, device: str = "desk-1", toy: str = "pommai-bear", *, binary: bool = True, greeted: bool = True
) -> AsyncIterator[ScriptedToy]:
    """A toy that has introduced itself; one that is not `greeted` takes what comes first itself."""
    async with knock(gateway, device) as connection:
        scripted = ScriptedToy(connection, binary=binary)
        await scripted.send(m.Handshake(device, toy, capabilities={"audio": True, "binary_audio": binary}))
        await scripted.expect(m.HandshakeAck)
        if greeted:
            await scripted.expect(m.PiConfigUpdate)
        yield scripted
