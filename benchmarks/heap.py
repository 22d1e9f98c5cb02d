"""What a toy's memory comes to after it has lost its connection again and again, and answered by itself: with one heap
for all its threads (pommai/io/heap.py), and with one for each, as glibc makes them. Two soaks (pommai/qa) beside each
other, in which the same breaks at the same time.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.desk import ROOT
from benchmarks.figures import Figure, figure

MINUTES = 6
LATE_S = 180.0
"""From here on the memory counts: by then everything has been made once."""
FAULTS = "link cut,link slow,link refused"
AS_GLIBC_DOES = """
import pommai.io.heap
pommai.io.heap.keep_heap_small = lambda: None
"""
"""What Python is to run first in each process of that soak."""
VARIANTS = {"one heap for all threads": "", "one for each, as glibc makes them": AS_GLIBC_DOES}


def measure() -> list[Figure]:
    """Megabytes of the toy's own memory, at rest."""
    with tempfile.TemporaryDirectory(prefix="pommai-bench-") as name:
        soaks = {words: _begin(Path(name) / str(i), first) for i, (words, first) in enumerate(VARIANTS.items())}
        found = {words: json.loads(soak.communicate()[0]) for words, soak in soaks.items()}
    about = f"minutes {LATE_S / 60:g} to {MINUTES}"
    return [figure(f"toy's own memory, {words}", _memory(soak), "MB", note=about) for words, soak in found.items()]


def _begin(folder: Path, first: str) -> subprocess.Popen[str]:
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(first)
    words = ("soak", "--only", FAULTS, "--for", f"{MINUTES}m", "--report", str(folder), "--json")
    return subprocess.Popen(
        [sys.executable, "-m", "pommai", *words],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def _memory(soak: dict[str, object]) -> list[float]:
    looks: list[dict[str, float]] = soak["looks"]  # type: ignore[assignment]
    return [look["memory_mb"] for look in looks if look["who"] == "toy" and look["rests"] and look["at"] >= LATE_S]
