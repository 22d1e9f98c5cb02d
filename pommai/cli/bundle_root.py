"""`pommai bundle install-software`: root's side."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from pommai.bundle.keeper import Keeper, Places, Surroundings, Toy
from pommai.bundle.trusted import check_trusted
from pommai.cli.own_toy import own_service
from pommai.errors import BundleError


def install_software(
    args: argparse.Namespace, places: Places | None = None, surroundings: Surroundings | None = None
) -> int:
    """Do root's part. `places` are those of a toy, unless told otherwise."""
    if places is None and os.geteuid() != 0:
        raise BundleError("this is root's part: sudo /opt/pommai/venv/bin/pommai bundle install-software")
    os.umask(0o022)  # the toy reads what root makes
    # By hand, and not as a unit of systemd, which says where the toy's things are.
    if not os.environ.get("XDG_DATA_HOME"):
        own_service(args)
    keeper = Keeper(_toy(args.config), places, surroundings)
    try:
        if args.starting:
            print(f"the toy starts with the software {keeper.start()}")
        else:
            print(keeper.back() if args.back else keeper.look())
    except OSError as caught:
        place = caught.filename or "the card"
        raise BundleError(f"{place}: {caught.strerror or caught}; gone on with later") from caught
    return 0


def _toy(config: str) -> Toy:
    """What root believes of the toy: its settings file, and no environment, working folder or bundle."""
    from pommai.toy.settings import load_settings

    path = Path(config).absolute()
    check_trusted(path)
    settings = load_settings(
        argparse.Namespace(config=str(path)), environment={}, cwd=Path("/"), bundle=lambda updates: None
    )
    return Toy(
        updates=settings.updates,
        update_keys=settings.update_keys,
        device_type=settings.device_type,
        fleet=settings.fleet,
        trial=settings.update_trial,
    )
