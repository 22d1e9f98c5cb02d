"""A running toy tells its server of its updates as they happen."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bundle_material import bundle_bytes, settled
from offer_material import kept
from test_bundle_fetch import sends, served
from test_toy_updates import Toy, until
from update_material import lights

from pommai.bundle.hatch import SAID, WANTED, file_id
from pommai.bundle.store import Store
from pommai.gateway.offer_state import standing
from pommai.gateway.offers import Told
from pommai.protocol.messages import Message, SoftwareReport, UpdateReport
from pommai.toy.updates import Updates

SOFTWARE = kept(is_software=True)


def told(folder: Path, story: Callable[[Updates, list[UpdateReport]], Any], **more: Any) -> list[UpdateReport]:
    """What a toy with a server says while a story happens to it."""
    said: list[UpdateReport] = []

    def send(message: Message) -> bool:
        assert isinstance(message, UpdateReport)
        said.append(message)
        return True

    async def day() -> None:
        toy = Toy(folder, **more)
        settings, flags = toy.updates._settings, toy.updates._flags
        updates = Updates(
            settings,
            stop=lambda: None,
            reached=lambda: 1,
            send=send,
            flags=flags,
            root=folder / "root",
            look=0.01,
            quiet=60.0,
        )
        watching = asyncio.create_task(updates.run())
        try:
            async with asyncio.timeout(60):
                await story(updates, said)
        finally:
            watching.cancel()
            await asyncio.wait([watching])

    asyncio.run(day())
    return said


def test_an_offer_that_is_taken_and_one_that_comes_too_soon_are_both_told_of(tmp_path: Path) -> None:
    settled(tmp_path, 11)
    data = bundle_bytes({"led_patterns.yaml": lights("leaf").encode()})
    sha256 = hashlib.sha256(data).hexdigest()

    async def story(updates: Updates, said: list[UpdateReport]) -> None:
        updates.offer({"url": url, "sha256": sha256, "size": len(data)})
        await until(lambda: said and said[-1].outcome == "taken" and said[-1].waiting)
        updates.offer({"url": url, "sha256": "0" * 64, "size": len(data)})
        await until(lambda: said[-1].outcome == "refused")

    with served(sends(data)) as url:
        said = told(tmp_path, story)
    taking, last = next(report for report in said if report.outcome == "taking"), said[-1]
    assert (taking.version, taking.device_type, taking.fleet, taking.offer) == (11, "pommai", "home", sha256)
    assert (last.waiting, last.offer, last.reason) == (12, "0" * 64, "another was offered a moment ago")
    waiting = Store(tmp_path / "updates").read().waiting
    assert waiting is not None


@pytest.mark.parametrize("url", ["http://toys.example/12", "http://127.0.0.1:9/12"])
def test_an_offer_that_is_refused_is_told_of_with_its_reason(tmp_path: Path, url: str) -> None:
    async def story(updates: Updates, said: list[UpdateReport]) -> None:
        updates.offer({"url": url, "sha256": "0" * 64, "size": 100})
        await until(lambda: said and said[-1].outcome == "refused")

    assert url in told(tmp_path, story)[-1].reason


def test_a_toy_that_takes_no_bundles_says_nothing(tmp_path: Path) -> None:
    async def story(updates: Updates, said: list[UpdateReport]) -> None:
        updates.offer({"url": "http://127.0.0.1:9/12", "sha256": "0" * 64, "size": 100})
        await asyncio.sleep(0.2)  # many looks

    assert told(tmp_path, story, keys=False) == []


def said_by_root(folder: Path, words: str) -> None:
    """Root has looked at what is laid out; of bundles in force it has noted nothing yet."""
    (folder / "root").mkdir()
    looked_at = file_id((folder / "updates" / "software" / WANTED).stat())
    (folder / "root" / SAID).write_text(json.dumps({"file": looked_at, "words": words}))


def test_software_is_told_of_from_its_laying_out_to_its_refusal_and_at_later_starts(tmp_path: Path) -> None:
    data = bundle_bytes({"wheels/pommai-12-py3-none-any.whl": b"PK"})
    sha256 = hashlib.sha256(data).hexdigest()

    async def taken(updates: Updates, said: list[UpdateReport]) -> None:
        updates.offer({"url": url, "sha256": sha256, "size": len(data)})
        await until(lambda: said and said[-1].software != SoftwareReport() and said[-1].outcome == "taken")

    with served(sends(data)) as url:
        said = told(tmp_path, taken)
    assert all(
        standing(SOFTWARE, Told(1, 1, "taken"), report).word == "taken" for report in said if report.outcome == "taken"
    )
    assert said[-1].software == SoftwareReport(waiting=12)
    said_by_root(tmp_path, "pip ... failed: no room")

    async def hears(updates: Updates, said: list[UpdateReport]) -> None:
        await until(lambda: said)

    for _ in range(2):  # what root has refused is not forgotten when the toy ends before anybody has heard of it
        said = told(tmp_path, hears)
        assert said[0] == UpdateReport(
            *(0, "pommai", "home"),
            offer=sha256,
            outcome="refused",
            reason="pip ... failed: no room",
            software=SoftwareReport(),
        )


def test_a_toy_that_was_never_given_software_says_so(tmp_path: Path) -> None:
    async def story(updates: Updates, said: list[UpdateReport]) -> None:
        await until(lambda: said)

    assert told(tmp_path, story)[-1].software == SoftwareReport()
