from __future__ import annotations

import asyncio
import json
import re
import stat
from pathlib import Path

import pytest

from pommai.cli import main
from pommai.cli.devices import _ago, _table
from pommai.gateway.data_file import DataFile
from pommai.gateway.devices import Device, Devices
from pommai.gateway.home import open_home
from pommai.gateway.server_clock import DAY, HOUR, MINUTE, as_iso
from pommai.io.secret import SecretFile
from pommai.toy.provision import read_boot_file

NOW = 1_800_000_000_000


def knows(file: Path, device_id: str, secret: str) -> bool:
    async def ask() -> bool:
        async with await DataFile.open(file) as data:
            return await Devices(data).authenticate(device_id, secret) is not None

    return asyncio.run(ask())


def test_a_device_is_added_and_the_line_it_prints_is_what_the_toy_reads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "toys.db"
    assert main(["devices", "add", "bear-7", "--data", str(file)]) == 0
    shown = capsys.readouterr().out
    secret = re.search(r"^[\w-]{43}$", shown, re.M)
    assert secret is not None
    assert "shown this once" in shown
    assert "--device-id bear-7 --device-secret file:PATH" in shown
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    on_toy = tmp_path / "secret"
    on_toy.touch(0o600)
    on_toy.write_text(secret[0] + "\n")
    assert asyncio.run(SecretFile(on_toy).read()).reveal() == secret[0]
    assert knows(file, "bear-7", secret[0])


def test_all_orders_for_machines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(tmp_path / "toys.db")

    def order(*words: str) -> dict[str, object]:
        assert main(["devices", *words, "--data", file, "--json"]) == 0
        found: dict[str, object] = json.loads(capsys.readouterr().out)
        return found

    old = str(order("add", "bear")["deviceSecret"])
    assert knows(tmp_path / "toys.db", "bear", old)
    new = str(order("rotate", "bear")["deviceSecret"])
    assert knows(tmp_path / "toys.db", "bear", new)
    assert not knows(tmp_path / "toys.db", "bear", old)
    (row,) = order("list")["devices"]  # type: ignore[misc, attr-defined]
    assert row["device_id"] == "bear"
    assert order("revoke", "bear") == {"deviceId": "bear", "revoked": True}
    assert not knows(tmp_path / "toys.db", "bear", new)
    assert order("remove", "bear") == {"deviceId": "bear", "removed": True}
    assert order("list") == {"devices": []}
    assert len(str(order("service-key")["serviceKey"])) == 43


def test_the_orders_answer_people_in_sentences(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(tmp_path / "toys.db")
    for words, said in (
        (["add", "bear"], "bear is registered; its secret, shown this once:"),
        (["rotate", "bear"], "the old one ends when this one is first used, or in 7 days"),
        (["list"], "the one before good for 6 d"),
        (["revoke", "bear"], "bear is revoked: its secret and its tokens have ended"),
        (["list"], "revoked 0 s ago"),
        (["remove", "bear"], "what it has sent stays in the archive"),
        (["list"], "no device is registered; `pommai devices add DEVICE` registers one"),
        (["service-key"], "a new key for gateways, shown this once:"),
    ):
        assert main(["devices", *words, "--data", file]) == 0
        assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rotate", "rex"], "no device 'rex' is registered; `list` shows those that are"),
        (["add", "bear"], "the device 'bear' is registered already; `rotate` gives it a new secret"),
        (["add", "be ar"], "a device's id is 1 to 128 letters, digits, - _ . and :"),
    ],
)
def test_a_mistake_is_told_with_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    file = str(tmp_path / "toys.db")
    main(["devices", "add", "bear", "--data", file])
    assert main(["devices", *words, "--data", file]) == 1
    assert said in capsys.readouterr().err


def test_a_misspelt_file_is_not_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "tyos.db"
    assert main(["devices", "list", "--data", str(file)]) == 1
    assert f"there is no file {file}" in capsys.readouterr().err
    assert not file.exists()
    assert main(["devices", "list"]) == 2


@pytest.mark.parametrize("words", [("--address", "laptop.local"), ("--port", "9000"), ("--http-port", "9001")])
def test_a_place_without_a_file_that_tells_it_is_wrong_usage(
    words: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "toys.db"
    assert main(["devices", "add", "bear", "--data", str(file), *words]) == 2
    assert f"{words[0]} is for the file that tells the toy: name it with --boot-file" in capsys.readouterr().err
    assert not file.exists()


@pytest.mark.parametrize("number", ["0", "65536", "-1", "x", "999999", "\u0661"])
def test_a_port_that_cannot_be_is_wrong_usage(number: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--data", str(tmp_path / "toys.db"), "--boot-file", str(tmp_path / "pommai.toml")]
    assert main(["devices", "add", "bear", *words, "--port", number]) == 2
    assert "a port is a whole number from 1 to 65535" in capsys.readouterr().err


def test_the_list_is_read_at_a_glance() -> None:
    bear = Device("bear", NOW - 40 * DAY, NOW - 3 * MINUTE, None, NOW - 9 * DAY, None, 2, NOW - 30 * MINUTE)
    rex = Device("rex", NOW - DAY, None, NOW - 2 * HOUR, None, None, 0, None)
    header, first, second = _table((bear, rex), NOW, as_iso)
    assert header.split() == ["DEVICE", "REGISTERED", "SEEN", "SECRET", "TOKENS"]
    assert re.split(r"  +", first) == ["bear", "2026-12-06", "3 min ago", "9 d old", "2, newest 30 min old"]
    assert re.split(r"  +", second) == ["rex", "2027-01-14", "never", "revoked 2 h ago", "none"]
    assert [_ago(-5), _ago(59_999), _ago(90 * MINUTE)] == ["0 s", "59 s", "1 h"]


def test_a_device_is_told_by_a_file_for_its_card_and_the_screen_shows_no_secret(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, card = tmp_path / "toys.db", tmp_path / "pommai.toml"
    order = ["devices", "add", "bear-7", "--data", str(file), "--boot-file", str(card), "--address", "192.168.1.5"]
    assert main(order) == 0
    told = read_boot_file(card)
    shown = capsys.readouterr().out
    assert told.secrets["secret"] not in shown
    assert f"pommai gateway --data {file} --at-home" in shown
    assert told.plain["server_pins"] == list(open_home(file).pins)
    assert knows(file, "bear-7", told.secrets["secret"])
    card.unlink()
    order[1] = "rotate"
    assert main([*order, "--port", "9000"]) == 0
    assert f"pommai gateway --data {file} --at-home --port 9000\n" in capsys.readouterr().out
    assert read_boot_file(card).plain["url"] == "wss://192.168.1.5:9000/audio-stream"
    assert read_boot_file(card).plain["cloud_url"] == "https://192.168.1.5:8766"


def test_nobody_is_registered_who_could_not_be_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "toys.db"
    order = ["devices", "add", "bear-7", "--data", str(file), "--address", "192.168.1.5", "--boot-file"]
    assert main([*order, str(tmp_path / "bootfs" / "pommai.toml")]) == 2
    assert "is the card in this computer" in capsys.readouterr().err
    assert not file.exists()
    assert main([*order, str(tmp_path / "pommai.toml"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "deviceId": "bear-7",
        "bootFile": str(tmp_path / "pommai.toml"),
        "address": "192.168.1.5",
    }
