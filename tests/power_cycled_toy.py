"""A toy on a machine that was switched on a moment ago, impatient: run by test_toy_forget_by_hand.

The first argument is the id of the boot; the others are those of `pommai`.
"""

from __future__ import annotations

import sys

from pommai.actions import ending
from pommai.cli import main
from pommai.io import power_up
from pommai.toy import forget

if __name__ == "__main__":
    boot = sys.argv.pop(1)
    power_up.boot_id = lambda: boot
    power_up.uptime = lambda: 20.0
    forget.LEAST_HOLD = 0.9
    ending.FAREWELL = 0.1
    sys.exit(main(sys.argv[1:]))
