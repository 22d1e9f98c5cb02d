"""Takes a bundle again and again in children that are killed, each one step later, and prints what is in force then."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from bundle_material import settled, take, whole_version

from pommai.bundle.disk import Disk
from pommai.bundle.store import Store


def killed_at(folder: Path, steps: int) -> bool:
    """Take a bundle in a child that kills itself before its `steps`-th step; whether it came to that."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            return True
        assert status == 0
        return False
    left = steps

    def step(kind: str, path: Path) -> None:
        nonlocal left
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1

    try:
        take(Store(folder / "updates", Disk(step)), folder, 12)
    except BaseException:
        os._exit(1)
    os._exit(0)


def main(place: Path) -> None:
    steps, going = 0, True
    while going:
        folder = place / str(steps)
        folder.mkdir()
        settled(folder, 11)
        going = killed_at(folder, steps)
        print(whole_version(Store(folder / "updates").begin()))
        steps += 1


main(Path(sys.argv[1]))
