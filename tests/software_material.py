"""A toy's software as root keeps it, in a folder: environments that are a few files, and a machine that plays pip."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bundle_material import KEY, bundle_bytes, opened, public

from pommai.bundle.disk import Disk
from pommai.bundle.environments import PROVEN, VENV
from pommai.bundle.hatch import Hatch, Note
from pommai.bundle.keeper import Keeper, Places, Surroundings, Toy
from pommai.bundle.state import State
from pommai.bundle.store import Store
from pommai.errors import BundleError

_CLI = """
import sys
import pommai

def main():
    print("pommai", pommai.__version__, *sys.argv[1:])
    return {check}
"""


def wheel(version: int = 2, *, check: int = 0, requires: str = "") -> bytes:
    """A real wheel of something that is called pommai; `check` is what its commands end with."""
    info = f"pommai-{version}.dist-info"
    files = {
        "pommai/__init__.py": f"__version__ = '{version}'\n",
        "pommai/cli.py": _CLI.format(check=check),
        "pommai/toy/__init__.py": "",
        "pommai/toy/wiring.py": "",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: pommai\nVersion: {version}\n{requires}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: by hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[console_scripts]\npommai = pommai.cli:main\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return data.getvalue()


def software(version: int, contents: bytes | None = None, **changes: Any) -> bytes:
    """A signed bundle of one wheel."""
    name = f"wheels/pommai-{version}-py3-none-any.whl"
    return bundle_bytes({name: wheel(version) if contents is None else contents}, version=version, **changes)


class Machine:
    """Plays python, pip and systemctl. An environment is whole when its two files say the same version."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.fails = ""

    def run(self, command: Sequence[str]) -> None:
        line = " ".join(command)
        self.asked.append(line)
        if self.fails and self.fails in line:
            raise BundleError(f"{self.fails} failed")
        if "venv" in command:
            environment(Path(command[-1]), "")
        elif "--no-deps" in command:
            version = Path(command[-1]).name.split("-")[1]
            place = Path(command[command.index("--python") + 1]).parent.parent
            environment(place, version)


def environment(place: Path, version: str) -> None:
    """What there is of an environment."""
    packages = place / "lib" / "python3.11" / "site-packages"
    for folder in (place / "bin", packages):
        folder.mkdir(parents=True, exist_ok=True)
    (place / "bin" / "python").touch()
    for file in (packages / "version", place / "bin" / "pommai") if version else ():
        file.unlink(missing_ok=True)  # as pip does: what is shared with another environment stays there
        file.write_text(version)


class QuickDisk(Disk):
    """A disk of a machine that is not ours alone: it need not write down what everybody has written."""

    def sync_all(self) -> None:
        self.step("sync all", Path("/"))


class House:
    """Root's folders and the toy's, on a fresh system or on one that a test goes on with."""

    def __init__(self, folder: Path, *, trial: float = 600.0, updates: Path | None = None) -> None:
        """`updates`: the toy's folder, when it is not among the others."""
        self.folder = folder
        self.places = Places(folder / "opt", folder / "root", folder / "run")
        self.updates = updates or folder / "updates"
        self.machine = Machine()
        self.now = 1000.0
        self._toy = Toy(self.updates, folder / "keys", "pommai", "home", trial)
        if not folder.exists():
            folder.mkdir()
            environment(self.places.software / "venvs" / "installed", "1")
            for link in (VENV, PROVEN):
                (self.places.software / link).symlink_to("venvs/installed")
            (folder / "keys").write_text(f"{public(KEY)}\n")

    def keeper(self, disk: Disk | None = None) -> Keeper:
        """Root's part, begun anew."""
        return Keeper(
            self._toy,
            self.places,
            Surroundings(disk or QuickDisk(readable=True), self.machine.run, lambda: self.now),
        )

    def lay(self, data: bytes) -> None:
        """The toy lays out software."""
        with opened(self.folder, data) as bundle:
            Hatch(self.updates).want(bundle)

    def note(self, software: str, start: int = 0, *, rested: bool = True, reached: bool = True) -> None:
        """The toy says how it fares."""
        Hatch(self.updates).note(Note(software, start, rested, reached))

    def state(self) -> State:
        """What root has noted."""
        return Store(self.places.state).read()

    def version(self, link: str = VENV) -> str:
        """The version that a link leads to; it must be whole."""
        place = self.places.software / link
        (packages,) = place.glob("lib/python3*/site-packages")
        version = (packages / "version").read_text()
        assert (place / "bin" / "pommai").read_text() == version
        return version

    def names(self) -> set[str]:
        """The environments there are."""
        return {path.name for path in (self.places.software / "venvs").iterdir()}
