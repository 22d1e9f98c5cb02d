"""A Vosk model as files: are they all there, which words does it know, is it still the one that was tried?

The formats are OpenFst's (`fst.h` and `symbol-table.cc` of OpenFst 1.8): little-endian, strings led by their length.
"""

from __future__ import annotations

import hashlib
import os
import struct
from pathlib import Path
from typing import BinaryIO, Final

from pommai.errors import ModelError

NEEDED: Final = (
    "am/final.mdl",
    "conf/mfcc.conf",
    "conf/model.conf",
    "graph/HCLr.fst",
    "graph/Gr.fst",
    "graph/disambig_tid.int",
)
"""What a model with a graph that can be changed at run time consists of; the toy needs such a one, for its grammars."""

_FST_MAGIC: Final = 2125659606
_SYMBOLS_MAGIC: Final = 2125658996
_HAS_INPUT_SYMBOLS: Final = 1
_HAS_OUTPUT_SYMBOLS: Final = 2
_LONGEST_NAME: Final = 1 << 16
"""Bytes: a string of more is not one, but damage."""


def check_files(folder: Path) -> None:
    """Raises ModelError when the folder cannot be a Vosk model that the toy can use, saying what is missing. Quick."""
    get = "get a model with: pommai models get"
    if not folder.is_dir():
        raise ModelError(f"there is no folder {folder} with a speech model; {get}")
    missing = [name for name in NEEDED if not (folder / name).is_file()]
    if len(missing) == len(NEEDED):
        inner = next((path.parent.parent for path in sorted(folder.glob("*/am/final.mdl"))), None)
        hint = f"there is one in {inner}" if inner is not None else get
        raise ModelError(f"{folder} is no Vosk model: none of {', '.join(NEEDED)} is in it; {hint}")
    if missing and (folder / "graph" / "HCLG.fst").is_file():
        raise ModelError(
            f"the Vosk model in {folder} has a fixed graph (graph/HCLG.fst), which cannot listen for phrases; take one "
            f"of the small models instead, or {get}"
        )
    if missing:
        raise ModelError(f"the Vosk model in {folder} is not complete: {', '.join(missing)} is missing; {get}")
    for name in NEEDED:
        if (folder / name).stat().st_size == 0:
            raise ModelError(f"the Vosk model in {folder} is damaged: {name} is empty; {get}")
    for name in ("graph/HCLr.fst", "graph/Gr.fst"):
        with (folder / name).open("rb") as file:
            if file.read(4) != struct.pack("<i", _FST_MAGIC):
                raise ModelError(f"the Vosk model in {folder} is damaged: {name} is no OpenFst graph; {get}")


def check_words(folder: Path) -> None:
    """Raises ModelError when the words of the model cannot be read, or there are none. Slow with a large model."""
    if not read_vocabulary(folder):
        raise ModelError(f"the Vosk model in {folder} is damaged: it knows no words; get it with: pommai models get")


def read_vocabulary(folder: Path) -> tuple[str, ...]:
    """The words a model knows, in its own order: from graph/words.txt, or from within graph/Gr.fst without that.

    Left out are its marks, such as <eps>, [unk] and #0. Raises ModelError when neither can be read.
    """
    try:
        listed = folder / "graph" / "words.txt"
        if listed.is_file():
            lines = listed.read_text("utf-8").splitlines()
            names = [line.split()[0] for line in lines if line.strip()]
        else:
            names = _symbols_of(folder / "graph" / "Gr.fst")
    except (OSError, ValueError, struct.error) as caught:
        raise ModelError(f"the words of the Vosk model in {folder} cannot be read: {caught}") from caught
    return tuple(name for name in names if name[:1] not in ("<", "[", "#", "!"))


def fingerprint(folder: Path) -> str:
    """Changes when a file of the model does: made of names, sizes and times, not of content. Raises ModelError."""
    digest = hashlib.sha256(os.fsencode(folder.resolve()))
    try:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                facts = path.stat()
                digest.update(f"\0{path.relative_to(folder)}\0{facts.st_size}\0{facts.st_mtime_ns}".encode())
    except (OSError, UnicodeError) as caught:
        raise ModelError(f"the Vosk model in {folder} cannot be read: {caught}") from caught
    return digest.hexdigest()


def _symbols_of(graph: Path) -> list[str]:
    """The output symbols an OpenFst graph carries; none when it carries none."""
    with graph.open("rb") as file:
        _number(file, "<i")  # the magic, which `check_files` looks at
        _text(file)  # type of graph
        _text(file)  # type of arc
        _number(file, "<i")  # version
        flags = _number(file, "<i")
        file.seek(4 * 8, os.SEEK_CUR)  # properties, start, states, arcs
        found: list[str] = []
        if flags & _HAS_INPUT_SYMBOLS:
            found = _symbol_table(file)
        if flags & _HAS_OUTPUT_SYMBOLS:
            found = _symbol_table(file)
        return found


def _symbol_table(file: BinaryIO) -> list[str]:
    if _number(file, "<i") != _SYMBOLS_MAGIC:
        raise ValueError("its table of words does not begin as one")
    _text(file)  # its name
    _number(file, "<q")  # the first number that is free
    names = []
    for _ in range(_number(file, "<q")):
        names.append(_text(file))
        _number(file, "<q")
    return names


def _number(file: BinaryIO, layout: str) -> int:
    (number,) = struct.unpack(layout, file.read(struct.calcsize(layout)))
    return int(number)


def _text(file: BinaryIO) -> str:
    length = _number(file, "<i")
    if not 0 <= length <= _LONGEST_NAME:
        raise ValueError(f"a word of {length} bytes")
    data = file.read(length)
    if len(data) < length:
        raise ValueError("it ends in the middle of a word")
    return data.decode("utf-8")
