"""What was read from a file people edit, kept so that the next start reads it in no time.

Light patterns, answers from on board and built-in toys are YAML: to read and check them takes a small board long, and
the reader must be imported first. What came of it is kept in the cache folder, under a hash of the file and of the code
that read it, so that neither can be newer. Where there is nothing, or what is there is damaged, the file is read.
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
import pickle
import tempfile
from collections.abc import Callable, Collection
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeVar

T = TypeVar("T")

logger = logging.getLogger(__name__)

KEPT: Final = 4
"""Of each name; older ones are deleted."""
_PACKAGE = Path(__file__).resolve().parent.parent
_GROUND = ("errors.py", "hints.py", "nodes.py", "nodes_reader.py", "source.py")


def kept(cache: Path, name: str, path: Path, make: Callable[[], T], *, code: Collection[str], more: str = "") -> T:
    """What `make` makes of the file `path`, from the folder `cache` when it was made before.

    `code` are the packages and modules, of pommai, whose code decides what is made; `more` is what else does.
    """
    key = hashlib.sha256(f"{name}\n{more}\n".encode())
    try:
        key.update(path.read_bytes())
    except OSError:
        return make()  # which says what is wrong
    for part in (*_GROUND, *code):
        for file in sorted((_PACKAGE / part).glob("*.py")) or [_PACKAGE / part]:
            key.update(file.read_bytes())
    place = cache / "read" / f"{name}-{key.hexdigest()}"
    try:
        found: T = _Unpickler(io.BytesIO(place.read_bytes())).load()
        return found
    except FileNotFoundError:
        pass
    except Exception as caught:  # whatever a damaged file makes of it
        logger.warning("what was kept is not used", extra={"file": str(place), "reason": str(caught)})
    made = make()
    _keep(place, name, made)
    return made


def _keep(place: Path, name: str, made: object) -> None:
    data = io.BytesIO()
    _Pickler(data, protocol=5).dump(made)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=place.parent, prefix=".new.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data.getbuffer())
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, place)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        others = sorted(place.parent.glob(f"{name}-*"), key=lambda other: other.stat().st_mtime, reverse=True)
        for old in others[KEPT:]:
            old.unlink(missing_ok=True)
    except OSError as caught:  # a read-only disk costs time at each start, not the toy
        logger.warning("nothing kept", extra={"file": str(place), "reason": str(caught)})


def frozen(items: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    """What a mapping that nobody can change is kept as: it has no pickled form of its own."""
    return MappingProxyType(items)


class _Pickler(pickle.Pickler):
    def reducer_override(self, thing: Any) -> Any:
        return (frozen, (dict(thing),)) if isinstance(thing, MappingProxyType) else NotImplemented


_ITS_OWN = (__name__, "frozen")
_PLAIN = (("builtins", "frozenset"), ("builtins", "set"))
_STRUCTS = ("msgspec._utils", "rebuild")
"""Makes a Struct of its fields by name."""
_DATA = ("pommai.nodes", "pommai.lights.", "pommai.responses.", "pommai.protocol.messages")
"""Modules whose classes may be in what is kept."""


class _Unpickler(pickle.Unpickler):
    """Makes what the house is made of, and nothing else: no file of this kind can have anything run."""

    def find_class(self, module: str, name: str) -> Any:
        listed = (module, name) in (_ITS_OWN, _STRUCTS, *_PLAIN)
        found = super().find_class(module, name) if listed or module.startswith(_DATA) else None
        if not listed and not (isinstance(found, type) and found.__module__ == module):
            raise pickle.UnpicklingError(f"{module}.{name} is nothing that is kept")
        return found
