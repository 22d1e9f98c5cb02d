"""`pommai schema`: the JSON Schemas of the files people edit."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_DESCRIPTION = """\
Write the JSON Schemas of statechart.yaml, led_patterns.yaml, offline_responses.yaml, personas.yaml and gateway.yaml, so
that an editor completes and underlines while somebody types. Each of these files names its schema in its first line;
editors with a YAML language server, such as VS Code with its YAML extension, find it there.

Without --write, all of them are printed as one JSON object, by file name.
"""
_EPILOG = """\
Examples:
  pommai schema                      print them
  pommai schema --write schemas      write schemas/statechart.schema.json and the others
  pommai schema --settings           all settings of pommai.toml, as docs/settings.md has them
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Teach the command line this command."""
    parser = subparsers.add_parser(
        "schema",
        help="JSON Schemas for editors",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--settings", action="store_true", help="print docs/settings.md, the page of the toy's settings"
    )
    parser.add_argument("--write", type=Path, metavar="DIR", help="write each into a file of its own in this folder")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print or write the schemas. The exit code: 0, or 1 when the folder cannot be written."""
    if args.settings:
        from pommai.toy.settings_page import page

        print(page(), end="")
        return 0
    found = schemas()
    if args.write is None:
        print(as_text(found), end="")
        return 0
    try:
        args.write.mkdir(parents=True, exist_ok=True)
        for name, schema in found.items():
            (args.write / name).write_text(as_text(schema), "utf-8")
    except OSError as caught:
        print(f"pommai schema: {args.write} cannot be written: {caught.strerror}", file=sys.stderr)
        return 1
    for name in found:
        print(args.write / name)
    return 0


def schemas() -> dict[str, Any]:
    """Every schema by the name of its file."""
    from pommai.chart import keys
    from pommai.gateway import gateway_file, personas
    from pommai.lights import schema as lights
    from pommai.responses import schema as responses
    from pommai.toy.vocabulary import toy_vocabulary

    return {
        "statechart.schema.json": keys.schema(toy_vocabulary()),
        "led_patterns.schema.json": lights.schema(),
        "offline_responses.schema.json": responses.schema(),
        "personas.schema.json": personas.schema(),
        "gateway.schema.json": gateway_file.schema(),
    }


def as_text(schema: Mapping[str, Any]) -> str:
    """A schema as it is written."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
