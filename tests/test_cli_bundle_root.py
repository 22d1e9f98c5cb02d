"""`pommai bundle install-software`: root's part as its units call it."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import pytest
from software_material import House, software
from update_material import pommai

from pommai.bundle.keeper import Surroundings
from pommai.cli.bundle_root import install_software
from pommai.errors import BundleError


class Root:
    """Root at the command line of a toy."""

    def __init__(self, folder: Path) -> None:
        self.house = House(folder / "house")
        self.config = folder / "pommai.toml"
        self.config.write_text(f'updates = "{self.house.updates}"\nupdate_keys = "{self.house.folder}/keys"\n')

    def does(self, **flags: Any) -> None:
        arguments = argparse.Namespace(**{"starting": False, "back": False, "config": str(self.config), **flags})
        surroundings = Surroundings(run=self.house.machine.run, now=lambda: self.house.now)
        assert install_software(arguments, self.house.places, surroundings) == 0


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return Root(tmp_path)


def test_software_goes_its_way_as_the_units_have_it(root: Root, capsys: pytest.CaptureFixture[str]) -> None:
    root.does()
    root.house.lay(software(2))
    root.does()
    root.does(starting=True)
    state = root.house.state()
    assert state.current is not None
    root.house.note(state.current.name, 1)
    root.house.now += 601  # the usual trial
    root.does()
    root.does(back=True)
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "nothing to do"
    assert "is installed" in said[1]
    assert said[2] == f"the toy starts with the software {state.current.name}"
    assert "has proved itself" in said[3]
    assert said[4] == "the toy starts with installed next"


def test_settings_that_others_could_have_written_are_not_believed(root: Root) -> None:
    root.config.chmod(0o666)
    with pytest.raises(BundleError, match="is not believed"):
        root.does()


def test_settings_come_from_the_file_alone(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POMMAI_UPDATE_KEYS", "/toys/own/keys")
    root.house.lay(software(2))
    root.does()
    assert root.house.state().waiting is not None


def test_by_hand_it_looks_where_the_service_has_its_toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = Root(tmp_path)
    root.house = House(tmp_path / "another", updates=tmp_path / "data" / "pommai" / "updates")
    root.config.write_text(f'update_keys = "{root.house.folder}/keys"\n')
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "systemctl").write_text(
        f"#!/bin/sh\necho LoadState=loaded\necho Environment=XDG_DATA_HOME={tmp_path}/data\n"
        f"echo 'ExecStart={{ argv[]=/x/pommai run --config {root.config} ; }}'\n"
    )
    (tmp_path / "bin" / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    monkeypatch.delenv("XDG_DATA_HOME")
    root.house.lay(software(2))
    root.does()
    assert root.house.state().waiting is not None


def test_a_card_that_fails_is_told(root: Root) -> None:
    (root.house.places.state).write_text("a file, where a folder should be")
    with pytest.raises(BundleError, match="gone on with later"):
        root.does()


@pytest.mark.skipif(os.geteuid() != 0, reason="others are told that it is root's part")
def test_without_settings_there_is_nothing_to_do(tmp_path: Path) -> None:
    code, _, errors = pommai("bundle", "install-software", "--config", tmp_path / "none")
    assert code == 1
    assert "No such file" in errors


@pytest.mark.skipif(os.geteuid() == 0, reason="root is root")
def test_it_is_roots_part() -> None:
    assert "this is root's part" in pommai("bundle", "install-software")[2]
