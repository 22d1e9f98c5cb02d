"""Asks ALSA whether it opens a device, before PortAudio tries.

PortAudio keeps the error of a call in a variable that all its threads write to (`paUtilErr_`). When it cannot open a
device while another stream runs, that stream's thread may overwrite the error before it is read: then PortAudio goes on
as if nothing had happened, and an assertion ends the process. A card that is gone is asked for again and again.
"""

from __future__ import annotations

import ctypes
import os
import re
from typing import Final

_NONBLOCK: Final = 1
"""SND_PCM_NONBLOCK: who finds the device busy is told at once."""
_STREAMS: Final = {"speaker": 0, "microphone": 1}
"""SND_PCM_STREAM_PLAYBACK and _CAPTURE."""
_HARDWARE: Final = re.compile(r"\((hw:\d+,\d+)\)$")
"""How PortAudio's name for a sound card ends; all else it calls as ALSA does."""


def refusal(direction: str, name: str) -> int:
    """The number of the error with which ALSA refuses the device that PortAudio lists by this name; 0 when it opens it,
    and when there is no ALSA here.
    """
    try:
        alsa = ctypes.CDLL("libasound.so.2", mode=os.RTLD_NOLOAD)
    except OSError:
        return 0
    hardware = _HARDWARE.search(name)
    device, pcm = (hardware[1] if hardware else name), ctypes.c_void_p()
    code: int = alsa.snd_pcm_open(ctypes.byref(pcm), device.encode(), _STREAMS[direction], _NONBLOCK)
    if code < 0:
        return -code
    alsa.snd_pcm_close(pcm)
    return 0
