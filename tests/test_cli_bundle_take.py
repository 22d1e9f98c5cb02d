"""`pommai bundle verify`, `show`, `apply` and `rollback`."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from bundle_material import KEY, bundle_bytes, public
from test_bundle_fetch import sends, served
from update_material import ROOT, Desk, lights, pommai

from pommai.bundle.state import Kept, State, Trial
from pommai.bundle.store import Store


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "desk")


def flags(desk: Desk) -> tuple[object, ...]:
    return ("--updates", desk.folder / "updates", "--update-keys", desk.public)


def test_a_bundle_is_verified_as_a_toy_would(desk: Desk) -> None:
    bundle = desk.build(4, {"statechart.yaml": (ROOT / "statechart.yaml").read_text()})
    code, said, _ = pommai("bundle", "verify", bundle, "--keys", desk.public)
    assert code == 0
    assert "version 4, signed by maker, every hash right, " in said
    found = json.loads(pommai("bundle", "verify", bundle, "--keys", desk.public, "--json")[1])
    assert found["signed_by"] == ["maker"]
    assert found["properties"] > 100
    assert [name for name, _, _ in found["parts"]] == ["statechart.pommai.json", "statechart.yaml"]


def test_a_strangers_bundle_is_not_good(tmp_path: Path, desk: Desk) -> None:
    (tmp_path / "x").write_bytes(bundle_bytes({"led_patterns.yaml": lights("leaf").encode()}))
    code, said, errors = pommai("bundle", "verify", tmp_path / "x", "--keys", desk.public)
    assert (code, said) == (1, "")
    assert "it is not from whom you trust" in errors


def test_a_mistake_in_a_bundle_is_told_by_the_name_of_its_file_there(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(bundle_bytes({"led_patterns.yaml": b"paterns: {}\n"}))
    (tmp_path / "keys").write_text(f"{public(KEY)}\n")
    code, _, errors = pommai("bundle", "verify", tmp_path / "x", "--keys", tmp_path / "keys")
    assert code == 1
    assert "the bundle is not fit for this toy: led_patterns.yaml:1:1: error: " in errors


def test_what_a_bundle_says_is_shown_without_trusting_it(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(bundle_bytes(fleet="north", floor=3, signers=()))
    code, said, _ = pommai("bundle", "show", tmp_path / "x")
    assert code == 0
    assert "for          pommai, fleet north" in said
    assert "signed by    nobody (not looked at here" in said
    assert "sounds/wake.wav" in said
    assert json.loads(pommai("bundle", "show", tmp_path / "x", "--json")[1])["floor"] == 3


def test_a_toy_shows_what_it_has(desk: Desk) -> None:
    assert "in force     what came with the software" in pommai("bundle", "show", *flags(desk))[1]
    for version in (4, 5):
        assert (
            pommai("bundle", "apply", desk.build(version, {"led_patterns.yaml": lights("leaf")}), *flags(desk))[0] == 0
        )
        store = Store(desk.folder / "updates")
        store.begin()
        if version == 4:
            store.change(State.confirmed)
    said = pommai("bundle", "show", *flags(desk))[1]
    assert "in force     version 5, on trial (1 starts)" in said
    assert "before it    version 4" in said
    current = store.read().current
    assert current is not None
    (store.place(current) / "led_patterns.yaml").write_text("worn out")
    assert "in force     version 5, DAMAGED" in pommai("bundle", "show", *flags(desk))[1]
    store.change(lambda state: state.back("it does not sing"))
    store.revoke(["0" * 16])
    said = pommai("bundle", "show", *flags(desk))[1]
    assert "did not work 5" in said
    assert "taken back   version 5: it does not sing" in said
    assert "revoked      0000000000000000: bundles by these keys are not taken" in said
    assert "software     what install.sh has made" in said


def test_what_root_says_of_the_software_is_shown(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = Store(tmp_path / "root")
    root.prepare()
    kept = Kept(7, 0, "ab" * 32)
    root.change(
        lambda _: State(
            current=kept, waiting=Kept(8, 0, "cd" * 32), trial=Trial(True, 2), failed=(3,), word="version 3: why"
        )
    )
    (root.folder / "said.json").write_text('{"file": [1, 2, 3], "words": "there is too little room"}')
    monkeypatch.setattr("pommai.cli.bundle_take.ROOT", root.folder)
    lines = pommai("bundle", "show", *flags(desk))[1].splitlines()
    assert lines[-5:] == [
        "software     version 7, on trial (2 starts, 0 s)",
        "comes next   software 8, when the toy rests or is started",
        "did not work software 3",
        "taken back   software version 3: why",
        "last refused there is too little room",
    ]


def test_a_bundle_is_fetched_from_where_somebody_says(desk: Desk) -> None:
    data = desk.build(4, {"led_patterns.yaml": lights("leaf")}).read_bytes()
    known = ("--sha256", hashlib.sha256(data).hexdigest(), "--size", len(data))
    with served(sends(data)) as url:
        code, said, _ = pommai("bundle", "apply", "--from", url, *known, *flags(desk))
    assert code == 0
    assert "version 4 comes into force" in said


@pytest.mark.parametrize("words", [(), ("x", "--from", "https://a.example/x"), ("--from", "https://a.example/x")])
def test_a_bundle_comes_from_one_place_whose_hash_is_known(desk: Desk, words: tuple[str, ...]) -> None:
    code, _, errors = pommai("bundle", "apply", *words, *flags(desk))
    assert code == 2
    assert "give a FILE, or --from with --sha256 and --size" in errors


def test_who_names_files_of_his_own_is_told_that_they_count(desk: Desk) -> None:
    mine = ("--led-patterns", ROOT / "led_patterns.yaml")
    code, said, _ = pommai("bundle", "apply", desk.build(4, {"led_patterns.yaml": lights("leaf")}), *flags(desk), *mine)
    assert code == 0
    assert "not used are: led_patterns" in said


def test_software_is_laid_out_for_root_and_that_is_told(desk: Desk) -> None:
    bundle = desk.build(4, {"wheels/pommai-2-py3-none-any.whl": "PK"})
    assert pommai("bundle", "verify", bundle, "--keys", desk.public)[0] == 0
    code, said, _ = pommai("bundle", "apply", bundle, *flags(desk))
    assert code == 0
    assert "software 4 is signed and whole" in said


def test_nothing_is_there_to_be_shown_or_taken(tmp_path: Path, desk: Desk) -> None:
    for action in ("show", "apply"):
        code, _, errors = pommai("bundle", action, tmp_path / "none", *flags(desk))
        assert code == 1
        assert "No such file" in errors
