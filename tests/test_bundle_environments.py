"""The software itself, with real environments, real wheels and real pip."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from software_material import QuickDisk, wheel

from pommai.bundle import running
from pommai.bundle.environments import EXTRAS, PROVEN, VENV, Environments, run_command
from pommai.errors import BundleError
from pommai.toy.update_report import one_line


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What install.sh makes, of software that is a few lines."""
    folder = tmp_path_factory.mktemp("opt")
    place = folder / "venvs" / "installed"
    run_command([sys.executable, "-m", "venv", "--without-pip", str(place)])
    first = wheels(folder, "first", 1)
    options = ("--quiet", "--no-index", "--no-deps", str(next(first.iterdir())))
    run_command([sys.executable, "-m", "pip", "--python", str(place / "bin" / "python"), "install", *options])
    (folder / VENV).symlink_to("venvs/installed")
    return folder


def wheels(folder: Path, name: str, version: int, **more: object) -> Path:
    place = folder / name
    place.mkdir(parents=True)
    (place / f"pommai-{version}-py3-none-any.whl").write_bytes(wheel(version, **more))  # type: ignore[arg-type]
    return place


def says(program: Path) -> str:
    return subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.strip()


def test_a_new_environment_shares_what_it_can_with_the_old_which_stays_as_it_is(
    installed: Path, tmp_path: Path
) -> None:
    (packages,) = (installed / "venvs" / "installed").glob("lib/python3*/site-packages")
    (packages / "friend.py").write_text("friend = 1\n")
    made = Environments(installed, QuickDisk())
    made.make("2-x", "installed", wheels(tmp_path, "second", 2))
    new = made.place("2-x")
    assert says(new / "bin" / "pommai") == "pommai 2 --version"
    assert says(made.place("installed") / "bin" / "pommai") == "pommai 1 --version"
    assert (new / packages.relative_to(made.place("installed")) / "friend.py").samefile(packages / "friend.py")
    made.point(VENV, "2-x")
    made.point(PROVEN, "installed")
    assert says(installed / VENV / "bin" / "pommai") == "pommai 2 --version"
    assert (made.linked(), made.linked(PROVEN)) == ("2-x", "installed")
    # A program keeps the environment it began with, whatever a link says later. Of a long path the shell is told.
    first, second, *_ = (installed / VENV / "bin" / "pommai").read_text().splitlines()
    assert str(new) in (second if first == "#!/bin/sh" else first)
    made.point(VENV, "installed")
    made.forget_others(["installed"])
    assert not new.exists()


def test_wheels_that_need_what_nobody_has_are_refused_and_nothing_is_left(installed: Path, tmp_path: Path) -> None:
    made = Environments(installed, QuickDisk())
    with pytest.raises(BundleError, match="No matching distribution found for no-such-friend") as caught:
        made.make("3-x", "installed", wheels(tmp_path, "third", 3, requires="Requires-Dist: no-such-friend\n"))
    assert "found for no-such-friend" in one_line(str(caught.value))  # what an operator reads of it
    assert not made.place("3-x").exists()


# -- without pip -----------------------------------------------------------------------------


def folder(tmp_path: Path) -> Path:
    for name in ("installed", "2-x"):
        (tmp_path / "venvs" / name / "bin").mkdir(parents=True)
        for program in ("python", "pommai"):
            (tmp_path / "venvs" / name / "bin" / program).touch()
    return tmp_path


def nobody(command: Sequence[str]) -> None:
    """Runs nothing."""


def test_a_link_leads_to_what_is_there_alone(tmp_path: Path) -> None:
    made = Environments(folder(tmp_path), QuickDisk(), nobody)
    made.point(VENV, "installed")
    (made.place("2-x") / "bin" / "pommai").unlink()
    with pytest.raises(BundleError, match="there is no software 2-x"):
        made.point(VENV, "2-x")
    assert made.linked() == "installed"


def test_a_real_folder_is_not_written_over(tmp_path: Path) -> None:
    made = Environments(folder(tmp_path), QuickDisk(), nobody)
    (tmp_path / VENV).mkdir()
    assert made.linked() == ""
    with pytest.raises(BundleError, match="from an older install"):
        made.point(VENV, "installed")


def test_a_link_to_elsewhere_is_none_of_ours(tmp_path: Path) -> None:
    (tmp_path / VENV).symlink_to("/usr")
    assert Environments(tmp_path, QuickDisk(), nobody).linked() == ""


def test_another_python_is_told(tmp_path: Path) -> None:
    def other(command: Sequence[str]) -> None:
        (Path(command[-1]) / "lib" / "python3.99" / "site-packages").mkdir(parents=True)

    (folder(tmp_path) / "venvs/installed/lib/python3.11/site-packages").mkdir(parents=True)
    made = Environments(tmp_path, QuickDisk(), other)
    with pytest.raises(BundleError, match=r"made for python3\.11, and this is python3\.99"):
        made.make("3-x", "installed", wheels(tmp_path, "third", 3))


def test_links_protect_what_they_lead_to(tmp_path: Path) -> None:
    made = Environments(folder(tmp_path), QuickDisk(), nobody)
    made.point(VENV, "2-x")
    made.forget_others([])
    assert [path.name for path in (tmp_path / "venvs").iterdir()] == ["2-x"]


def test_what_a_command_said_is_told_when_it_fails() -> None:
    with pytest.raises(BundleError, match="no good"):
        run_command(["/bin/sh", "-c", "echo no good >&2; exit 3"])
    with pytest.raises(BundleError, match="cannot be run"):
        run_command(["/no/such/program"])


def test_an_update_asks_for_as_much_of_the_software_as_the_installer_does() -> None:
    script = Path(__file__).resolve().parent.parent / "deploy" / "install.sh"
    assert f"${{wheel}}[{EXTRAS}]" in script.read_text()


def test_who_runs_at_a_desk_runs_in_no_environment_of_a_toys() -> None:
    assert running() == ""
