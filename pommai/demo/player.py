"""`python -m pommai.demo.player PARENT WORDS...`: `pommai WORDS...`, ended in order when the demo that started it dies.

A demo that is killed can end nobody. So that no toy and no server is left behind, the kernel ends them.
"""

from __future__ import annotations

import ctypes
import os
import runpy
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


if __name__ == "__main__":
    end_with(int(sys.argv.pop(1)))
    runpy.run_module("pommai", run_name="__main__", alter_sys=True)
