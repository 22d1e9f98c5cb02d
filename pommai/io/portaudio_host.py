"""PortAudio, kept in its place: one thread calls it, with time limits, and one instance serves all streams.

PortAudio's control functions are not thread-safe, take from milliseconds to seconds, and hang for ever with some
drivers. So a single daemon thread makes all those calls in turn, nobody waits for it longer than a limit, and what a
call brings after its limit is undone. While a call hangs, further ones are refused at once instead of piling up.

PortAudio looks for cards when it is started, and never again. So it is ended with its last stream; and where one stream
is lost while another one runs, and the system's cards are others than before, all are closed and opened anew together.
So they are for a device that only ALSA knows of, such as a Bluetooth speaker, which is no card of the system's.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import logging
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from msgspec import Struct

from pommai.errors import AudioDeviceError, CodecError, DeviceError, PommaiError
from pommai.hints import closest
from pommai.io.alsa_ask import refusal
from pommai.io.card_format import CardFormat, formats
from pommai.io.control_thread import ControlThread, Hang

logger = logging.getLogger(__name__)

OPEN_SECONDS: Final = 10.0
"""Longest opening takes, starting PortAudio included: 0.2 s here, seconds on a Pi with many ALSA plugins."""
CLOSE_SECONDS: Final = 0.5
"""Longest closing takes before nobody waits for it any more: 0.02 to 0.1 s here; the toy must end within a second."""

CARDS: Path = Path("/proc/asound/cards")
"""What cards the system has, in a few lines: the cheapest way to learn that another one has been plugged in."""

Direction = Literal["microphone", "speaker"]
StreamCallback = Callable[[bytes | None, int, Any, int], tuple[bytes | None, int]]
"""(captured samples or None, frames, times, status flags) to (samples to play or None, what to do next)."""


class SoundDevice(Struct, frozen=True):
    """A device as PortAudio lists it. `index` changes from boot to boot: never keep it."""

    index: int
    name: str
    inputs: int
    outputs: int
    rate: float

    def channels(self, direction: Direction) -> int:
        """Channels it has for capture or playback."""
        return self.inputs if direction == "microphone" else self.outputs

    def __str__(self) -> str:
        return f"{self.name} ({self.inputs} in, {self.outputs} out, {self.rate:,.0f} Hz)"


def choose(devices: Sequence[SoundDevice], direction: Direction, name: str) -> SoundDevice:
    """The device meant by `name`: the very name, else the first that contains it, capitals or not.

    Raises AudioDeviceError with the devices there are, and the nearest name.
    """
    usable = [device for device in devices if device.channels(direction)]
    wanted = name.casefold()
    for device in usable:
        if device.name.casefold() == wanted:
            return device
    for device in usable:
        if wanted in device.name.casefold():
            return device
    if not devices:
        raise _no_card()
    names = {candidate: device.name for device in usable for candidate in (device.name, device.name.partition(":")[0])}
    near = closest(name, names)
    hint = "" if near is None else f"; did you mean '{near}'?"
    listing = "".join(f"\n  {device}" for device in devices)
    raise AudioDeviceError(f"there is no {direction} named '{name}'{hint} There are:{listing}")


class HostStream:
    """A stream that is open. It may be closed and opened anew on the way, by its host."""

    def __init__(
        self, direction: Direction, name: str | None, make_callback: Callable[[CardFormat], StreamCallback]
    ) -> None:
        self.direction: Direction = direction
        self.name = name
        self.make_callback = make_callback
        self.stream: Any = None
        self.card: CardFormat | None = None
        """What the card was opened in, the last time."""
        self.changing = threading.Lock()
        """Held while the stream is opened or closed: PortAudio must not be asked about it meanwhile."""

    @property
    def is_changing(self) -> bool:
        """Whether it is being opened or closed at this moment, which may take seconds on a small board."""
        return self.changing.locked()

    def is_active(self) -> bool:
        """Whether it runs, as far as can be told without waiting."""
        if not self.changing.acquire(blocking=False):
            return True
        try:
            return self.stream is not None and bool(self.stream.is_active())
        except OSError:
            return False
        finally:
            self.changing.release()


class PortAudioHost:
    """The shared instance of PortAudio: started with the first stream, ended with the last."""

    def __init__(self) -> None:
        self._control = ControlThread("the sound system")
        # All of these belong to the control thread:
        self._pyaudio: Any = None
        self._users = 0
        self._streams: list[HostStream] = []
        self._cards = ""  # when PortAudio was started
        self._looked_for: set[tuple[Direction, str]] = set()  # ALSA opens them, and PortAudio was started anew for them

    async def open_stream(
        self, direction: Direction, name: str | None, make_callback: Callable[[CardFormat], StreamCallback]
    ) -> HostStream:
        """A running stream on the device of that name or the default one, in pieces of 20 ms.

        It is 16 kHz mono where the device allows that, else what the device has of its own; `make_callback` is told,
        on another thread, and may raise CodecError. Raises AudioDeviceError when there is no such device, DeviceError
        when it cannot be opened.
        """
        return await self._control.call(
            f"opening the {direction}",
            OPEN_SECONDS,
            lambda: self._open(direction, name, make_callback),
            self._close,
        )

    async def close_stream(self, stream: HostStream) -> None:
        """End a stream. After CLOSE_SECONDS it is left to end when it can, and that is logged."""
        what = stream.direction
        try:
            await self._control.call(f"closing the {what}", CLOSE_SECONDS, lambda: self._close(stream))
        except DeviceError as caught:
            logger.warning("stream does not end", extra={"device": what, "reason": str(caught)})

    @property
    def hang(self) -> Hang | None:
        """What PortAudio has not come back from, if it hangs. See `toy.sound_watch` for what is to be done then."""
        return self._control.hang

    async def devices(self) -> list[SoundDevice]:
        """All devices PortAudio sees. Raises DeviceError."""

        def ask() -> list[SoundDevice]:
            self._acquire()
            try:
                return self._list()
            finally:
                self._release()

        return await self._control.call("listing sound devices", OPEN_SECONDS, ask)

    # -- on the control thread -----------------------------------------------------------------

    def _acquire(self) -> None:
        if self._pyaudio is None:
            try:
                import pyaudio
            except ImportError as caught:
                raise DeviceError(
                    f"PyAudio cannot be imported ({caught}); install it with: "
                    "sudo apt-get install portaudio19-dev && pip install 'pommai[audio]'"
                ) from caught
            _quieten()
            self._cards = _cards()
            try:
                self._pyaudio = pyaudio.PyAudio()
            except OSError as caught:
                raise DeviceError(f"PortAudio does not start: {caught}; `arecord -l` lists what there is") from caught
            atexit.register(self._at_exit)
        self._users += 1

    def _release(self) -> None:
        self._users -= 1
        if self._users == 0:
            self._terminate()

    def _terminate(self) -> None:
        instance, self._pyaudio = self._pyaudio, None
        if instance is not None:
            atexit.unregister(self._at_exit)
            instance.terminate()

    def _renew(self) -> None:
        """Start PortAudio anew under the streams that run, so that it sees the cards there are now.

        They are silent for about as long as starting PortAudio takes. One that cannot be opened again has ended, and
        whoever watches over it will notice.
        """
        logger.info("the sound cards have changed", extra={"streams": len(self._streams)})
        with contextlib.ExitStack() as stack:
            for each in self._streams:
                stack.enter_context(each.changing)
                stream, each.stream = each.stream, None
                if stream is not None:  # else it has ended, and nobody has closed it yet
                    with contextlib.suppress(OSError):
                        stream.close()
            self._terminate()
            self._acquire()
            self._users -= 1  # nobody new, the same as before
            for each in self._streams:
                with contextlib.suppress(PommaiError):
                    each.stream = self._start(each)

    def _at_exit(self) -> None:
        """A stream that nobody has closed ends before Python does: a callback into an ending Python is a crash."""
        self._control.call_last(CLOSE_SECONDS, lambda: self._pyaudio and self._pyaudio.terminate())

    def _list(self) -> list[SoundDevice]:
        found = (self._pyaudio.get_device_info_by_index(index) for index in range(self._pyaudio.get_device_count()))
        return [
            SoundDevice(
                int(info["index"]),
                str(info["name"]),
                int(info["maxInputChannels"]),
                int(info["maxOutputChannels"]),
                float(info["defaultSampleRate"]),
            )
            for info in found
        ]

    def _is_alsas(self, device: SoundDevice) -> bool:
        import pyaudio

        api = self._pyaudio.get_device_info_by_index(device.index)["hostApi"]
        return bool(self._pyaudio.get_host_api_info_by_index(api)["type"] == pyaudio.paALSA)

    def _default(self, direction: Direction) -> SoundDevice:
        ask = (
            self._pyaudio.get_default_input_device_info
            if direction == "microphone"
            else self._pyaudio.get_default_output_device_info
        )
        devices = self._list()
        try:
            index = int(ask()["index"])
        except OSError as caught:
            if devices:
                listing = "".join(f"\n  {device}" for device in devices)
                raise AudioDeviceError(f"no sound device can serve as {direction}. There are:{listing}") from caught
            raise _no_card() from caught
        return next(device for device in devices if device.index == index)

    def _open(
        self, direction: Direction, name: str | None, make_callback: Callable[[CardFormat], StreamCallback]
    ) -> HostStream:
        opened = HostStream(direction, name, make_callback)
        if self._streams and (self._pyaudio is None or _cards() != self._cards or self._has_come(direction, name)):
            self._renew()
        self._acquire()
        try:
            opened.stream = self._start(opened)
        except BaseException:
            self._release()
            raise
        self._streams.append(opened)
        return opened

    def _has_come(self, direction: Direction, name: str | None) -> bool:
        """Whether ALSA opens a device of this very name that PortAudio has not found when it was started.

        Told once each time it comes: some that ALSA opens PortAudio never lists, such as "plughw:1".
        """
        if name is None or any(d.channels(direction) and name.casefold() in d.name.casefold() for d in self._list()):
            return False
        wanted = (direction, name)
        if refusal(direction, name):
            self._looked_for.discard(wanted)
            return False
        first = wanted not in self._looked_for
        self._looked_for.add(wanted)
        return first

    def _start(self, opened: HostStream) -> Any:
        """A running stream, in the first format that the device takes. Raises DeviceError."""
        import pyaudio

        refused = (
            *(pyaudio.paInvalidSampleRate, pyaudio.paInvalidChannelCount, pyaudio.paSampleFormatNotSupported),
            pyaudio.paUnanticipatedHostError,  # "invalid argument", say: ALSA took each by itself, but not together
        )
        direction, name = opened.direction, opened.name
        device = self._default(direction) if name is None else choose(self._list(), direction, name)
        capture = direction == "microphone"
        told = f"the {direction}" if name is None else f"the {direction} '{name}'"
        if self._streams and self._is_alsas(device) and (error := refusal(direction, device.name)):
            raise DeviceError(f"{told} cannot be opened: {os.strerror(error)}")
        first: OSError | None = None
        for card in formats(device.channels(direction), device.rate):
            try:
                callback = opened.make_callback(card)
            except CodecError as caught:
                raise DeviceError(f"{told} cannot be opened: {caught}") from caught
            try:
                stream = self._pyaudio.open(
                    rate=card.rate,
                    channels=card.channels,
                    format=pyaudio.paInt16,
                    input=capture,
                    output=not capture,
                    input_device_index=device.index if capture else None,
                    output_device_index=None if capture else device.index,
                    frames_per_buffer=card.frame_samples,
                    stream_callback=callback,
                )
            except OSError as caught:
                first = first or caught
                if not any(code in caught.args for code in refused):
                    first = caught
                    break
            else:
                opened.card = card
                logger.info("sound device", extra={"device": direction, "card": device.name, "format": str(card)})
                return stream
        if first is None:
            raise DeviceError(f"{told} cannot be opened: {device} has nothing the toy can use")
        code, words = (*first.args, "", "")[:2]
        hint = ""
        if pyaudio.paInvalidSampleRate in first.args:
            hint = "; no rate the toy knows suits it: name one that converts, such as 'default' or 'sysdefault'"
        elif pyaudio.paDeviceUnavailable in first.args:
            hint = "; another program may be using it"
        raise DeviceError(f"{told} cannot be opened: {words or code}{hint}") from first

    def _close(self, opened: HostStream) -> None:
        self._streams.remove(opened)
        try:
            with opened.changing:
                stream, opened.stream = opened.stream, None
                if stream is not None:
                    stream.close()
        finally:
            self._release()


def _cards() -> str:
    try:
        return CARDS.read_text(errors="replace")
    except OSError:
        return ""


def _no_card() -> AudioDeviceError:
    return AudioDeviceError("there is no sound card; `arecord -l` and `aplay -l` list what the system sees")


_handlers: list[object] = []


def _quieten() -> None:
    """Turn what ALSA and JACK print while PortAudio probes for devices, a hundred lines, into debug log entries."""
    if _handlers:
        return
    alsa_handler = ctypes.CFUNCTYPE(
        None, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p
    )(lambda _file, _line, function, _error, message: logger.debug("alsa: %s: %s", function, message))
    jack_handler = ctypes.CFUNCTYPE(None, ctypes.c_char_p)(lambda message: logger.debug("jack: %s", message))
    _handlers.extend((alsa_handler, jack_handler))
    for library, functions, handler in (
        ("libasound.so.2", ("snd_lib_error_set_handler",), alsa_handler),
        ("libjack.so.0", ("jack_set_error_function", "jack_set_info_function"), jack_handler),
    ):
        try:  # only if PortAudio has brought it along
            loaded = ctypes.CDLL(library, mode=os.RTLD_NOLOAD)
        except OSError:
            continue
        for function in functions:
            getattr(loaded, function)(handler)


HOST: Final = PortAudioHost()
"""The one host of this process."""
