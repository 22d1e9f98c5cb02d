"""Whether the machine was switched on a moment ago, and this is the toy's first start since.

The kernel makes up an id at each boot. A toy notes it; another one at a later start says that the power was off in
between. A restart, whoever caused it, finds the id that was noted.
"""

from __future__ import annotations

from typing import Final

from pommai.io.clock import boot_id, uptime
from pommai.io.ports import Memory

FACT: Final = "boot"
"""What the toy remembers of its last start: the id of the boot."""
MOMENT: Final = 300.0
"""Seconds after power-up in which a first start belongs to it: a slow card is checked and grown first. Later, somebody
has started the toy by hand."""


def is_first_start(memory: Memory) -> bool:
    """Whether this is the first start after power-up. To be asked once a start, for it is noted that this one was.

    When in doubt it is not: what may be done at power-up alone cannot be undone. A fresh memory knows of no start.
    """
    noted, now = memory.fact(FACT), boot_id()
    memory.keep_fact(FACT, now)
    return noted is not None and noted != now and uptime() <= MOMENT
