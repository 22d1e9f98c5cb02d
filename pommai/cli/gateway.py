"""`pommai gateway`: the server's end of the wire, on a desk."""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import logging
import os
import secrets
import select
import signal
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pommai.gateway.archive import Alert
    from pommai.gateway.console import Console
    from pommai.gateway.gateway_file import EngineSettings
    from pommai.gateway.personas_watch import PersonasWatch
    from pommai.gateway.responder import Responder
    from pommai.gateway.server import GatewaySettings

TOKEN_VARIABLE = "POMMAI_GATEWAY_TOKEN"
LEVELS = ("debug", "info", "warning", "error")

_DESCRIPTION = """\
Listen for toys and answer them: the other end of the wire, on a desk. Who a toy can be is written in personas.yaml;
with what the gateway understands them, answers and speaks, in gateway.yaml: as it comes, a parrot says back what it
heard, at another pitch.

When it listens it prints one line, `listening on ws://HOST:PORT/audio-stream`. Facts are logged on standard error.
"""
_EPILOG = f"""\
While it runs, it takes lines on standard input:
  sessions                 who is connected
  switch TOY [DEVICE]      who every toy, or the one with this device id, is to be: now, and whenever it connects
  config                   what toys have taken of the settings of their persona (pi_config), and refused
  pause [TIME [MESSAGE]]   put every toy into safe mode, for 30s, 5m, ... or until `resume`
  resume                   let every toy out of safe mode
  volume PERCENT [DEVICE]  how loud every toy, or the one with this device id, is: 0 to 100
  reload                   read the personas again at once, and tell the toys whose own has changed
  alerts                   the latest alerts: time, device, severity, reason
  archive                  how much is kept of each toy
  quit                     end, as Ctrl-C does

A change of the personas' file is noticed within a second; a file with a mistake leaves everything as it was.

What toys send to be kept is kept once, in the archive; each alert is also printed as it comes, as a line
`alert DEVICE SEVERITY REASON`.

Examples:
  pommai gateway                                    with a token made for this run, which is printed
  {TOKEN_VARIABLE}=... pommai gateway        with your own
  pommai gateway --archive toys.db                  that remembers what toys have sent
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
    parser.add_argument(
        "--engines",
        type=Path,
        metavar="FILE",
        help="with what it hears, answers and speaks (default: ./gateway.yaml, else the shipped one)",
    )
    parser.add_argument(
        "--archive",
        type=Path,
        metavar="FILE",
        help="the SQLite file that keeps what toys send (default: none; it is kept in memory, and lost at the end)",
    )
    parser.add_argument("--log-level", choices=LEVELS, default="info", help="(default: %(default)s)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Listen until told to end. Raises PommaiError when it cannot, SettingsError when it was asked for nonsense."""
    from pommai.gateway.gateway_file import load_gateway_file
    from pommai.gateway.personas import load_personas
    from pommai.gateway.personas_watch import PersonasWatch
    from pommai.gateway.server import GatewaySettings
    from pommai.toy.logs import configure_logs
    from pommai.toy.settings import find_project_file

    token = args.token or secrets.token_urlsafe(24)
    configure_logs(args.log_level, secrets=[token])
    if args.log_level != "debug":
        logging.getLogger("websockets").setLevel(logging.CRITICAL)  # strangers who speak no WebSocket are no news
    personas: Path = args.personas or find_project_file("personas.yaml")
    watch = PersonasWatch(personas)
    settings = GatewaySettings(load_personas(personas), token, args.host, args.port)
    engines = load_gateway_file(args.engines or find_project_file("gateway.yaml"))
    asyncio.run(_listen(settings, engines, personas, watch, args.archive, show_token=not args.token))
    return 0


async def _listen(
    settings: GatewaySettings,
    engines: EngineSettings,
    personas: Path,
    watch: PersonasWatch,
    kept_in: Path | None,
    *,
    show_token: bool,
) -> None:
    from pommai.gateway.archive import Archive
    from pommai.gateway.console import Console
    from pommai.gateway.orders import Orders
    from pommai.gateway.server import Gateway

    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        responder = _responder(engines, settings, stack)
        archive = await stack.enter_async_context(await Archive.open(kept_in))
        gateway = await stack.enter_async_context(Gateway(settings, responder, archive=archive))
        gateway.alerts.listen(_show_alert)
        if show_token:
            print(f"token for this run: {settings.token}")
        if not _is_loopback(settings.host):
            print("the wire is not encrypted: listen like this only on a network you trust")
        print(f"listening on {gateway.url}", flush=True)
        lines = _Lines(Console(Orders(gateway, personas), stop.set))
        watching = asyncio.create_task(watch.run(gateway.change_personas), name="personas watch")
        try:
            await stop.wait()
        finally:
            watching.cancel()
            await asyncio.wait([watching])
            await lines.close()


def _responder(engines: EngineSettings, settings: GatewaySettings, stack: AsyncExitStack) -> Responder:
    """What answers. Raises PommaiError when an engine, or one that a persona names, is not to be had."""
    from pommai.gateway.speech.engines import open_engines
    from pommai.toy.settings import find_project_file, load_settings

    models, cache = None, None
    if engines.hearing is not None:
        toy = load_settings()
        models, cache = toy.models, toy.cache_dir  # speech models are where a toy has them
    responder = open_engines(engines, stack, find_project_file("offline_responses.yaml"), models, cache)
    responder.refuse(settings.personas)
    return responder


def _show_alert(alert: Alert) -> None:
    from pommai.gateway.console import alert_line

    # A pipe that nobody reads is full one day; print() would wait for it then, and all toys with it.
    if select.select([], [sys.stdout], [], 0)[1]:
        print(alert_line(alert), flush=True)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _Lines:
    """Takes the operator's lines from standard input, when there is one that can be waited for."""

    def __init__(self, console: Console) -> None:
        self._console = console
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
            answer = await self._console.obey(await self._lines.get())
            if answer:
                print(answer, flush=True)
