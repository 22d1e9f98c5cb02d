"""`pommai gateway`: the server's end of the wire."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import secrets
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pommai.cli import gateway_devices, gateway_fleet, gateway_offers, gateway_remote
from pommai.cli.boot_file import HTTP_PORT, PORT
from pommai.cli.gateway_operators import OPERATOR_VARIABLE, Operators
from pommai.errors import PommaiError

if TYPE_CHECKING:
    from pommai.gateway.gateway_file import EngineSettings
    from pommai.gateway.orders import Orders
    from pommai.gateway.personas_watch import PersonasWatch
    from pommai.gateway.responder import Responder
    from pommai.gateway.server import GatewaySettings
    from pommai.gateway.signer import Signer
    from pommai.gateway.tls import Certificate
    from pommai.gateway.web.app import Web
    from pommai.gateway.web.ready import Check

TOKEN_VARIABLE = "POMMAI_GATEWAY_TOKEN"
LEVELS = ("debug", "info", "warning", "error")
OFF = -1
"""In place of a port: nothing listens."""

_DESCRIPTION = """\
Listen for toys and answer them: the other end of the wire, on a desk or for many. Who a toy can be is written in
personas.yaml; with what the gateway understands them, answers and speaks, in gateway.yaml: as it comes, a parrot says
back what it heard, at another pitch.

When it listens it prints `listening on ws://HOST:PORT/audio-stream`, and before that where operators find it by HTTP,
as `operators: http://HOST:PORT`. Facts are logged on standard error.
"""
_EPILOG = f"""\
While it runs, it takes lines on standard input:
  sessions                 who is connected
  switch TOY [DEVICE]      who every toy, or the one with this device id, is to be: now, and whenever it connects
  config                   what toys have taken of the settings of their persona (pi_config), and refused
  pause [TIME [MESSAGE]]   put every toy into safe mode, for 30s, 5m, ... or until `resume`; a longer
                           pause that goes on is not cut short
  resume                   let every toy out of safe mode
  volume PERCENT [DEVICE]  how loud every toy, or the one with this device id, is: 0 to 100
  restart DEVICE           have one toy begin again, when it rests
  reset DEVICE             have one toy forget all that it has kept; it obeys only a gateway that signs (--signing-key)
  reload                   read the personas again at once, and tell the toys whose own has changed
  alerts                   the latest alerts: time, device, severity, reason
  archive                  how much is kept of each toy
  quit                     end, as Ctrl-C does

A change of the personas' file is noticed within a second; a file with a mistake leaves everything as it was.

What toys send to be kept is kept once, in the archive; each alert is also printed as it comes, as a line
`alert DEVICE SEVERITY REASON`.

By HTTP there are the same orders, sessions, alerts as they come, figures for Prometheus (/metrics), and whether it
serves (/readyz): GET / lists all pages. They ask for the operator's token, Authorization: Bearer TOKEN. One is made and
printed at the first start; its hash is kept beside the data. GET /healthz alone is open to all. `pommai bundle offer`
brings update bundles there, and has toys told of them.

Toys call the cloud functions (docs/cloud.md) there, too: authentication, configuration, recordings, what they want to
be kept. What is over the days of its persona's retention_days is forgotten.

When it gets SIGTERM it lets nobody in any more and has its toys connect anew, each when its turn is answered; a second
one, or Ctrl-C, ends it at once.

Gateways that share a Redis (--redis) serve their toys together: a toy may connect to any, what operators set, order or
offer on one counts on all, and each shows the alerts of all. While Redis is away toys notice nothing, what is ordered
for all is refused, and /readyz says so. Give them the same --data file on one machine.

Examples:
  pommai gateway                                    with a token made for this run, which is printed
  {TOKEN_VARIABLE}=... pommai gateway           with your own
  pommai gateway --data toys.db                     that remembers what toys have sent
  pommai gateway --data toys.db --at-home           for toys in the same Wi-Fi; see `pommai devices add --help`
  pommai gateway --host 0.0.0.0 --tls-cert fullchain.pem --tls-key privkey.pem
                                                    for toys anywhere; renewed files are noticed
  curl -H "Authorization: Bearer $TOKEN" http://127.0.0.1:8766/sessions

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
    parser.add_argument("--host", help="address to listen on (default: 127.0.0.1; with --at-home all of this computer)")
    parser.add_argument("--port", type=int, default=PORT, help="0 takes any that is free (default: %(default)s)")
    parser.add_argument(
        "--http-port",
        type=_port,
        metavar="PORT",
        help=f"where operators find it by HTTP: 0 takes any that is free, none is nowhere (default: {HTTP_PORT}; with "
        f"--port 0 any)",
    )
    parser.add_argument(
        "--at-home",
        action="store_true",
        help="for toys in the same Wi-Fi: listen to all of them, with a certificate that is made here and kept beside "
        "--data, and whose key `pommai devices add --boot-file` tells a toy",
    )
    parser.add_argument("--tls-cert", type=Path, metavar="FILE", help="encrypt both with this certificate chain (PEM)")
    parser.add_argument("--tls-key", type=Path, metavar="FILE", help="the key of the certificate (PEM)")
    parser.add_argument(
        "--signing-key",
        type=Path,
        metavar="FILE",
        help="sign what changes a toy with this private key (of `pommai bundle keygen`, mode 600), for toys that have "
        "its public half as server_keys",
    )
    parser.add_argument(
        "--token",
        default=os.environ.get(TOKEN_VARIABLE) or None,
        help=f"what toys must show as Authorization: Bearer; others on this machine can see an argument, so prefer "
        f"the environment variable {TOKEN_VARIABLE} (default: none with --data, where each device has its own: see "
        f"`pommai devices`; else a new one, printed once)",
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
        "--data",
        type=Path,
        metavar="FILE",
        help="the file that keeps what toys send, and which devices are let in (default: none; it is kept in memory, "
        "and lost at the end)",
    )
    parser.add_argument(
        "--operator-token-file",
        type=Path,
        metavar="FILE",
        help=f"holds the operator's token, closed to others (default: {OPERATOR_VARIABLE} of the environment, else one "
        "that is made)",
    )
    parser.add_argument(
        "--new-operator-token",
        action="store_true",
        help="make a new operator's token for --data, print it and end; a gateway that runs takes it at once",
    )
    parser.add_argument(
        "--log-salt-file",
        type=Path,
        metavar="FILE",
        help="in the log, devices go by names that are made of their ids and the salt in this file, which is made "
        "where there is none; gateways that share it use the same names (default: beside --data, else a new one)",
    )
    gateway_offers.add_arguments(parser)
    gateway_fleet.add_arguments(parser)
    gateway_remote.add_arguments(parser)
    parser.add_argument(
        "--most-toys",
        type=int,
        default=1_000,
        metavar="N",
        help="toys that are let in; who comes then is told by HTTP 503 to come again (default: %(default)s)",
    )
    parser.add_argument("--log-level", choices=LEVELS, default="info", help="(default: %(default)s)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Listen until told to end. Raises PommaiError when it cannot, SettingsError when it was asked for nonsense."""
    from pommai.cli.gateway_operators import given_token, open_token, renew_token
    from pommai.cli.gateway_tls import be_at_home, open_certificate, warning_of
    from pommai.gateway.gateway_file import load_gateway_file
    from pommai.gateway.personas import load_personas
    from pommai.gateway.personas_watch import PersonasWatch
    from pommai.gateway.porch import allow_files
    from pommai.gateway.pseudonyms import open_pseudonyms
    from pommai.gateway.server import GatewaySettings
    from pommai.toy.logs import configure_logs, report_crashes
    from pommai.toy.settings import find_project_file

    token, given = args.token, given_token(args.operator_token_file)
    if token is None and args.data is None and args.cloud is None:
        token = secrets.token_urlsafe(24)
    if args.new_operator_token:
        print(renew_token(given, args.data))
        return 0
    if args.at_home:
        be_at_home(args)
    host = args.host or "127.0.0.1"
    hidden = [
        each for each in (token, given, gateway_remote.given_key(), *gateway_fleet.secrets_of(args.redis)) if each
    ]
    names = open_pseudonyms(args.log_salt_file, args.data)
    configure_logs(args.log_level, secrets=hidden, device_names=names.of)
    report_crashes()
    if args.log_level != "debug":
        logging.getLogger("websockets").setLevel(logging.CRITICAL)  # strangers who speak no WebSocket are no news
    words = [] if args.token else [f"token for this run: {token}"]
    if token is None:
        words = [gateway_remote.WELCOME if args.cloud else gateway_devices.WELCOME.format(data=args.data)]
    personas: Path = args.personas or find_project_file("personas.yaml")
    watch = PersonasWatch(personas)
    settings = GatewaySettings(load_personas(personas), token, host, args.port, args.most_toys)
    if not allow_files(settings.most_toys):
        words.append(f"the system lets this process have too few files open for {settings.most_toys} toys (ulimit -n)")
    engines = load_gateway_file(args.engines or find_project_file("gateway.yaml"))
    certificate = open_certificate(args.tls_cert, args.tls_key)
    http_port = _http_port(args.http_port, args.port)
    operators = None if http_port == OFF else open_token(given, args.data)
    words += warning_of(host, certificate)
    signer = None if args.signing_key is None else _signer(args.signing_key)
    place, cloud = (args.redis, args.name), (args.cloud, args.service_key_file)
    plan = _Plan(
        settings,
        engines,
        personas,
        watch,
        args.data,
        certificate,
        http_port,
        gateway_offers.check_public_url(args.public_url),
        operators,
        words,
        place,
        cloud,
        signer,
        args.at_home,
    )
    asyncio.run(_listen(plan))
    return 0


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a gateway is made of."""

    settings: GatewaySettings
    engines: EngineSettings
    personas: Path
    watch: PersonasWatch
    data: Path | None
    certificate: Certificate | None
    http_port: int
    public_url: str | None
    """Where toys find the HTTP port."""
    operators: Operators | None
    words: list[str]
    """Printed when it listens."""
    place: tuple[str | None, str]
    """In a fleet: the URL of its Redis, if any, and the gateway's name."""
    cloud: tuple[str | None, Path | None]
    """Where what toys send is kept instead of here, and the file with the key for it."""
    signer: Signer | None
    at_home: bool


async def _listen(plan: _Plan) -> None:
    from pommai.cli.gateway_end import End
    from pommai.cli.gateway_lines import Lines, show_alert
    from pommai.cli.gateway_tls import words_at_home
    from pommai.gateway.console import Console
    from pommai.gateway.door import Doors
    from pommai.gateway.orders import Orders
    from pommai.gateway.server import Gateway
    from pommai.io.service_manager import ServiceManager

    end, manager = End(), ServiceManager()
    end.heed_signals()
    context = None if plan.certificate is None else plan.certificate.context
    checks: dict[str, Check] = {}
    async with AsyncExitStack() as stack:
        responder = _responder(plan, stack, checks)
        archive, doors = await gateway_remote.open_archive(stack, plan.data, *plan.cloud)
        fleet = gateway_fleet.open_fleet(*plan.place, archive)
        devices = gateway_devices.open_devices(archive)
        door = Doors(devices, *doors)
        gateway = Gateway(
            plan.settings, responder, archive=archive, door=door, tls=context, fleet=fleet, signer=plan.signer
        )
        await stack.enter_async_context(gateway)
        gateway.alerts.listen(show_alert)
        await stack.enter_async_context(gateway_devices.keep_house(gateway, devices))
        orders = Orders(gateway, plan.personas)
        web = _web(plan, orders, checks)
        words = plan.words.copy()
        if web is not None and plan.operators is not None:
            gateway_devices.mount(web, gateway, devices, keeps=plan.cloud[0] is None)
            await gateway_offers.open_offers(stack, web, gateway, plan.public_url, context is not None, plan.data)
            words += [*plan.operators.welcome(), f"operators: {web.url}"]
        if plan.at_home and plan.data is not None:
            words.append(words_at_home(plan.data, gateway.port, None if web is None else web.port))
        print(*words, f"listening on {gateway.url}", sep="\n", flush=True)
        manager.ready()
        lines = Lines(Console(orders, end.at_once))
        watching = [
            asyncio.create_task(plan.watch.run(gateway.change_personas), name="personas watch"),
            asyncio.create_task(manager.feed_watchdog(), name="watchdog"),
        ]
        if plan.certificate is not None:
            watching.append(asyncio.create_task(plan.certificate.watch(), name="certificate watch"))
        try:
            await end.wait()
            manager.stopping()
            await end.after(gateway.drain())
        finally:
            for task in watching:
                task.cancel()
            await asyncio.wait(watching)
            await lines.close()


def _signer(file: Path) -> Signer:
    from pommai.gateway.signer import Signer

    return Signer(file)


def _web(plan: _Plan, orders: Orders, checks: dict[str, Check]) -> Web | None:
    """HTTP for operators; None when nobody wants it. Raises PommaiError when a package is missing."""
    if plan.operators is None:
        return None
    try:
        from pommai.gateway.web.app import Web, WebSettings
    except ImportError as caught:
        raise PommaiError(
            f"HTTP beside the socket needs {caught.name}, which is not installed: pip install 'pommai[gateway]', or "
            f"--http-port none"
        ) from caught
    context = None if plan.certificate is None else plan.certificate.context
    web = Web(orders, plan.operators.token, WebSettings(plan.settings.host, plan.http_port), context)
    web.checks.update(checks)
    return web


def _responder(plan: _Plan, stack: AsyncExitStack, checks: dict[str, Check]) -> Responder:
    """What answers. Raises PommaiError when an engine, or one that a persona names, is not to be had."""
    from pommai.gateway.speech.engines import open_engines
    from pommai.toy.settings import find_project_file, load_settings

    models, cache = None, None
    if plan.engines.hearing is not None:
        toy = load_settings()
        models, cache = toy.models, toy.cache_dir  # speech models are where a toy has them
    responses = find_project_file("offline_responses.yaml")
    responder = open_engines(plan.engines, stack, responses, models, cache, checks)
    responder.refuse(plan.settings.personas)
    return responder


def _port(text: str) -> int:
    return OFF if text == "none" else int(text)


def _http_port(asked: int | None, port: int) -> int:
    """Where HTTP listens. Many gateways on one machine, each on any port, have HTTP on any port, too."""
    if asked is None:
        return HTTP_PORT if port else 0
    return asked
