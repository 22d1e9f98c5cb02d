"""Small disks of their own for the programs of a soak, which are full when somebody wants them to be.

A disk is a tmpfs, mounted where nobody but the soak and its programs sees it: in a mount namespace of its own, for
which one must be root, or may be root in a user namespace. It takes memory as it is used, and goes with the soak.
"""

from __future__ import annotations

import ctypes
import errno
import os
import tempfile
from pathlib import Path
from typing import Final

MOST_BYTES: Final = 1 << 30
"""Size of a disk that is not full."""
_TRIES: Final = 20
"""A disk is made no smaller than what is on it, and that changes meanwhile."""
_NEWNS: Final = 0x00020000
_NEWUSER: Final = 0x10000000
"""Of unshare(2)."""
_SAFE: Final = 0x2 | 0x4
_REMOUNT: Final = 0x20
_ALL_PRIVATE: Final = 0x4000 | 0x40000
"""Of mount(2): MS_NOSUID and MS_NODEV; MS_REMOUNT; MS_REC and MS_PRIVATE."""
_DETACH: Final = 0x2
"""MNT_DETACH of umount2(2)."""


class Disk:
    """A disk of its own at a folder. All methods raise OSError."""

    def __init__(self, folder: Path) -> None:
        """`folder` is there; what is in it cannot be seen until `unmount`."""
        self._folder = folder
        self._mount(_SAFE, f"mode=0700,size={MOST_BYTES}")

    @property
    def used(self) -> int:
        """Bytes."""
        found = os.statvfs(self._folder)
        return (found.f_blocks - found.f_bfree) * found.f_frsize

    def fill(self) -> None:
        """Not a byte more goes onto it; what is given up on it can be used again, until it is filled anew."""
        for _ in range(_TRIES):
            try:
                self._mount(_SAFE | _REMOUNT, f"size={max(self.used, 4096)}")
            except OSError as caught:
                if caught.errno != errno.EINVAL:
                    raise
            else:
                return
        raise OSError(errno.EBUSY, "the disk cannot be filled as fast as it is written to", str(self._folder))

    def free(self) -> None:
        """There is room again."""
        self._mount(_SAFE | _REMOUNT, f"size={MOST_BYTES}")

    def unmount(self) -> None:
        """It is gone with all that was on it, as soon as nobody uses it."""
        _done(_libc().umount2(os.fsencode(self._folder), _DETACH), self._folder)

    def _mount(self, flags: int, options: str) -> None:
        place = os.fsencode(self._folder)
        _done(_libc().mount(b"tmpfs", place, b"tmpfs", ctypes.c_ulong(flags), options.encode()), self._folder)


def go_apart() -> str:
    """From now on this process may mount disks that nobody else sees. Returns why it may not, or nothing.

    To be called while there is one thread. Where it may not, nothing has changed.
    """
    why = ""
    for flags in (_NEWNS, _NEWNS | _NEWUSER):
        if not (why := _tried(flags)):
            try:
                _go(flags)
            except OSError as caught:  # somebody has made a second thread
                return str(caught.strerror)
            return ""
    return why


def _tried(flags: int) -> str:
    """Why a child could not go apart and mount a disk; nothing when it could."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            _go(flags)
            Disk(Path(tempfile.gettempdir()))
            os._exit(0)
        except OSError as caught:
            os.write(writing, str(caught.strerror).encode())
        finally:
            os._exit(1)
    os.close(writing)
    with open(reading, "rb") as pipe:
        words = pipe.read().decode()
    _, status = os.waitpid(child, 0)
    return (words or "the kernel has ended the attempt") if status else ""


def _go(flags: int) -> None:
    """Raises OSError."""
    user, group = os.geteuid(), os.getegid()
    _done(_libc().unshare(flags))
    if flags & _NEWUSER:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    # What is mounted here is not to be seen by those from whom it parted.
    _done(_libc().mount(None, b"/", None, ctypes.c_ulong(_ALL_PRIVATE), None))


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _done(result: int, path: Path | None = None) -> None:
    """Raises OSError for what a call to the system has said."""
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), *([str(path)] if path else []))
