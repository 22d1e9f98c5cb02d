"""What a toy lays out for root, and how root takes it."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from bundle_material import bundle_bytes, opened
from hypothesis import given as supposing
from hypothesis import strategies as st

from pommai.bundle.container import read_signed
from pommai.bundle.hatch import (
    NOTE,
    REFUSED,
    REVOKING,
    WANTED,
    Hatch,
    Note,
    Refusal,
    decode_note,
    file_id,
    given,
    name_of,
    read_note,
    said,
)
from pommai.bundle.state import Kept
from pommai.errors import BundleError

WHEELS = {"wheels/pommai-2-py3-none-any.whl": b"PK" * 5000}
NOTED = Note("installed", 3, True, False, "2-0123456789abcdef")


def test_software_lies_there_as_it_came(tmp_path: Path) -> None:
    data = bundle_bytes(WHEELS)
    with opened(tmp_path, data) as bundle:
        Hatch(tmp_path / "updates").want(bundle)
    with given(tmp_path / "updates", WANTED) as file:
        assert file is not None
        assert file.read() == data


def test_a_damaged_bundle_leaves_what_lay_there(tmp_path: Path) -> None:
    hatch = Hatch(tmp_path / "updates")
    with opened(tmp_path, bundle_bytes(WHEELS)) as bundle:
        hatch.want(bundle)
    with opened(tmp_path, bundle_bytes(WHEELS, version=13)[:-1] + b"x") as bundle, pytest.raises(BundleError):
        hatch.want(bundle)
    assert [path.name for path in hatch.folder.iterdir()] == [WANTED]
    assert (hatch.folder / WANTED).read_bytes() == bundle_bytes(WHEELS)


def test_a_revocation_is_the_signed_word_without_the_files(tmp_path: Path) -> None:
    with opened(tmp_path, bundle_bytes(revokes=("0" * 16,))) as bundle:
        Hatch(tmp_path / "updates").revoke(bundle)
        with given(tmp_path / "updates", REVOKING) as file:
            assert file is not None
            assert read_signed(file) == (bundle.raw, bundle.signatures)
            assert file.read() == b""


def test_a_note_is_read_as_it_was_made_and_can_be_taken_back(tmp_path: Path) -> None:
    hatch = Hatch(tmp_path / "updates")
    hatch.note(Note("installed"))
    hatch.note(NOTED)
    assert read_note(tmp_path / "updates") == NOTED
    hatch.clear(NOTE)
    assert read_note(tmp_path / "updates") is None


def test_a_refusal_is_remembered_until_other_software_is_laid_out(tmp_path: Path) -> None:
    hatch = Hatch(tmp_path / "updates")
    assert hatch.refusal() is None
    hatch.remember(Refusal("ab" * 32, "no room"))
    assert Hatch(tmp_path / "updates").refusal() == Refusal("ab" * 32, "no room")
    with opened(tmp_path, bundle_bytes(WHEELS)) as bundle:
        hatch.want(bundle)
    assert hatch.refusal() is None
    assert not (hatch.folder / REFUSED).exists()


def test_without_room_nothing_is_laid_out_but_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(folder: Path, size: int) -> None:
        raise BundleError("there is too little room")

    monkeypatch.setattr("pommai.bundle.hatch.check_room", no_room)
    hatch = Hatch(tmp_path / "updates")
    with opened(tmp_path, bundle_bytes(WHEELS)) as bundle, pytest.raises(BundleError, match="too little room"):
        hatch.want(bundle)
    hatch.note(NOTED)
    assert [path.name for path in hatch.folder.iterdir()] == [NOTE]


def test_a_hatch_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "updates").mkdir()
    (tmp_path / "updates" / "software").write_text("a file, where a folder should be")
    with pytest.raises(BundleError, match="cannot be written"):
        Hatch(tmp_path / "updates").note(NOTED)


def test_nothing_there_is_nothing(tmp_path: Path) -> None:
    with given(tmp_path / "updates", WANTED) as file:
        assert file is None
    assert read_note(tmp_path) is None
    assert said(tmp_path) == ([], "")


@pytest.mark.parametrize("linked", ["a", "a/updates", "a/updates/software", "a/updates/software/note.json"])
def test_no_link_is_followed_that_the_toy_could_have_made(tmp_path: Path, linked: str) -> None:
    toys = tmp_path / "toys"
    toys.mkdir()
    if os.geteuid() == 0:
        os.chown(toys, 4242, -1)
    hatch = Hatch(toys / "a" / "updates")
    hatch.note(NOTED)
    if os.geteuid() == 0:
        for path in (toys / "a", toys / "a" / "updates", hatch.folder):
            os.chown(path, 4242, -1)
    assert read_note(toys / "a" / "updates") == NOTED
    (toys / linked).rename(tmp_path / "elsewhere")
    (toys / linked).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BundleError, match="is not taken"):
        read_note(toys / "a" / "updates")


def test_a_pipe_keeps_nobody_waiting(tmp_path: Path) -> None:
    Hatch(tmp_path / "updates").note(NOTED)
    (tmp_path / "updates" / "software" / NOTE).unlink()
    os.mkfifo(tmp_path / "updates" / "software" / NOTE)
    with pytest.raises(BundleError, match="it is no file"):
        read_note(tmp_path / "updates")


@pytest.mark.parametrize(
    "change", [{"start": True}, {"start": "1"}, {"rested": 1}, {"software": 7}, {"asked": "x" * 81}, {"reached": None}]
)
def test_a_note_of_another_kind_is_none(change: dict[str, Any]) -> None:
    assert decode_note(json.dumps({**asdict(NOTED), **change}).encode()) is None


@supposing(st.binary(max_size=200))
def test_whatever_lies_there_is_a_note_or_none(data: bytes) -> None:
    assert decode_note(data) is None


def test_what_root_says_is_of_one_file_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "wanted"
    file.write_text("1")
    (tmp_path / "said.json").write_text(json.dumps({"file": file_id(file.stat()), "words": "no"}))
    assert said(tmp_path) == (file_id(file.stat()), "no")
    file.write_text("22")
    assert said(tmp_path)[0] != file_id(file.stat())
    (tmp_path / "said.json").write_text('{"file": 3}')
    assert said(tmp_path) == ([], "")


def test_environments_go_by_the_bundles_name() -> None:
    assert name_of(None) == "installed"
    assert name_of(Kept(7, 0, "ab" * 32)) == "7-abababababababab"
