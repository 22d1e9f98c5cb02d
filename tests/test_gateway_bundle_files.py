"""Files of bundles on a gateway's disk: whole ones, and nothing else."""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
import tempfile
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from bundle_material import bundle_bytes
from offer_material import BUNDLE, HASH, coming

from pommai.errors import BundleError, StoreError
from pommai.gateway.bundle_files import BundleFiles, folder_beside
from pommai.gateway.offers import Kept


async def anybody(kept: Kept) -> None:
    """Has nothing against it."""


def take(folder: Path, data: bytes, sha256: str = "", size: int | None = None) -> Kept:
    sha256 = sha256 or hashlib.sha256(data).hexdigest()
    files = BundleFiles(folder)
    return asyncio.run(files.take(sha256, size or len(data), coming(data[:100], data[100:]), anybody))


async def given(files: BundleFiles, size: int = len(BUNDLE)) -> bytes:
    return b"".join([piece async for piece in files.give(HASH, size)])


def test_a_bundle_is_kept_for_its_owner_alone_and_given_out_as_it_came(tmp_path: Path) -> None:
    folder = folder_beside(tmp_path / "toys.db")
    assert take(folder, BUNDLE) == Kept(HASH, len(BUNDLE), 12, "pommai", "", False)
    assert take(folder, BUNDLE).version == 12  # again
    (path,) = folder.iterdir()
    assert (folder.name, path.name) == ("toys.db.bundles", f"{HASH}.pommai-bundle")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = BundleFiles(folder)
    assert files.is_there(HASH)
    assert asyncio.run(given(files)) == BUNDLE
    asyncio.run(files.forget(HASH))
    asyncio.run(files.forget(HASH))
    assert not files.is_there(HASH)


@pytest.mark.parametrize(
    ("data", "sha256", "size", "words"),
    [
        (BUNDLE, "0" * 64, None, "what came is not what was announced"),
        (BUNDLE, HASH, len(BUNDLE) + 1, "what came is not what was announced"),
        (BUNDLE + b"x", HASH, len(BUNDLE), "what came is not what was announced"),
        (b"x" * 200, "", None, "^this is no update bundle"),
        (BUNDLE[:-1], "", None, "the bundle is cut off"),
        (BUNDLE[:-1] + b"?", "", None, "led_patterns.yaml in the bundle is not what was signed"),
        (bundle_bytes(signers=()), "", None, "nobody has signed the bundle"),
    ],
)
def test_of_anything_else_nothing_is_kept(
    tmp_path: Path, data: bytes, sha256: str, size: int | None, words: str
) -> None:
    with pytest.raises(BundleError, match=words):
        take(tmp_path / "bundles", data, sha256, size)
    assert list((tmp_path / "bundles").iterdir()) == []


def test_nothing_is_kept_of_what_nobody_wants_or_that_breaks_off(tmp_path: Path) -> None:
    async def no(kept: Kept) -> None:
        raise BundleError("too many")

    async def breaking() -> Any:
        yield BUNDLE[:100]
        raise ConnectionResetError

    files = BundleFiles(tmp_path)
    with pytest.raises(BundleError, match="too many"):
        asyncio.run(files.take(HASH, len(BUNDLE), coming(BUNDLE), no))
    with pytest.raises(StoreError):
        asyncio.run(files.take(HASH, len(BUNDLE), breaking(), anybody))
    assert list(tmp_path.iterdir()) == []


def test_one_comes_at_a_time_and_what_a_killed_gateway_left_is_removed(tmp_path: Path) -> None:
    left = tmp_path / ".part-left"
    left.touch()
    os.utime(left, (1, 1))

    async def test() -> None:
        files = BundleFiles(tmp_path)
        begun, go = asyncio.Event(), asyncio.Event()

        async def slowly() -> Any:
            begun.set()
            await go.wait()
            yield BUNDLE

        async with asyncio.TaskGroup() as tasks:
            first: Coroutine[Any, Any, Kept] = files.take(HASH, len(BUNDLE), slowly(), anybody)
            task = tasks.create_task(first)
            await begun.wait()
            with pytest.raises(StoreError, match="another bundle is coming"):
                await files.take(HASH, len(BUNDLE), coming(BUNDLE), anybody)
            go.set()
        assert task.result().version == 12
        assert not left.exists()

    asyncio.run(test())


def test_a_full_disk_and_a_file_that_is_gone_or_cut_are_said_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = BundleFiles(tmp_path)
    with pytest.raises(StoreError, match=r"cannot be read: No such file.*offer the bundle again"):
        asyncio.run(given(files))
    take(tmp_path, BUNDLE)
    with pytest.raises(StoreError, match="is damaged; offer the bundle again"):
        asyncio.run(given(files, len(BUNDLE) + 1))
    monkeypatch.setattr("pommai.gateway.bundle_files.ROOM", 1 << 60)
    with pytest.raises(StoreError, match="too little room"):
        take(tmp_path, BUNDLE)


def test_one_that_nobody_waits_for_any_more_leaves_no_file_open_and_none_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered, go, made = threading.Event(), threading.Event(), []

    def slowly(**where: Any) -> tuple[int, str]:
        entered.set()
        go.wait()
        made.append(mkstemp(**where))
        return made[0]

    async def test() -> None:
        files = BundleFiles(tmp_path)
        taking = asyncio.create_task(files.take(HASH, len(BUNDLE), coming(BUNDLE), anybody))
        await asyncio.to_thread(entered.wait)
        taking.cancel()
        await asyncio.wait([taking])
        assert taking.cancelled()
        go.set()

    mkstemp = tempfile.mkstemp
    monkeypatch.setattr(tempfile, "mkstemp", slowly)
    asyncio.run(test())  # and waits for the thread
    assert [*tmp_path.iterdir()] == []
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(made[0][0])
