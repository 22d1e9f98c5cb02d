"""`pommai bundle`: what it teaches, and its way from a maker's desk to a toy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from update_material import Desk, lights, pommai

ACTIONS = ("keygen", "build", "sign", "verify", "show", "apply", "rollback")


@pytest.mark.parametrize("action", ACTIONS)
def test_every_action_explains_itself(action: str) -> None:
    code, said, _ = pommai("bundle", action, "--help")
    assert code == 0
    assert "Exit code: 0 all is well, 1 the bundle is refused" in said
    assert len(said.split("options:")[0].split()) > 30


def test_the_command_shows_the_whole_way() -> None:
    _, said, _ = pommai("bundle", "--help")
    assert all(f"pommai bundle {action}" in said for action in ("keygen", "build", "verify", "apply"))


@pytest.mark.parametrize("words", [(), ("polish",), ("build", "x"), ("build", "x", "--version", "one"), ("sign", "x")])
def test_wrong_usage_is_told(words: tuple[str, ...]) -> None:
    assert pommai("bundle", *words)[0] == 2


def test_a_bundle_goes_from_a_desk_to_a_toy_and_back(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "desk")
    bundle = desk.build(3, {"led_patterns.yaml": lights("leaf")}, "--fleet", "home")
    flags = ("--updates", tmp_path / "updates", "--update-keys", desk.public)
    code, said, errors = pommai("bundle", "apply", bundle, *flags, "--json")
    assert (code, errors) == (0, "")
    assert json.loads(said) == {"version": 3, "software": False, "unused": [], "revoked": []}
    assert "comes next   version 3" in pommai("bundle", "show", *flags)[1]
    assert json.loads(pommai("bundle", "show", *flags, "--json")[1])["waiting"][0] == 3
    assert json.loads(pommai("bundle", "rollback", *flags, "--json")[1]) == {"version": None}
    assert pommai("bundle", "rollback", *flags)[0] == 1
