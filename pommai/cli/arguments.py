"""What several commands take on the command line."""

from __future__ import annotations

import argparse
import json
from pathlib import Path


def seed(text: str) -> int:
    """A number that chooses what comes by chance."""
    if not (text.isascii() and text.isdecimal()) or len(text) > 18:
        raise argparse.ArgumentTypeError(f"a seed is a whole number from 0 on, of at most 18 digits, not '{text}'")
    return int(text)


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
