"""Update bundles: what a toy is to become, in one signed file, and the place on a toy where it is kept.

`manifest` says what is in one, `container` how it lies in a file, `keys` who may make one, `store` which one is in
force. None of it knows what a chart is: whether the files in a bundle are right is asked in `pommai.toy.update_check`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path("/var/lib/pommai-software")
"""Where root notes which software is in force, for all to read: a `Store`."""
HATCH: Final = "software"
"""The folder in a toy's updates where it lays out software for root."""
VENVS: Final = "venvs"
"""The folder of environments of Python, each of which is the software as a whole."""


def running() -> str:
    """The name of the environment this program runs in; empty: none of a toy's."""
    place = Path(sys.prefix)
    return place.name if place.parent.name == VENVS else ""
