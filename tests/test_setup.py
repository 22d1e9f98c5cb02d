"""tools/setup.sh on machines of every kind: its commands are played by stand-ins that write down what was asked."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ("awk", "cat", "chmod", "dirname", "env", "grep", "mkdir", "mktemp", "rm", "sed", "sh")
ALL = (
    "libopus0 portaudio19-dev alsa-utils libasound2-plugins espeak-ng libsoxr0 libspeexdsp1 libopusfile0 sox graphviz "
    "systemd device-tree-compiler redis-tools"
)

PYTHON = """\
echo "python $*" >>"$ASKED"
case "$*" in
    "-c import sys, ensurepip"*) exit "${OLD_PYTHON:-0}" ;;
    *sysconfig*) echo "$TMPDIR/include" ;;
    "-m venv"*) mkdir -p .venv/bin; cat "$0" >.venv/bin/python; chmod +x .venv/bin/python ;;
    -V) echo "Python 3.11.0" ;;
esac
"""


class Machine:
    """A machine whose commands are ours. `asked` is what the script asked of them, in order."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"
        self.project = folder / "project"
        self.asked_file = folder / "asked"
        self.environment = {"PATH": str(self.bin), "ASKED": str(self.asked_file), "TMPDIR": str(folder)}
        self.bin.mkdir()
        (folder / "include").mkdir()
        (folder / "include" / "Python.h").touch()
        (self.project / "tools").mkdir(parents=True)
        shutil.copy(ROOT / "tools" / "setup.sh", self.project / "tools")
        for tool in TOOLS:
            found = shutil.which(tool)
            assert found is not None
            (self.bin / tool).symlink_to(found)
        self.command("python3", PYTHON)
        self.command("id", "echo 0")
        self.command("gcc", "cat >/dev/null")
        self.command(
            "dpkg-query",
            'for last; do :; done; case " $INSTALLED " in *" $last "*) printf "install ok installed";; esac',
        )
        self.command("apt-get", 'echo "apt-get $*" >>"$ASKED"')

    def command(self, name: str, text: str) -> None:
        (self.bin / name).write_text(f"#!/bin/sh\n{text}\n")
        (self.bin / name).chmod(0o755)

    def set_up(self, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.project / "tools" / "setup.sh"],
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def asked(self) -> list[str]:
        return self.asked_file.read_text().splitlines()

    def asked_of(self, command: str) -> list[str]:
        return [line for line in self.asked if line.startswith(command + " ")]

    @property
    def installed_extras(self) -> str:
        (line,) = [line for line in self.asked if " install " in line and "--editable" in line]
        return line.partition(".[")[2].rstrip("]")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_where_nothing_is_missing_apt_is_left_alone(machine: Machine) -> None:
    done = machine.set_up(INSTALLED=ALL)
    assert done.returncode == 0, done.stderr
    assert machine.asked_of("apt-get") == []
    assert machine.installed_extras.startswith("dev,audio")
    assert "missing system packages" not in done.stdout


def test_missing_packages_are_named_with_their_reason_and_installed(machine: Machine) -> None:
    done = machine.set_up(INSTALLED=ALL.replace("libopus0 ", ""))
    assert done.returncode == 0, done.stderr
    assert "libopus0 - Opus, the voice on the wire" in done.stdout
    assert machine.asked_of("apt-get") == ["apt-get -q -y install --no-install-recommends libopus0"]


def test_pythons_headers_and_a_compiler_are_packages_too(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "include" / "Python.h").unlink()
    (machine.bin / "gcc").unlink()
    assert machine.set_up(INSTALLED=ALL).returncode == 0
    assert machine.asked_of("apt-get")[0].endswith(" python3-dev gcc libc6-dev")
    assert machine.installed_extras.startswith("dev")
    assert "audio" not in machine.installed_extras


def test_the_lists_of_packages_are_fetched_only_when_installing_fails_without(machine: Machine) -> None:
    machine.command(
        "apt-get",
        'echo "apt-get $3" >>"$ASKED"; [ "$3" = update ] && : >"$TMPDIR/lists" || test -e "$TMPDIR/lists"',
    )
    assert machine.set_up(INSTALLED="").returncode == 0
    assert machine.asked_of("apt-get") == ["apt-get install", "apt-get update", "apt-get install"]


def test_when_apt_fails_its_words_are_shown_and_the_rest_goes_on(machine: Machine) -> None:
    machine.command("apt-get", "echo E: no network >&2; exit 100")
    done = machine.set_up(INSTALLED="")
    assert done.returncode == 0
    assert "E: no network" in done.stderr
    assert "Going on without them" in done.stdout
    assert "ready" in done.stdout


def test_without_permission_the_exact_command_is_told_and_the_rest_goes_on(machine: Machine) -> None:
    machine.command("id", "echo 1000")
    machine.command("sudo", "exit 1")
    machine.command("gcc", "exit 1")
    done = machine.set_up(INSTALLED=ALL.replace("portaudio19-dev ", ""))
    assert done.returncode == 0, done.stderr
    assert "sudo apt-get install --no-install-recommends portaudio19-dev\n" in done.stdout
    assert machine.asked_of("apt-get") == []
    assert "WAV files only" in done.stdout
    assert "audio" not in machine.installed_extras


def test_sudo_is_used_when_it_asks_for_no_password(machine: Machine) -> None:
    machine.command("id", "echo 1000")
    machine.command("sudo", '[ "$1" = -n ] || { echo "sudo $*" >>"$ASKED"; "$@"; }')
    assert machine.set_up(INSTALLED="").returncode == 0
    assert len(machine.asked_of("sudo")) == 1
    assert "DEBIAN_FRONTEND=noninteractive" in machine.asked_of("sudo")[0]


def test_a_python_that_is_too_old_is_no_python(machine: Machine) -> None:
    done = machine.set_up(INSTALLED=ALL, OLD_PYTHON="1")
    assert done.returncode == 1
    assert "Python 3.11 or newer" in done.stdout
    assert "python3 python3-venv python3-dev" in machine.asked_of("apt-get")[0]


def test_a_machine_without_apt_is_told_what_it_needs_and_goes_on(machine: Machine) -> None:
    (machine.bin / "apt-get").unlink()
    done = machine.set_up()
    assert done.returncode == 0, done.stderr
    assert "no apt-get" in done.stdout
    assert "espeak-ng" in done.stdout


def test_an_environment_that_works_is_kept(machine: Machine) -> None:
    machine.set_up(INSTALLED=ALL)
    machine.asked_file.unlink()
    assert machine.set_up(INSTALLED=ALL).returncode == 0
    assert not [line for line in machine.asked if "-m venv" in line]


def test_an_error_of_pip_is_shown_and_ends_it(machine: Machine) -> None:
    machine.command("python3", PYTHON.replace("-V)", '"-m pip"*) echo no such package >&2; exit 1 ;;\n    -V)'))
    done = machine.set_up(INSTALLED=ALL)
    assert done.returncode == 1
    assert "no such package" in done.stderr
    assert "ready" not in done.stdout


def test_make_without_a_word_says_what_there_is() -> None:
    done = subprocess.run(["make", "-C", ROOT, "--no-print-directory"], capture_output=True, text=True, check=True)
    for word in ("run", "test", "check", "bench", "setup", "clean"):
        assert f"make {word} " in done.stdout


def test_make_run_plays_the_demonstration_with_its_arguments() -> None:
    done = subprocess.run(
        ["make", "-C", ROOT, "-n", "run", "ARGS=--interactive"], capture_output=True, text=True, check=True
    )
    assert "pommai demo --interactive" in done.stdout
