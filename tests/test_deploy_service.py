"""The toy as a service of systemd: its unit as systemd reads it, and a real toy as systemd hears it."""

from __future__ import annotations

import configparser
import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from deploy_material import exposure_of

from pommai.io.secret import keep_secret

ROOT = Path(__file__).resolve().parent.parent
UNIT = ROOT / "deploy" / "pommai.service"
EXPOSURE = 2.5


def test_a_toy_that_was_taken_over_can_do_little() -> None:
    assert 0 < exposure_of(UNIT) <= EXPOSURE


def test_systemd_understands_every_line() -> None:
    judged = subprocess.run(["systemd-analyze", "verify", UNIT], capture_output=True, text=True)
    complaints = [
        line
        for line in judged.stderr.splitlines()
        # Debian 12's systemd is older than two of the keys; and the toy is not installed here.
        if not re.search(r"RestartSteps|RestartMaxDelaySec|pommai is not executable", line) and "pommai" in line
    ]
    assert complaints == []


@pytest.mark.parametrize("name", ["pommai-software", "pommai-software-start"])
def test_roots_part_can_do_little_more_than_write_where_the_software_is(name: str) -> None:
    assert 0 < exposure_of(ROOT / "deploy" / f"{name}.service") <= 1.5


def read_unit(name: str) -> configparser.RawConfigParser:
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    assert unit.read(ROOT / "deploy" / name)
    return unit


def test_software_is_chosen_before_each_start_by_what_has_proved_itself() -> None:
    start, look = (read_unit(f"pommai-software{name}.service") for name in ("-start", ""))
    assert "Wants=pommai-software-start.service" in UNIT.read_text().splitlines()
    assert start["Unit"]["Before"] == "pommai.service"
    for unit in (start, look):
        assert unit["Service"]["ExecStart"].startswith("/opt/pommai/proven/bin/pommai bundle install-software")
        assert unit["Service"]["PrivateNetwork"] == "yes"
        assert unit["Service"]["ReadWritePaths"] == "/opt/pommai"
        assert unit["Service"]["CapabilityBoundingSet"] == "CAP_DAC_READ_SEARCH"
    assert "--starting" in start["Service"]["ExecStart"].split()


def test_it_may_have_its_card_lights_and_button_by_the_names_of_their_drivers() -> None:
    # As drivers/spi/spidev.c, drivers/gpio/gpiolib.h and sound/core/sound.c of the kernel register them.
    lines = UNIT.read_text().splitlines()
    allowed = {line.partition("=")[2] for line in lines if line.startswith("DeviceAllow=")}
    assert allowed == {"char-alsa rw", "char-gpiochip rw", "char-spi rw"}
    for key in ("Wants", "After"):  # of a driver that is not loaded, systemd lets nothing through
        assert f"{key}=modprobe@spidev.service modprobe@snd.service" in lines


@pytest.mark.parametrize("comes_after", [0, 3, None])
def test_the_mixer_of_a_card_that_comes_late_is_set_as_well(tmp_path: Path, comes_after: int | None) -> None:
    cards = tmp_path / "cards"
    script = (ROOT / "deploy" / "pommai-mixer").read_text()
    assert "/proc/asound/" in script
    appears = f"[ $(wc -l <{tmp_path}/slept) -lt {comes_after} ] || mkdir -p {cards}/seeed2micvoicec"
    programs = {
        "sleep": f"echo >>{tmp_path}/slept; {appears if comes_after else ':'}",
        "amixer": f'echo "$@" >>{tmp_path}/set',
        "pommai-mixer": script.replace("/proc/asound", str(cards)),
    }
    for name, text in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    if comes_after == 0:
        (cards / "seeed2micvoicec").mkdir(parents=True)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run([tmp_path / "pommai-mixer"], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    slept = (tmp_path / "slept").read_text().count("\n") if (tmp_path / "slept").exists() else 0
    assert slept == (20 if comes_after is None else comes_after)
    assert ("there is no ReSpeaker 2-Mics HAT" in done.stderr) is (comes_after is None)
    assert (tmp_path / "set").exists() is (comes_after is not None)


def test_it_is_started_again_whatever_happens_and_never_given_up() -> None:
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(UNIT)
    assert unit["Unit"]["StartLimitIntervalSec"] == "0"
    assert unit["Service"]["Restart"] == "always"
    assert unit["Service"]["Type"] == "notify"


def test_it_is_run_where_the_buttons_driver_may_make_its_pipe_and_the_memory_outlives_a_new_start() -> None:
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(UNIT)
    service = unit["Service"]
    assert service["WorkingDirectory"] == f"/run/{service['RuntimeDirectory']}"
    assert service["RuntimeDirectoryPreserve"] == "restart"


NOTIFY_SOCKET = f"@pommai-test-toy-{os.getpid()}"
"""Not in the tests' own folder, whose path may be longer than a socket's."""


@pytest.fixture
def systemd() -> socket.socket:
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    channel.bind(NOTIFY_SOCKET.replace("@", "\0"))
    channel.settimeout(120)
    return channel


def test_a_toy_says_when_it_is_ready_that_it_lives_and_when_it_ends(systemd: socket.socket, tmp_path: Path) -> None:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("POMMAI_", "CONVEX_"))}
    settings = ("--button", "lines", "--lights", "none", "--microphone", "none", "--speaker", "none")
    quiet = subprocess.DEVNULL
    with (
        systemd,
        subprocess.Popen(
            [sys.executable, "-m", "pommai", "run", *settings, "--url", "ws://127.0.0.1:9/audio-stream"],
            cwd=tmp_path,
            env=clean
            | {
                "POMMAI_TOKEN_FILE": str(keep_secret(tmp_path / "token", "only-for-tests")),
                "NOTIFY_SOCKET": NOTIFY_SOCKET,
                "WATCHDOG_USEC": "600000",
                "XDG_CACHE_HOME": str(tmp_path / "cache"),
            },
            stdin=subprocess.PIPE,
            stdout=quiet,
            stderr=quiet,
        ) as toy,
    ):
        try:
            fed = 0
            while (word := systemd.recv(4096)) != b"READY=1":
                assert word == b"WATCHDOG=1"  # the event loop turns while the toy says hello
            while fed < 3:
                assert systemd.recv(4096) == b"WATCHDOG=1"
                fed += 1
            toy.send_signal(signal.SIGSTOP)  # as a loop that stands still
            systemd.settimeout(1.2)
            with suppress(TimeoutError):
                for _ in range(20):  # what was said before, and then nothing more
                    systemd.recv(4096)
                pytest.fail("a toy that stands still feeds the watchdog")
            toy.send_signal(signal.SIGCONT)
            systemd.settimeout(120)
            assert systemd.recv(4096) == b"WATCHDOG=1"
            toy.send_signal(signal.SIGTERM)
            while (word := systemd.recv(4096)) != b"STOPPING=1":
                assert word == b"WATCHDOG=1"
            assert toy.wait(120) == 0
        finally:
            toy.kill()
