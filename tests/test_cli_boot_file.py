from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from pommai.cli.boot_file import check_place, ports_as_options, write_boot_file
from pommai.errors import SettingsError
from pommai.toy.provision import read_boot_file

PINS = ("sha256/" + "A" * 43 + "=", "sha256/" + "B" * 43 + "=")
SECRET = "only-for-tests-0123456789"


def test_a_toy_takes_what_is_written(tmp_path: Path) -> None:
    path = tmp_path / "pommai.toml"
    check_place(path)
    write_boot_file(path, "bear-7", SECRET, "192.168.1.5", PINS)
    told = read_boot_file(path)
    assert told.plain == {
        "device_id": "bear-7",
        "url": "wss://192.168.1.5:8765/audio-stream",
        "cloud_url": "https://192.168.1.5:8766",
        "server_pins": list(PINS),
    }
    assert told.secrets == {"secret": SECRET}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(("address", "host"), [("fd00::7", "[fd00::7]"), ("laptop.local", "laptop.local")])
def test_an_address_may_be_a_name_or_of_the_new_kind(tmp_path: Path, address: str, host: str) -> None:
    write_boot_file(tmp_path / "pommai.toml", "bear-7", SECRET, address, PINS)
    assert read_boot_file(tmp_path / "pommai.toml").plain["url"] == f"wss://{host}:8765/audio-stream"


def test_a_gateway_at_ports_of_its_own_is_told_with_them(tmp_path: Path) -> None:
    write_boot_file(tmp_path / "pommai.toml", "bear-7", SECRET, "192.168.1.5", PINS, 9000, 9001)
    told = read_boot_file(tmp_path / "pommai.toml").plain
    assert told["url"] == "wss://192.168.1.5:9000/audio-stream"
    assert told["cloud_url"] == "https://192.168.1.5:9001"


def test_only_ports_that_are_not_the_usual_ones_need_to_be_said() -> None:
    assert ports_as_options(8765, 8766) == ""
    assert ports_as_options(9000, 8766) == " --port 9000"
    assert ports_as_options(9000, 9001) == " --port 9000 --http-port 9001"


def test_a_file_that_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "pommai.toml"
    path.write_text("mine")
    with pytest.raises(SettingsError, match="is there already, and may hold a secret"):
        check_place(path)
    with pytest.raises(
        SettingsError, match=r"cannot be written: File exists; `pommai devices rotate bear-7`"
    ) as caught:
        write_boot_file(path, "bear-7", SECRET, "192.168.1.5", PINS)
    assert path.read_text() == "mine"
    assert SECRET not in str(caught.value)


def test_a_card_that_is_not_there_and_a_folder_are_told_before_a_secret_is_made(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="is the card in this computer"):
        check_place(tmp_path / "bootfs" / "pommai.toml")
    with pytest.raises(SettingsError, match=r"is a folder; name the file in it: .*/pommai\.toml"):
        check_place(tmp_path)


def test_a_card_that_is_closed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root, who may run this, is let in everywhere
    with pytest.raises(SettingsError, match="cannot be written by this user"):
        check_place(tmp_path / "pommai.toml")
