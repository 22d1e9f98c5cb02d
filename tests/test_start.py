"""How a toy starts: what it does not bring with it before it rests for the first time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from pommai.cli import main
from pommai.toy.settings import find_project_file

HEAVY = (
    "yaml", "pommai.nodes_reader", "pommai.source", "pommai.chart.model", "pommai.chart.compile", "pommai.chart.load",
    "pommai.lights.load", "pommai.responses.load", "pommai.gateway", "statemachine", "vosk", "numpy", "httpx",
    "aiohttp", "httpcore", "gpiozero", "pyaudio", "pymicro_wakeword", "graphviz", "jsonschema", "redis", "hypothesis",
)  # fmt: skip
"""What a toy that has read its files before, and has a compiled chart, brings with it to no idle moment."""
REST = """
import asyncio, sys
from pathlib import Path
from pommai.cli.run import add_parser  # as `pommai run` begins
from pommai.io.secret import keep_secret
from pommai.toy import wiring
from pommai.toy.logs import configure_logs
from pommai.toy.settings import load_settings

folder = Path(sys.argv[1])
none = {"POMMAI_" + name: "none" for name in ("MICROPHONE", "SPEAKER", "BUTTON", "LIGHTS", "VOSK_MODEL")}
more = {"CHART": folder / "chart.json", "CACHE_DIR": folder / "cache", "MEMORY": folder / "memory.db"}
more["TOKEN_FILE"] = keep_secret(folder / "token", "only-for-tests")
settings = load_settings(
    environment=none | {"POMMAI_" + name: str(value) for name, value in more.items()}
)
configure_logs(settings.log_level)
rested = []
tell = wiring.ServiceManager.ready
def ready(self):
    if not rested:
        rested.append(sorted(sys.modules))
        stop[0]()
    tell(self)
wiring.ServiceManager.ready = ready
stop = []
asyncio.run(wiring.run_toy(settings, stop.append))
print("\\n".join(rested[0]))
"""


def test_what_is_heavy_is_not_imported_before_a_toy_rests(tmp_path: Path) -> None:
    assert main(["compile", str(find_project_file("statechart.yaml")), "-o", str(tmp_path / "chart.json")]) == 0
    for _ in range(2):  # the first start fills the cache
        done = subprocess.run(
            [sys.executable, "-c", REST, str(tmp_path)], capture_output=True, text=True, check=False, cwd=tmp_path
        )
        assert done.returncode == 0, done.stderr
    assert "pommai.actions.body" in done.stdout
    assert [name for name in done.stdout.splitlines() if name.startswith(HEAVY)] == []
