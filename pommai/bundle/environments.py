"""The software itself: environments of Python, each whole, and two links that say which one counts.

    venvs/installed/   what deploy/install.sh has made
    venvs/7-4567.../   what a bundle brought
    venv               the one the toy runs
    proven             the last that has proved itself; root's part runs from there, so that software that does not work
                       is undone by software that does

A new one is a copy of the one in force, by hard links, with the bundle's wheels installed over it: nothing is fetched,
nothing compiled, and what did not change takes no room. It is made under its own name, so that a program that runs
keeps the environment it began with, whatever the links say meanwhile.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from pommai.bundle import VENVS
from pommai.bundle.disk import Disk
from pommai.bundle.store import check_room
from pommai.errors import BundleError

VENV: Final = "venv"
PROVEN: Final = "proven"
EXTRAS: Final = "audio,cloud"
"""What of the software a toy has, as deploy/install.sh installs it."""
PATIENCE: Final = 900.0
"""Seconds a single command may take; on a Zero 2 W, pip needs about one of these minutes."""
_MOST_SAID: Final = 400
"""Characters of what a command said that has failed: the last, which say why."""
_TRIES: Final = (
    ("bin/pommai", "--version"),
    ("bin/python", "-I", "-c", "import pommai.toy.wiring"),
    ("bin/pommai", "check"),
    ("bin/pommai", "bundle", "install-software", "--help"),
)
"""What new software must be able to do before anybody runs it: last, to be root's part itself one day."""

Run = Callable[[Sequence[str]], None]


def run_command(command: Sequence[str]) -> None:
    """Run a command, with nothing of our surroundings. Raises BundleError with what it said when it fails."""
    clean = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/nonexistent"}
    try:
        done = subprocess.run(
            command,
            cwd="/",
            env={**clean, "PYTHONDONTWRITEBYTECODE": "1", "PIP_CONFIG_FILE": os.devnull},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=PATIENCE,
        )
    except subprocess.TimeoutExpired as caught:
        raise BundleError(f"{command[0]} takes longer than {PATIENCE / 60:g} minutes") from caught
    except OSError as caught:
        raise BundleError(f"{command[0]} cannot be run: {caught.strerror}") from caught
    if done.returncode:
        said = done.stdout.decode("utf-8", "replace").strip()[-_MOST_SAID:] or f"exit code {done.returncode}"
        raise BundleError(f"{' '.join(command[:4])} ... failed: {said}")


class Environments:
    """The environments in a folder, /opt/pommai on a toy. Methods raise BundleError, and OSError from the card."""

    def __init__(self, folder: Path, disk: Disk, run: Run = run_command) -> None:
        self.folder = folder
        self._disk = disk
        self._run = run

    def place(self, name: str) -> Path:
        """The folder of an environment."""
        return self.folder / VENVS / name

    def is_whole(self, name: str) -> bool:
        """Whether there is such an environment, made to its end as far as can be seen from outside."""
        return all((self.place(name) / "bin" / program).exists() for program in ("python", "pommai"))

    def linked(self, link: str = VENV) -> str:
        """The name of the environment a link leads to; empty when it is no such link."""
        try:
            target = Path(os.readlink(self.folder / link))
        except OSError:
            return ""
        return target.name if target.parent in (Path(VENVS), self.folder / VENVS) else ""

    def point(self, link: str, name: str) -> None:
        """Let a link lead to an environment, from one moment to the next."""
        if self.linked(link) == name:
            return
        if not self.is_whole(name):
            raise BundleError(f"there is no software {name} in {self.folder / VENVS}; run deploy/install.sh again")
        path = self.folder / link
        if path.is_dir() and not path.is_symlink():
            raise BundleError(f"{path} is a folder, from an older install.sh; run deploy/install.sh again")
        new = self.folder / f".{link}.new"
        self._disk.remove(new)
        self._disk.link(f"{VENVS}/{name}", new)
        self._disk.rename(new, path)
        self._disk.sync(self.folder)

    def make(self, name: str, base: str, wheels: Path) -> None:
        """Make an environment: all of another, and these wheels over it; and try it."""
        files = sorted(wheels.glob("*.whl"))
        check_room(self.folder, 2 * sum(map(_unpacked, files)))
        place, old = self.place(name), self.place(base)
        self._disk.remove(place)
        try:
            self._call(sys.executable, "-I", "-m", "venv", "--system-site-packages", "--without-pip", str(place))
            self._disk.step("copy", place)
            _copy(_packages(old), _packages(place))
            self._install(place, "--no-deps", "--force-reinstall", *map(str, files))
            # Once more, for what they need: it is all there, or in one of these folders, or the bundle is no good.
            own = next((str(file) for file in files if file.name.startswith("pommai-")), "pommai")
            self._install(place, "--find-links", str(self.folder / "wheels"), f"{own}[{EXTRAS}]")
            for program, *words in _TRIES:
                self._call(str(place / program), *words)
            self._disk.sync_all()
        except BaseException:
            with suppress(OSError):
                self._disk.remove(place)
            raise

    def forget_others(self, names: Collection[str]) -> None:
        """Remove all environments but these, and those that the links lead to."""
        kept = {*names, self.linked(VENV), self.linked(PROVEN)}
        for path in sorted((self.folder / VENVS).iterdir()):
            if path.name not in kept:
                with suppress(OSError):
                    self._disk.remove(path)

    def _install(self, place: Path, *words: str) -> None:
        quiet = ("--quiet", "--no-input", "--disable-pip-version-check", "--no-cache-dir", "--root-user-action=ignore")
        bounds = ("--isolated", "--no-index", "--only-binary", ":all:")
        python = str(place / "bin/python")
        self._call(sys.executable, "-I", "-m", "pip", "--python", python, "install", *quiet, *bounds, *words)

    def _call(self, *command: str) -> None:
        self._disk.step("run", Path(command[0]))
        self._run(command)


def _unpacked(wheel: Path) -> int:
    """Bytes of a wheel when it is unpacked."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            return sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, ValueError) as caught:
        raise BundleError(f"{wheel.name} is no wheel: {caught}") from caught


def _packages(place: Path) -> Path:
    found = sorted(place.glob("lib/python3*/site-packages"))
    if len(found) != 1:
        raise BundleError(f"{place} is no environment of Python; run deploy/install.sh again")
    return found[0]


def _copy(old: Path, new: Path) -> None:
    if old.parent.name != new.parent.name:
        raise BundleError(
            f"the software in force was made for {old.parent.name}, and this is {new.parent.name}: the system was "
            "renewed; run deploy/install.sh again"
        )
    shutil.copytree(old, new, symlinks=True, copy_function=_link, dirs_exist_ok=True)


def _link(old: str, new: str) -> None:
    try:
        os.link(old, new, follow_symlinks=False)
    except OSError:  # a file system that knows no hard links
        shutil.copy2(old, new, follow_symlinks=False)
