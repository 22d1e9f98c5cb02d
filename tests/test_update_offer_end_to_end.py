"""An operator offers a bundle with one command, a toy takes it, and the gateway's list shows it: three programs."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

from gateway_material import TOKEN
from live_processes import child
from update_material import Desk, Toy, lights, pommai

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


def test_a_bundle_goes_from_an_operators_desk_to_a_toy_that_proves_it(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "desk")
    shutil.copytree(RESOURCES / "sounds", tmp_path / "desk" / "v12" / "sounds")
    sounds = sorted((tmp_path / "desk" / "v12" / "sounds").glob("*.wav"))
    sounds[0].write_bytes(sounds[1].read_bytes())
    bundle = desk.build(12, {"led_patterns.yaml": lights("leaf")})
    toy = Toy(tmp_path / "toy", desk)
    arguments = ("gateway", "--port", "0", "--data", str(tmp_path / "toys.db"))
    with child(tmp_path, "gateway", *arguments, POMMAI_GATEWAY_TOKEN=TOKEN, POMMAI_OPERATOR_TOKEN=OPERATOR) as gateway:
        printed = tmp_path / "gateway.out"
        found: Any = gateway.wait(
            lambda: re.search(r"operators: (\S+)\nlistening on (\S+)\n", printed.read_text()), "gateway that listens"
        )
        url, socket = found.groups()
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
