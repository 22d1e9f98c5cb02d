"""`pommai run`, for a toy that need not rest as long before it changes: its tests have no time.

TOY_ROOT, if it is there: where root's part notes things; and TOY_SOFTWARE: the environment that this is said to run in.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path

from pommai.bundle import ROOT
from pommai.cli import main
from pommai.toy import software, wiring
from pommai.toy.updates import Updates

root = Path(os.environ.get("TOY_ROOT", ROOT))
wiring.Updates = partial(Updates, root=root, look=0.1, quiet=0.3)  # type: ignore[assignment, misc]
if "TOY_SOFTWARE" in os.environ:
    software.running = lambda: os.environ["TOY_SOFTWARE"]  # type: ignore[attr-defined]
sys.exit(main(["run", *sys.argv[1:]]))
