"""What a toy imports before it rests, and what that costs: `python -X importtime` over several starts.

Each start is beside one of the reference, the toy of commit 938d188, which is taken out of git for it; where there is
no git, nothing is compared. A start on a busy machine says more about the machine: of each module the fastest of all
starts counts, and processor time is the kernel's count of the toy's own thread. Bytecode is kept, as it is on an
installed toy. No server answers, as at most power-ups: a toy that is answered imports the library of its connection,
too, on a thread beside its loading; that is a figure of its own.
"""

from __future__ import annotations

import os
import re
import shutil
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
REFERENCE = "938d188"
GOAL_PERCENT = 60.0
MOST = 12
"""Packages that are told one by one."""
_LINE = re.compile(r"import time:\s+(\d+) \|\s+\d+ \| +(\S+)")
_RESTS = 'states="idle'
"""In the line of the log that says so: what is imported after that was not in the way."""
_OF_A_CONNECTION = "import pommai.toy.wiring, sys; print('then', file=sys.stderr); import pommai.io.link_socket"


class Toy:
    """A toy to be started again and again. `tree`: where its software is."""

    def __init__(self, tree: Path, folder: Path) -> None:
        self.tree = tree
        self._folder = folder
        folder.mkdir()
        self.fastest: dict[str, int] = {}
        """Microseconds of each module's own, the fastest of all starts."""
        self.counts: list[float] = []
        """Of modules, a start each."""
        self.processor: list[float] = []
        """Milliseconds, a start each."""
        self._start()  # compiles the chart and fills the caches

    def measure(self) -> None:
        """Two starts: one that tells its imports, one that is timed."""
        log, _ = self._start("-X", "importtime")
        modules = _modules(log[: log.index(_RESTS)])
        self.counts.append(float(len(modules)))
        _keep_fastest(self.fastest, modules)
        self.processor.append(self._start()[1])

    @property
    def total(self) -> float:
        """Milliseconds of imports."""
        return sum(self.fastest.values()) / 1000

    def environment(self) -> dict[str, str]:
        kept = ("POMMAI_", "CONVEX_", "DEVICE_", "PYTHONDONTWRITE")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(kept)}
        return environment | {"PYTHONPYCACHEPREFIX": str(self._folder / "bytecode"), "PYTHONPATH": str(self.tree)}

    def _start(self, *options: str) -> tuple[str, float]:
        """One start, to rest: what it has said, and milliseconds of processor time."""
        folder = self._folder
        trace, log = folder / "trace.jsonl", folder / "log"
        trace.unlink(missing_ok=True)
        environment = self.environment()
        if self.tree == ROOT:
            environment["POMMAI_TOKEN_FILE"] = str(keep_secret(folder / "token", "measured"))
        else:
            environment["POMMAI_USER_TOKEN"] = "measured"  # the reference knew no better place for it
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
                while not (trace.exists() and '"idle"' in trace.read_text() and _RESTS in log.read_text()):
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


def measure() -> list[Figure]:
    """Modules, milliseconds of imports, processor time, and the packages that cost most."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        toy = Toy(ROOT, folder / "toy")
        tree = _reference(folder / "tree")
        reference = None if tree is None else Toy(tree, folder / "reference")
        connection: dict[str, int] = {}
        for _ in range(STARTS):
            toy.measure()
            if reference is not None:
                reference.measure()
            _keep_fastest(connection, _of_a_connection(toy))
    figures = [
        figure("modules imported before idle", toy.counts, ""),
        figure("imports before idle", [toy.total], "ms"),
        figure("processor time to idle", toy.processor, "ms", note="imports, files, SQLite, first steps"),
    ]
    if reference is not None:
        share = 100 * toy.total / reference.total
        figures += [
            figure(f"modules of {REFERENCE}", reference.counts, ""),
            figure(f"imports of {REFERENCE}", [reference.total], "ms"),
            figure(f"processor time of {REFERENCE}", reference.processor, "ms"),
            figure(f"imports, of those of {REFERENCE}", [share], "%", goal=GOAL_PERCENT),
        ]
    note = f"{len(connection)} modules, on a thread, once a server has answered"
    figures.append(figure("imports for a connection", [sum(connection.values()) / 1000], "ms", note=note))
    return figures + _left(toy)


def _left(toy: Toy) -> list[Figure]:
    """What the imports before idle are spent on: the packages that cost most, and all others together."""
    spent: Counter[str] = Counter()
    modules: Counter[str] = Counter()
    for module, microseconds in toy.fastest.items():
        package = ".".join(module.split(".")[: 2 if module.startswith("pommai.") else 1])
        spent[package] += microseconds
        modules[package] += 1
    most = spent.most_common(MOST)
    figures = [
        figure(f"  of these, {package}", [us / 1000], "ms", note=f"{modules[package]} modules") for package, us in most
    ]
    others = spent.total() - sum(us for _, us in most)
    return [*figures, figure("  of these, all others", [others / 1000], "ms", note=f"{len(spent) - MOST} packages")]


def _of_a_connection(toy: Toy) -> dict[str, int]:
    """The modules that the link imports when it has been answered, and microseconds of each."""
    words = [sys.executable, "-X", "importtime", "-c", _OF_A_CONNECTION]
    done = subprocess.run(words, capture_output=True, text=True, check=True, env=toy.environment())
    return _modules(done.stderr.partition("\nthen\n")[2])


def _modules(log: str) -> dict[str, int]:
    return {match[2]: int(match[1]) for match in _LINE.finditer(log)}


def _keep_fastest(fastest: dict[str, int], modules: dict[str, int]) -> None:
    for module, microseconds in modules.items():
        fastest[module] = min(microseconds, fastest.get(module, microseconds))


def _reference(folder: Path) -> Path | None:
    """The software of the reference, in this folder; None where it cannot be had."""
    git = shutil.which("git")
    packed = git and subprocess.run([git, "-C", ROOT, "archive", REFERENCE], capture_output=True, check=False)
    if not packed or packed.returncode:
        print(f"  not compared with {REFERENCE}: it is not to be had from git here", file=sys.stderr, flush=True)
        return None
    folder.mkdir()
    subprocess.run(["tar", "-x", "-C", folder], input=packed.stdout, check=True)
    return folder
