"""What goes wrong with a disk is told once, until it is well again."""

from __future__ import annotations

import errno
import logging
import sqlite3

import pytest

from pommai.io import memory_trouble as trouble


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (sqlite3.SQLITE_FULL, trouble.FULL),
        (sqlite3.SQLITE_READONLY_DIRECTORY, trouble.READ_ONLY),
        (sqlite3.SQLITE_CORRUPT, trouble.DAMAGED),
        (sqlite3.SQLITE_NOTADB, trouble.DAMAGED),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, trouble.LOCKED),
        (sqlite3.SQLITE_IOERR_WRITE, trouble.BROKEN),
    ],
)
def test_sqlites_codes_are_told_apart(code: int, kind: str) -> None:
    error = sqlite3.OperationalError("x")
    error.sqlite_errorcode = code
    assert trouble.kind_of(error) == kind


def test_the_systems_errors_are_told_apart() -> None:
    assert trouble.kind_of(OSError(errno.ENOSPC, "x")) == trouble.FULL
    assert trouble.kind_of(OSError(errno.EROFS, "x")) == trouble.READ_ONLY
    assert trouble.kind_of(OSError(errno.EIO, "x")) == trouble.BROKEN
    assert trouble.kind_of(ValueError("no active connection")) == trouble.BROKEN


def test_a_trouble_is_logged_once_until_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    troubles = trouble.Troubles()
    with caplog.at_level(logging.INFO, "pommai"):
        for _ in range(3):
            troubles.tell(trouble.BROKEN, "the disk is broken")
        troubles.over()
        troubles.over()
        troubles.tell(trouble.BROKEN, "the disk is broken")
    assert [record.message for record in caplog.records] == [
        "memory in trouble",
        "memory well again",
        "memory in trouble",
    ]
    assert troubles.sentences == ["the disk is broken"]


def test_that_something_found_room_does_not_make_a_disk_less_full() -> None:
    troubles = trouble.Troubles()
    troubles.tell(trouble.FULL, "the disk is full")
    troubles.over()
    assert troubles.has(trouble.FULL)
    troubles.over(trouble.FULL)
    assert not troubles.has(trouble.FULL)
