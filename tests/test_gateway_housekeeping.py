from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs

from pommai.gateway import housekeeping as module
from pommai.gateway.archive import DEFAULT_DAYS, Archive
from pommai.gateway.data_file import DataFile
from pommai.gateway.devices import Devices
from pommai.gateway.housekeeping import LEAP_MS, REVOKED, SWEEP_MS, Housekeeping, consent, retention
from pommai.gateway.personas import load_personas
from pommai.gateway.server_clock import DAY, ServerClock
from pommai.gateway.uploads import Uploads
from pommai.io.ports import CONVERSATIONS, LOGS
from pommai.protocol import messages as m

METRIC = m.SyncBatch("b", metrics=({"id": "m1", "name": "wake.hits", "value": 1},))


class House:
    """A gateway's data, whose clock is turned, and whoever was cut."""

    def __init__(self, data: DataFile, turned: dict[str, int]) -> None:
        self.devices = Devices(data)
        self.archive = Archive(data)
        self.uploads = Uploads(data)
        self.turned = turned
        self.cuts: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    async def cut(self, device_id: str, reason: str) -> None:
        self.cuts.put_nowait((device_id, reason))

    def keeping(self) -> Housekeeping:
        return Housekeeping(self.devices, self.archive, self.uploads, lambda toy, kind: 7, lambda toy: True, self.cut)

    async def looked(self) -> None:
        """Wait until it has been round once more: whoever was revoked is cut before it tidies."""
        async with asyncio.timeout(20):
            await self.devices.register("passer-by")
            await self.devices.remove("passer-by")
            while (await self.cuts.get())[0] != "passer-by":
                pass
            await self.devices.register("passer-by")
            await self.devices.remove("passer-by")
            while (await self.cuts.get())[0] != "passer-by":
                pass

    async def kept(self) -> int:
        return sum(count.number for count in await self.archive.counts())


@asynccontextmanager
async def house(path: Path | None = None, turned: int = 0) -> AsyncIterator[House]:
    now = {"ms": 1_800_000_000_000 + turned}
    async with await DataFile.open(path, ServerClock(lambda: now["ms"], lambda: 0)) as data:
        yield House(data, now)


def test_a_device_that_is_revoked_here_is_cut_at_once() -> None:
    async def test() -> None:
        async with house() as mine:
            for device_id in ("bear", "rex"):
                await mine.devices.register(device_id)
            async with mine.keeping():
                await mine.devices.revoke("bear")
                async with asyncio.timeout(20):
                    assert await mine.cuts.get() == ("bear", REVOKED)
                assert mine.cuts.empty()

    asyncio.run(test())


def test_a_device_that_another_program_revokes_is_cut_though_it_is_registered_anew_at_once(tmp_path: Path) -> None:
    async def test() -> None:
        async with house(tmp_path / "toys.db") as mine, house(tmp_path / "toys.db") as other:
            await mine.devices.register("bear")
            async with mine.keeping():
                await other.devices.revoke("bear")
                await other.devices.register("bear")
                async with asyncio.timeout(20):
                    assert await mine.cuts.get() == ("bear", REVOKED)

    asyncio.run(test())


def test_who_was_revoked_just_before_it_began_is_cut_and_who_was_long_before_is_not() -> None:
    async def test() -> None:
        async with house() as mine:
            for device_id in ("long-ago", "just-now"):
                await mine.devices.register(device_id)
                await mine.devices.revoke(device_id)
                mine.turned["ms"] += 61_000 if device_id == "long-ago" else 1_000
            async with mine.keeping(), asyncio.timeout(20):
                assert await mine.cuts.get() == ("just-now", REVOKED)

    asyncio.run(test())


def test_what_is_over_its_time_is_forgotten_when_it_begins_and_every_hour() -> None:
    async def test() -> None:
        async with house() as mine:
            await mine.archive.take("bear", "rex", METRIC)
            mine.turned["ms"] += 8 * DAY
            async with mine.keeping():
                await mine.looked()
                assert await mine.kept() == 0
                await mine.archive.take("bear", "rex", METRIC)
                mine.turned["ms"] += SWEEP_MS
                await mine.looked()
                assert await mine.kept() == 1
                mine.turned["ms"] += 8 * DAY
                await mine.looked()
                assert await mine.kept() == 0

    asyncio.run(test())


def test_a_clock_that_leaps_ahead_by_years_is_not_believed_for_an_hour(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        async with house() as mine:
            await mine.archive.take("bear", "rex", METRIC)
            async with mine.keeping():
                await mine.looked()
                mine.turned["ms"] += LEAP_MS + DAY
                await mine.looked()
                assert await mine.kept() == 1
                mine.turned["ms"] += SWEEP_MS
                await mine.looked()
                assert await mine.kept() == 0

    asyncio.run(test())
    assert "clock leapt" in caplog.text


def test_a_leap_while_the_gateway_was_off_is_not_believed_for_an_hour_either(tmp_path: Path) -> None:
    async def test() -> None:
        async with house(tmp_path / "toys.db") as mine:
            await mine.archive.take("bear", "rex", METRIC)
        async with house(tmp_path / "toys.db", LEAP_MS + DAY) as mine, mine.keeping():
            await mine.looked()
            assert await mine.kept() == 1
            mine.turned["ms"] += SWEEP_MS
            await mine.looked()
            assert await mine.kept() == 0

    asyncio.run(test())


def test_a_file_that_cannot_be_used_for_a_while_is_told_once_and_waited_for(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.01)

    async def test() -> None:
        async with house() as mine:
            await mine.devices.register("bear")
            async with mine.keeping():
                await mine.looked()
                database, mine.archive.data._database = mine.archive.data._database, None
                while "housekeeping waits" not in caplog.text:
                    await asyncio.sleep(0.01)
                mine.archive.data._database = database
                await mine.devices.revoke("bear")
                async with asyncio.timeout(20):
                    assert await mine.cuts.get() == ("bear", REVOKED)

    asyncio.run(test())
    assert caplog.text.count("housekeeping waits") == 1


def test_the_personas_say_for_how_long_and_a_default_where_they_do_not() -> None:
    bear = load_personas(Path(__file__).parents[1] / "personas.yaml")["pommai-bear"]
    settings = structs.replace(bear.profile.guardian_settings, retention_days={"conversations": 3})
    personas = {"bear": replace(bear, profile=structs.replace(bear.profile, guardian_settings=settings))}
    days = retention(lambda: personas)
    assert days("bear", CONVERSATIONS) == 3
    agreed = consent(lambda: personas)
    assert days("bear", LOGS) == DEFAULT_DAYS[LOGS]
    assert not agreed("bear")
    assert not agreed("gone")
    settings = structs.replace(settings, allow_uploads=True)
    personas["bear"] = replace(bear, profile=structs.replace(bear.profile, guardian_settings=settings))
    assert agreed("bear")
    assert days("gone", CONVERSATIONS) == DEFAULT_DAYS[CONVERSATIONS]
    personas.clear()
    assert days("bear", CONVERSATIONS) == DEFAULT_DAYS[CONVERSATIONS]
