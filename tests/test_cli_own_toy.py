"""Whose settings count for commands that look after the toy of this machine."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from update_material import ROOT, Desk, lights, pommai

from pommai.bundle.store import Store

SHOWN = """\
LoadState={load}
ExecStart={{ path=/x ; argv[]=/x/pommai run --config {config} ; ignore_errors=no }}
Environment=POMMAI_MEMORY={folder}/memory.db XDG_DATA_HOME={folder}/data XDG_CACHE_HOME={folder}/cache
"""


class Machine:
    """A machine with a toy that systemd runs, as far as systemctl tells."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.desk = Desk(folder / "desk")
        self.config = folder / "etc.toml"
        self.config.write_text(f'update_keys = "{self.desk.public}"\n')
        self.store = Store(folder / "data" / "pommai" / "updates")
        self.systemctl = folder / "bin" / "systemctl"
        self.systemctl.parent.mkdir()
        self.says("loaded")
        monkeypatch.setenv("PATH", f"{self.systemctl.parent}:{os.environ['PATH']}")
        for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME", "POMMAI_MEMORY", "POMMAI_CONFIG"):
            monkeypatch.setenv(name, "")  # so that it is as before afterwards, whatever a command has set
            monkeypatch.delenv(name)
        self.home = folder / "home"
        monkeypatch.setenv("HOME", str(self.home))

    def says(self, load: str, code: int = 0) -> None:
        shown = SHOWN.format(load=load, config=self.config, folder=self.folder)
        self.systemctl.write_text(f"#!/bin/sh\ncat <<'END'\n{shown}END\nexit {code}\n")
        self.systemctl.chmod(0o755)

    def bundle(self, version: int) -> Path:
        return self.desk.build(version, {"led_patterns.yaml": lights("leaf")})

    def waiting(self, store: Store) -> int:
        waiting = store.read().waiting
        return 0 if waiting is None else waiting.version


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


@pytest.mark.parametrize("names_it", [False, True])
def test_a_bundle_goes_where_the_service_looks_for_it(machine: Machine, names_it: bool) -> None:
    named = ("--config", machine.config) if names_it else ()
    code, _, errors = pommai("bundle", "apply", machine.bundle(4), *named)
    assert (code, errors) == (0, "")
    assert machine.waiting(machine.store) == 4
    assert "comes next   version 4" in pommai("bundle", "show", *named)[1]
    assert pommai("bundle", "rollback", *named)[0] == 0
    assert machine.waiting(machine.store) == 0
    assert not (machine.home / ".local").exists()


def test_where_systemd_does_not_answer_the_units_file_does(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    unit = (ROOT / "deploy" / "pommai.service").read_text()
    for there, here in (
        ("/etc/pommai/pommai.toml", machine.config),
        ("XDG_DATA_HOME=/var/lib ", f"XDG_DATA_HOME={machine.folder}/data "),
        ("XDG_CACHE_HOME=/var/cache ", f"XDG_CACHE_HOME={machine.folder}/cache "),
        ("POMMAI_MEMORY=/run/pommai/memory.db", f"POMMAI_MEMORY={machine.folder}/memory.db"),
    ):
        assert there in unit
        unit = unit.replace(there, str(here))
    (machine.folder / "pommai.service").write_text(unit)
    monkeypatch.setattr("pommai.doctor.unit.UNIT_FILE", machine.folder / "pommai.service")
    bundle = machine.bundle(4)
    for systemctl in ("echo 'Failed to connect to bus' >&2; exit 1", "echo 'Running in chroot, ignoring command'"):
        machine.systemctl.write_text(f"#!/bin/sh\n{systemctl}\n")
        code, _, errors = pommai("bundle", "apply", bundle)
        assert (code, errors) == (0, "")
        assert machine.waiting(machine.store) == 4
        assert pommai("bundle", "rollback")[0] == 0
    assert str(machine.folder / "memory.db") in pommai("data", "show")[2]


def test_whoever_names_another_file_or_folder_means_another_toy(machine: Machine) -> None:
    other = machine.folder / "other.toml"
    other.write_text(f'update_keys = "{machine.desk.public}"\nupdates = "elsewhere"\n')
    assert pommai("bundle", "apply", machine.bundle(4), "--config", other)[0] == 0
    assert pommai("bundle", "apply", machine.bundle(5), "--updates", machine.folder / "there")[0] == 0
    found = [machine.waiting(Store(machine.folder / name)) for name in ("elsewhere", "there")]
    assert (found, machine.waiting(machine.store)) == ([4, 5], 0)


@pytest.mark.parametrize(("load", "code"), [("not-found", 0), ("loaded", 1)])
def test_where_no_service_runs_a_toy_everything_is_in_ones_own_folders(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, load: str, code: int
) -> None:
    machine.says(load, code)
    monkeypatch.setattr("pommai.doctor.unit.UNIT_FILE", machine.folder / "none")
    bundle = machine.bundle(4)
    assert pommai("bundle", "apply", bundle, "--config", machine.config)[0] == 0
    assert machine.waiting(Store(machine.home / ".local/share/pommai/updates")) == 4
    monkeypatch.setenv("PATH", str(machine.home))  # no systemd at all
    assert "comes next   version 4" in pommai("bundle", "show")[1]


def test_the_memory_that_is_shown_and_forgotten_is_that_of_the_service(machine: Machine) -> None:
    memory = machine.folder / "memory.db"
    code, _, errors = pommai("data", "show", "--json")
    assert code == 1
    assert json.dumps(str(memory))[1:-1] in errors
    memory.write_bytes(b"whatever it is")
    assert pommai("data", "reset", "--yes")[0] == 0
    assert not memory.exists()


def test_speech_models_are_those_of_the_service(machine: Machine) -> None:
    model = machine.folder / "cache" / "pommai" / "models" / "vosk-model-of-this-toy"
    (model / "am").mkdir(parents=True)
    (model / "am" / "final.mdl").write_bytes(b"what it hears with")
    listed = json.loads(pommai("models", "list", "--json")[1])
    assert str(model) in [each["where"] for each in listed]
