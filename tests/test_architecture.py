"""The plan of the house, held by a machine: who may import whom, no circles, a test file for every module.

Floors, from the ground up; a module imports from floors below its own and from its own package:

    errors, events, hints, nodes, source
    chart | lights | responses | protocol      pure: no I/O, no event loop, no clock; strangers to each other
    io                                         knows no chart
    bundle                                     as io
    gateway
    actions                                    of io it knows the ports alone
    guards                                     as actions
    toy
    qa
    demo
    doctor
    cli
    __main__
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

FLOORS = (
    ("errors", "events", "hints", "nodes", "nodes_reader", "nodes_syntax", "source"),
    ("chart", "lights", "responses", "protocol"),
    ("io",),
    ("bundle",),
    ("gateway",),
    ("actions",),
    ("guards",),
    ("toy",),
    ("qa",),
    ("demo",),
    ("doctor",),
    ("cli",),
    ("__main__",),
)
FLOOR_OF = {part: number for number, floor in enumerate(FLOORS) for part in floor}
PURE = FLOORS[1]
# fmt: off
IMPURE_MODULES = frozenset((
    "asyncio", "concurrent", "ctypes", "datetime", "logging", "multiprocessing", "os", "queue", "random", "secrets",
    "select", "selectors", "shutil", "signal", "socket", "ssl", "subprocess", "sys", "tempfile", "termios",
    "threading", "time", "uuid",
))
DEVICE_MODULES = frozenset((
    "aiosqlite", "gpiozero", "lgpio", "openwakeword", "opuslib", "pyaudio", "pymicro_wakeword", "serial", "spidev",
    "sqlite3", "vosk", "webrtcvad", "websockets",
))
# fmt: on
LONGEST = 450
"""Lines of a file. What is longer is two things."""

WITHOUT_TESTS = {
    "gateway/responder.py": "a Protocol and the value it takes: nothing runs",
    "__main__.py": "run by test_cli_main in a process of its own",
}

# -- the checker ---------------------------------------------------------------------------


def modules_of(package: Path) -> dict[str, Path]:
    """Dotted name to file, of every module below a package's folder; a package goes by its own name."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = [package.name, *path.relative_to(package).with_suffix("").parts]
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports_of(name: str, path: Path, modules: dict[str, Path]) -> Iterator[tuple[int, str]]:
    """Line and dotted name of all that a module imports, wherever in it and for whatever purpose."""
    inside = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = inside.split(".")[: len(inside.split(".")) - node.level + 1]
                base = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                yield node.lineno, inner if inner in modules else base


def part_of(name: str) -> str:
    """The package or ground-floor module below `pommai` that a dotted name belongs to; empty for `pommai` itself."""
    return name.split(".")[1] if "." in name else ""


def complaint(name: str, imported: str) -> str:
    """Why a module may not import another, or nothing."""
    mine, top = part_of(name), imported.split(".")[0]
    if top != "pommai":
        if mine in PURE and top in IMPURE_MODULES | DEVICE_MODULES:
            return f"{mine} is pure and may not import {top}"
        if mine in ("actions", "guards") and top in DEVICE_MODULES:
            return f"{mine} knows no device and may not import {top}"
        return ""
    other = part_of(imported)
    if other in ("", mine):
        return ""
    if mine not in FLOOR_OF or other not in FLOOR_OF:
        return f"{other if mine in FLOOR_OF else mine} stands on no floor of the house"
    if FLOOR_OF[other] > FLOOR_OF[mine]:
        return f"{mine} may not import {other}, which stands above it"
    if FLOOR_OF[other] == FLOOR_OF[mine] and FLOOR_OF[mine] > 0:
        return f"{mine} and {other} are strangers to each other"
    if mine in ("io", "bundle") and other == "chart":
        return f"{mine} knows no chart"
    if mine in ("actions", "guards") and other == "io" and imported != "pommai.io.ports":
        return f"{mine} knows ports, never a device: {imported}"
    return ""


def import_complaints(package: Path) -> list[str]:
    """Every import that the plan does not allow."""
    modules = modules_of(package)
    return [
        f"{path.relative_to(package.parent)}:{line}: {words}"
        for name, path in modules.items()
        for line, imported in imports_of(name, path, modules)
        if (words := complaint(name, imported))
    ]


def circles(package: Path) -> list[str]:
    """Modules that import each other in a circle, each circle once."""
    modules = modules_of(package)
    edges = {
        name: sorted({imported for _, imported in imports_of(name, path, modules)} & (modules.keys() - {name}))
        for name, path in modules.items()
    }
    done: set[str] = set()
    found: list[str] = []

    def walk(name: str, above: list[str]) -> None:
        if name in above:
            found.append(" -> ".join([*above[above.index(name) :], name]))
        elif name not in done:
            for other in edges[name]:
                walk(other, [*above, name])
            done.add(name)

    for name in modules:
        walk(name, [])
    return found


def untested_modules(package: Path, tests: Path) -> list[str]:
    """Modules without a test file: `pommai/io/link.py` has its tests in `test_io_link.py` or `test_io_link_….py`."""
    stems = {path.stem for path in tests.rglob("test_*.py")}
    missing = []
    for path in sorted(package.rglob("*.py")):
        relative = path.relative_to(package)
        wanted = "test_" + "_".join(relative.with_suffix("").parts)
        if path.name == "__init__.py" or str(relative) in WITHOUT_TESTS:
            continue
        if not any(stem == wanted or stem.startswith(wanted + "_") for stem in stems):
            missing.append(f"{relative} has no {wanted}.py")
    return missing


def long_files(package: Path) -> list[str]:
    """Modules that are too long."""
    return [
        f"{path.name}: {lines} lines"
        for path in sorted(package.rglob("*.py"))
        if (lines := len(path.read_text().splitlines())) > LONGEST
    ]


# -- the house -----------------------------------------------------------------------------


def assert_none(complaints: list[str]) -> None:
    assert not complaints, "\n" + "\n".join(complaints)


def test_every_import_follows_the_plan() -> None:
    assert_none(import_complaints(ROOT / "pommai"))


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert_none(circles(ROOT / "pommai"))


def test_every_module_has_a_test_file_of_its_name() -> None:
    assert_none(untested_modules(ROOT / "pommai", ROOT / "tests"))


def test_no_file_is_too_long_to_be_read_in_one_go() -> None:
    assert_none(long_files(ROOT / "pommai"))


def test_what_needs_no_tests_exists() -> None:
    assert [name for name in WITHOUT_TESTS if not (ROOT / "pommai" / name).is_file()] == []


# -- the checker finds what it is there for ------------------------------------------------


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A small house that is in order."""
    files = {
        "__init__.py": "",
        "errors.py": "import json\n",
        "chart/__init__.py": "",
        "chart/load.py": "from pommai.errors import X\nfrom pommai.chart import keys\n",
        "chart/keys.py": "",
        "protocol/__init__.py": "",
        "io/__init__.py": "",
        "io/ports.py": "from pommai.errors import X\n",
        "io/led.py": "import gpiozero\n",
        "actions/__init__.py": "from pommai.io.ports import Y\n",
        "toy/__init__.py": "",
        "toy/run.py": "import asyncio\nfrom pommai.io import led\nimport pommai.chart.load\n",
    }
    for name, text in files.items():
        path = tmp_path / "pommai" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "pommai"


def test_a_house_in_order_has_no_complaints(house: Path) -> None:
    assert import_complaints(house) == []
    assert circles(house) == []


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("errors.py", "import pommai.io.led", "stands above it"),
        ("chart/load.py", "def f():\n    import time", "pure and may not import time"),
        ("chart/load.py", "from os import path", "pure and may not import os"),
        ("chart/load.py", "from pommai.protocol import wire", "strangers"),
        ("chart/load.py", "from ..protocol import wire", "strangers"),
        ("chart/__init__.py", "from ..io import led", "stands above it"),
        ("io/led.py", "import pommai.chart", "io knows no chart"),
        ("actions/__init__.py", "from pommai.io import led", "never a device: pommai.io.led"),
        ("actions/__init__.py", "import pyaudio", "may not import pyaudio"),
        ("actions/__init__.py", "from pommai.toy.run import x", "stands above it"),
        ("cellar.py", "from pommai.errors import X", "cellar stands on no floor"),
    ],
)
def test_an_import_against_the_plan_is_found(house: Path, file: str, text: str, words: str) -> None:
    (house / file).write_text(text + "\n")
    (found,) = import_complaints(house)
    assert words in found
    assert found.startswith(f"pommai/{file}:")


def test_a_circle_is_found_and_drawn(house: Path) -> None:
    (house / "chart" / "keys.py").write_text("def f():\n    from .load import g\n")
    assert circles(house) == ["pommai.chart.keys -> pommai.chart.load -> pommai.chart.keys"]


def test_a_module_without_tests_is_found(house: Path, tmp_path: Path) -> None:
    tests = tmp_path / "tests"
    tests.mkdir()
    for name in (
        "test_errors.py",
        "test_chart_load_errors.py",
        "test_chart_keys.py",
        "test_io_leds.py",
        "test_io_ports.py",
    ):
        (tests / name).touch()
    assert untested_modules(house, tests) == ["io/led.py has no test_io_led.py", "toy/run.py has no test_toy_run.py"]


def test_a_long_file_is_found(house: Path) -> None:
    (house / "errors.py").write_text("\n" * (LONGEST + 1))
    assert long_files(house) == [f"errors.py: {LONGEST + 1} lines"]
