"""A process that ends with the one that started it; with a whole demo: see test_demo_player."""

from __future__ import annotations

import os
import select
import subprocess
import sys

import pytest

from pommai.qa.parent import end_with

CHILD = "import os, sys; from pommai.qa.parent import end_with; end_with(os.getppid()); print(flush=True); input()"
PARENT = (
    "import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', sys.argv[1]], stdin=subprocess.PIPE,"
    " stdout=subprocess.PIPE); child.stdout.readline(); print(child.pid, flush=True); input()"
)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells children of their parent's death")
def test_a_child_ends_when_its_parent_is_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = os.pidfd_open(int(parent.stdout.readline()))
        parent.kill()
    try:
        assert is_over(child)
    finally:
        os.close(child)


def is_over(child: int) -> bool:
    """Whether a process ends within half a minute: its descriptor then becomes readable."""

    return bool(select.select([child], [], [], 30.0)[0])


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells children of their parent's death")
def test_one_whose_parent_is_gone_already_does_not_begin() -> None:
    with pytest.raises(SystemExit, match="process 1, which started this one, is gone"):
        end_with(1)
