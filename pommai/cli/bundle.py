"""`pommai bundle`: updates, from the desk of whoever makes them to the toy that takes them."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

_DESCRIPTION = """\
Update bundles: new behaviour, or new software, for toys that are out in the world, in one signed file.

  pommai bundle keygen                      once: a key; its public half goes onto the toys
  pommai bundle build my_toy --version 12 --key update.key
  pommai bundle verify my_toy-12.pommai-bundle --keys update.pub
  pommai bundle apply my_toy-12.pommai-bundle      on a toy, from a USB stick or over SSH
  pommai bundle offer my_toy-12.pommai-bundle --all --gateway https://toys.example:8766
                                            to all toys of a gateway; `offers` shows who has taken it

A toy takes a bundle when it is signed with a key that the setting update_keys names and nobody has revoked, is for this
kind of toy and its fleet, is newer than all it ever had, and keeps the promises that every chart must keep: the toy
proves them itself. It changes at rest, keeps what it had, and goes back alone when it does not come to rest, ends again
and again, or does not reach its server any more within the time of the setting update_trial. Software goes the same way
by root's hand (`pommai bundle install-software --help`), since a toy may not write its own program.
"""
_KEYGEN = """\
Make an Ed25519 key: NAME.key, which signs (keep it off every toy and out of every repository), and NAME.pub, a line of
text. Toys trust the lines of the file that their setting update_keys names. Their order counts: a key can revoke those
below it (`build --revoke`), so the first one belongs in a drawer. To change keys, sign bundles with the old and the new
one until all toys have the new line.
"""
_BUILD = """\
Make a bundle of the files in a folder: statechart.yaml, led_patterns.yaml, offline_responses.yaml, personas.yaml and
the folder sounds, those that are there; or, for software, the folder wheels alone: pommai's own wheel, and those of
what it needs and toys do not have. A bundle stands for itself: for what is not in it, a toy uses what came with its
software, not what an earlier bundle brought. The chart is compiled and proved first, as the toy will.
"""
_SIGN = """\
Sign a bundle with a key, beside the signatures it has. A toy takes a bundle that one key it trusts has signed.
"""
_VERIFY = """\
Look at a bundle as a toy would: signature, every hash, every file loaded, every name looked up, the chart proved.
"""
_SHOW = """\
Show what a bundle says of itself, whether it can be trusted or not; or, without a file, which bundles this toy has.
"""
_APPLY = """\
Take a bundle on this toy. It comes into force when the toy next rests, or is next started, and is then on trial.
Software is installed by root first, which takes some minutes. On a toy that systemd runs, run it as the toy's own user:
sudo -u pommai /opt/pommai/venv/bin/pommai bundle apply FILE
"""
_INSTALL = """\
What root does with software, which a toy's user may take but not install; pommai-software.timer and the start of the
toy call it. The bundle is verified again, with the settings and keys of /etc/pommai; its wheels are installed over a
copy of the software in force, without a network; that is tried; and the toy comes up on it when it next rests. When it
does not fare well within update_trial, or ends again and again, the software before comes back.
"""
_ROLLBACK = """\
Have the bundle before back, or what came with the software, from when the toy next rests. A bundle may forbid to go
back below a version (`build --floor`). A bundle that waits to come into force is dropped instead. Of software, root has
the one before back: sudo /opt/pommai/venv/bin/pommai bundle install-software --back
"""
_EXIT = "Exit code: 0 all is well, 1 the bundle is refused or something is wrong, 2 wrong usage or settings."


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Teach the command line this command."""
    from pommai.cli import CommandsHelp, bundle_offer

    parser = subparsers.add_parser(
        "bundle",
        help="make signed updates, and take them",
        description=_DESCRIPTION,
        epilog=_EXIT,
        formatter_class=CommandsHelp,
    )
    parser.set_defaults(run=run)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, title="actions")

    def add(name: str, words: str, description: str, epilog: str = _EXIT) -> argparse.ArgumentParser:
        return actions.add_parser(
            name,
            help=words,
            description=description,
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    keygen = add("keygen", "make a key", _KEYGEN)
    keygen.add_argument("name", nargs="?", default="update", metavar="NAME", help="of the two files (default: update)")

    build = add("build", "make a bundle of a folder", _BUILD)
    build.add_argument("folder", type=Path, metavar="FOLDER", help="where the files are")
    build.add_argument("--version", dest="number", type=int, required=True, metavar="N", help="1, 2, 3, ...")
    build.add_argument("--floor", type=int, default=0, metavar="N", help="oldest version to go back to (default: any)")
    build.add_argument("--device-type", default="pommai", metavar="TYPE", help="toys it is for (default: pommai)")
    build.add_argument("--fleet", default="", metavar="FLEET", help="the fleet it is for (default: all)")
    build.add_argument("--key", type=Path, metavar="FILE", help="sign it at once with this key")
    build.add_argument(
        "--revoke",
        action="append",
        default=[],
        metavar="KEY",
        help="have toys never again take what this key has signed: NAME.pub, or its id; may be said several times",
    )
    build.add_argument("-o", "--output", type=Path, metavar="FILE", help="where to (default: FOLDER-N.pommai-bundle)")

    sign = add("sign", "sign a bundle", _SIGN)
    sign.add_argument("file", type=Path, metavar="FILE")
    sign.add_argument("--key", type=Path, required=True, metavar="FILE", help="a private key of `keygen`")

    verify = add("verify", "look at a bundle as a toy would", _VERIFY)
    verify.add_argument("file", type=Path, metavar="FILE")
    verify.add_argument("--keys", type=Path, required=True, metavar="FILE", help="public keys to trust, a line each")
    verify.add_argument("--json", action="store_true", help="write the result as JSON")

    show = add("show", "what a bundle says of itself, or what this toy has", _SHOW)
    show.add_argument("file", nargs="?", type=Path, metavar="FILE")
    show.add_argument("--json", action="store_true", help="write it as JSON")
    _add_settings(show)

    apply = add("apply", "take a bundle on this toy", _APPLY)
    apply.add_argument("file", nargs="?", type=Path, metavar="FILE", help="the bundle; or use --from")
    apply.add_argument("--from", dest="origin", metavar="URL", help="fetch it from there, over https")
    apply.add_argument("--sha256", metavar="HASH", help="of the file at --from")
    apply.add_argument("--size", type=int, metavar="BYTES", help="of the file at --from")
    apply.add_argument("--json", action="store_true", help="write the result as JSON")
    _add_settings(apply)

    install = add("install-software", "root's part on a toy: install software, and judge it", _INSTALL)
    install.add_argument("--starting", action="store_true", help="the toy is about to start: count, and switch")
    install.add_argument("--back", action="store_true", help="have the software before back")
    install.add_argument("--config", metavar="FILE", default="/etc/pommai/pommai.toml", help="default: %(default)s")

    rollback = add("rollback", "have the bundle before back", _ROLLBACK)
    rollback.add_argument("--json", action="store_true", help="write the result as JSON")
    _add_settings(rollback)

    bundle_offer.add_parsers(add)


def _add_settings(parser: argparse.ArgumentParser) -> None:
    from pommai.toy.settings import add_setting_arguments

    add_setting_arguments(parser)  # all of them: a toy has its bundles taken with the flags it was started with


def run(args: argparse.Namespace) -> int:
    """Do it. The exit code. Raises BundleError, SettingsError."""
    from pommai.cli import bundle_make, bundle_offer, bundle_root, bundle_take

    actions: dict[str, Callable[[argparse.Namespace], int]] = {
        "keygen": bundle_make.keygen,
        "build": bundle_make.build,
        "sign": bundle_make.sign,
        "verify": bundle_take.verify,
        "show": bundle_take.show,
        "apply": bundle_take.apply,
        "install-software": bundle_root.install_software,
        "rollback": bundle_take.rollback,
        "offer": bundle_offer.offer,
        "offers": bundle_offer.offers,
        "withdraw": bundle_offer.withdraw,
    }
    return actions[args.action](args)
