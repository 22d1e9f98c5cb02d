"""`pommai provision`: the toy's settings from a file on its boot partition."""

from __future__ import annotations

import argparse
from pathlib import Path

from pommai.errors import SettingsError

_DESCRIPTION = """\
Take pommai.toml from the boot partition, if there is one: who the toy is, and where its server is. It is checked, put
into the settings and wiped; the answer is in pommai-says.txt beside it. The system does this at each start of the toy
(pommai-provision.service); deploy/provision.example.toml shows what may be in it.
"""
_EPILOG = """\
Examples:
  pommai provision --check pommai.toml        on any computer: would the toy take this?
  sudo /opt/pommai/venv/bin/pommai provision  on the toy: take what is there

Exit code: 0 taken, or nothing there; 2 it is not good, or cannot be taken, and nothing was changed.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Teach the command line this command."""
    parser = subparsers.add_parser(
        "provision",
        help="take settings from the boot partition",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--check", type=Path, metavar="FILE", help="only say whether the toy would take this file")
    parser.add_argument("--boot", type=Path, metavar="DIR", help="the boot partition [default: /boot/firmware, /boot]")
    parser.add_argument(
        "--settings",
        type=Path,
        metavar="FILE",
        default=Path("/etc/pommai/pommai.toml"),
        help="the settings of the toy; its secrets become files beside it [default: /etc/pommai/pommai.toml]",
    )
    parser.add_argument("--owner", metavar="USER", default="pommai", help="whose the secrets are [default: pommai]")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Take or check the file. The exit code; raises SettingsError."""
    from pommai.toy import provision

    if args.check is not None:
        found = provision.read_boot_file(args.check)
        print(f"{args.check}: the toy would take this: {', '.join([*found.plain, *found.secrets])}")
        return 0
    boot = args.boot or provision.boot_folder()
    if boot is None or not provision.take(boot, args.settings, _ids_of(args.owner)):
        print("there is nothing to take")
        return 0
    print(f"{boot / provision.FILE} was taken and wiped")
    return 0


def _ids_of(owner: str) -> tuple[int, int] | None:
    """User and group of that name; None for who may not give files away. Raises SettingsError."""
    import os
    import pwd

    if os.geteuid() != 0:
        return None
    try:
        found = pwd.getpwnam(owner)
    except KeyError:
        raise SettingsError(
            f"this machine has no user {owner}, whose the toy's secrets would be; --owner names another"
        ) from None
    return found.pw_uid, found.pw_gid
