"""An operator offers a bundle with one command, a toy takes it, and the gateway's list shows it: three programs."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gateway_material import TOKEN
from live_processes import Child, child
from software_material import House, software
from update_material import Desk, Toy, lights, pommai

from pommai.bundle.hatch import Note, read_note
from pommai.errors import BundleError
from pommai.gateway.bundle_files import folder_beside
from pommai.toy.settings import RESOURCES

OPERATOR = "the-operator-of-this-test"


def operator(url: str, *words: object) -> str:
    """`pommai bundle ...`, as an operator; what it said."""
    with contextlib.ExitStack() as stack:
        before = os.environ.get("POMMAI_OPERATOR_TOKEN")
        os.environ["POMMAI_OPERATOR_TOKEN"] = OPERATOR
        stack.callback(_put_back, before)
        code, said, errors = pommai("bundle", *words, "--gateway", url)
    assert code == 0, errors
    return said


def _put_back(before: str | None) -> None:
    os.environ.pop("POMMAI_OPERATOR_TOKEN")
    if before is not None:
        os.environ["POMMAI_OPERATOR_TOKEN"] = before


def standings(url: str) -> dict[str, str]:
    (row,) = json.loads(operator(url, "offers", "--json"))["bundles"]
    return {toy["device"]: toy["standing"] for toy in row["toys"]}


@contextlib.contextmanager
def running_gateway(folder: Path) -> Iterator[tuple[Child, str, str]]:
    """A gateway, and where its operators and its toys find it."""
    arguments = ("gateway", "--port", "0", "--data", str(folder / "toys.db"))
    with child(folder, "gateway", *arguments, POMMAI_GATEWAY_TOKEN=TOKEN, POMMAI_OPERATOR_TOKEN=OPERATOR) as gateway:
        printed = folder / "gateway.out"
        found: Any = gateway.wait(
            lambda: re.search(r"operators: (\S+)\nlistening on (\S+)\n", printed.read_text()), "gateway that listens"
        )
        url, socket = found.groups()
        yield gateway, url, socket


def test_a_bundle_goes_from_an_operators_desk_to_a_toy_that_proves_it(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "desk")
    shutil.copytree(RESOURCES / "sounds", tmp_path / "desk" / "v12" / "sounds")
    sounds = sorted((tmp_path / "desk" / "v12" / "sounds").glob("*.wav"))
    sounds[0].write_bytes(sounds[1].read_bytes())
    bundle = desk.build(12, {"led_patterns.yaml": lights("leaf")})
    toy = Toy(tmp_path / "toy", desk.public)
    with running_gateway(tmp_path) as (gateway, url, socket):
        said = operator(url, "offer", bundle, "--device", "default-toy-001")
        assert "version 12 for pommai" in said
        assert "default-toy-001  silent: it takes no bundles, or has not been here" in said
        with toy.running(socket) as running:
            gateway.logs("update told .*version=12")
            toy.ends_to_begin_again(running)
        gateway.logs("update reported .*outcome=taken")
        with toy.running(socket) as running:
            running.logs("update on trial version=12")
            running.logs("update confirmed version=12")
            gateway.wait(lambda: standings(url) == {"default-toy-001": "in force"}, "toy that runs it")
        assert "offered to 1 toy: 1 in force" in operator(url, "offers")
        assert [path.name[-14:] for path in folder_beside(tmp_path / "toys.db").iterdir()] == [".pommai-bundle"]
        assert operator(url, "withdraw", "12") == "version 12 is withdrawn; toys that have taken it keep it\n"
        assert list(folder_beside(tmp_path / "toys.db").iterdir()) == []
        assert operator(url, "offers") == "no bundle is offered; `pommai bundle offer` brings one\n"
    assert toy.show().startswith("in force     version 12\n")


# -- software, which root installs -----------------------------------------------------------


class Family:
    """An operator, a gateway, a toy, and the hand of root that looks after the toy's software."""

    def __init__(self, folder: Path, gateway: Child, url: str) -> None:
        self._gateway = gateway
        self._url = url
        self._folder = folder
        self.house = House(folder / "house", updates=folder / "toy" / "updates")
        self.toy = Toy(folder / "toy", self.house.folder / "keys")
        self.toy.environment = {"TOY_ROOT": str(self.house.places.state), "TOY_SOFTWARE": "installed"}

    def offers(self, version: int) -> None:
        bundle = self._folder / f"{version}.pommai-bundle"
        bundle.write_bytes(software(version))
        assert f"software version {version} for pommai" in operator(self._url, "offer", bundle, "--all")

    def toy_starts(self) -> None:
        """As pommai-software-start.service and systemd have it."""
        self.toy.environment["TOY_SOFTWARE"] = self.house.keeper().start()

    def reads(self, version: int, line: str) -> None:
        """Wait until the operator reads this of a version."""

        def lines() -> list[str]:
            blocks = operator(self._url, "offers").split("\n\n")
            return next(block.splitlines() for block in blocks if block.startswith(f"software version {version} "))

        self._gateway.wait(lambda: f"  default-toy-001  {line}" in lines(), f"{line} of {version}")


def test_an_operator_reads_what_becomes_of_software_to_its_end(tmp_path: Path) -> None:
    with running_gateway(tmp_path) as (gateway, url, socket):
        family = Family(tmp_path, gateway, url)
        house, toy = family.house, family.toy
        family.offers(2)
        with toy.running(socket) as running:
            family.reads(2, "taken: it is not installed yet")
            assert "is installed" in house.keeper().look()
            toy.ends_to_begin_again(running)
        family.toy_starts()
        with toy.running(socket) as running:
            family.reads(2, "on trial")
            name = toy.environment["TOY_SOFTWARE"]
            running.wait(lambda: read_note(toy.updates) == Note(name, 1, True, True), "toy that fares well")
            house.now += 700
            assert "has proved itself" in house.keeper().look()
            family.reads(2, "in force")
            family.offers(3)
            family.reads(3, "taken: it is not installed yet")
            house.keeper().look()
            toy.ends_to_begin_again(running)
        for _ in range(4):  # the first three of these starts end before the toy rests
            family.toy_starts()
        with toy.running(socket):
            family.reads(3, "undone: the toy ended 3 times before it came to rest")
            family.reads(2, "in force")
            house.keeper().look()
            family.offers(4)
            family.reads(4, "taken: it is not installed yet")
        house.machine.fails = "pommai check"
        with pytest.raises(BundleError):
            house.keeper().look()
        with toy.running(socket):  # it was switched off when that happened
            family.reads(4, "refused: pommai check failed")
            family.reads(3, "undone: the toy ended 3 times before it came to rest")
            family.reads(2, "in force")
