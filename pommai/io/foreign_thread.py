"""A thread that Python has not made, and that calls into it again and again, as PortAudio's do.

Python keeps a state of each thread it runs in. For a foreign thread it makes one when a call comes in, with memory that
is fresh from the system, and takes all of it down again when the call returns: a quarter of what the fifty callbacks a
second of a microphone or a speaker cost. A thread that has settled keeps its state instead.
"""

from __future__ import annotations

import ctypes
import itertools
from typing import Final

MOST: Final = 16
"""Threads that may settle. What Python keeps of one, 16 kB, is not given back when it ends, for nobody but the thread
itself could do so: a card with a loose contact, opened anew all day, must not fill the memory."""

_asked = itertools.count()


def settle() -> None:
    """To be called once on each such thread, in the first of its calls. Later threads than MOST go on as before."""
    if next(_asked) < MOST:
        # Counts one more use of the state than there will ever be releases of it.
        ctypes.pythonapi.PyGILState_Ensure()
