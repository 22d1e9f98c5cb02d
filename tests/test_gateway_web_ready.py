from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from gateway_material import desk, run
from web_material import asking, web_of

from pommai.gateway.archive import Archive
from pommai.gateway.web import ready
from pommai.gateway.web.ready import look


async def well() -> str:
    return ""


def test_each_part_says_for_itself_how_it_is_and_one_that_says_nothing_is_not_well(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ready, "CHECK_SECONDS", 0.05)

    async def stuck() -> str:
        await asyncio.Event().wait()
        return ""

    async def ill() -> str:
        return "the model is damaged"

    found = run(look({"one": well, "two": stuck, "three": ill}))
    assert found == {"one": "", "two": "no word within 0.05 s", "three": "the model is damaged"}


def test_a_gateway_is_ready_while_it_listens_and_can_keep_what_it_is_sent(tmp_path: Path) -> None:
    async def test() -> None:
        async with await Archive.open(tmp_path / "toys.db") as archive, desk(archive=archive) as gateway:
            web = web_of(gateway)
            web.checks["hearing"] = well
            async with web, asking(web) as client:
                answer = await client.get("/readyz")
                checks = {"listening": "ok", "archive": "ok", "fleet": "ok", "hearing": "ok"}
                assert (answer.status_code, answer.json()) == (200, {"ready": True, "checks": checks})
                await gateway.drain()
                answer = await client.get("/readyz")
                assert answer.status_code == 503
                assert answer.json()["checks"]["listening"] == "it takes no more toys"
                await archive.close()
                answer = await client.get("/readyz")
                assert answer.json()["ready"] is False
                assert answer.json()["checks"]["archive"] == "the archive is closed"

    run(test())


def test_a_full_disk_is_noticed(tmp_path: Path) -> None:
    async def test() -> None:
        async with (
            await Archive.open(tmp_path / "toys.db") as archive,
            desk(archive=archive) as gateway,
            web_of(gateway) as web,
            asking(web) as client,
        ):
            async with archive.data.reading() as database:
                await database.execute("PRAGMA query_only = ON")
            answer = await client.get("/readyz")
            assert answer.status_code == 503
            assert "toys.db cannot be used: " in answer.json()["checks"]["archive"]

    run(test())
