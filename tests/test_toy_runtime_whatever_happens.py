"""Whatever a child, a server and the devices do, in whatever order: what never happens, and how it always ends."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from campaign import Progress, examples
from hypothesis import HealthCheck, given, note, settings
from random_days import DAYS, Chapter
from watched_toy import WatchedToy

from pommai.errors import DeviceError
from pommai.qa.virtual_time import run


@contextmanager
def surprises() -> Iterator[list[logging.LogRecord]]:
    """Collects exceptions that were logged, other than a device's that was taken away."""
    found: list[logging.LogRecord] = []

    class Keeper(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.exc_info and not isinstance(record.exc_info[1], DeviceError):
                found.append(record)

    keeper = Keeper(logging.ERROR)
    logger = logging.getLogger("pommai")
    logger.addHandler(keeper)
    try:
        yield found
    finally:
        logger.removeHandler(keeper)


progress = Progress("days")


@given(DAYS)
@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_nothing_forbidden_ever_happens_and_left_alone_the_toy_rests(day: Chapter) -> None:
    toys: list[WatchedToy] = []

    async def scene() -> None:
        toys.append(WatchedToy())
        await toys[0].live(day)

    try:
        with surprises() as found:
            run(scene())
        assert [record.exc_text or str(record.exc_info) for record in found] == []
    except BaseException:
        note("\n".join(["What happened, and where the toy was:", *toys[0].story]))
        raise
    progress.count("lived through")
