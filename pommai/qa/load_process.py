"""What a process takes of processor and memory, as Linux tells it under /proc."""

from __future__ import annotations

import contextlib
import os
import re
import resource
from pathlib import Path
from typing import Final

from pommai.errors import SettingsError
from pommai.qa.load_figures import Usage

SPARE_FILES: Final = 64
"""Open files that a process needs beside one for each toy."""


class WatchedProcess:
    """A process to look at now and then. `look` as often as the peak of memory is to be true to."""

    def __init__(self, pid: int) -> None:
        """Raises SettingsError when there is no such process, or it may not be looked at."""
        self.pid = pid
        self._folder = Path("/proc") / str(pid)
        try:
            self._first_rss = self.rss()
            self._cpu_before = self._cpu_last = self.cpu_seconds()
        except OSError as caught:
            raise SettingsError(f"there is no process {pid} to look at: {caught.strerror}") from caught
        self._most = self._first_rss

    def cpu_seconds(self) -> float:
        """Seconds of processor it has used, with those of its children that have ended. Raises OSError."""
        fields = (self._folder / "stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")

    def rss(self) -> int:
        """Bytes of memory it holds. Raises OSError."""
        return int((self._folder / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def settle(self) -> None:
        """It has loaded what it needs: from now on, memory grows by the toys."""
        with contextlib.suppress(OSError):
            self._first_rss = self.rss()

    def start(self) -> None:
        """A step begins."""
        try:
            self._cpu_before, self._most = self.cpu_seconds(), self.rss()
            self._cpu_last = self._cpu_before
        except OSError:
            return  # it has ended; what was known of it stays

    def look(self) -> None:
        """Note what it has taken up to now: of one that has ended, this is what stays known."""
        try:
            self._most, self._cpu_last = max(self._most, self.rss()), self.cpu_seconds()
        except OSError:
            return

    def usage(self, seconds: float) -> Usage:
        """What it took since `start`, so many seconds ago."""
        self.look()
        return Usage((self._cpu_last - self._cpu_before) / max(seconds, 1e-9), self._first_rss, self._most)

    def most_files(self) -> int | None:
        """How many files it may have open; None when that is not to be known, or without bound."""
        try:
            found = re.search(r"^Max open files\s+(\d+)", (self._folder / "limits").read_text(), re.MULTILINE)
        except OSError:
            return None
        return None if found is None else int(found[1])


def machine_seconds() -> float:
    """Seconds that all processors of this machine have been at work, for whomever, since it was started."""
    user, nice, system, _, _, irq, softirq, steal = map(int, Path("/proc/stat").read_text().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def allow_files(toys: int) -> None:
    """Make sure that this process, and those it starts, can hold a connection for each toy.

    Raises SettingsError when the shell does not allow so many, with what to do.
    """
    needed = toys + SPARE_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise SettingsError(
            f"{toys} toys need {needed} open files, and this shell allows {hard}; have fewer toys, or allow more: "
            f"ulimit -n {needed} (as root, or through LimitNOFILE= or limits.conf)"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
