"""A process that ends with the one that started it. Who is killed can end nobody, so the kernel does."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import Final

PR_SET_PDEATHSIG: Final = 1
"""prctl(2): the signal that this process gets when its parent dies. Linux alone has it."""


def end_with(parent: int) -> None:
    """Have SIGTERM sent to this process when its parent, which should be `parent`, dies; at once when it is dead."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it died before it was asked for
        raise SystemExit(f"process {parent}, which started this one, is gone")
