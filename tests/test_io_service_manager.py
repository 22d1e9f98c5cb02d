"""The service manager hears how the toy is."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from pommai.io.service_manager import FEEDS, ServiceManager


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    """NOTIFY_SOCKET, and the manager's end of it."""
    folder = os.open(tmp_path, os.O_RDONLY)  # whose path may be longer than a socket's
    name = f"/proc/self/fd/{folder}/notify" if request.param == "path" else f"@pommai-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind("\0" + name[1:] if name.startswith("@") else name)
        channel.settimeout(5)
        yield name, channel
    os.close(folder)


def heard(channel: socket.socket) -> str:
    return channel.recv(4096).decode()


def test_ready_is_said_once(systemd: tuple[str, socket.socket]) -> None:
    name, channel = systemd
    manager = ServiceManager({"NOTIFY_SOCKET": name})
    manager.ready()
    manager.ready()
    manager.status("idle,\noffline")
    manager.stopping()
    assert [heard(channel) for _ in range(3)] == ["READY=1", "STATUS=idle, offline", "STOPPING=1"]


def test_the_watchdog_is_fed_by_the_event_loop_as_long_as_that_turns(systemd: tuple[str, socket.socket]) -> None:
    name, channel = systemd
    manager = ServiceManager({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "30000", "WATCHDOG_PID": str(os.getpid())})
    assert manager.feed_seconds == pytest.approx(0.03 / FEEDS)

    async def turn() -> None:
        feeding = asyncio.create_task(manager.feed_watchdog())
        for _ in range(3):
            assert await asyncio.to_thread(heard, channel) == "WATCHDOG=1"
        feeding.cancel()
        await asyncio.wait([feeding])

    asyncio.run(turn())


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"WATCHDOG_USEC": "1000000"},
        {"NOTIFY_SOCKET": "/run/x"},
        {"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "soon"},
        {"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "0"},
        {"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"},
        {"NOTIFY_SOCKET": "vsock:2:1234", "WATCHDOG_USEC": "1000000"},
    ],
)
def test_without_a_watchdog_of_its_own_nothing_is_fed(environment: dict[str, str]) -> None:
    manager = ServiceManager(environment)
    assert manager.feed_seconds is None
    asyncio.run(manager.feed_watchdog())


def test_a_manager_that_has_gone_stops_no_toy(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    manager = ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "nobody")})
    manager.ready()
    assert [record.message for record in caplog.records] == ["service manager not told"]
