"""`pommai run`, for a toy that need not rest as long before it changes: its tests have no time."""

from __future__ import annotations

import sys
from functools import partial

from pommai.cli import main
from pommai.toy import wiring
from pommai.toy.updates import Updates

wiring.Updates = partial(Updates, look=0.1, quiet=0.3)  # type: ignore[misc]
sys.exit(main(["run", *sys.argv[1:]]))
