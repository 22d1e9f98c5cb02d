"""The gateway as a service of systemd, and what may be added to the toy's: as systemd reads them, and a real gateway
as systemd hears it."""

from __future__ import annotations

import configparser
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from deploy_material import exposure_of

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"
GATEWAY = DEPLOY / "pommai-gateway.service"
EXPOSURE = 2.5


def complaints_of(unit: Path) -> list[str]:
    judged = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True)
    known = r"RestartSteps|RestartMaxDelaySec|pommai is not executable"  # Debian 12's is older; and it is not installed
    return [line for line in judged.stderr.splitlines() if "pommai" in line and not re.search(known, line)]


def test_a_gateway_that_was_taken_over_can_do_little() -> None:
    assert 0 < exposure_of(GATEWAY) <= EXPOSURE
    assert complaints_of(GATEWAY) == []


def test_a_gateway_is_started_again_whatever_happens_and_keeps_its_things_in_its_own_folders() -> None:
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(GATEWAY)
    assert unit["Unit"]["StartLimitIntervalSec"] == "0"
    assert (unit["Service"]["Restart"], unit["Service"]["Type"]) == ("always", "notify")
    assert unit["Service"]["DynamicUser"] == "yes"
    assert f"--data %S/{unit['Service']['StateDirectory']}/toys.db" in unit["Service"]["ExecStart"]


@pytest.mark.parametrize("name", ["encrypted", "tpm"])
def test_a_toy_whose_secret_is_in_a_tpm_can_do_as_little(name: str, tmp_path: Path) -> None:
    toy = tmp_path / "pommai.service"
    addition = (DEPLOY / "secrets" / f"{name}.conf").read_text()
    toy.write_text((DEPLOY / "pommai.service").read_text() + "\n" + addition)
    assert exposure_of(toy) <= EXPOSURE
    assert complaints_of(toy) == []


def clean(tmp_path: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("POMMAI_")}
    return kept | {"XDG_CACHE_HOME": str(tmp_path / "cache")}


def test_a_gateway_says_when_it_listens_that_it_lives_and_when_it_ends(tmp_path: Path) -> None:
    name = f"@pommai-test-gateway-{os.getpid()}"  # not in a folder, whose path may be longer than a socket's
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(name.replace("@", "\0"))
        systemd.settimeout(60)
        command = (sys.executable, "-m", "pommai", "gateway", "--data", "toys.db", "--at-home", "--port", "0")
        told = clean(tmp_path) | {"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "300000"}
        quiet = subprocess.DEVNULL
        with subprocess.Popen(
            [*command, "--host", "127.0.0.1"], cwd=tmp_path, env=told, stdin=quiet, stdout=quiet, stderr=quiet
        ) as gateway:
            try:
                assert [systemd.recv(99) for _ in range(3)] == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1"]
                gateway.send_signal(signal.SIGTERM)
                while (word := systemd.recv(99)) != b"STOPPING=1":
                    assert word == b"WATCHDOG=1"
                assert gateway.wait(30) == 0
            finally:
                gateway.kill()


@pytest.mark.parametrize(
    ("file", "flag", "words"),
    [("personas.yaml", "--personas", "personas.yaml:1:"), ("gateway.yaml", "--engines", "gateway.yaml:1:")],
)
def test_a_broken_file_ends_its_start_with_a_line_that_says_where(
    tmp_path: Path, file: str, flag: str, words: str
) -> None:
    (tmp_path / file).write_text("- nothing\n- of the kind\n")
    command = (sys.executable, "-m", "pommai", "gateway", "--data", "toys.db", "--port", "0", flag, file)
    done = subprocess.run(
        command, cwd=tmp_path, env=clean(tmp_path), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1  # systemd starts it again, later each time: Restart=always
    assert words in done.stderr
    assert "Traceback" not in done.stderr
