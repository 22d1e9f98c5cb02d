"""Python, packages, libraries."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import pytest
from doctor_material import DESK, PI, commands, look, settings, world

from pommai.doctor import system
from pommai.doctor.finding import Mark
from pommai.doctor.surroundings import Computer, Output, run_command

RELEASE = {"/etc/os-release": 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n'}


def test_a_64_bit_system_is_well(tmp_path: Path) -> None:
    model = {"/proc/device-tree/model": "Raspberry Pi Zero 2 W Rev 1.0\0"}
    found = look(system.check_system, world(tmp_path, RELEASE | model, computer=PI))
    assert found.mark is Mark.OK
    assert found.words == "Python 3.11.2, 64 bit, Debian GNU/Linux 12 (bookworm), Raspberry Pi Zero 2 W Rev 1.0"


@pytest.mark.parametrize(
    ("computer", "words"),
    [(replace(DESK, bits=32), "no packages for 32 bit"), (replace(DESK, python=(3, 9, 2)), "needs Python 3.11")],
)
def test_an_old_python_or_32_bit_is_broken(tmp_path: Path, computer: Computer, words: str) -> None:
    found = look(system.check_system, world(tmp_path, RELEASE, computer=computer))
    assert found.mark is Mark.BROKEN
    assert words in found.words
    assert found.next_step


# -- packages ------------------------------------------------------------------------------

REQUIRES = ["websockets<18,>=15", "vosk>=0.3.45", "pyaudio>=0.2.14; extra == 'audio'", 'spidev; extra == "pi"']


def version(*missing: str) -> object:
    def ask(name: str) -> str:
        if name in missing:
            raise metadata.PackageNotFoundError(name)
        return "1.0"

    return ask


def test_all_packages_there_are_well(tmp_path: Path) -> None:
    found = system.packages(world(tmp_path), lambda _: REQUIRES, version("spidev"))  # type: ignore[arg-type]
    assert found.mark is Mark.OK
    assert found.figures["versions"] == {"websockets": "1.0", "vosk": "1.0", "pyaudio": "1.0"}


def test_a_missing_package_is_broken_and_named_with_its_part(tmp_path: Path) -> None:
    missing = version("vosk", "pyaudio")
    found = system.packages(world(tmp_path), lambda _: REQUIRES, missing)  # type: ignore[arg-type]
    assert found.mark is Mark.BROKEN
    assert found.words == "vosk and pyaudio are not installed"
    assert found.next_step == "pip install 'pommai[audio]'"


def test_what_the_settings_do_not_use_may_be_missing(tmp_path: Path) -> None:
    wanted = settings(tmp_path, microphone="none", speaker="none")
    gone = version("pyaudio", "spidev")
    found = system.packages(world(tmp_path, settings=wanted), lambda _: REQUIRES, gone)  # type: ignore[arg-type]
    assert found.mark is Mark.OK


def test_a_toy_on_a_pi_needs_the_packages_of_one(tmp_path: Path) -> None:
    found = system.packages(world(tmp_path, computer=PI), lambda _: REQUIRES, version("spidev"))  # type: ignore[arg-type]
    assert found.mark is Mark.BROKEN
    assert "pommai[pi]" in found.next_step


def test_a_checkout_that_is_not_installed_is_a_note(tmp_path: Path) -> None:
    def requires(name: str) -> list[str]:
        raise metadata.PackageNotFoundError(name)

    assert system.packages(world(tmp_path), requires).mark is Mark.NOTE


def test_this_machine_has_all_packages(tmp_path: Path) -> None:
    found = look(system.check_packages, world(tmp_path))
    assert found.mark is Mark.OK
    assert "vosk" in found.figures["versions"]  # type: ignore[operator]


# -- libraries -----------------------------------------------------------------------------


def test_this_machine_has_all_libraries_with_their_versions(tmp_path: Path) -> None:
    found = look(system.libraries, world(tmp_path, command=run_command))
    assert found.mark is Mark.OK
    versions = found.figures["versions"]
    assert isinstance(versions, dict)
    assert all(versions[name][0].isdigit() for name in ("Opus", "PortAudio", "soxr", "espeak-ng"))


@pytest.mark.parametrize(
    ("file", "mark", "package"),
    [
        ("libopus.so.0", Mark.BROKEN, "libopus0"),
        ("libportaudio.so.2", Mark.BROKEN, "libportaudio2"),
        ("libsoxr.so.0", Mark.WRONG, "libsoxr0"),
        ("libopusfile.so.0", Mark.WRONG, "libopusfile0"),
        ("espeak", Mark.WRONG, "espeak-ng"),
    ],
)
def test_a_library_that_is_missing_is_named_with_its_package(
    tmp_path: Path, file: str, mark: Mark, package: str
) -> None:
    def load(name: str, _: str) -> str:
        if name == file:
            raise OSError("cannot open shared object file")
        return "1.0"

    command = commands({} if file == "espeak" else {"espeak-ng --version": Output(0, "eSpeak NG 1.51")})
    found = asyncio.run(system.libraries(world(tmp_path, command=command), load))
    assert found.mark is mark
    assert found.next_step == f"sudo apt-get install {package}"
