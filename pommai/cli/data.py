"""`pommai data`: what a toy remembers, for its guardian to see, take away and erase."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pommai.io.seal import Seal
    from pommai.toy.settings import Settings

_DESCRIPTION = """\
What the toy remembers: talks, incidents, figures and the toys it has been. Works while the toy runs, and while it does
not. What is erased is overwritten in every file of the memory and in its copy, and looked for afterwards.
"""
_EPILOG = """\
Examples:
  pommai data show                    what is kept, how much, since when, and what waits for the server
  pommai data show conversations      the talks themselves, oldest first
  pommai data sent                    what has left the toy: when, what, how much, to whom, as far as it is still kept
  pommai data export talks.json       everything, as JSON; - writes it to standard output
  pommai data erase conversations     asks first; --yes does not
  pommai data erase everything        talks, incidents, figures, toys, and what the toy keeps in mind
  pommai data reset                   forget all that was ever kept, its key first
  sudo -u pommai /opt/pommai/venv/bin/pommai data sent      on a toy that systemd runs, as its own user

Exit code: 0 done, 1 it could not be done, or not all of it, 2 wrong usage or settings, or not confirmed.
"""
_CONTENTS = ("conversations", "safety", "metrics", "toys")
_WORDS = {
    "conversations": "conversations",
    "safety": "safety events",
    "metrics": "metrics",
    "toys": "toys",
    "everything": "everything the toy remembers",
}
_DAYS = {"conversations": "conversations", "safety": "safety_events", "metrics": "metrics"}


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Teach the command line this command."""
    from pommai.toy.settings import add_setting_arguments

    parser = subparsers.add_parser(
        "data",
        help="see, take away or erase what the toy remembers",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    doing = parser.add_subparsers(dest="doing", metavar="show|sent|export|erase|reset", required=True)
    show = doing.add_parser("show", help="what is kept")
    show.add_argument("what", nargs="?", choices=_CONTENTS, help="show these themselves")
    show.add_argument("--json", action="store_true", help="for machines")
    sent = doing.add_parser("sent", help="what has left the toy, and to whom")
    sent.add_argument("--json", action="store_true", help="for machines")
    export = doing.add_parser("export", help="everything, as JSON")
    export.add_argument("file", metavar="FILE", help="where to write it; - is standard output")
    erase = doing.add_parser("erase", help="erase it for good")
    erase.add_argument("what", choices=(*_CONTENTS, "everything"))
    erase.add_argument("--yes", action="store_true", help="do not ask")
    erase.add_argument("--json", action="store_true", help="for machines")
    reset = doing.add_parser("reset", help="forget all that was ever kept, its key first")
    reset.add_argument("--yes", action="store_true", help="do not ask")
    add_setting_arguments(reset, ("memory", "memory_copy", "trace"))
    for each in (show, sent, export, erase):
        add_setting_arguments(each, ("memory", "memory_key", "memory_copy"))
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Do what was asked. Raises SettingsError and StoreError."""
    from pommai.cli.own_toy import own_settings
    from pommai.errors import StoreError
    from pommai.io import memory_guardian as guardian

    settings = own_settings(args)()
    if args.doing == "reset":
        return _reset(settings, yes=args.yes)
    copy: Path | None = settings.memory_copy
    try:
        path = guardian.find(settings.memory)
    except StoreError:
        # A toy on a read-only root that is switched off has its copy alone.
        if copy is None or not copy.is_file():
            raise
        path = copy
    if args.doing == "erase":
        return _erase(path, copy, args)
    found = guardian.read(path, _seal(settings))
    if args.doing == "export":
        return _export(found, args.file)
    if args.doing == "sent":
        print(json.dumps(found["sent"], ensure_ascii=False, indent=2) if args.json else "\n".join(_sent(found)))
    elif args.json:
        print(json.dumps(found if args.what is None else found[args.what], ensure_ascii=False, indent=2))
    elif args.what is None:
        print("\n".join(_summary(found, copy)))
    else:
        _print_each(found[args.what], args.what)
    return 0


def _seal(settings: Settings) -> Seal | None:
    """What the memory is closed with; None when there is no key. Raises SecretError."""
    import asyncio

    from pommai.io.seal_key import find_seal, key_file_of

    return asyncio.run(find_seal(key_file_of(settings.memory_copy or settings.memory), settings.memory_key))


# -- show ----------------------------------------------------------------------------------


def _summary(found: dict[str, Any], copy: Path | None) -> list[str]:
    lines = [f"memory {found['file']}" + (f", copied to {copy}" if copy is not None else "")]
    for name, kind in _DAYS.items():
        items = found[name]
        waiting = sum(item["state"] == "waiting" for item in items)
        lines.append(
            f"  {_WORDS[name]:15} {_since(items)}; {waiting} wait for the server;"
            f" kept for {found['retention_days'][kind]} days"
        )
    toys = ", ".join(_plain(str(toy.get("toyId"))) for toy in found["toys"])
    lines.append(f"  {'toys':15} {len(found['toys'])}{': ' + toys if toys else ''}")
    often = [row for row in found["questions"] if row["asked"] > 5 and row["answer"]]
    lines.append(f"  {'questions':15} {len(found['questions'])} in the last week, {len(often)} of them popular")
    facts = ", ".join(f"{_plain(name)} = {_plain(value)}" for name, value in found["facts"].items())
    lines.append(f"  {'keeps in mind':15} {facts or 'nothing'}")
    refused = Counter(
        (name, item["reason_refused"]) for name in _DAYS for item in found[name] if item["state"] == "refused"
    )
    for (name, reason), count in refused.most_common():
        lines.append(f"  the server refused {count} {_WORDS[name]}: {_plain(reason)}")
    for file in found["moved_aside"]:
        lines.append(f"  a damaged memory is kept as {file}; `pommai data erase` removes it")
    return lines


def _since(items: list[dict[str, Any]]) -> str:
    if not items:
        return "none"
    times = [item["kept"]["time"] for item in items if item["kept"]["trusted"]]
    return f"{len(items)}, {f'since {min(times)[:16]}Z' if times else 'at a time that is not known'}"


def _sent(found: dict[str, Any]) -> list[str]:
    """What has left the toy, each with what is still known of what was in it."""
    if not found["sent"]:
        return ["nothing has left the toy, as far as is known (the newest 2,000 are noted)"]
    known = {item["id"]: (name, item) for name in _DAYS for item in found[name]}
    lines = []
    for sent in found["sent"]:
        lines.append(f"{_when(sent)}  {_plain(sent['kind'])} to {_plain(sent['to'])}, {sent['bytes']} bytes")
        lines += [f"    {_words(*known[name])}" for name in sent["items"] if name in known]
        gone = sum(name not in known for name in sent["items"])
        lines += [f"    {gone} more, which the toy does not keep any longer"] if gone else []
    return lines


def _print_each(items: list[dict[str, Any]], what: str) -> None:
    if not items:
        print(f"no {_WORDS[what]} are kept")
    for item in items:
        state = item.get("state", "")
        if state == "refused":
            state = f"refused: {item.get('reason_refused')}"
        print(f"{_when(item)}  {_words(what, item)}{f'  [{_plain(state)}]' if state else ''}")


def _when(item: dict[str, Any]) -> str:
    kept = item["kept"]
    return str(kept["time"][:19].replace("T", " ")) + ("" if kept["trusted"] else " (clock not set)")


def _words(what: str, item: dict[str, Any]) -> str:
    """An item on a line."""
    if what == "conversations":
        words = f"{item.get('toy_id')}: “{item.get('user_input')}” – “{item.get('toy_response')}”"
        words += " (offline)" if item.get("was_offline") else ""
    elif what == "safety":
        transcript = item.get("transcript")
        words = f"{item.get('severity', '')} {item.get('reason')}" + (f" “{transcript}”" if transcript else "")
    elif what == "metrics":
        words = f"{item.get('name')} = {item.get('value')}"
    else:
        words = f"{item.get('toyId')}: {item.get('name')}"
    return _plain(words.strip())


def _plain(text: str) -> str:
    """One line that cannot steer a terminal: a child, a server and a recogniser have written it."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


# -- export and erase ----------------------------------------------------------------------


def _export(found: dict[str, Any], file: str) -> int:
    from pommai.errors import StoreError

    text = json.dumps(found, ensure_ascii=False, indent=2)
    if file == "-":
        print(text)
        return 0
    try:
        Path(file).touch(0o600)  # it says what a child has said
        Path(file).write_text(text + "\n", "utf-8")
    except OSError as caught:
        raise StoreError(f"{file} cannot be written: {caught.strerror}") from caught
    counts = ", ".join(f"{len(found[name])} {_WORDS[name]}" for name in _CONTENTS)
    print(f"written to {file}: {counts}")
    return 0


def _erase(path: Path, copy: Path | None, args: argparse.Namespace) -> int:
    from pommai.io import memory_guardian as guardian

    if not args.yes and not _sure(f"Erase {_WORDS[args.what]} from {path}?"):
        return 2
    done = guardian.erase(path, args.what, copy)
    if args.json:
        told = {
            "rows": done.rows,
            "searched": done.searched,
            "files": [str(file) for file in done.files],
            "left": done.left,
        }
        print(json.dumps(told, indent=2))
    else:
        print(f"erased {_WORDS[args.what]}: {done.rows} rows")
        for file in done.files:
            print(f"removed {file}")
        for sentence in done.left:
            print(f"pommai data: {sentence}", file=sys.stderr)
        if not done.left:
            print(f"overwritten; every file was searched for {done.searched} of them, and nothing is left there")
            print("what the server has taken is with the server; a memory card may keep old blocks no program can see")
    return 1 if done.left else 0


def _reset(settings: Settings, *, yes: bool) -> int:
    from msgspec import structs

    from pommai.io import reset
    from pommai.toy.forget import belongings_of

    # A toy that starts begins its trace anew; who resets one that does not run wants the old one gone, too.
    belongings = structs.replace(belongings_of(settings), trace=settings.trace)
    if not yes and not _sure("Forget everything that this toy has ever kept?"):
        return 2
    reset.begin(belongings)
    done = reset.finish(belongings)
    for file in done.files:
        print(f"erased {file}")
    for sentence in done.left:
        print(f"pommai data: {sentence}", file=sys.stderr)
    if not done.left:
        print("the key is written over: nothing that was kept can be read any more, wherever on the card it lies")
        print(
            "what the server has taken is with the server; who the toy is to it, and the network's password, stay: set"
        )
        print("the toy up anew for somebody else, and have the server revoke it (`pommai devices revoke`)")
    return 1 if done.left else 0


def _sure(question: str) -> bool:
    if not sys.stdin.isatty():
        print("pommai data: nothing was erased: add --yes where nobody can be asked", file=sys.stderr)
        return False
    print(f"{question} It cannot be brought back. [y/N] ", end="", flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        print("nothing was erased")
        return False
    return True
