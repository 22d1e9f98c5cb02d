"""`pommai.io.heap`: one arena for all threads, and large blocks that go back to the system."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

PIN_BYTES = 700_000
"""Less than a large block, and more than any hole that Python's own start leaves in the heap, where eight of them find
no room but above the large ones."""

PROGRAM = """
import ctypes, json, sys, tempfile, threading
from pathlib import Path
from pommai.io.heap import LARGE_BYTES, keep_heap_small

PIN_BYTES = int(sys.argv[1])
keep_heap_small()
library = ctypes.CDLL(None)
library.prctl(41, 1, 0, 0, 0)  # PR_SET_THP_DISABLE: else one byte written may count as two megabytes
library.malloc.restype = ctypes.c_void_p
library.fopen.restype = ctypes.c_void_p

def anonymous_kb():
    rows = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(row.split()[1]) for row in rows if row.startswith("Anonymous:"))

def arenas():
    with tempfile.NamedTemporaryFile() as file:
        opened = ctypes.c_void_p(library.fopen(file.name.encode(), b"w"))
        library.malloc_info(0, opened)
        library.fclose(opened)
        return Path(file.name).read_text().count("<heap nr=")

together = threading.Barrier(8)

def allocate():
    together.wait()
    mine = [ctypes.c_void_p(library.malloc(60_000)) for _ in range(50)]
    together.wait()
    for block in mine:
        library.free(block)

threads = [threading.Thread(target=allocate) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()

def filled(size):
    block = ctypes.c_void_p(library.malloc(size))
    ctypes.memset(block, 1, size)
    return block

library.free(filled(4 * LARGE_BYTES))  # from now on glibc expects more of that size
library.malloc_trim(0)
before = anonymous_kb()
large = []
for _ in range(8):
    large.append(filled(2 * LARGE_BYTES))
    library.malloc(PIN_BYTES)  # lies above it, where it is in the heap; its pages are never written
for block in large:
    library.free(block)
print(json.dumps({"arenas": arenas(), "kept_kb": anonymous_kb() - before}))
"""
"""What a toy does, in short: threads that allocate a little each, and large blocks that come and go. Left alone, glibc
2.36 makes nine arenas and keeps 16 MB; the benchmark `heap` has the two beside each other."""

glibc = pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc" or not Path("/proc/self/smaps_rollup").exists(),
    reason="other C libraries have no such settings, and other kernels do not tell what is in use",
)


@glibc
def test_threads_share_one_arena_and_large_blocks_go_back_to_the_system() -> None:
    others = ("MALLOC_", "GLIBC_TUNABLES", "LD_PRELOAD")
    settings = {name: value for name, value in os.environ.items() if not name.startswith(others)}
    command = [sys.executable, "-c", PROGRAM, str(PIN_BYTES)]
    done = subprocess.run(command, capture_output=True, check=True, text=True, timeout=60, env=settings)
    seen = json.loads(done.stdout)
    assert seen["arenas"] == 1
    assert seen["kept_kb"] < 1_000
