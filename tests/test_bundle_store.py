"""Where a toy keeps its bundles, when all goes well and when it does not."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from bundle_material import manifest_of, no_check, opened, settled, take, whole_version

from pommai.bundle.disk import Disk
from pommai.bundle.state import State
from pommai.bundle.store import STATE, Store, in_force
from pommai.errors import BundleError


def test_a_toy_that_never_had_a_bundle_is_as_it_came_and_nothing_is_written(tmp_path: Path) -> None:
    store = Store(tmp_path / "updates")
    assert store.begin() is None
    assert in_force(store.folder) is None
    assert list(tmp_path.iterdir()) == []


def test_a_bundle_comes_into_force_at_the_next_start_alone(tmp_path: Path) -> None:
    store = settled(tmp_path, 11)
    take(store, tmp_path, 12)
    assert whole_version(in_force(store.folder)) == 11
    assert whole_version(store.begin()) == 12
    assert whole_version(in_force(store.folder)) == 12


def test_the_one_before_is_kept_and_older_ones_are_not(tmp_path: Path) -> None:
    store = settled(tmp_path, 11)
    for version in (12, 13):
        take(store, tmp_path, version)
        store.begin()
        store.change(State.confirmed)
    store.begin()
    names = sorted(path.name.partition("-")[0] for path in (store.folder / "bundles").iterdir())
    assert names == ["12", "13"]


def test_a_bundle_that_is_no_good_leaves_nothing_behind(tmp_path: Path) -> None:
    store = settled(tmp_path, 11)
    before = sorted(store.folder.rglob("*"))

    def check(place: Path) -> None:
        assert (place / "sounds" / "wake.wav").is_file()
        raise BundleError("it sings out of tune")

    with opened(tmp_path, version=12) as bundle, pytest.raises(BundleError, match="out of tune"):
        store.take(bundle, check)
    assert sorted(set(store.folder.rglob("*")) - {store.folder / "staging"}) == sorted(
        set(before) - {store.folder / "staging"}
    )


def test_what_is_not_newer_is_refused_before_a_byte_is_written(tmp_path: Path) -> None:
    store = settled(tmp_path, 11)
    with opened(tmp_path, version=11) as bundle, pytest.raises(BundleError, match="is not newer than 11"):
        store.take(bundle, no_check)


def test_a_damaged_bundle_gives_way_to_the_one_before_and_that_to_the_software(tmp_path: Path) -> None:
    store = settled(tmp_path, 11)
    take(store, tmp_path, 12)
    place = store.begin()
    assert place is not None
    store.change(State.confirmed)
    (place / "led_patterns.yaml").write_bytes(b"version: 13\n")
    before = store.begin()
    assert whole_version(before) == 11
    assert before is not None
    (before / "sounds" / "wake.wav").unlink()
    assert store.begin() is None


def test_notes_that_cannot_be_read_leave_a_toy_as_it_came(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = settled(tmp_path, 11)
    (store.folder / "state.json").write_bytes(b"\0" * 300)
    assert store.begin() is None
    assert in_force(store.folder) is None
    assert "updates not known" in caplog.text


class FullDisk(Disk):
    """A card that takes nothing any more."""

    def __init__(self, kind: str, code: int) -> None:
        def step(done: str, path: Path) -> None:
            if done == kind:
                raise OSError(code, os.strerror(code))

        super().__init__(step)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("make", errno.EROFS),
        ("create", errno.ENOSPC),
        ("write", errno.ENOSPC),
        ("fsync", errno.EIO),
        ("rename", errno.EIO),
        ("sync", errno.EIO),
    ],
)
def test_a_card_that_fails_leaves_what_was_and_says_so(tmp_path: Path, kind: str, code: int) -> None:
    settled(tmp_path, 11)
    store = Store(tmp_path / "updates", FullDisk(kind, code))
    with pytest.raises(BundleError, match=r"cannot be kept in .*; what was in force still is"):
        take(store, tmp_path, 12)
    assert whole_version(Store(store.folder).begin()) == 11


def test_a_trial_that_cannot_be_counted_is_not_begun(tmp_path: Path) -> None:
    take(settled(tmp_path, 11), tmp_path, 12)
    assert whole_version(Store(tmp_path / "updates", FullDisk("create", errno.ENOSPC)).begin()) == 11
    assert whole_version(Store(tmp_path / "updates").begin()) == 12
    assert whole_version(Store(tmp_path / "updates", FullDisk("create", errno.ENOSPC)).begin()) == 11


def test_a_card_without_room_is_seen_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = settled(tmp_path, 11)
    monkeypatch.setattr("pommai.bundle.store.ROOM", 1 << 60)
    with pytest.raises(BundleError, match="too little room"):
        take(store, tmp_path, 12)


def test_two_bundles_are_not_written_at_once(tmp_path: Path) -> None:
    store = settled(tmp_path, 11)

    def check(place: Path) -> None:
        with pytest.raises(BundleError, match="another bundle is being taken at this moment"):
            take(store, tmp_path, 13)
        assert whole_version(Store(store.folder).begin()) == 11  # a start at this moment leaves it alone

    (tmp_path / "other").mkdir()
    with opened(tmp_path / "other", version=12) as bundle:
        store.take(bundle, check)
    assert whole_version(store.begin()) == 12


def test_somebody_may_go_back_by_hand_until_a_floor_forbids_it(tmp_path: Path) -> None:
    store = settled(tmp_path, 11)
    take(store, tmp_path, 12)
    assert store.go_back().waiting is None
    take(store, tmp_path, 13)
    store.begin()
    store.change(State.confirmed)
    assert store.go_back().current is not None
    assert whole_version(store.begin()) == 11
    take(store, tmp_path, 14, floor=14)
    store.begin()
    store.change(State.confirmed)
    with pytest.raises(BundleError, match="bundle 14 lets nobody go back below version 14"):
        store.go_back()


def test_where_there_was_never_a_bundle_there_is_nothing_to_go_back_to(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no bundle was ever taken"):
        Store(tmp_path / "updates").go_back()
    store = settled(tmp_path, 11)
    assert store.go_back().current is None
    with pytest.raises(BundleError, match="no bundle in force"):
        store.go_back()


def test_revoked_keys_are_noted_once_each_and_for_ever(tmp_path: Path) -> None:
    store = Store(tmp_path / "updates")
    store.revoke(["0" * 16])
    store.revoke(["1" * 16, "0" * 16])
    take(store, tmp_path, 12)
    store.begin()
    store.go_back()
    assert store.read().revoked == ("0" * 16, "1" * 16)


def test_who_asks_while_another_is_at_work_is_told(tmp_path: Path) -> None:
    store = Store(tmp_path / "updates")
    store.prepare()
    with store.alone("looking") as first, Store(store.folder).alone("looking") as second:
        assert (first, second) == (True, False)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can write where it should not")
def test_root_does_not_write_into_the_toys_folder(tmp_path: Path) -> None:
    os.chown(tmp_path, 4242, 4242)
    with pytest.raises(BundleError, match=r"sudo -u '#4242' \S+ bundle"), opened(tmp_path) as bundle:
        Store(tmp_path / "updates").take(bundle, no_check)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can write where it should not")
def test_root_does_not_go_back_in_the_toys_place(tmp_path: Path) -> None:
    store = settled(tmp_path, 11)
    os.chown(store.folder, 4242, 4242)
    before = (store.folder / STATE).read_bytes()
    with pytest.raises(BundleError, match="run this as the toy's user"):
        store.go_back()
    assert (store.folder / STATE).read_bytes() == before


def test_a_manifest_says_what_lies_in_the_store(tmp_path: Path) -> None:
    store = settled(tmp_path, 11)
    current = store.read().current
    assert current is not None
    assert store.manifest(current).version == 11
    assert store.manifest(current).device_type == manifest_of().device_type


def test_another_software_looks_at_a_bundle_once_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = settled(tmp_path, 11)
    looked: list[int] = []
    monkeypatch.setattr("pommai.bundle.store.__version__", "99.0")
    for _ in range(2):
        assert whole_version(store.begin(lambda place: looked.append(whole_version(place)))) == 11
    assert looked == [11]


def test_a_bundle_that_does_not_fit_a_newer_software_makes_room_for_what_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = settled(tmp_path, 11)
    take(store, tmp_path, 12)
    store.begin()
    store.change(State.confirmed)
    monkeypatch.setattr("pommai.bundle.store.__version__", "99.0")

    def check(place: Path) -> None:
        raise BundleError(f"the chart of {whole_version(place)} knows no dancing")

    assert store.begin(check) is None
    assert store.read().word == "version 11: it does not fit this software: the chart of 11 knows no dancing"
    assert store.read().highest == 12
