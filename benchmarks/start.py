"""What a toy imports before it rests, and what that costs: `python -X importtime` over several starts.

A start on a busy machine says more about the machine: of each module the fastest of all starts counts, and processor
time is the kernel's count of the toy's own thread. Bytecode is kept, as it is on an installed toy. Even so a busy
machine doubles the figures: compare with a run of another commit at the same time, as the reference was measured.

The reference is the toy of commit 938d188, by this very method, each of its starts beside one of today's: 410 modules,
262 ms of imports, 383 ms of processor time, on a 2-core x86-64 machine (Python 3.11.7) that had other work. What is
left beyond the goal is half the making of 124 dataclasses (0.5 to 1 ms each), and a quarter websockets and TLS.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks.desk import ROOT
from benchmarks.figures import Figure, figure
from pommai.io.secret import keep_secret

STARTS = 9
REFERENCE_MS = 262.0
GOAL = 0.6
MOST = 10
_LINE = re.compile(r"import time:\s+(\d+) \|\s+\d+ \| +(\S+)")


def measure() -> list[Figure]:
    """Modules, milliseconds of imports, processor time, and the packages that cost most."""
    fastest: dict[str, int] = {}
    processor = []
    counts = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _start(folder)  # compiles the chart and fills the caches
        for _ in range(STARTS):
            log, _ = _start(folder, "-X", "importtime")
            modules = {match[2]: int(match[1]) for match in _LINE.finditer(log)}
            counts.append(float(len(modules)))
            for module, microseconds in modules.items():
                fastest[module] = min(microseconds, fastest.get(module, microseconds))
            processor.append(_start(folder)[1])
    total = sum(fastest.values()) / 1000
    packages: Counter[str] = Counter()
    for module, microseconds in fastest.items():
        depth = 2 if module.startswith("pommai.") else 1
        packages[".".join(module.split(".")[:depth])] += microseconds
    most = ", ".join(f"{package} {us / 1000:.0f}" for package, us in packages.most_common(MOST))
    return [
        figure("modules imported before idle", counts, "", note="410 at the reference"),
        figure("imports before idle", [total], "ms", goal=GOAL * REFERENCE_MS, note=most),
        figure("processor time to idle", processor, "ms", note="imports, files, SQLite, first steps; reference 383"),
    ]


def _start(folder: Path, *options: str) -> tuple[str, float]:
    """One start, to rest: what Python said of its imports, and milliseconds of processor time."""
    trace, log = folder / "trace.jsonl", folder / "log"
    trace.unlink(missing_ok=True)
    kept = ("POMMAI_", "CONVEX_", "DEVICE_", "PYTHONDONTWRITE")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(kept)}
    environment |= {"PYTHONPYCACHEPREFIX": str(folder / "bytecode"), "PYTHONPATH": str(ROOT)}
    environment["POMMAI_TOKEN_FILE"] = str(keep_secret(folder / "token", "measured"))
    none = [word for name in ("microphone", "speaker", "lights", "vosk-model") for word in (f"--{name}", "none")]
    paths = ["--trace", str(trace), "--memory", str(folder / "memory.db"), "--cache-dir", str(folder / "cache")]
    words = [*options, "-m", "pommai", "run", "--button", "lines", "--url", "ws://127.0.0.1:9/", *none, *paths]
    with log.open("w") as errors:
        toy = subprocess.Popen(
            [sys.executable, *words],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )
        try:
            while not (trace.exists() and '"idle"' in trace.read_text()):
                if toy.poll() is not None:
                    raise RuntimeError(f"the toy has ended: {log.read_text()[-500:]}")
                time.sleep(0.002)
            spent = int(Path(f"/proc/{toy.pid}/schedstat").read_text().split()[0]) / 1e6
        finally:
            toy.kill()
            toy.wait()
            assert toy.stdin is not None
            toy.stdin.close()
    return log.read_text(), spent
