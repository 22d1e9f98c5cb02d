"""The codec: Opus through libopus, and its simulated stand-in."""

from __future__ import annotations

import array
import contextlib
import ctypes.util
import gc
import math
import sys
import weakref

import pytest
from audio_material import samples, speech
from hypothesis import given, settings
from hypothesis import strategies as st

from pommai.errors import CodecError
from pommai.io.codec import MAX_PACKET, QUICK, UPLINK, WHOLE, Encoding, OpusCodec, OpusDecoder, SimulatedCodec
from pommai.protocol.audio import FRAME_BYTES, FRAME_SECONDS, SILENCE

DELAY = 104
"""Samples by which sound comes out later: the codec's own delay at 16 kHz (6.5 ms)."""


def energy(values: array.array[int]) -> float:
    return sum(value * value for value in values)


def decibels_of_signal_to_noise(clean: array.array[int], other: array.array[int]) -> float:
    noise = sum((a - b) ** 2 for a, b in zip(clean, other, strict=True))
    return 10 * math.log10(energy(clean) / noise) if noise else math.inf


@pytest.fixture(scope="module")
def codec() -> OpusCodec:
    return OpusCodec()


def test_speech_survives_the_way_through_opus(codec: OpusCodec) -> None:
    frames = speech()
    encoder, decoder = codec.encoder(), codec.decoder()
    packets = [encoder.encode(frame) for frame in frames]
    heard = samples([decoder.decode(packet) for packet in packets])
    said = samples(frames)
    assert 0.8 < energy(heard) / energy(said) < 1.1
    assert decibels_of_signal_to_noise(said[: len(said) - DELAY], heard[DELAY:]) > 3
    seconds = len(frames) * FRAME_SECONDS
    assert 15_000 < sum(map(len, packets)) * 8 / seconds < 30_000
    assert max(map(len, packets)) <= MAX_PACKET


def test_on_a_wire_that_loses_nothing_speech_sounds_better_however_it_is_encoded() -> None:
    frames = speech()
    said = samples(frames)

    def heard(encoding: Encoding) -> tuple[float, float]:
        """Signal to noise in dB, and kbit/s."""
        codec = OpusCodec(encoding)
        encoder, decoder = codec.encoder(), codec.decoder()
        packets = [encoder.encode(frame) for frame in frames]
        sound = samples([decoder.decode(packet) for packet in packets])
        quality = decibels_of_signal_to_noise(said[: len(said) - DELAY], sound[DELAY:])
        return quality, sum(map(len, packets)) * 8 / (len(frames) * FRAME_SECONDS) / 1000

    (lossy, _), (whole, whole_size), (quick, quick_size) = map(heard, (UPLINK, WHOLE, QUICK))
    assert min(whole, quick) > lossy + 0.5  # libopus 1.5 loses less to redundancy than 1.3 did
    assert whole_size < 36
    assert quick_size < 68


def test_a_lost_frame_comes_back_best_from_the_next_packet_then_from_extrapolation_then_from_silence(
    codec: OpusCodec,
) -> None:
    frames = speech()
    encoder = codec.encoder()
    packets = [encoder.encode(frame) for frame in frames]
    reference = codec.decoder()
    whole = [reference.decode(packet) for packet in packets]
    lost = [index for index in range(5, len(frames) - 1, 5) if energy(samples([whole[index]])) > 1e8]
    assert len(lost) > 15

    def heard(fill: str) -> float:
        """Signal to noise in the lost frames alone, against what would have been heard."""
        decoder = codec.decoder()
        filled = []
        for index, packet in enumerate(packets):
            if index not in lost:
                decoder.decode(packet)
            elif fill == "next packet":
                filled.append(decoder.conceal(packets[index + 1]))
            elif fill == "extrapolation":
                filled.append(decoder.conceal())
            else:
                decoder.conceal()
                filled.append(SILENCE)
        return decibels_of_signal_to_noise(samples([whole[index] for index in lost]), samples(filled))

    assert heard("next packet") > heard("extrapolation") + 1 > heard("silence") + 1


def test_concealing_again_and_again_fades_to_silence(codec: OpusCodec) -> None:
    encoder, decoder = codec.encoder(), codec.decoder()
    frames = speech()
    loudest = max(range(len(frames)), key=lambda index: energy(samples([frames[index]])))
    for frame in frames[: loudest + 1]:
        decoder.decode(encoder.encode(frame))
    concealed = [decoder.conceal() for _ in range(50)]
    assert energy(samples(concealed[-1:])) < energy(samples(concealed[:1])) / 100


def test_silence_costs_next_to_nothing(codec: OpusCodec) -> None:
    encoder = codec.encoder()
    sizes = [len(encoder.encode(SILENCE)) for _ in range(100)]
    assert sum(sizes[30:]) / 70 < 3


def test_a_lower_bitrate_makes_smaller_packets_from_the_next_frame_on(codec: OpusCodec) -> None:
    def size(bitrate: int) -> int:
        encoder = codec.encoder()
        encoder.set_bitrate(bitrate)
        return sum(len(encoder.encode(frame)) for frame in speech())

    assert size(24_000) > 1.2 * size(16_000) > 1.2 * 1.2 * size(12_000)


@pytest.mark.parametrize("bitrate", [0, -1, 5_999, 510_001])
def test_a_bitrate_opus_does_not_have_is_refused(codec: OpusCodec, bitrate: int) -> None:
    with pytest.raises(CodecError, match="bit/s"):
        codec.encoder().set_bitrate(bitrate)


@pytest.mark.parametrize("length", [0, 2, FRAME_BYTES - 2, FRAME_BYTES + 2])
@pytest.mark.parametrize("kind", [OpusCodec, SimulatedCodec])
def test_only_whole_frames_are_encoded(kind: type[OpusCodec | SimulatedCodec], length: int) -> None:
    with pytest.raises(CodecError, match=f"640 bytes .* not {length}"):
        kind().encoder().encode(bytes(length))


def test_an_empty_packet_is_refused_and_can_be_concealed(codec: OpusCodec) -> None:
    decoder = codec.decoder()
    with pytest.raises(CodecError, match="empty"):
        decoder.decode(b"")
    assert len(decoder.conceal(b"")) == FRAME_BYTES


def test_a_packet_of_another_duration_is_refused_in_milliseconds(codec: OpusCodec) -> None:
    sixty_milliseconds = bytes([11 << 3]) + bytes(40)  # configuration 11: SILK, wideband, 60 ms (RFC 6716, table 2)
    with pytest.raises(CodecError, match="60 ms"):
        codec.decoder().decode(sixty_milliseconds)


@given(st.lists(st.binary(max_size=200) | st.binary(min_size=1275, max_size=4000), min_size=1, max_size=8))
@settings(max_examples=300, deadline=None)
def test_garbage_gives_a_codec_error_or_a_frame_and_never_spoils_the_next_packet(garbage: list[bytes]) -> None:
    decoder: OpusDecoder = OpusCodec().decoder()
    for packet in garbage:
        with contextlib.suppress(CodecError):
            assert len(decoder.decode(packet)) == FRAME_BYTES
        assert len(decoder.conceal(packet)) == FRAME_BYTES
    assert len(decoder.decode(OpusCodec().encoder().encode(SILENCE))) == FRAME_BYTES


def test_native_state_goes_with_its_object(codec: OpusCodec) -> None:
    encoder, decoder = codec.encoder(), codec.decoder()
    gone = [weakref.ref(encoder), weakref.ref(decoder)]
    del encoder, decoder
    gc.collect()
    assert [ref() for ref in gone] == [None, None]


def test_a_missing_libopus_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "opuslib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(ctypes.util, "find_library", lambda name: None)
    with pytest.raises(CodecError, match="apt-get install libopus0"):
        OpusCodec()


@given(st.binary(min_size=FRAME_BYTES, max_size=FRAME_BYTES) | st.just(SILENCE))
def test_the_simulated_codec_returns_the_very_frame(frame: bytes) -> None:
    codec = SimulatedCodec()
    assert codec.decoder().decode(codec.encoder().encode(frame)) == frame


@given(st.binary(max_size=700))
def test_the_simulated_decoder_refuses_what_no_simulated_encoder_made(packet: bytes) -> None:
    codec = SimulatedCodec()
    try:
        frame = codec.decoder().decode(packet)
    except CodecError:
        return
    assert codec.encoder().encode(frame)[:4] == packet[:4]
