"""Which files root believes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pommai.bundle.trusted import check_trusted
from pommai.errors import BundleError


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    path = tmp_path / "etc" / "keys"
    path.parent.mkdir()
    path.write_text("")
    path.chmod(0o644)
    return path


def test_what_root_alone_can_have_written_is_believed(keys: Path) -> None:
    check_trusted(keys)


@pytest.mark.parametrize("mode", [0o666, 0o664])
def test_a_file_that_others_can_write_is_not(keys: Path, mode: int) -> None:
    keys.chmod(mode)
    with pytest.raises(BundleError, match="can be written by others"):
        check_trusted(keys)


@pytest.mark.parametrize("mode", [0o777, 0o775])
def test_nor_one_in_a_folder_where_others_can_put_another(keys: Path, mode: int) -> None:
    keys.parent.chmod(mode)
    with pytest.raises(BundleError, match="etc can be written by others"):
        check_trusted(keys)


def test_where_a_link_leads_is_what_counts(keys: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(keys)
    check_trusted(link)
    keys.chmod(0o666)
    with pytest.raises(BundleError, match="can be written by others"):
        check_trusted(link)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
@pytest.mark.parametrize("place", ["keys", "."])
def test_what_is_another_users_is_not(keys: Path, place: str) -> None:
    os.chown(keys.parent / place, 4242, -1)
    with pytest.raises(BundleError, match="belongs to user 4242"):
        check_trusted(keys)


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="No such file"):
        check_trusted(tmp_path / "none")
