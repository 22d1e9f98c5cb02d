"""Names for devices in the log: always the same, and of no use without the salt."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pommai.errors import SettingsError
from pommai.gateway.pseudonyms import Pseudonyms, open_pseudonyms


@given(st.text(max_size=30), st.text(max_size=30))
def test_a_device_has_one_name_and_no_other_has_it(one: str, other: str) -> None:
    names = Pseudonyms(b"salt" * 8)
    assert (names.of(one) == names.of(other)) is (one.encode("utf-8", "replace") == other.encode("utf-8", "replace"))
    assert names.of(one) != Pseudonyms(b"grit" * 8).of(one)


def test_the_salt_is_made_beside_the_data_its_owners_alone_and_outlives_the_gateway(tmp_path: Path) -> None:
    first = open_pseudonyms(None, tmp_path / "toys.db").of("bear-7")
    assert open_pseudonyms(None, tmp_path / "toys.db").of("bear-7") == first
    salt = tmp_path / "toys.db.salt"
    assert stat.S_IMODE(salt.stat().st_mode) == 0o600
    salt.rename(tmp_path / "shared")
    assert open_pseudonyms(tmp_path / "shared", tmp_path / "other.db").of("bear-7") == first
    assert open_pseudonyms(None, tmp_path / "toys.db").of("bear-7") != first


def test_without_data_names_last_as_long_as_the_gateway() -> None:
    assert open_pseudonyms(None, None).of("bear-7") != open_pseudonyms(None, None).of("bear-7")


@pytest.mark.parametrize("text", ["", "salt", "0" * 63, "ü" * 64])
def test_a_file_that_holds_no_salt_is_refused_unseen(tmp_path: Path, text: str) -> None:
    file = tmp_path / "salt"
    file.touch(0o600)
    file.write_text(text)
    with pytest.raises(SettingsError, match="salt") as caught:
        open_pseudonyms(file, None)
    assert not text or text not in str(caught.value).replace(str(file), "").replace("salt", "")


def test_a_salt_that_everybody_can_read_is_refused_with_the_way_to_close_it(tmp_path: Path) -> None:
    open_pseudonyms(tmp_path / "salt", None)
    (tmp_path / "salt").chmod(0o644)
    with pytest.raises(SettingsError, match="chmod 600"):
        open_pseudonyms(tmp_path / "salt", None)
    with pytest.raises(SettingsError, match="cannot be read"):
        open_pseudonyms(tmp_path, None)
