"""How the toy's machine is doing: what Linux tells in a few small files. What it does not tell is left out.

A sample costs some 100 microseconds and is taken once a minute. Figures are kept in tens, as one: the toy's disk is an
SD card, and nobody looks at single minutes.
"""

from __future__ import annotations

import math
import os
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Final

HIGHEST: Final = frozenset(("temperature_c",))
"""Of these the highest of the samples is kept; of the others the mean."""
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Vitals:
    """Reads figures. Between two samples it remembers how busy the machine was."""

    def __init__(self, root: Path = Path("/")) -> None:
        """`root`: where `proc` and `sys` are."""
        self._proc, self._sys = root / "proc", root / "sys"
        self._busy: tuple[int, int] | None = None

    def sample(self) -> dict[str, float]:
        """The figures there are, by name; the name ends in the unit. Blocks for as long as the kernel takes."""
        found = {
            "cpu_percent": self._cpu(),
            "memory_used_percent": self._memory(),
            "process_mb": self._process(),
            "temperature_c": self._temperature(),
            "wifi_dbm": self._wifi(),
        }
        return {name: value for name, value in found.items() if value is not None}

    def _cpu(self) -> float | None:
        """How busy all cores together were since the last sample; None the first time."""
        words = _text(self._proc / "stat").partition("\n")[0].split()
        ticks = [int(word) for word in words[1:9] if word.isdigit()]
        if len(ticks) < 5 or words[0] != "cpu":
            return None
        idle, everything = ticks[3] + ticks[4], sum(ticks)
        before, self._busy = self._busy, (idle, everything)
        if before is None or everything <= before[1]:
            return None
        return 100.0 * max(0.0, 1.0 - (idle - before[0]) / (everything - before[1]))

    def _memory(self) -> float | None:
        sizes = {}
        for line in _text(self._proc / "meminfo").splitlines():
            name, _, rest = line.partition(":")
            words = rest.split()
            if words and words[0].isdigit():
                sizes[name] = int(words[0])
        total, free = sizes.get("MemTotal", 0), sizes.get("MemAvailable")
        return None if not total or free is None else 100.0 * (1.0 - free / total)

    def _process(self) -> float | None:
        words = _text(self._proc / "self" / "statm").split()
        return int(words[1]) * _PAGE / 1e6 if len(words) > 1 and words[1].isdigit() else None

    def _temperature(self) -> float | None:
        """Of the hottest place that has a thermometer."""
        try:
            zones = sorted((self._sys / "class" / "thermal").glob("thermal_zone*"))
        except OSError:
            return None
        found = [_number(_text(zone / "temp")) for zone in zones]
        return max((value / 1000 for value in found if value is not None), default=None)

    def _wifi(self) -> float | None:
        """Signal of the first network card without a cable."""
        for line in _text(self._proc / "net" / "wireless").splitlines()[2:]:
            words = line.split()
            if len(words) > 3:
                value = _number(words[3].rstrip("."))
                return None if value is None else value if value <= 0 else value - 256  # some drivers count in a byte
        return None


class Summary:
    """Samples of several minutes, made one."""

    def __init__(self) -> None:
        self._samples: dict[str, list[float]] = defaultdict(list)

    def add(self, sample: Mapping[str, float]) -> None:
        for name, value in sample.items():
            self._samples[name].append(value)

    def take(self) -> dict[str, float]:
        """The figures of all samples since the last time."""
        samples, self._samples = self._samples, defaultdict(list)
        return {name: round((max if name in HIGHEST else _mean)(values), 1) for name, values in samples.items()}


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)


def _text(path: Path) -> str:
    try:
        with path.open(encoding="ascii", errors="replace") as file:
            return file.read(65_536)
    except OSError:  # there is none on this machine; or a sensor that does not answer now
        return ""


def _number(text: str) -> float | None:
    try:
        return float(int(text))
    except ValueError:
        return None
