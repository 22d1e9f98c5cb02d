"""`python -m pommai.demo.player PARENT WORDS...`: `pommai WORDS...`, ended in order when the demo that started it dies.

So no toy and no server is left behind.
"""

from __future__ import annotations

import runpy
import sys

from pommai.qa.parent import end_with

if __name__ == "__main__":
    end_with(int(sys.argv.pop(1)))
    runpy.run_module("pommai", run_name="__main__", alter_sys=True)
