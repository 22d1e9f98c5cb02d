"""Pins and keys that the settings name: real keys in real files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from doctor_material import RUNNING, look, settings, world

from pommai.bundle.keys import make_key
from pommai.doctor.finding import Finding, Mark
from pommai.doctor.trust import check_keys

PINS = "sha256/" + "A" * 43 + "=,sha256/" + "B" * 43 + "="


def seen(folder: Path, **values: str) -> Finding:
    return look(check_keys, world(folder, settings=settings(folder, **values)))


def key_file(folder: Path, name: str = "maker") -> Path:
    make_key(folder / f"{name}.pem", folder / f"{name}.pub")
    return folder / f"{name}.pub"


def test_a_toy_without_keys_of_its_own_is_well(tmp_path: Path) -> None:
    found = seen(tmp_path)
    assert (found.mark, found.figures["server_pins"]) == (Mark.OK, 0)


def test_what_is_pinned_and_whose_keys_count_is_told(tmp_path: Path) -> None:
    found = seen(
        tmp_path,
        url="wss://192.168.1.5:8765/audio-stream",
        server_pins=PINS,
        server_keys=str(key_file(tmp_path, "gateway")),
        update_keys=str(key_file(tmp_path)),
    )
    assert found.mark is Mark.OK
    assert found.words == "192.168.1.5 is known by 2 pinned keys; 1 of server_keys (gateway); 1 of update_keys (maker)"


@pytest.mark.parametrize(
    ("name", "mark", "words"),
    [("server_keys", Mark.BROKEN, "the toy does not start"), ("update_keys", Mark.WRONG, "no update is taken")],
)
@pytest.mark.parametrize("content", [None, "", "ed25519 nonsense x\n"])
def test_a_file_without_keys_is_told(tmp_path: Path, name: str, mark: Mark, words: str, content: str | None) -> None:
    if content is not None:
        (tmp_path / "keys").write_text(content)
    found = seen(tmp_path, **{name: str(tmp_path / "keys")})
    assert (found.mark, words in found.words, str(tmp_path / "keys") in found.words) == (mark, True, True)


def test_a_file_of_keys_that_others_may_write_is_wrong(tmp_path: Path) -> None:
    file = key_file(tmp_path)
    file.chmod(0o666)
    found = seen(tmp_path, update_keys=str(file))
    assert (found.mark, "can be written by everybody" in found.words) == (Mark.WRONG, True)
    assert found.next_step.endswith(f"chmod 644 {file}")
    file.chmod(0o664)
    assert "by its group" in seen(tmp_path, update_keys=str(file)).words


def test_a_file_that_is_closed_to_this_user_is_for_the_toys_own_to_look_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    there = world(
        tmp_path,
        settings=settings(tmp_path, server_keys=str(key_file(tmp_path))),
        unit=replace(RUNNING, user="toy"),
    )
    monkeypatch.setattr(Path, "open", refuse)
    found = look(check_keys, there)
    assert (found.mark, found.next_step.endswith("--only keys")) == (Mark.NOTE, True)
