"""A model out of a zip file, or copied from a folder: regular files alone, none of them outside, no more than a toy
could ever load.
"""

from __future__ import annotations

import os
import re
import stat
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Final

from pommai.errors import ModelError
from pommai.io.model_download import CHUNK, Progress, spoken_size

MOST_BYTES: Final = 1_000_000_000
"""A toy has 512 MB of memory. Larger models can be unpacked by hand and used by their path."""
MOST_FILES: Final = 2_000
"""Vosk's models have about 20."""
_PART: Final = re.compile(r"[^\x00-\x1f\x7f/\\:]{1,200}")


def unpack_zip(archive: Path, into: Path, progress: Progress) -> None:
    """Unpack a zip file into a new folder, each file safely on the disk.

    Raises ModelError when it is damaged, or holds what a model has no use for: links, paths that lead elsewhere, more
    than MOST_BYTES or MOST_FILES. OSError when the folder cannot be written. What was unpacked by then is left there.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = [(info, _place(info, archive)) for info in opened.infolist() if not info.is_dir()]
            total = _bounded((info.file_size for info, _ in entries), archive)
            into.mkdir()
            done = 0
            for info, place in entries:
                with opened.open(info) as source:
                    done = _write(source, into / place, done, total, progress)
    except (zipfile.BadZipFile, zlib.error, EOFError) as caught:
        raise ModelError(f"{archive} is damaged or no zip file: {caught}") from caught
    except (NotImplementedError, RuntimeError) as caught:  # a way of packing Python does not know; a password
        raise ModelError(f"{archive} cannot be unpacked: {caught}") from caught
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as caught:
        raise ModelError(f"{archive} is no model: it holds {Path(str(caught.filename)).name} twice") from caught


def copy_folder(source: Path, into: Path, progress: Progress) -> None:
    """Copy a folder into a new one, each file safely on the disk.

    Raises ModelError when it holds links or devices, or more than MOST_BYTES or MOST_FILES. OSError as `unpack_zip`.
    """
    files = []
    for path in sorted(source.rglob("*")):
        mode = path.lstat().st_mode
        if not stat.S_ISDIR(mode):
            if not stat.S_ISREG(mode):
                raise ModelError(f"{path} is no plain file; give {source} itself in the setting vosk_model instead")
            files.append(path)
    total = _bounded((path.stat().st_size for path in files), source)
    into.mkdir()
    done = 0
    for path in files:
        with path.open("rb") as opened:
            done = _write(opened, into / path.relative_to(source), done, total, progress)


def _place(info: zipfile.ZipInfo, archive: Path) -> Path:
    """Where an entry belongs, below the folder. Raises ModelError."""
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        raise ModelError(f"{archive} is no model: {info.filename[:100]!r} in it is a link or a device")
    # zipfile cuts a name at a zero byte, and the original is what has to be fit.
    parts = info.orig_filename.split("/")
    if any(part in (".", "..") or not _PART.fullmatch(part) for part in parts):
        raise ModelError(f"{archive} is no model: {info.orig_filename[:100]!r} in it leads elsewhere")
    return Path(*parts)


def _bounded(sizes: Iterable[int], origin: Path) -> int:
    found = list(sizes)
    if len(found) > MOST_FILES or sum(found) > MOST_BYTES:
        raise ModelError(
            f"{origin} is no model for a toy: {len(found):,} files of {spoken_size(sum(found))}, where {MOST_FILES:,} "
            f"and {spoken_size(MOST_BYTES)} are the most"
        )
    return sum(found)


def _write(source: IO[bytes], target: Path, done: int, total: int, progress: Progress) -> int:
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("xb") as file:
        while chunk := source.read(CHUNK):
            done += len(chunk)
            if done > total:
                raise ModelError(f"{target.name} holds more than it said")
            file.write(chunk)
            progress("unpacking", done, total)
        file.flush()
        os.fsync(file.fileno())
    return done
