"""The C library's heap, kept small on a machine that has little memory.

glibc gives threads that allocate an arena each, up to eight a processor, and what is freed in one serves no other. And
once a large block was freed it expects more of that size, and takes them from the heap, where they leave holes. Both
are for programs that are busy all the time. In a toy, whose ten threads do a little now and then, 9 of 67 MB came to
be free and yet kept within minutes, and more by the hour (see benchmarks/heap.py).
"""

from __future__ import annotations

import ctypes
from typing import Final

LARGE_BYTES: Final = 1 << 20
"""A block from here on, such as a matrix of a speech model, gets pages of its own, which go back when it is freed."""
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8
"""From glibc's malloc.h, see mallopt(3)."""


def keep_heap_small() -> None:
    """One arena for all threads, and pages of their own for large blocks. To be called while there is one thread.

    Does nothing where the C library is another one.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)
        mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES)
