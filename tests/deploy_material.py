"""What systemd thinks of a unit of ours."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest


def exposure_of(unit: Path) -> float:
    """systemd's measure of what a service could do if it were taken over: 0 nothing, 10 everything."""
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", unit],
        capture_output=True,
        text=True,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
    if "Failed to create directory '/run/systemd" in judged.stderr and os.geteuid() != 0:
        pytest.skip("systemd-analyze needs a folder in /run, which only root makes where systemd does not run")
    (level,) = re.findall(rf"Overall exposure level for {re.escape(unit.name)}: ([\d.]+)", judged.stdout)
    return float(level)
