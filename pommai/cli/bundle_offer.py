"""`pommai bundle offer`, `offers` and `withdraw`: the operator's side, over a gateway's HTTP."""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from pommai.cli.operator_client import OperatorClient, add_options, plain
from pommai.errors import BundleError, PommaiError, SettingsError

MOST_SHOWN: Final = 40
"""Toys that are listed of one bundle: those first that have not taken it."""
SHOWN_HASH: Final = 12
"""Letters of a hash that people read and write."""
_DONE: Final = ("in force", "newer")

_OFFER: Final = """\
Bring a signed bundle to a gateway that runs, and have it offered to some toys, or to all that it is for: at once to
those that are connected, a few at a time, and to others when they come. It is remembered until it is withdrawn. Each
toy looks at the bundle itself before it takes it, and says what came of it: `pommai bundle offers` shows that.

Toys fetch it from the gateway over https: give the gateway a certificate, or behind a proxy its --public-url. An offer
to one of several gateways that share a Redis holds at all of them.
"""
_OFFERS: Final = """\
Show the bundles that a gateway offers, and how each toy stands to them:

  in force     it runs it                         on trial     it runs it, and has yet to prove it
  taken        it has it, and changes at rest     taking       it fetches it, or looks at it
  told         it was told, and has not answered  waits        it is not connected, or others come first
  refused      it does not take it, or cannot install it, and why; it is told again after a while
  undone       it did not work on this toy, which has gone back, and why
  newer        it has a newer one                 silent       it takes no bundles, or was never here
  unreachable  the gateway has no https address that it could be told
  other        the bundle is for another kind of toy, or another fleet
"""
_WITHDRAW: Final = """\
Offer a bundle to nobody any more, and remove it from the gateway. Toys that have taken it keep it.
"""
_EXIT: Final = "Exit code: 0 done, 1 the gateway cannot be reached or refuses, 2 wrong usage, or no token."


def add_parsers(add: Callable[[str, str, str, str], argparse.ArgumentParser]) -> None:
    """Teach `pommai bundle` these actions: `add` takes a name, words, a description and an epilog."""
    offer = add("offer", "have a gateway offer a bundle to toys", _OFFER, _EXIT)
    offer.add_argument("file", type=Path, metavar="FILE", help="a signed bundle")
    whom = offer.add_mutually_exclusive_group(required=True)
    whom.add_argument(
        "--device", action="append", metavar="ID", help="to the toy with this device id; again for more of them"
    )
    whom.add_argument("--all", action="store_true", help="to all toys that it is for, those too that come later")
    offers = add("offers", "who has taken what a gateway offers", _OFFERS, _EXIT)
    withdraw = add("withdraw", "offer a bundle to nobody any more", _WITHDRAW, _EXIT)
    withdraw.add_argument("bundle", metavar="VERSION|HASH", help="its version, or the beginning of its SHA-256")
    for parser in (offer, offers, withdraw):
        add_options(parser)


def offer(args: argparse.Namespace) -> int:
    """Bring a bundle and offer it. Raises BundleError, SettingsError, PommaiError."""
    sha256, size = _look(args.file)
    client = OperatorClient.of(args)
    kept = {each.get("sha256") for each in _bundles(client) if each.get("kept")}
    if sha256 not in kept:
        client.bring(f"/bundles/{sha256}", args.file, size)
    order = {"all": True} if args.all else {"devices": sorted(set(args.device))}
    answer = client.ask("POST", f"/bundles/{sha256}/offer", order)
    print(json.dumps(answer) if args.json else "\n".join(_lines(answer)))
    return 0


def offers(args: argparse.Namespace) -> int:
    """List them."""
    answer = OperatorClient.of(args).ask("GET", "/bundles")
    if args.json:
        print(json.dumps(answer))
        return 0
    blocks = ["\n".join(_lines(each)) for each in answer.get("bundles", ())]
    blocks = blocks or ["no bundle is offered; `pommai bundle offer` brings one"]
    if answer.get("missing"):
        blocks.append(f"missing is {plain(answer['missing'])}")
    print("\n\n".join(blocks))
    return 0


def withdraw(args: argparse.Namespace) -> int:
    """End an offer."""
    client = OperatorClient.of(args)
    wanted = args.bundle.lower()
    found = [
        each
        for each in _bundles(client)
        if wanted == str(each.get("version")) or (len(wanted) >= 8 and str(each.get("sha256")).startswith(wanted))
    ]
    if len(found) != 1:
        what = "is no bundle" if not found else f"are {len(found)} bundles"
        raise SettingsError(f"there {what} {args.bundle} here; `pommai bundle offers` lists them, with their hashes")
    answer = client.ask("DELETE", f"/bundles/{found[0]['sha256']}")
    words = f"version {found[0].get('version')} is withdrawn; toys that have taken it keep it"
    print(json.dumps(answer) if args.json else words)
    return 0


def _look(file: Path) -> tuple[str, int]:
    """Hash and size of a bundle that toys may take. Raises BundleError."""
    from pommai.bundle.container import open_bundle

    with open_bundle(file, None) as bundle:
        bundle.check_parts()
        if not bundle.signatures:
            raise BundleError(f"{file}: nobody has signed it, so no toy would take it: `pommai bundle sign`")
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest(), file.stat().st_size
    except OSError as caught:
        raise BundleError(f"{file} cannot be read: {caught.strerror}") from caught


def _bundles(client: OperatorClient) -> list[dict[str, Any]]:
    found = client.ask("GET", "/bundles").get("bundles")
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise PommaiError("the gateway does not say which bundles it keeps; is it of an older version?")
    return found


def _lines(row: dict[str, Any]) -> list[str]:
    """A bundle and its toys, for people."""
    counts = row.get("counts") or {}
    number = sum(counts.values())
    fleet = f", fleet {plain(row.get('fleet'))}" if row.get("fleet") else ""
    kind = "software " if row.get("software") else ""
    head = (
        f"{kind}version {row.get('version')} for {plain(row.get('deviceType'))}{fleet}, "
        f"{-(-row.get('size', 0) // 1000):,} kB, {plain(row.get('sha256'))[:SHOWN_HASH]}"
    )
    whom = "all toys that it is for" if row.get("all") else f"{number} {'toy' if number == 1 else 'toys'}"
    said = ", ".join(f"{counts[word]} {plain(word)}" for word in sorted(counts))
    lines = [head, f"offered to {whom}{f': {said}' if said else '; none has been here yet'}"]
    toys = sorted(row.get("toys", ()), key=lambda toy: toy.get("standing") in _DONE)
    width = max((len(plain(toy.get("device"))) for toy in toys[:MOST_SHOWN]), default=0)
    for toy in toys[:MOST_SHOWN]:
        reason = f": {plain(toy['reason'])}" if toy.get("reason") else ""
        lines.append(f"  {plain(toy.get('device')):{width}}  {plain(toy.get('standing'))}{reason}")
    if number > MOST_SHOWN:
        lines.append(f"  ... and {number - MOST_SHOWN} more (--json lists up to 1,000)")
    return lines
