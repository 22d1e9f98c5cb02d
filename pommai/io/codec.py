"""Opus, as the toy speaks it: 16 kHz mono, one packet per 20 ms frame.

Opuslib finds libopus and declares its functions; of opuslib's own wrappers this module uses none, because several
cannot be used: short PCM is read past its end, switching FEC or DTX on raises or does nothing, `str(OpusError)` raises,
and a lost packet cannot be concealed. Calling the declared functions directly also saves building a Python list of
320 integers for every frame decoded.
"""

from __future__ import annotations

import ctypes
import warnings
import weakref
import zlib
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, Final

from msgspec import Struct

from pommai.errors import CodecError
from pommai.protocol.audio import CHANNELS, FRAME_BYTES, FRAME_SAMPLES, SAMPLE_RATE, SILENCE

BITRATE: Final = 24_000
"""Bits a second at which a toy's encoder starts. RFC 6716, 2.1.1 calls 16 to 20 kbit/s the sweet spot for wideband
speech; in-band FEC takes its share on top."""
MIN_BITRATE: Final = 6_000
"""RFC 6716, 2.1.1: Opus works from 6 kbit/s ..."""
MAX_BITRATE: Final = 510_000
"""... to 510 kbit/s."""
MAX_PACKET: Final = 1275
"""Bytes of the longest Opus frame (RFC 6716, 3.2.1)."""


class Encoding(Struct, frozen=True):
    """How encoders make packets. What is said of quality is PESQ (ITU-T P.862.2) of speech of several voices."""

    bitrate: int
    """Bits a second at which an encoder starts."""
    complexity: int
    """0..10: how much of the processor is spent on quality."""
    expected_loss: int = 0
    """Per cent of packets expected to be lost: how much of the bitrate in-band FEC may take. 0 means none is sent."""
    is_for_music: bool = False
    """Opus then encodes the spectrum (CELT) and has no model of a voice (SILK): more bits for the same speech, and a
    small part of the work."""


UPLINK: Final = Encoding(BITRATE, complexity=5, expected_loss=10)
"""For packets that may be lost. Half of the scale leaves a Pi Zero's core time for the rest."""
WHOLE: Final = Encoding(32_000, complexity=5)
"""For a wire that loses nothing. Redundancy costs quality there, and gives none: 4.25 of 4.6, against 2.9 of UPLINK,
for 4 kbit/s more."""
QUICK: Final = Encoding(64_000, complexity=0, is_for_music=True)
"""As good to the ear as WHOLE (4.23), with a sixth of its work, and twice its bits."""


def _load_libopus() -> SimpleNamespace:
    """The functions and constants of libopus that are used here. Raises CodecError when it is not installed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # opuslib compares integers with `is`
            import opuslib
            import opuslib.api.ctl
            import opuslib.api.decoder
            import opuslib.api.encoder
            import opuslib.api.info
    except ImportError as caught:
        raise CodecError(f"opuslib cannot be imported ({caught}); install it with: pip install opuslib") from caught
    except Exception as caught:  # opuslib raises a bare Exception when it does not find the shared library
        raise CodecError(
            "libopus, the Opus codec, is not installed; on Raspberry Pi OS and Debian install it with: "
            "sudo apt-get install libopus0"
        ) from caught
    library = opuslib.api.libopus
    packet_samples = library.opus_packet_get_nb_samples
    packet_samples.argtypes = (ctypes.c_char_p, ctypes.c_int32, ctypes.c_int32)
    packet_samples.restype = ctypes.c_int
    return SimpleNamespace(
        encoder_create=opuslib.api.encoder.libopus_create,
        encoder_destroy=opuslib.api.encoder.destroy,
        encoder_ctl=opuslib.api.encoder.libopus_ctl,
        encode=opuslib.api.encoder.libopus_encode,
        decoder_create=opuslib.api.decoder.libopus_create,
        decoder_destroy=opuslib.api.decoder.destroy,
        decode=opuslib.api.decoder.libopus_decode,
        packet_samples=packet_samples,
        strerror=opuslib.api.info.strerror,
        VOIP=opuslib.APPLICATION_VOIP,
        AUDIO=opuslib.APPLICATION_AUDIO,
        SET_BITRATE=opuslib.SET_BITRATE_REQUEST,
        SET_COMPLEXITY=opuslib.SET_COMPLEXITY_REQUEST,
        SET_INBAND_FEC=opuslib.SET_INBAND_FEC_REQUEST,
        SET_PACKET_LOSS=opuslib.SET_PACKET_LOSS_PERC_REQUEST,
        SET_DTX=opuslib.SET_DTX_REQUEST,
    )


class OpusCodec:
    """Makes Opus encoders and decoders. Raises CodecError when libopus is not installed, saying how to get it."""

    def __init__(self, encoding: Encoding = UPLINK) -> None:
        self._opus = _load_libopus()
        self._encoding = encoding

    def encoder(self) -> OpusEncoder:
        """A fresh encoder, for one turn."""
        return OpusEncoder(self._opus, self._encoding)

    def decoder(self) -> OpusDecoder:
        """A fresh decoder, for one reply."""
        return OpusDecoder(self._opus)


class OpusEncoder:
    """Frames to packets, as the encoding says: variable bitrate, and DTX (silence takes packets of a few bytes).

    The native state, 25 kB, goes with the object.
    """

    def __init__(self, opus: SimpleNamespace, encoding: Encoding) -> None:
        self._opus = opus
        use = opus.AUDIO if encoding.is_for_music else opus.VOIP
        self._state = _create(opus, lambda error: opus.encoder_create(SAMPLE_RATE, CHANNELS, use, error))
        weakref.finalize(self, opus.encoder_destroy, self._state)
        self._packet = (ctypes.c_char * MAX_PACKET)()
        for request, value in (
            (opus.SET_BITRATE, encoding.bitrate),
            (opus.SET_COMPLEXITY, encoding.complexity),
            (opus.SET_INBAND_FEC, int(encoding.expected_loss > 0)),
            (opus.SET_PACKET_LOSS, encoding.expected_loss),
            (opus.SET_DTX, 1),
        ):
            self._set(request, value)

    def encode(self, frame: bytes) -> bytes:
        """The packet of one frame, 1..MAX_PACKET bytes. Raises CodecError when `frame` is not FRAME_BYTES long."""
        _check_frame(frame)
        pcm = ctypes.cast(ctypes.c_char_p(frame), ctypes.POINTER(ctypes.c_int16))
        size = self._opus.encode(self._state, pcm, FRAME_SAMPLES, self._packet, MAX_PACKET)
        if size < 0:
            raise CodecError(f"Opus cannot encode this frame: {_words(self._opus, size)}")
        return self._packet.raw[:size]

    def set_bitrate(self, bits_per_second: int) -> None:
        """Change the target from the next frame on; MIN_BITRATE..MAX_BITRATE, else CodecError."""
        if not MIN_BITRATE <= bits_per_second <= MAX_BITRATE:
            raise CodecError(f"Opus has no {bits_per_second:,} bit/s; it takes {MIN_BITRATE:,} to {MAX_BITRATE:,}")
        self._set(self._opus.SET_BITRATE, bits_per_second)

    def _set(self, request: int, value: int) -> None:
        result = self._opus.encoder_ctl(self._state, request, value)
        if result < 0:
            raise CodecError(f"Opus refuses setting {request} = {value}: {_words(self._opus, result)}")


class OpusDecoder:
    """Packets to frames. The native state, 18 kB, goes with the object."""

    def __init__(self, opus: SimpleNamespace) -> None:
        self._opus = opus
        self._state = _create(opus, lambda error: opus.decoder_create(SAMPLE_RATE, CHANNELS, error))
        weakref.finalize(self, opus.decoder_destroy, self._state)
        self._pcm = (ctypes.c_int16 * FRAME_SAMPLES)()

    def decode(self, packet: bytes) -> bytes:
        """The frame of a packet. Raises CodecError when it is no Opus packet, or not one of 20 ms."""
        if not packet:
            raise CodecError("an empty message is no Opus packet")
        samples = self._samples(packet)
        if samples < 0:
            raise CodecError(f"{len(packet)} bytes that are no Opus packet: {_words(self._opus, samples)}")
        if samples != FRAME_SAMPLES:
            raise CodecError(
                f"an Opus packet of {1000 * samples / SAMPLE_RATE:g} ms; "
                f"every packet must hold {1000 * FRAME_SAMPLES / SAMPLE_RATE:g} ms"
            )
        return self._decode(packet, fec=False)

    def conceal(self, next_packet: bytes | None = None) -> bytes:
        """A frame in place of a lost one, always.

        From the redundancy that `next_packet` carries, when it is given and sound; else extrapolated from what was
        heard before, fading to silence when calls follow each other.
        """
        if next_packet and self._samples(next_packet) == FRAME_SAMPLES:
            try:
                return self._decode(next_packet, fec=True)
            except CodecError:
                pass  # damaged inside: extrapolating is still better than a hole
        return self._decode(None, fec=False)

    def _samples(self, packet: bytes) -> int:
        """Samples that the packet says it holds; negative when it is malformed."""
        samples: int = self._opus.packet_samples(packet, len(packet), SAMPLE_RATE)
        return samples

    def _decode(self, packet: bytes | None, *, fec: bool) -> bytes:
        length = 0 if packet is None else len(packet)
        samples = self._opus.decode(self._state, packet, length, self._pcm, FRAME_SAMPLES, int(fec))
        if samples != FRAME_SAMPLES:
            raise CodecError(f"a damaged Opus packet: {_words(self._opus, samples)}")
        return bytes(self._pcm)


class SimulatedCodec:
    """A codec without native code, for simulations: a packet is a checksum and the frame, less silence at its end."""

    def encoder(self) -> SimulatedEncoder:
        """A fresh encoder."""
        return SimulatedEncoder()

    def decoder(self) -> SimulatedDecoder:
        """A fresh decoder."""
        return SimulatedDecoder()


class SimulatedEncoder:
    """Frames to packets of 4..FRAME_BYTES + 4 bytes. `bitrate` remembers what was asked for."""

    def __init__(self) -> None:
        self.bitrate = BITRATE

    def encode(self, frame: bytes) -> bytes:
        """The packet of one frame. Raises CodecError when `frame` is not FRAME_BYTES long."""
        _check_frame(frame)
        sound = frame.rstrip(b"\0")
        return zlib.crc32(sound).to_bytes(4) + sound

    def set_bitrate(self, bits_per_second: int) -> None:
        """Remember the target; packets stay as they are."""
        self.bitrate = bits_per_second


class SimulatedDecoder:
    """Packets of a SimulatedEncoder to the very frames that went in."""

    def decode(self, packet: bytes) -> bytes:
        """The frame of a packet. Raises CodecError when the checksum or the length is wrong."""
        sound = packet[4:]
        if len(packet) < 4 or len(sound) > FRAME_BYTES or packet[:4] != zlib.crc32(sound).to_bytes(4):
            raise CodecError(f"{len(packet)} bytes that are no simulated packet")
        return sound.ljust(FRAME_BYTES, b"\0")

    def conceal(self, next_packet: bytes | None = None) -> bytes:
        """Silence."""
        return SILENCE


def _create(opus: SimpleNamespace, create: Callable[[Any], Any]) -> Any:
    error = ctypes.c_int()
    state = create(ctypes.byref(error))
    if error.value < 0:
        raise CodecError(f"Opus cannot start: {_words(opus, error.value)}")
    return state


def _check_frame(frame: bytes) -> None:
    if len(frame) != FRAME_BYTES:
        raise CodecError(f"a frame is {FRAME_BYTES} bytes (20 ms at 16 kHz, mono, 16 bit), not {len(frame)}")


def _words(opus: SimpleNamespace, code: int) -> str:
    text: bytes = opus.strerror(code)
    return text.decode("ascii", "replace")
