"""Tells the service manager how the toy is: systemd's notification protocol (sd_notify(3)), a datagram a message."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Mapping
from typing import Final

FEEDS: Final = 3
"""Times the watchdog is fed in the time that it waits: one that is late does no harm."""

logger = logging.getLogger(__name__)


class ServiceManager:
    """What the toy was started by; talks to nobody when it was started by hand.

    Nothing here raises: a toy that cannot tell how it is still plays.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        """`environment` has NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID when systemd set them."""
        address = environment.get("NOTIFY_SOCKET", "")
        # An @ stands for the zero byte that abstract names begin with; what is neither that nor a path is no address.
        self._address = "\0" + address[1:] if address.startswith("@") else address if address.startswith("/") else ""
        self._watchdog = _watchdog_seconds(environment)
        self._is_ready = False

    @property
    def feed_seconds(self) -> float | None:
        """Seconds between two feeds of the watchdog; None when there is none."""
        return None if self._watchdog is None or not self._address else self._watchdog / FEEDS

    def ready(self) -> None:
        """The toy can be played with. Said once."""
        if not self._is_ready:
            self._is_ready = True
            self._tell("READY=1")

    def status(self, words: str) -> None:
        """What the toy is doing, for `systemctl status`: one line."""
        self._tell("STATUS=" + " ".join(words.split()))

    def stopping(self) -> None:
        """The toy is about to end."""
        self._tell("STOPPING=1")

    async def feed_watchdog(self) -> None:
        """Feed it from the event loop until cancelled: a loop that stands still starves it, and is started again."""
        while self.feed_seconds is not None:
            self._tell("WATCHDOG=1")
            await asyncio.sleep(self.feed_seconds)

    def _tell(self, message: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(
                socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
            ) as channel:
                channel.sendto(message.encode(), self._address)
        except OSError as caught:
            logger.warning("service manager not told", extra={"reason": caught.strerror or str(caught)})


def _watchdog_seconds(environment: Mapping[str, str]) -> float | None:
    """How long the watchdog of this process waits; None when there is none, or it is another process's."""
    told, process = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
    if process and process != str(os.getpid()):
        return None
    return int(told) / 1e6 if told.isascii() and told.isdigit() and int(told) else None
