"""`pommai gateway`: the server's end of the wire, on a desk."""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import logging
import os
import secrets
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pommai.errors import PommaiError

if TYPE_CHECKING:
    from pommai.gateway.server import Gateway, GatewaySettings

TOKEN_VARIABLE = "POMMAI_GATEWAY_TOKEN"
LONGEST_PAUSE = 86_400.0
"""Seconds, the protocol's bound."""
LEVELS = ("debug", "info", "warning", "error")

_DESCRIPTION = """\
Listen for toys and answer them: the other end of the wire, on a desk. Who a toy can be is written in personas.yaml;
the persona `parrot` says back what it heard, at another pitch.

When it listens it prints one line, `listening on ws://HOST:PORT/audio-stream`. Facts are logged on standard error.
"""
_EPILOG = f"""\
While it runs, it takes lines on standard input:
  sessions                 who is connected
  switch TOY [DEVICE]      ask every toy, or the one with this device id, to become another
  pause [TIME [MESSAGE]]   put every toy into safe mode, for 30s, 5m, ... or until `resume`
  resume                   let every toy out of safe mode
  quit                     end, as Ctrl-C does

Examples:
  pommai gateway                                    with a token made for this run, which is printed
  {TOKEN_VARIABLE}=... pommai gateway        with your own
  pommai gateway --host 0.0.0.0 --port 9000         for toys on the same network

Exit code: 0 ended as asked, 1 could not run, 2 wrong usage.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Teach the command line this command."""
    parser = subparsers.add_parser(
        "gateway",
        help="the server's end of the wire, on a desk",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8765, help="0 takes any that is free (default: %(default)s)")
    parser.add_argument(
        "--token",
        default=os.environ.get(TOKEN_VARIABLE) or None,
        help=f"what toys must show as Authorization: Bearer; others on this machine can see an argument, so prefer "
        f"the environment variable {TOKEN_VARIABLE} (default: a new one, printed once)",
    )
    parser.add_argument(
        "--personas",
        type=Path,
        metavar="FILE",
        help="who a toy can be (default: ./personas.yaml, else the shipped one)",
    )
    parser.add_argument("--log-level", choices=LEVELS, default="info", help="(default: %(default)s)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Listen until told to end. Raises PommaiError when it cannot, SettingsError when it was asked for nonsense."""
    from pommai.gateway.personas import load_personas
    from pommai.gateway.server import GatewaySettings
    from pommai.toy.logs import configure_logs
    from pommai.toy.settings import find_project_file

    token = args.token or secrets.token_urlsafe(24)
    configure_logs(args.log_level, secrets=[token])
    if args.log_level != "debug":
        logging.getLogger("websockets").setLevel(logging.CRITICAL)  # strangers who speak no WebSocket are no news
    personas = load_personas(args.personas or find_project_file("personas.yaml"))
    settings = GatewaySettings(personas, token, args.host, args.port)
    asyncio.run(_listen(settings, show_token=not args.token))
    return 0


async def _listen(settings: GatewaySettings, *, show_token: bool) -> None:
    from pommai.gateway.server import Gateway

    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with Gateway(settings) as gateway:
        if show_token:
            print(f"token for this run: {settings.token}")
        if not _is_loopback(settings.host):
            print("the wire is not encrypted: listen like this only on a network you trust")
        print(f"listening on {gateway.url}", flush=True)
        console = _Console(gateway, stop.set)
        try:
            await stop.wait()
        finally:
            await console.close()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _Console:
    """Takes the operator's lines from standard input, when there is one that can be waited for."""

    def __init__(self, gateway: Gateway, quit_: Callable[[], None]) -> None:
        self._gateway = gateway
        self._quit = quit_
        self._lines: asyncio.Queue[str] = asyncio.Queue()
        self._rest = b""
        self._loop = asyncio.get_running_loop()
        self._fd: int | None = None
        try:
            self._fd = sys.stdin.fileno()
            self._loop.add_reader(self._fd, self._read)
        except (AttributeError, OSError, ValueError):  # closed, or a file or /dev/null, which epoll refuses
            self._fd = None
        self._task = asyncio.create_task(self._work(), name="gateway console")

    async def close(self) -> None:
        """Take no more lines."""
        self._stop_reading()
        self._task.cancel()
        await asyncio.wait([self._task])

    def _read(self) -> None:
        assert self._fd is not None
        data = os.read(self._fd, 4096)  # there is something to read, or the end: this does not block
        if not data:
            self._stop_reading()
        *lines, self._rest = (self._rest + data)[-65_536:].split(b"\n")
        for line in lines:
            self._lines.put_nowait(line.decode(errors="replace"))

    def _stop_reading(self) -> None:
        if self._fd is not None:
            self._loop.remove_reader(self._fd)
            self._fd = None

    async def _work(self) -> None:
        while True:
            words = (await self._lines.get()).split()
            if words:
                print(await self._obey(words), flush=True)

    async def _obey(self, words: list[str]) -> str:
        match words:
            case ["sessions"]:
                rows = [f"{each.device_id} is {each.toy_id} (session {each.id})" for each in self._gateway.sessions]
                return "\n".join(rows) or "no toy is connected"
            case ["switch", toy_id, *device] if len(device) <= 1:
                try:
                    asked = await self._gateway.switch_toy(toy_id, *device)
                except PommaiError as caught:
                    return str(caught)
                return f"asked {_toys(asked)} to become {toy_id}"
            case ["pause"]:
                return f"asked {_toys(await self._gateway.pause())} to pause until `resume`"
            case ["pause", length, *message]:
                from pommai.source import parse_duration

                seconds = parse_duration(length)
                if seconds is None or not 0 < seconds <= LONGEST_PAUSE:
                    return f"{length} is no time to pause for; write 30s or 5m, up to 24h, or leave it out"
                return f"asked {_toys(await self._gateway.pause(seconds, ' '.join(message)))} to pause for {length}"
            case ["resume"]:
                return f"asked {_toys(await self._gateway.resume())} to go on"
            case ["quit"]:
                self._quit()
                return "bye"
        return "known: sessions, switch TOY [DEVICE], pause [TIME [MESSAGE]], resume, quit"


def _toys(count: int) -> str:
    return f"{count} {'toy' if count == 1 else 'toys'}"
