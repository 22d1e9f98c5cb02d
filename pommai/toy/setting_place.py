"""Where a setting stands in a TOML file: tomllib keeps no positions."""

from __future__ import annotations

import re


def line_of(text: str, key: str) -> int:
    """The line, from 1, of a top-level key; 1 when it is not found. The text must be TOML."""
    import tomllib

    begins = re.compile(rf"""\s*\[*\s*["']?{re.escape(key)}["']?\s*[=.\]]""")
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if not begins.match(line):
            continue
        try:
            tomllib.loads("\n".join(lines[:number]))
        except tomllib.TOMLDecodeError:
            continue  # The line lies inside a text or list of several lines.
        return number + 1
    return 1
