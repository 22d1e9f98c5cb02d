"""Models out of zip files and folders: only what a model consists of, only where it belongs."""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pommai.errors import ModelError
from pommai.io import model_unpack
from pommai.io.model_unpack import copy_folder, unpack_zip


def ignore(doing: str, done: int, total: int) -> None:
    pass


def zipped(path: Path, **entries: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in entries.items():
            file.writestr(name.replace("__", "/"), content)
    return path


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_zip_is_unpacked_with_its_folders(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    archive = zipped(tmp_path / "model.zip", m__am__final=b"x" * 100_000, m__README=b"hello")
    unpack_zip(archive, tmp_path / "out", lambda *what: told.append(what))
    assert files_below(tmp_path / "out") == {"m/am/final": b"x" * 100_000, "m/README": b"hello"}
    assert told[-1] == ("unpacking", 100_005, 100_005)


def test_a_folder_is_copied_with_its_folders(tmp_path: Path) -> None:
    (tmp_path / "in" / "am").mkdir(parents=True)
    (tmp_path / "in" / "am" / "final").write_bytes(b"x")
    copy_folder(tmp_path / "in", tmp_path / "out", ignore)
    assert files_below(tmp_path / "out") == {"am/final": b"x"}


@pytest.mark.parametrize(
    "name",
    ["../out", "a/../../out", "/etc/out", "./out", "a//out", "C:/out", "a\\..\\..\\out", "a\nb", "..", "x" * 300],
)
def test_a_zip_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as file:
        file.writestr("good", b"good")
        file.writestr(zipfile.ZipInfo(name), b"evil")
    before = set(tmp_path.parent.rglob("*"))
    with pytest.raises(ModelError, match="leads elsewhere"):
        unpack_zip(tmp_path / "evil.zip", tmp_path / "into", ignore)
    assert set(tmp_path.parent.rglob("*")) == before, "not one file of it was written"


@given(st.text(max_size=30))
def test_whatever_a_zip_calls_its_files_they_stay_in_the_folder(name: str) -> None:
    info = zipfile.ZipInfo("x")
    info.orig_filename = info.filename = name
    try:
        place = model_unpack._place(info, Path("evil.zip"))
    except ModelError:
        return
    home = Path("/home/toy/models")
    assert (home / place).is_relative_to(home)
    assert ".." not in place.parts
    assert place.parts


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_a_zip_with_links_or_devices_is_refused(tmp_path: Path, kind: int) -> None:
    info = zipfile.ZipInfo("model")
    info.create_system = 3
    info.external_attr = (kind | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as file:
        file.writestr(info, "/etc/passwd")
    with pytest.raises(ModelError, match="is a link or a device"):
        unpack_zip(tmp_path / "evil.zip", tmp_path / "into", ignore)


def damage_length(content: bytearray) -> None:
    """The central directory's uncompressed size says 5 bytes."""
    at = content.index(b"PK\1\2") + 24
    content[at : at + 4] = (5).to_bytes(4, "little")


def damage_content(content: bytearray) -> None:
    content[60:80] = bytes(20)


def damage_cut(content: bytearray) -> None:
    del content[len(content) // 2 :]


def damage_password(content: bytearray) -> None:
    content[content.index(b"PK\1\2") + 8] |= 1


def damage_method(content: bytearray) -> None:
    for mark, offset in ((b"PK\3\4", 8), (b"PK\1\2", 10)):
        content[content.index(mark) + offset] = 77


def damage_all(content: bytearray) -> None:
    content[:] = b"<html>404</html>"


@pytest.mark.parametrize(
    "damage", [damage_length, damage_content, damage_cut, damage_password, damage_method, damage_all]
)
def test_a_damaged_zip_is_refused(tmp_path: Path, damage: Callable[[bytearray], None]) -> None:
    archive = zipped(tmp_path / "model.zip", final=bytes(range(256)) * 100)
    content = bytearray(archive.read_bytes())
    damage(content)
    archive.write_bytes(content)
    with pytest.raises(ModelError, match=r"model.zip (is damaged or no zip file|cannot be unpacked)"):
        unpack_zip(archive, tmp_path / "into", ignore)


def test_a_zip_that_names_a_file_twice_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "model.zip", "w") as file:
        file.writestr("am", b"one")
        with pytest.warns(UserWarning, match="Duplicate"):
            file.writestr("am", b"two")
    with pytest.raises(ModelError, match="holds am twice"):
        unpack_zip(tmp_path / "model.zip", tmp_path / "into", ignore)
    archive = zipped(tmp_path / "other.zip", am=b"one", am__final=b"two")
    with pytest.raises(ModelError, match="twice"):
        unpack_zip(archive, tmp_path / "other", ignore)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_unpack, "MOST_BYTES", 1000)
    archive = zipped(tmp_path / "bomb.zip", a=bytes(600), b=bytes(600))
    with pytest.raises(ModelError, match=r"no model for a toy: 2 files of 1 kB"):
        unpack_zip(archive, tmp_path / "into", ignore)
    monkeypatch.setattr(model_unpack, "MOST_FILES", 1)
    with pytest.raises(ModelError, match="no model for a toy"):
        unpack_zip(archive, tmp_path / "into", ignore)
    assert not (tmp_path / "into").exists()


def test_a_folder_with_links_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "all").symlink_to("/")
    with pytest.raises(ModelError, match=r"in/all is no plain file; give .*/in itself in the setting vosk_model"):
        copy_folder(tmp_path / "in", tmp_path / "out", ignore)
