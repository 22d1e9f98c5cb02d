"""Files that root believes: only root may have written them, or could have put others in their place."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from pommai.errors import BundleError


def check_trusted(path: Path) -> None:
    """Could nobody but root, and whoever asks, have written this file or put it there? Raises BundleError."""
    try:
        real = path.resolve(strict=True)
        for place in (real, *real.parents):
            status = place.stat()
            is_others = status.st_uid not in (0, os.geteuid())
            # In a folder such as /tmp, nobody can put away what another has made.
            is_open = status.st_mode & 0o022 and not (place != real and status.st_mode & stat.S_ISVTX)
            if is_others or is_open:
                owner = f"belongs to user {status.st_uid}" if is_others else "can be written by others than its owner"
                raise BundleError(f"{path} is not believed, for {place} {owner}; software is root's business alone")
    except OSError as caught:
        raise BundleError(f"{path} cannot be read: {caught.strerror}") from caught
