"""The files of the update bundles that are kept for toys: a folder beside the data file, each named by its hash.

<sha256>.pommai-bundle    whole, and as it was sent: it has a name only then
.part-...                 one that is coming
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import tempfile
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

from pommai.bundle.container import SUFFIX, open_bundle
from pommai.errors import BundleError, StoreError
from pommai.gateway.offers import Kept

ROOM: Final = 64 << 20
"""Bytes that must stay free on the disk: what toys say is worth more than what they are sent."""
CHUNK: Final = 256 << 10
"""Bytes that are read or written in one go, off the event loop."""
_PART: Final = ".part-"
_STALE_SECONDS: Final = 7200.0
"""What has not grown for so long was left behind by a gateway that was killed."""


def folder_beside(data: Path) -> Path:
    """Where the bundles are of a gateway whose data is in this file."""
    return data.with_name(f"{data.name}.bundles")


class BundleFiles:
    """Takes files in, one at a time, and gives them out."""

    def __init__(self, folder: Path) -> None:
        """`folder` is made when the first file comes, for its owner alone."""
        self.folder = folder
        self._taking = False

    def place(self, sha256: str) -> Path:
        """Where the file with this hash is."""
        return self.folder / f"{sha256}{SUFFIX}"

    async def take(
        self, sha256: str, size: int, pieces: AsyncIterator[bytes], first: Callable[[Kept], Awaitable[None]]
    ) -> Kept:
        """Write what comes to the disk, and see what it is. Nothing is kept of what is not what it should be. `first`
        is asked before the file has its name; so there is none that nobody knows of.

        Raises BundleError when it has another size or hash, is no whole bundle, or nobody has signed it; StoreError
        when it cannot be written, or another is coming at this moment; and whatever `first` raises.
        """
        if self._taking:
            raise StoreError("another bundle is coming at this moment; try again when it is here")
        self._taking = True
        part = _Part()
        try:
            coming, file = await asyncio.to_thread(self._begin, size, part)
            try:
                digest, done = hashlib.sha256(), 0
                async for piece in pieces:
                    done += len(piece)
                    if done > size:
                        break
                    await asyncio.to_thread(_add, file, digest, piece)
            finally:
                await asyncio.to_thread(file.close)
            if done != size or digest.hexdigest() != sha256:
                raise BundleError(f"what came is not what was announced: {min(done, size + 1):,} of {size:,} bytes")
            kept = await asyncio.to_thread(_look, coming, sha256, size)
            await first(kept)
            await asyncio.to_thread(self._finish, coming, sha256)
            return kept
        except OSError as caught:
            raise StoreError(f"the bundle cannot be kept in {self.folder}: {caught.strerror or caught}") from caught
        finally:
            part.end()
            self._taking = False

    async def forget(self, sha256: str) -> None:
        """Remove a file; that there is none is no matter. Whoever reads it may read on. Raises StoreError."""
        try:
            await asyncio.to_thread(self.place(sha256).unlink, missing_ok=True)
        except OSError as caught:
            raise StoreError(f"{self.place(sha256)} cannot be removed: {caught.strerror or caught}") from caught

    async def give(self, sha256: str, size: int) -> AsyncGenerator[bytes]:
        """A file's bytes, piece by piece. Raises StoreError when it is not there, or has another size."""
        path = self.place(sha256)
        try:
            file = await asyncio.to_thread(path.open, "rb")
            try:
                if os.fstat(file.fileno()).st_size != size:
                    raise StoreError(f"{path} is damaged; offer the bundle again")
                while piece := await asyncio.to_thread(file.read, CHUNK):
                    yield piece
            finally:
                await asyncio.to_thread(file.close)
        except OSError as caught:
            raise StoreError(f"{path} cannot be read: {caught.strerror or caught}; offer the bundle again") from caught

    async def piece(self, sha256: str, start: int, length: int) -> bytes:
        """Some of a file's bytes; none beyond its end, or when it is not there. Raises StoreError."""

        def read() -> bytes:
            with self.place(sha256).open("rb") as file:
                file.seek(start)
                return file.read(length)

        try:
            return await asyncio.to_thread(read)
        except FileNotFoundError:
            return b""
        except OSError as caught:
            raise StoreError(f"{self.place(sha256)} cannot be read: {caught.strerror or caught}") from caught

    def is_there(self, sha256: str) -> bool:
        """Whether there is such a file."""
        return self.place(sha256).is_file()

    def _begin(self, size: int, part: _Part) -> tuple[Path, BinaryIO]:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in self.folder.glob(f"{_PART}*"):
            if time.time() - left.stat().st_mtime > _STALE_SECONDS:
                left.unlink(missing_ok=True)
        free = shutil.disk_usage(self.folder).free
        if free < size + ROOM:
            raise StoreError(f"there is too little room in {self.folder}: {free >> 20} MiB of {(size + ROOM) >> 20}")
        return part.begin(self.folder)

    def _finish(self, part: Path, sha256: str) -> None:
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(self.place(sha256))
        handle = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


class _Part:
    """A file that is coming. Who waits for its thread may be cancelled: it is closed and removed all the same."""

    def __init__(self) -> None:
        self._changing = threading.Lock()
        self._path: Path | None = None
        self._file: BinaryIO | None = None
        self._is_over = False

    def begin(self, folder: Path) -> tuple[Path, BinaryIO]:
        """Blocks. Raises StoreError when it is over by then."""
        handle, name = tempfile.mkstemp(dir=folder, prefix=_PART)  # gateways of one data file share the folder
        path, file = Path(name), os.fdopen(handle, "wb")
        with self._changing:
            self._path, self._file = path, file
            is_over = self._is_over
        if is_over:
            self.end()
            raise StoreError("nobody waits for the bundle any more")
        return path, file

    def end(self) -> None:
        """Remove it where it has not become another file. Harmless when called again."""
        with self._changing:
            self._is_over = True
            path, file = self._path, self._file
        if path is not None and file is not None:
            with suppress(OSError):
                path.unlink(missing_ok=True)
            with suppress(OSError):
                file.close()


def _add(file: BinaryIO, digest: hashlib._Hash, piece: bytes) -> None:
    file.write(piece)
    digest.update(piece)


def _look(path: Path, sha256: str, size: int) -> Kept:
    """What a file is. Whether its signatures are worth anything is for toys to know: they have the keys."""
    try:
        with open_bundle(path, None) as bundle:
            bundle.check_parts()
            manifest = bundle.manifest
            signed = bool(bundle.signatures)
    except BundleError as caught:
        raise BundleError(str(caught).replace(f"{path}: ", "")) from caught
    if not signed:
        raise BundleError("nobody has signed the bundle, so no toy would take it; `pommai bundle sign`")
    return Kept(sha256, size, manifest.version, manifest.device_type, manifest.fleet, manifest.is_software)
