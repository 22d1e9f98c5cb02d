"""Speech models on this machine: which there are to be had, which are here, and getting one.

Vosk's models live in one folder, each in a folder of its own name; a model anywhere else goes by its path. What
microWakeWord brings with it is listed too, and needs no getting.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from msgspec import Struct

from pommai.errors import ModelError
from pommai.hints import did_you_mean, quote
from pommai.io.vosk_files import check_files
from pommai.io.wake_micro import builtin_models

if TYPE_CHECKING:
    from pommai.io.model_download import Progress


class KnownModel(Struct, frozen=True):
    """A Vosk model that can be had by name: a zip with one folder in it."""

    name: str
    about: str
    url: str
    size: int
    """Bytes of the zip."""
    sha256: str


DEFAULT: Final = "vosk-model-small-en-us-0.15"
"""What `pommai models get` gets when nothing else is named."""
KNOWN: Final[Mapping[str, KnownModel]] = {
    DEFAULT: KnownModel(
        name=DEFAULT,
        about="Vosk's small model for American English; Apache License 2.0",
        url="https://alphacephei.com/vosk/models/vosk-model-small-en-us-0.15.zip",
        # Vosk publishes no SHA-256. This is the one that Homebrew's, the AUR's and a Yocto layer's packages of the very
        # same file agree on.
        size=41_205_931,
        sha256="30f26242c4eb449f948e42cb302dd7a686cb29a3423a8367f99ff41780942498",
    ),
}

State = Literal["installed", "damaged", "available", "built in"]

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_WORK: Final = ".getting-"
_ROOM: Final = 4
"""How many times its zip's size a model may take on the disk while it is unpacked, the zip included."""


class Listed(Struct, frozen=True):
    """A model, as `pommai models list` tells it. `size` is in bytes, on the disk or (when available) of the zip."""

    name: str
    engine: Literal["vosk", "microwakeword"]
    state: State
    size: int
    where: str
    """Its folder or file; for what is only available, its address."""


def find_model(name_or_path: str, folder: Path) -> Path:
    """The folder of a Vosk model, by its name in `folder` or by any path. It has been looked at, not loaded.

    Raises ModelError: there is none (and how to get it), or its files are not those of a model the toy can use.
    """
    path = Path(os.path.expanduser(name_or_path))
    if _NAME.fullmatch(name_or_path) and (folder / name_or_path).is_dir():
        path = folder / name_or_path
    elif name_or_path in KNOWN and not path.is_dir():
        raise ModelError(
            f"the speech model {name_or_path} is not here yet; get it with: pommai models get {name_or_path}"
        )
    elif path.is_file():
        raise ModelError(f"{path} is a file; unpack and keep it with `pommai models get {path}`, then use its name")
    elif not path.is_dir():
        names = {*KNOWN, *(model.name for model in _installed(folder))}
        hint = did_you_mean(name_or_path, names)
        raise ModelError(f"there is no speech model {quote(name_or_path)}, in {folder} or as a path ({hint})")
    check_files(path)
    return path


def list_models(folder: Path) -> list[Listed]:
    """What is in `folder`, what could be, and what is built in."""
    here = _installed(folder)
    names = {model.name for model in here}
    more = [
        Listed(known.name, "vosk", "available", known.size, known.url)
        for known in KNOWN.values()
        if known.name not in names
    ]
    micro = [
        Listed(name, "microwakeword", "built in", path.stat().st_size, str(path))
        for name, path in builtin_models().items()
    ]
    return [*here, *more, *micro]


def get_model(what: str, folder: Path, progress: Progress) -> tuple[Path, bool]:
    """Put a model into `folder`: a known one by name, or a copy of a folder or zip file by path.

    Returns its folder, and whether it is new: a known model that is there and whole is left as it is. Whatever happens,
    a model is in its place whole or not at all. Raises ModelError: no such model or path, no network, wrong content, no
    room on the disk, somebody else getting one.
    """
    # Here, for every toy looks for models when it starts, and few ever get one.
    from pommai.io.model_download import download
    from pommai.io.model_unpack import copy_folder, unpack_zip

    known = KNOWN.get(what)
    path = Path(os.path.expanduser(what))
    if known is None:
        if not path.is_dir() and not path.is_file():
            hint = did_you_mean(what, KNOWN)
            raise ModelError(
                f"there is no speech model {quote(what)} to be had, and no such folder or zip file ({hint})"
            )
        if not _NAME.fullmatch(_own_name(path)):
            raise ModelError(f"{path} needs another name to be kept: letters, digits, -, _ and . alone")
    target = folder / (known.name if known else _own_name(path))
    if path.resolve() == target.resolve() or (known and _is_whole(target)):
        return target, False
    try:
        with _alone_in(folder) as work:
            new = work / "model"
            if known:
                _need_room(folder, known.size * _ROOM)
                archive = work / "model.zip"
                download(known.url, archive, known.size, known.sha256, progress)
                unpack_zip(archive, new, progress)
            elif path.is_dir():
                copy_folder(path, new, progress)
            else:
                unpack_zip(path, new, progress)
            root = _root_of(new, known.url if known else str(path))
            if target.exists():
                target.rename(work / "old")
            root.rename(target)
            _sync(folder)
    except OSError as caught:
        raise ModelError(f"{what} cannot be put into {folder}: {caught.strerror or caught}") from caught
    return target, True


def _own_name(path: Path) -> str:
    return path.resolve().name if path.is_dir() else path.name.removesuffix(".zip")


def _installed(folder: Path) -> list[Listed]:
    if not folder.is_dir():
        return []
    return [
        Listed(path.name, "vosk", "installed" if _is_whole(path) else "damaged", size_of(path), str(path))
        for path in sorted(folder.iterdir())
        if path.is_dir() and not path.name.startswith(".")
    ]


def _is_whole(folder: Path) -> bool:
    with suppress(ModelError, OSError):
        check_files(folder)
        return True
    return False


def size_of(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def _root_of(unpacked: Path, origin: str) -> Path:
    """The folder that is the model: what was unpacked, or the one folder in it. Raises ModelError."""
    inner = [path.parent.parent for path in sorted(unpacked.glob("*/am/final.mdl"))]
    root = inner[0] if len(inner) == 1 and not (unpacked / "am").exists() else unpacked
    try:
        check_files(root)
    except ModelError as caught:
        raise ModelError(f"{origin}: {str(caught).replace(str(root), 'what is in it')}") from caught
    return root


def _need_room(folder: Path, size: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < size:
        from pommai.io.model_download import spoken_size

        raise ModelError(
            f"{spoken_size(size)} are needed in {folder}, and {spoken_size(free)} are free; make room there"
        )


@contextmanager
def _alone_in(folder: Path) -> Iterator[Path]:
    """A folder to work in, gone afterwards, as are those that a power cut left. Raises ModelError when not alone."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ModelError(f"another `pommai models get` is at work in {folder}; wait for it to end") from None
        for left in folder.glob(f"{_WORK}*"):
            shutil.rmtree(left, ignore_errors=True)
        work = Path(tempfile.mkdtemp(prefix=_WORK, dir=folder))
        try:
            yield work
        finally:
            shutil.rmtree(work, ignore_errors=True)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
