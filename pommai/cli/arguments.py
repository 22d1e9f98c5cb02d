"""What several commands take on the command line."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path


def seed(text: str) -> int:
    """A number that chooses what comes by chance."""
    if not (text.isascii() and text.isdecimal()) or len(text) > 18:
        raise argparse.ArgumentTypeError(f"a seed is a whole number from 0 on, of at most 18 digits, not '{text}'")
    return int(text)


def port(text: str) -> int:
    """A port that somebody can be reached at."""
    if not (text.isascii() and text.isdecimal()) or len(text) > 5 or not 1 <= int(text) <= 65_535:
        raise argparse.ArgumentTypeError(f"a port is a whole number from 1 to 65535, not '{text}'")
    return int(text)


def chart_file(command: str, given: Path | None) -> Path | None:
    """The chart that was named, or the project's own; None when it is no file, which is said in the command's name.

    Raises SettingsError when none is named and the project has none.
    """
    from pommai.toy.settings import find_project_file

    chart = given or find_project_file("statechart.yaml")
    if chart.is_file():
        return chart
    what = f"{chart} is a folder, not a file" if chart.is_dir() else f"there is no file {chart}"
    print(f"pommai {command}: {what}", file=sys.stderr)
    return None


def cannot_write(folder: Path) -> str:
    """Why no report can be written into a folder, before a long time is spent; empty when it can."""
    probe = folder / ".written"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as caught:
        return f"the report cannot be written to {folder}: {caught.strerror}"
    return ""


def print_json_or(as_json: bool, value: object, words: str) -> None:
    """Print a result: for machines, or for people."""
    print(json.dumps(value, indent=2, ensure_ascii=False) if as_json else words)
