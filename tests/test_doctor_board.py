"""Heat, power, memory, disks: from the files and commands a board has."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from doctor_material import PI, RUNNING, commands, look, settings, world
from hypothesis import given
from hypothesis import strategies as st

from pommai.doctor import board
from pommai.doctor.finding import Finding, Mark
from pommai.doctor.surroundings import Output

WARMTH = "/sys/class/thermal/thermal_zone0/temp"


def power(folder: Path, throttled: str, temperature: str = "48312\n") -> Finding:
    command = commands({"vcgencmd get_throttled": throttled})
    return look(board.power, world(folder, {WARMTH: temperature}, computer=PI, command=command))


def test_a_cool_board_with_good_power_is_well(tmp_path: Path) -> None:
    found = power(tmp_path, "throttled=0x0\n")
    assert found.mark is Mark.OK
    assert found.words == "48 °C, power as it should be"


@pytest.mark.parametrize(
    ("bits", "words", "step"),
    [
        ("0x1", "too little voltage: the toy may stop", "5 V and 2.5 A"),
        ("0x50005", "too little voltage and the processor is slowed down", "5 V"),
        ("0x10000", "since power-up it happened that the supply gives too little voltage", "5 V"),
        ("0x80008", "near its limit of heat at 48 °C", "air"),
        ("0x40000", "since power-up it happened that the processor is slowed down", "air"),
    ],
)
def test_every_bit_of_throttling_is_told_in_words(tmp_path: Path, bits: str, words: str, step: str) -> None:
    found = power(tmp_path, f"throttled={bits}\n")
    assert found.mark is Mark.WRONG
    assert words in found.words
    assert step in found.next_step


def test_a_board_that_is_hot_is_wrong_and_one_that_is_warm_is_noted(tmp_path: Path) -> None:
    assert power(tmp_path, "throttled=0x0\n", "81000").mark is Mark.WRONG
    assert power(tmp_path, "throttled=0x0\n", "72000").mark is Mark.NOTE


def test_without_vcgencmd_heat_alone_is_told(tmp_path: Path) -> None:
    hot = look(board.power, world(tmp_path, {WARMTH: "85000"}))
    assert (hot.mark, "85 °C" in hot.words) == (Mark.WRONG, True)
    cool = look(board.power, world(tmp_path, {WARMTH: "45000"}))
    assert (cool.mark, cool.words) == (Mark.OK, "45 °C")


def test_who_may_not_ask_the_firmware_is_told_why(tmp_path: Path) -> None:
    command = commands({"vcgencmd": Output(255, "", "VCHI initialization failed\n")})
    found = look(board.power, world(tmp_path, {WARMTH: "45000"}, computer=PI, command=command))
    assert found.mark is Mark.NOTE
    assert "VCHI initialization failed" in found.words
    assert "group video" in found.next_step


@given(st.text(max_size=40))
def test_no_answer_of_the_firmware_is_too_odd(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.mktemp("odd")
    look(board.power, world(folder, {}, computer=PI, command=commands({"vcgencmd": text})))


# -- memory --------------------------------------------------------------------------------


def free(folder: Path, available: int, **more: Any) -> Finding:
    text = f"MemTotal:  436000 kB\nMemFree: 1 kB\nMemAvailable: {available * 1024} kB\n"
    return look(board.check_memory, world(folder, {"/proc/meminfo": text}, **more))


def test_free_memory_is_judged_by_what_a_toy_takes(tmp_path: Path) -> None:
    assert free(tmp_path, 260).mark is Mark.OK
    assert free(tmp_path, 80).mark is Mark.WRONG
    assert free(tmp_path, 20).mark is Mark.BROKEN
    assert free(tmp_path, 20, unit=RUNNING).mark is Mark.OK, "the toy itself has taken it"


def test_a_system_that_does_not_tell_is_noted(tmp_path: Path) -> None:
    assert look(board.check_memory, world(tmp_path)).mark is Mark.NOTE


# -- disks ---------------------------------------------------------------------------------


def disk(folder: Path, mounts: str, **more: Any) -> Finding:
    return look(board.check_disk, world(folder, {"/proc/mounts": mounts}, **more))


def full(monkeypatch: pytest.MonkeyPatch, megabytes: int) -> None:
    left = shutil.disk_usage("/")._replace(free=megabytes * 1_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: left)


def test_a_disk_with_room_is_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full(monkeypatch, 5000)
    found = disk(tmp_path, "/dev/sda / ext4 rw,relatime 0 0\n")
    assert (found.mark, found.words) == (Mark.OK, "5,000 MB free at /; memory on ext4")


@pytest.mark.parametrize(("megabytes", "mark"), [(5, Mark.BROKEN), (60, Mark.WRONG)])
def test_a_disk_that_is_nearly_full_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, megabytes: int, mark: Mark
) -> None:
    full(monkeypatch, megabytes)
    found = disk(tmp_path, "/dev/sda / ext4 rw 0 0\n")
    assert found.mark is mark
    assert "make room" in found.next_step


def test_a_memory_on_a_read_only_disk_is_broken(tmp_path: Path) -> None:
    found = disk(tmp_path, "/dev/mmcblk0p2 / ext4 ro,noatime 0 0\n")
    assert found.mark is Mark.BROKEN
    assert "memory_copy" in found.next_step


def test_a_memory_in_ram_without_a_copy_is_wrong_and_with_one_is_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full(monkeypatch, 5000)
    mounts = "/dev/sda / ext4 rw 0 0\ntmpfs /" + str(tmp_path)[1:] + " tmpfs rw 0 0\n"
    found = disk(tmp_path, mounts)
    assert found.mark is Mark.WRONG
    assert "power off, all lost" in found.words
    kept = settings(tmp_path, memory_copy="/copy.db")
    assert disk(tmp_path, mounts, settings=kept).mark is not Mark.WRONG


def test_a_memory_on_a_card_is_noted_for_the_card_wears_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full(monkeypatch, 5000)
    found = disk(tmp_path, "/dev/mmcblk0p2 / ext4 rw 0 0\n", computer=PI)
    assert (found.mark, "wears" in found.words) == (Mark.NOTE, True)


def test_a_folder_that_may_not_be_written_to_is_told_to_its_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)
    monkeypatch.setattr(Path, "owner", lambda _: "root")
    found = disk(tmp_path, "/dev/sda / ext4 rw 0 0\n")
    assert found.mark is Mark.BROKEN
    assert found.next_step.startswith(f"sudo chown pommai {tmp_path}")
    guest = disk(tmp_path, "/dev/sda / ext4 rw 0 0\n", unit=replace(RUNNING, user="toy"))
    assert (guest.mark, guest.next_step[:12]) == (Mark.NOTE, "sudo -u toy ")
    monkeypatch.setattr(Path, "owner", lambda _: "anna")
    guest = disk(tmp_path, "/dev/sda / ext4 rw 0 0\n")
    assert (guest.mark, guest.next_step[:13]) == (Mark.NOTE, "sudo -u anna ")


def test_a_cache_alone_that_may_not_be_written_to_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cache").mkdir()
    monkeypatch.setattr("os.access", lambda path, _: Path(path) != tmp_path / "cache")
    monkeypatch.setattr(Path, "owner", lambda _: "root")
    wanted = settings(tmp_path, cache_dir=str(tmp_path / "cache"))
    assert disk(tmp_path, "/dev/sda / ext4 rw 0 0\n", settings=wanted).mark is Mark.WRONG
