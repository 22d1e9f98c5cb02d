"""The toy's service, and its user's groups."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from doctor_material import PI, RUNNING, commands, look, world

from pommai.doctor import service
from pommai.doctor.finding import Finding, Mark
from pommai.doctor.surroundings import Output
from pommai.doctor.unit import UNKNOWN, Unit
from pommai.io.memory_files import lock, unlock

ROOT = Path(__file__).parent.parent


def seen(folder: Path, unit: Unit | None, **more: Any) -> Finding:
    return look(service.check_service, world(folder, unit=unit, **more))


def test_a_toy_that_runs_and_is_watched_is_well(tmp_path: Path) -> None:
    found = seen(tmp_path, replace(RUNNING, status="idle"))
    assert (found.mark, found.words) == (Mark.OK, "running, 0 restarts, watched every 30s: idle")


@pytest.mark.parametrize(
    ("unit", "mark", "words", "step"),
    [
        (
            Unit(active="failed", result="watchdog", restarts=7),
            Mark.BROKEN,
            "7 restarts, because: watchdog",
            "journalctl",
        ),
        (Unit(active="activating", substate="auto-restart", restarts=1), Mark.BROKEN, "1 restart)", "journalctl"),
        (replace(RUNNING, enabled="disabled"), Mark.WRONG, "does not start at boot", "enable --now"),
        (replace(RUNNING, restarts=4), Mark.WRONG, "4 restarts", "journalctl"),
        (Unit(), Mark.NOTE, "stopped", "systemctl start"),
        (replace(RUNNING, watchdog=""), Mark.WRONG, "nobody notices", "WatchdogSec"),
        (Unit(active=UNKNOWN), Mark.NOTE, "tells root alone", "sudo pommai doctor"),
        (None, Mark.NOTE, "does not start by itself", "install.sh"),
    ],
)
def test_what_is_not_right_is_told(tmp_path: Path, unit: Unit | None, mark: Mark, words: str, step: str) -> None:
    found = seen(tmp_path, unit)
    assert found.mark is mark
    assert words in found.words
    assert step in found.next_step


def test_a_toy_that_was_started_by_hand_is_noticed_by_its_lock(tmp_path: Path) -> None:
    handle = lock(tmp_path / "memory.db")
    assert handle is not None
    try:
        locks = {"/proc/locks": Path("/proc/locks").read_text()}
        there = world(tmp_path, locks)
        assert there.holder.startswith("a toy is running (process ")
        assert "by hand" in look(service.check_service, there).words
    finally:
        unlock(handle)
    assert world(tmp_path, {"/proc/locks": Path("/proc/locks").read_text()}).holder == ""


def test_looking_for_a_running_toy_leaves_nothing_behind(tmp_path: Path) -> None:
    assert world(tmp_path).holder == ""
    assert list(tmp_path.iterdir()) == []


REFUSED = commands({"systemctl": Output(1, "", "Failed to connect to bus: No such file or directory")})


def test_the_service_is_found_by_asking_systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pommai.doctor.unit.UNIT_FILE", tmp_path / "none")
    told = commands({"systemctl show pommai.service": "LoadState=loaded\nActiveState=active\nSubState=running\n"})
    unit = asyncio.run(service.find_unit(told))
    assert unit is not None
    assert unit.is_running
    assert asyncio.run(service.find_unit(commands({}))) is None
    assert asyncio.run(service.find_unit(REFUSED)) is None


def test_where_systemd_answers_root_alone_the_units_file_says_what_the_toy_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pommai.doctor.unit.UNIT_FILE", ROOT / "deploy" / "pommai.service")
    unit = asyncio.run(service.find_unit(REFUSED))
    assert unit is not None
    assert (unit.active, unit.user, unit.config) == (UNKNOWN, "pommai", "/etc/pommai/pommai.toml")
    assert set(service.GROUPS) <= set(unit.groups)
    assert unit.environment["XDG_DATA_HOME"] == "/var/lib"


# -- groups --------------------------------------------------------------------------------


def members(name: str) -> list[str]:
    return {"audio": ["pommai"], "gpio": ["pommai"]}.get(name, [])


def test_a_user_outside_a_group_is_broken_on_a_pi_and_well_at_a_desk(tmp_path: Path) -> None:
    found = service.groups(world(tmp_path, computer=PI), members)
    assert found.mark is Mark.BROKEN
    assert "the group spi" in found.words
    assert "usermod -aG spi pommai" in found.next_step
    assert service.groups(world(tmp_path), members).mark is Mark.OK


def test_what_the_service_gives_its_user_counts(tmp_path: Path) -> None:
    unit = replace(RUNNING, groups=("spi",))
    assert service.groups(world(tmp_path, computer=PI, unit=unit), members).mark is Mark.OK


def test_root_is_noted(tmp_path: Path) -> None:
    assert service.groups(world(tmp_path, computer=replace(PI, user="root"))).mark is Mark.NOTE
