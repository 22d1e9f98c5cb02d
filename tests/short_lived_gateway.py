"""`pommai ARGUMENTS` in which a device's tokens live some seconds, where it is an hour in a house.

python short_lived_gateway.py SECONDS ARGUMENTS...
"""

from __future__ import annotations

import sys

from pommai.cli import main
from pommai.gateway import devices

if __name__ == "__main__":
    assert devices.TOKEN_MS == 3_600_000
    vars(devices)["TOKEN_MS"] = int(float(sys.argv[1]) * 1000)
    raise SystemExit(main(sys.argv[2:]))
