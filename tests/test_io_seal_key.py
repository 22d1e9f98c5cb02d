"""Where the memory's key is, and that it is gone when it was erased."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path

import pytest

from pommai.errors import SecretError
from pommai.io.seal import KeySeal, SealBrokenError
from pommai.io.seal_key import erase_key_file, find_seal, key_file_of, make_key_file, open_seal, read_key_file
from pommai.io.secret import SecretFile


def test_a_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    file = key_file_of(tmp_path / "new" / "memory.db")
    first = asyncio.run(open_seal(file, None))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [each.name for each in file.parent.iterdir()] == ["memory.db.key"]
    again = asyncio.run(open_seal(file, None))
    assert again.open(first.close("word", "label"), "label") == "word"


def test_who_only_looks_makes_no_key(tmp_path: Path) -> None:
    assert asyncio.run(find_seal(tmp_path / "memory.db.key", None)) is None
    assert list(tmp_path.iterdir()) == []


def test_a_key_that_others_can_read_or_that_is_none_is_not_used(tmp_path: Path) -> None:
    file = tmp_path / "memory.db.key"
    make_key_file(file)
    file.chmod(0o640)
    with pytest.raises(SecretError, match="chmod 600"):
        read_key_file(file)
    file.unlink()
    file.symlink_to("/etc/passwd")
    with pytest.raises(SecretError, match=r"the key of the memory: .* cannot be read"):
        read_key_file(file)
    file.unlink()
    os.mkfifo(file, 0o600)
    with pytest.raises(SecretError, match=f"the key of the memory: {file} is no file"):
        read_key_file(file)
    with pytest.raises(SecretError, match="cannot be read: Not a directory"):
        read_key_file(file / "below")


def test_half_a_key_of_a_power_cut_is_none_and_a_whole_one_is_made(tmp_path: Path) -> None:
    file = tmp_path / "memory.db.key"
    file.touch(0o600)
    file.write_bytes(b"half")
    assert read_key_file(file) is None
    asyncio.run(open_seal(file, None))
    assert len(read_key_file(file) or b"") == 32


def test_with_a_secret_kept_elsewhere_neither_it_nor_the_file_is_enough(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.touch(0o600)
    secret.write_text("a-secret-of-some-length")
    file = tmp_path / "memory.db.key"
    first, again = (asyncio.run(open_seal(file, SecretFile(secret))) for _ in range(2))
    assert again.open(first.close("word", "label"), "label") == "word"
    for seal in (
        KeySeal(read_key_file(file) or b""),
        asyncio.run(open_seal(tmp_path / "other.key", SecretFile(secret))),
    ):
        with pytest.raises(SealBrokenError):
            seal.open(first.close("word", "label"), "label")


def test_an_erased_key_is_written_over_and_gone(tmp_path: Path) -> None:
    file = tmp_path / "memory.db.key"
    key = make_key_file(file)
    same = tmp_path / "another name of the same bytes"
    os.link(file, same)
    assert erase_key_file(file)
    assert not file.exists()
    assert key not in same.read_bytes()
    assert not erase_key_file(file)
