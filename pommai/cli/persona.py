"""`pommai persona`: see and set who toys are to be, on a gateway that runs."""

from __future__ import annotations

import argparse
import json
from typing import Any, Final

from pommai.cli.operator_client import GATEWAY, OperatorClient, add_options, plain
from pommai.errors import SettingsError

MOST_SHOWN: Final = 20
"""Devices that are listed behind a persona."""

_DESCRIPTION = f"""\
See who toys can be, and set who all of them, or one, are to be: now, and whenever they connect. A gateway that runs is
asked by HTTP, {GATEWAY} unless you say where.
"""
_EPILOG = """\
Examples:
  pommai persona                             who toys can be, and which of them they are to be
  pommai persona robo-rex                    all toys
  pommai persona robo-rex --device desk-1    the one with this device id
  pommai persona --gateway https://toys.example.com:8766 --json

A toy that is talking finishes what it does before it becomes somebody else.

Exit code: 0 done, 1 the gateway cannot be reached or refuses, 2 wrong usage, or no token.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Teach the command line this command."""
    parser = subparsers.add_parser(
        "persona",
        help="see and set who toys are to be",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("toy", nargs="?", metavar="TOY", help="who to be: a persona's id (default: list them)")
    parser.add_argument("--device", metavar="ID", help="for the toy with this device id alone (default: for all)")
    add_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """List personas, or set one. Raises PommaiError, SettingsError."""
    if args.toy is None and args.device is not None:
        raise SettingsError("--device says for which toy, but not who it is to be: pommai persona TOY --device ID")
    client = OperatorClient.of(args)
    if args.toy is None:
        answer = client.ask("GET", "/personas")
        print(json.dumps(answer) if args.json else _table(answer))
        return 0
    order = {"toyId": args.toy} | ({} if args.device is None else {"deviceId": args.device})
    answer = client.ask("PUT", "/personas/active", order)
    print(json.dumps(answer) if args.json else _told(answer))
    return 0


def _told(answer: dict[str, Any]) -> str:
    asked, toy, device = answer.get("asked"), plain(answer.get("toyId")), plain(answer.get("deviceId"))
    toys = f"asked {asked} {'toy' if asked == 1 else 'toys'}"
    if device:
        return f"{device} is to be {toy}: {toys if asked else 'it is not connected, and will be told when it comes'}"
    return f"all toys are to be {toy}: {toys}"


def _table(answer: dict[str, Any]) -> str:
    rows = [(plain(each.get("id")), plain(each.get("name")), _whom(each)) for each in answer.get("personas", ())]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(2)]
    return "\n".join(f"{id_:{widths[0]}}  {name:{widths[1]}}  {whom}".rstrip() for id_, name, whom in rows)


def _whom(persona: dict[str, Any]) -> str:
    """For which toys somebody has set this persona."""
    devices = [plain(each) for each in persona.get("activeFor", ())]
    whom = ["all toys"] if persona.get("activeForAll") else []
    return ", ".join([*whom, *devices[:MOST_SHOWN], *(["..."] if len(devices) > MOST_SHOWN else [])])
