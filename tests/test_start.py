"""How a toy starts: what it does not bring with it before it rests for the first time."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pommai.cli import main
from pommai.toy.settings import find_project_file

HEAVY = (
    "yaml", "pommai.nodes_reader", "pommai.source", "pommai.chart.model", "pommai.chart.compile", "pommai.chart.load",
    "pommai.lights.load", "pommai.responses.load", "pommai.gateway", "statemachine", "vosk", "numpy", "httpx",
    "aiohttp", "httpcore", "gpiozero", "pyaudio", "pymicro_wakeword", "graphviz", "jsonschema", "redis", "hypothesis",
    "websockets", "http", "email", "urllib.request", "importlib.metadata", "zipfile", "statistics", "webrtcvad",
    "pommai.bundle.container", "pommai.bundle.keys", "pommai.bundle.manifest", "pommai.bundle.store",
    "pommai.io.model_download", "pommai.io.model_unpack",
)  # fmt: skip
"""What a toy that has read its files before, has a compiled chart, and is answered by no server brings with it to no
idle moment."""
SLOWLY_MADE = frozenset((
    "pommai.responses.model.Harmless", "pommai.responses.model.Reply", "pommai.responses.model.Trigger",
    "pommai.toy.settings.Settings",
))  # fmt: skip
"""Dataclasses that such a toy makes. One takes Python 0.5 to 1 ms, a Struct of msgspec 0.05: a toy has a hundred kinds
of values. These have fields that do not count when two are compared, or words with their fields."""
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
own = none | {"POMMAI_" + name: str(value) for name, value in more.items()}
settings = load_settings(environment=own | {"CONVEX_URL": "ws://127.0.0.1:9/"})  # where nobody answers
configure_logs(settings.log_level)
rested = []

def made():
    for name, module in sorted(sys.modules.items()):
        if name.startswith("pommai."):
            for kind in vars(module).values():
                if isinstance(kind, type) and "__dataclass_fields__" in vars(kind) and kind.__module__ == name:
                    yield f"dataclass {name}.{kind.__qualname__}"

tell = wiring.ServiceManager.ready
def ready(self):
    if not rested:
        rested.append([*sorted(sys.modules), *made()])
        stop[0]()
    tell(self)
wiring.ServiceManager.ready = ready
stop = []
asyncio.run(wiring.run_toy(settings, stop.append))
print("\\n".join(rested[0]))
"""


@pytest.fixture(scope="module")
def rested(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What a toy has imported when it rests for the first time, and the dataclasses it has made."""
    folder = tmp_path_factory.mktemp("toy")
    assert main(["compile", str(find_project_file("statechart.yaml")), "-o", str(folder / "chart.json")]) == 0
    for _ in range(2):  # the first start fills the cache
        done = subprocess.run(
            [sys.executable, "-c", REST, str(folder)], capture_output=True, text=True, check=False, cwd=folder
        )
        assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_what_is_heavy_is_not_imported_before_a_toy_rests(rested: list[str]) -> None:
    assert "pommai.actions.body" in rested
    assert [name for name in rested if name.startswith(HEAVY)] == []


def test_nearly_all_values_of_a_toy_that_starts_are_quickly_made(rested: list[str]) -> None:
    made = {name.removeprefix("dataclass ") for name in rested if name.startswith("dataclass ")}
    assert made == SLOWLY_MADE, "make it a msgspec.Struct"
