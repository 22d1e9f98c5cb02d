"""`pommai bundle keygen`, `build` and `sign`."""

from __future__ import annotations

import re
import shutil
import stat
from pathlib import Path

import pytest
from update_material import ROOT, Desk, lights, pommai

from pommai.bundle.container import open_bundle
from pommai.bundle.keys import read_public_keys
from pommai.bundle.manifest import CHART


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "desk")


def folder(place: Path, **files: str) -> Path:
    place.mkdir()
    for name, text in files.items():
        (place / f"{name}.yaml").write_text(text)
    return place


def test_a_key_is_made_and_told_what_each_half_is_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, said, _ = pommai("bundle", "keygen")
    assert code == 0
    assert "update.key: the private key" in said
    assert "update.pub: the public key" in said
    assert stat.S_IMODE((tmp_path / "update.key").stat().st_mode) == 0o600
    assert pommai("bundle", "keygen")[0] == 1


def test_a_chart_is_compiled_into_its_bundle(desk: Desk) -> None:
    bundle = desk.build(4, {"statechart.yaml": (ROOT / "statechart.yaml").read_text()}, "--floor", "2")
    with open_bundle(bundle, None) as opened:
        opened.check_parts()
        assert [part.name for part in opened.manifest.parts] == [CHART, "statechart.yaml"]
        assert (opened.manifest.version, opened.manifest.floor) == (4, 2)


def test_the_same_files_make_the_same_bundle(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1767225600")
    first = desk.build(4, {"led_patterns.yaml": lights("leaf")}).read_bytes()
    assert desk.build(4, {"led_patterns.yaml": lights("leaf")}).read_bytes() == first
    assert b"2026-01-01T00:00:00Z" in first


def test_a_bundle_has_a_name_of_its_own_and_is_not_signed_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder(tmp_path / "my_toy", led_patterns=lights("leaf"))
    code, said, _ = pommai("bundle", "build", "my_toy", "--version", "7")
    assert code == 0
    assert re.search(r"my_toy-7.pommai-bundle: version 7, 1 file, \d kB, not signed yet: `pommai bundle sign`", said)


def test_what_does_not_belong_in_a_bundle_is_left_and_told(tmp_path: Path) -> None:
    place = folder(tmp_path / "my", led_patterns=lights("leaf"), gateway="x", pommai="x")
    code, _, errors = pommai("bundle", "build", place, "--version", 1, "-o", tmp_path / "x")
    assert code == 0
    assert "not taken along: gateway.yaml, pommai.yaml" in errors


@pytest.mark.parametrize(
    ("files", "more", "words"),
    [
        ({}, (), "holds nothing for a bundle"),
        ({"led_patterns": "patterns: {}\n"}, (), "not fit for this toy"),
        ({"statechart": "states: {}\n"}, (), "statechart.yaml:1"),
        ({"led_patterns": ""}, ("--floor", 9), r"floor must be a whole number in 0..1"),
        ({"led_patterns": ""}, ("--fleet", "a b"), "fleet must be letters"),
        ({"led_patterns": ""}, ("--key", "/none"), "the key to sign with: /none cannot be read"),
        ({"led_patterns": ""}, ("--version", 0), "version must be"),
    ],
)
def test_what_cannot_be_built_says_why_and_leaves_nothing(
    tmp_path: Path, files: dict[str, str], more: tuple[object, ...], words: str
) -> None:
    place = folder(tmp_path / "my", **files)
    code, _, errors = pommai("bundle", "build", place, "--version", 1, "-o", tmp_path / "out", *more)
    assert code == 1
    assert words in errors
    assert "Traceback" not in errors
    assert [path.name for path in tmp_path.iterdir()] == ["my"]


def test_a_chart_that_breaks_a_promise_is_not_built(tmp_path: Path) -> None:
    text = (ROOT / "statechart.yaml").read_text()
    place = folder(tmp_path / "my", statechart=text.replace("do: wait_for_resume", "do: [wait_for_resume, hear]"))
    code, _, errors = pommai("bundle", "build", place, "--version", 1, "-o", tmp_path / "out")
    assert code == 1
    assert "safe_mode_hears_nothing" in errors


@pytest.mark.parametrize("name", ["led_patterns", "statechart"])
def test_a_mistake_is_told_in_the_file_that_somebody_can_mend(tmp_path: Path, name: str) -> None:
    text = (ROOT / f"{name}.yaml").read_text()
    place = folder(tmp_path / "my_toy", **{name: text + "\nnonsense: [1]\n"})
    code, _, errors = pommai("bundle", "build", place, "--version", 4, "-o", tmp_path / "x")
    assert code == 1
    assert re.search(rf"{re.escape(str(place / name))}\.yaml:\d+:\d+: ", errors)
    assert "/pommai-bundle-" not in errors


def test_a_sound_of_a_name_that_no_toy_plays_is_refused(tmp_path: Path) -> None:
    place = folder(tmp_path / "my")
    shutil.copytree(ROOT / "pommai" / "resources" / "sounds", place / "sounds")
    (place / "sounds" / "Meine Süße.wav").touch()
    code, _, errors = pommai("bundle", "build", place, "--version", 1, "-o", tmp_path / "out")
    assert code == 1
    assert "a bundle cannot hold a file called" in errors


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    place = folder(tmp_path / "my", led_patterns=lights("leaf"))
    code, _, errors = pommai("bundle", "build", place, "--version", 1, "-o", tmp_path / "none" / "out")
    assert code == 1
    assert "cannot be written" in errors
    assert pommai("bundle", "build", tmp_path / "none", "--version", 1)[0] == 1


def test_a_second_key_signs_beside_the_first_and_the_same_key_once(tmp_path: Path, desk: Desk) -> None:
    bundle = desk.build(4, {"led_patterns.yaml": lights("leaf")})
    assert pommai("bundle", "keygen", tmp_path / "new")[0] == 0
    for key, count in ((tmp_path / "new.key", "2 signatures"), (tmp_path / "new.key", "2 signatures")):
        code, said, _ = pommai("bundle", "sign", bundle, "--key", key)
        assert code == 0
        assert count in said
    for public in (desk.public, tmp_path / "new.pub"):
        assert pommai("bundle", "verify", bundle, "--keys", public)[0] == 0


def test_what_is_no_bundle_is_not_signed(tmp_path: Path, desk: Desk) -> None:
    (tmp_path / "letter").write_text("Dear toy,")
    code, _, errors = pommai("bundle", "sign", tmp_path / "letter", "--key", desk.folder / "maker.key")
    assert code == 1
    assert "is no update bundle" in errors
    assert (tmp_path / "letter").read_text() == "Dear toy,"


def test_a_bundle_revokes_keys_by_their_file_or_id(desk: Desk, tmp_path: Path) -> None:
    assert pommai("bundle", "keygen", tmp_path / "lost")[0] == 0
    lost = next(iter(read_public_keys(tmp_path / "lost.pub"))).hex()
    revoke = ("--revoke", tmp_path / "lost.pub", "--revoke", "00112233aabbccdd")
    bundle = desk.build(4, {"led_patterns.yaml": lights("leaf")}, *revoke)
    with open_bundle(bundle, None) as opened:
        assert opened.manifest.revokes == tuple(sorted((lost, "00112233aabbccdd")))
    assert f"revokes      {lost}" in pommai("bundle", "show", bundle)[1]
    desk.public.write_text(desk.public.read_text() + (tmp_path / "lost.pub").read_text())
    said = pommai("bundle", "verify", bundle, "--keys", desk.public)[1]
    assert f"revokes {lost}" in said
    assert "00112233aabbccdd" not in said  # none that this toy trusts
    place = desk.folder / "v4"
    code, _, errors = pommai("bundle", "build", place, "--version", 4, "--revoke", "my-key")
    assert (code, "a revoked key must be its id" in errors) == (1, True)
    code, _, errors = pommai("bundle", "build", place, "--version", 4, "--revoke", "lost.pup")
    assert (code, "the public keys lost.pup cannot be read: No such file" in errors) == (1, True)


def test_wheels_make_a_bundle_of_software(desk: Desk) -> None:
    bundle = desk.build(4, {"wheels/pommai-2-py3-none-any.whl": "PK"})
    with open_bundle(bundle, None) as opened:
        assert opened.manifest.is_software
