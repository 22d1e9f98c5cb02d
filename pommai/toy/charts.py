"""Finds the behaviour a toy is to run: a compiled chart, or a YAML one that is compiled once and cached."""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
from collections.abc import Collection
from pathlib import Path

from pommai import __version__
from pommai.chart import table as tables
from pommai.chart.table import DecisionTable
from pommai.errors import ChartError, SettingsError, TableError

logger = logging.getLogger(__name__)

KEPT = 8
"""Compiled charts kept in the cache; older ones are deleted."""


def load_behaviour(
    path: Path,
    led_patterns: Collection[str],
    sounds: Collection[str],
    cache: Path | None,
    commands: Collection[str] | None = None,
) -> DecisionTable:
    """The decision table of a chart.

    A file that begins with `{` is a compiled chart, anything else is YAML. `cache` is the folder compiled charts are
    kept in, by a hash of all that goes into them; None: nothing is kept.
    Raises ChartError for a chart with mistakes, TableError for a compiled one that cannot be used.
    """
    try:
        data = path.read_bytes()
    except OSError as caught:
        raise SettingsError(f"the chart {path} cannot be read: {caught.strerror}") from caught
    if data.lstrip()[:1] == b"{":
        return _read(path, data)
    cached = None if cache is None else _kept_file(data, led_patterns, sounds, cache, commands)
    if cached is not None and cached.exists():
        try:
            return _read(cached, cached.read_bytes())
        except (OSError, TableError) as caught:
            logger.warning("cached chart not used", extra={"file": str(cached), "reason": str(caught)})
    table = compile_file(path, led_patterns, sounds, commands)
    if cached is not None:
        _keep(cached, table)
    return table


def kept_behaviour(
    path: Path, led_patterns: Collection[str], sounds: Collection[str], cache: Path, commands: Collection[str] | None
) -> DecisionTable | None:
    """The table that a toy with this cache starts with; None where it would compile one. Nothing is written.

    Raises TableError when the one that is kept is damaged; SettingsError when the chart cannot be read, OSError when
    the cache cannot.
    """
    try:
        data = path.read_bytes()
    except OSError as caught:
        raise SettingsError(f"the chart {path} cannot be read: {caught.strerror}") from caught
    if data.lstrip()[:1] == b"{":
        return None
    cached = _kept_file(data, led_patterns, sounds, cache, commands)
    try:
        return _read(cached, cached.read_bytes())
    except FileNotFoundError:
        return None


def _kept_file(
    data: bytes, led_patterns: Collection[str], sounds: Collection[str], cache: Path, commands: Collection[str] | None
) -> Path:
    """Where the table of a chart is kept: by all that goes into it."""
    from pommai.toy.vocabulary import toy_vocabulary  # late: a compiled chart has been held against it

    key = hashlib.sha256(data)
    for part in (__version__, toy_vocabulary(led_patterns, sounds, commands).fingerprint()):
        key.update(part.encode())
    for module in sorted(Path(tables.__file__).parent.glob("*.py")):  # another compiler may make another table
        key.update(module.read_bytes())
    return cache / "charts" / f"{key.hexdigest()}.json"


def compile_file(
    path: Path, led_patterns: Collection[str] | None, sounds: Collection[str], commands: Collection[str] | None = None
) -> DecisionTable:
    """Compile a chart. Raises ChartError with every problem it has."""
    # The compiler brings python-statemachine with it, which a toy with a compiled chart never loads.
    from pommai.chart.check import check_chart
    from pommai.chart.compile import compile_chart
    from pommai.chart.load import load_chart
    from pommai.source import Reader
    from pommai.toy.vocabulary import toy_vocabulary

    reader = Reader.of_file(path, ChartError)
    return compile_chart(check_chart(load_chart(reader), reader, toy_vocabulary(led_patterns, sounds, commands)))


def write_atomically(path: Path, text: str) -> None:
    """Write a file so that whoever reads it finds the old or the new one, whole. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)  # mkstemp makes files that nobody else may read
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _read(path: Path, data: bytes) -> DecisionTable:
    try:
        return tables.load(data.decode("utf-8"))
    except (TableError, UnicodeDecodeError) as caught:
        raise TableError(f"{path} {caught}") from caught


def _keep(path: Path, table: DecisionTable) -> None:
    try:
        write_atomically(path, tables.dump(table))
        others = sorted(path.parent.glob("*.json"), key=lambda other: other.stat().st_mtime, reverse=True)
        for old in others[KEPT:]:
            old.unlink(missing_ok=True)
    except OSError as caught:  # a read-only disk costs a second at each start, not the toy
        logger.warning("compiled chart not kept", extra={"file": str(path), "reason": str(caught)})
