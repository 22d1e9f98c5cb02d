"""`pommai devices`: which devices a gateway lets in, each with a secret of its own."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pommai.cli.arguments import port
from pommai.cli.boot_file import HTTP_PORT, PORT, check_place, ports_as_options, write_boot_file

if TYPE_CHECKING:
    from pommai.gateway.devices import Device, Devices

_DESCRIPTION = """\
Say which devices a gateway lets in. Each has a secret of its own, with which it gets tokens for an hour; a toy whose
secret is lost or stolen is kept out without a word to the others. Works while gateways run on the file, and while none
does: they notice within a second, and cut whoever was revoked.
"""
_EPILOG = """\
Examples:
  pommai devices add bear-7 --data toys.db       its secret is printed, this once
  pommai devices add bear-7 --data toys.db --boot-file /media/me/bootfs/pommai.toml
                                                 for `pommai gateway --at-home`: writes the file that tells the toy who
                                                 it is, and where and by what key it knows this computer. A gateway at
                                                 ports of its own says with which --port and --http-port
  pommai devices list --data toys.db             who is registered, when each was seen, how old its secret is
  pommai devices rotate bear-7 --data toys.db    a new secret; the old one ends when the new one is first used, or after
                                                 7 days: so there is time to bring it to the toy
  pommai devices revoke bear-7 --data toys.db    out at once: secrets, tokens, connections. `add` lets it in again
  pommai devices remove bear-7 --data toys.db    the same, and forgotten; what it has sent stays
  pommai devices service-key --data toys.db      a key for gateways that ask this one whom to let in; the one before
                                                 stays good, so that all of them can be changed in turn

Exit code: 0 done, 1 it could not be done, 2 wrong usage.
"""
_ORDERS = {
    "add": "register a device, and print its secret",
    "list": "show the devices",
    "rotate": "give a device a new secret",
    "revoke": "keep a device out from now on",
    "remove": "keep a device out, and forget it",
    "service-key": "print a new key for other gateways",
}
_WITHOUT_DEVICE = ("list", "service-key")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Teach the command line this command."""
    parser = subparsers.add_parser(
        "devices",
        help="which devices a gateway lets in",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    doing = parser.add_subparsers(dest="doing", metavar="|".join(_ORDERS), required=True)
    for name, words in _ORDERS.items():
        order = doing.add_parser(name, help=words)
        if name not in _WITHOUT_DEVICE:
            order.add_argument("device", metavar="DEVICE", help="its id: letters, digits, - _ . and :")
        order.add_argument(
            "--data", type=Path, required=True, metavar="FILE", help="the data file of the gateway (its --data)"
        )
        order.add_argument("--json", action="store_true", help="for machines")
        if name in ("add", "rotate"):
            order.add_argument(
                "--boot-file",
                type=Path,
                metavar="FILE",
                help="write the secret there and not on the screen, with all else that a toy of `pommai gateway "
                "--at-home` must know: pommai.toml for the boot partition of its card",
            )
            order.add_argument(
                "--address",
                metavar="HOST",
                help="how the toy reaches the gateway (default: this computer's address in its network); NAME.local, "
                "where the network knows that, outlives a change of address",
            )
            for option, usual in (("--port", PORT), ("--http-port", HTTP_PORT)):
                words = f"the gateway's {option}, where it has another than the usual one (default: {usual})"
                order.add_argument(option, type=port, help=words)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Do what was asked. Raises RegistryError, SettingsError and StoreError."""
    from pommai.errors import SettingsError, StoreError

    path: Path = args.data
    if args.doing not in ("add", "service-key") and not path.is_file():
        # To open it would make it, and then nobody would notice that its name is misspelt.
        raise StoreError(f"there is no file {path}; it is made by `pommai gateway --data` or `pommai devices add`")
    boot_file: Path | None = getattr(args, "boot_file", None)
    if boot_file is not None:
        return _add_with_boot_file(args, boot_file)
    for option in ("address", "port", "http_port"):
        if getattr(args, option, None) is not None:
            name = option.replace("_", "-")
            raise SettingsError(f"--{name} is for the file that tells the toy: name it with --boot-file")
    found, lines = asyncio.run(_obey(args))
    print(json.dumps(found, ensure_ascii=False, indent=2) if args.json else "\n".join(lines))
    return 0


def _add_with_boot_file(args: argparse.Namespace, boot_file: Path) -> int:
    """Give a device a secret by way of its card. Nothing is registered that could not be told to it."""
    from pommai.gateway.home import open_home, own_address

    check_place(boot_file)
    address = args.address or own_address()
    ports = args.port or PORT, args.http_port or HTTP_PORT
    pins = open_home(args.data).pins
    found, _ = asyncio.run(_obey(args))
    write_boot_file(boot_file, args.device, found.pop("deviceSecret"), address, pins, *ports)
    lines = [
        f"{boot_file} tells {args.device} who it is, and to look for its gateway at {address}.",
        "The toy takes it at its next start and wipes it. The gateway runs on this computer with:",
        f"  pommai gateway --data {args.data} --at-home{ports_as_options(*ports)}",
    ]
    found |= {"bootFile": str(boot_file), "address": address}
    print(json.dumps(found, ensure_ascii=False, indent=2) if args.json else "\n".join(lines))
    return 0


async def _obey(args: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    """Do it; what came of it, for machines and for people."""
    from pommai.gateway.data_file import DataFile
    from pommai.gateway.devices import Devices
    from pommai.gateway.server_clock import as_iso

    async with await DataFile.open(args.data) as data:
        devices = Devices(data)
        match args.doing:
            case "list":
                found = await devices.devices()
                rows = [device.as_json() for device in found]
                return {"devices": rows}, _table(found, data.clock.now(), as_iso)
            case "add":
                return _secret(args.device, await devices.register(args.device), f"{args.device} is registered")
            case "rotate":
                words = f"{args.device} has a new secret; the old one ends when this one is first used, or in 7 days"
                return _secret(args.device, await devices.rotate(args.device), words)
            case "service-key":
                key = await devices.new_service_key()
                return {"serviceKey": key}, ["a new key for gateways, shown this once:", key]
            case _:
                return await _keep_out(devices, args.doing, args.device)


async def _keep_out(devices: Devices, doing: str, device_id: str) -> tuple[dict[str, Any], list[str]]:
    if doing == "revoke":
        await devices.revoke(device_id)
        words = f"{device_id} is revoked: its secret and its tokens have ended; `add` lets it in again"
        return {"deviceId": device_id, "revoked": True}, [words]
    await devices.remove(device_id)
    return {"deviceId": device_id, "removed": True}, [f"{device_id} is removed; what it has sent stays in the archive"]


def _secret(device_id: str, secret: str, words: str) -> tuple[dict[str, Any], list[str]]:
    lines = [
        f"{words}; its secret, shown this once:",
        "",
        secret,
        "",
        "Write that line, and nothing else, into a file of the toy that its owner alone can read (chmod 600), and name",
        f"the file on the toy: pommai run --device-id {device_id} --device-secret file:PATH --cloud-url URL",
    ]
    return {"deviceId": device_id, "deviceSecret": secret}, lines


def _table(devices: tuple[Device, ...], now: int, as_iso: Callable[[int], str]) -> list[str]:
    if not devices:
        return ["no device is registered; `pommai devices add DEVICE` registers one"]
    rows = [("DEVICE", "REGISTERED", "SEEN", "SECRET", "TOKENS")]
    for device in devices:
        seen = "never" if device.seen is None else f"{_ago(now - device.seen)} ago"
        if device.revoked is not None:
            secret = f"revoked {_ago(now - device.revoked)} ago"
        else:
            secret = f"{_ago(now - (device.secret_made or device.registered))} old"
            if device.old_secret_until is not None:
                secret += f", the one before good for {_ago(device.old_secret_until - now)}"
        tokens = "none"
        if device.tokens and device.revoked is None:
            tokens = f"{device.tokens}, newest {_ago(now - (device.token_made or now))} old"
        rows.append((device.device_id, as_iso(device.registered)[:10], seen, secret, tokens))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _ago(milliseconds: int) -> str:
    """A length of time in its largest unit."""
    seconds = max(0, milliseconds) // 1000
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
