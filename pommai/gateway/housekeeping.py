"""What the gateway does by itself with its data file: cuts the devices that were revoked, and forgets in time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Final, Self

from pommai.errors import StoreError
from pommai.gateway.archive import DEFAULT_DAYS, Archive
from pommai.gateway.devices import Devices
from pommai.gateway.personas import Personas
from pommai.gateway.server_clock import DAY, HOUR, MINUTE
from pommai.gateway.uploads import Consent, Uploads
from pommai.io.ports import Kind

LOOK_SECONDS: Final = 1.0
"""Between two looks at who was revoked by another program: `pommai devices`, or another gateway of this file."""
NOTE_MS: Final = 5 * MINUTE
"""Between two notes of the time and of who was seen."""
SWEEP_MS: Final = HOUR
"""Between two sweeps of what is over its time."""
LEAP_MS: Final = 60 * DAY
"""A clock that leaps ahead as far as this is not believed for SWEEP_MS, while somebody may set it right: a
sweep in the year 2070 would leave nothing. A gateway that was off as long waits, too, which does no harm."""
REVOKED: Final = "this device was revoked, or has a new secret"
"""What a device hears when it is cut."""

Days = Callable[[str, Kind], int]
Cut = Callable[[str, str], Awaitable[object]]
"""Ends the connections of a device, with a reason."""

_log = logging.getLogger(__name__)


def retention(personas: Callable[[], Personas]) -> Days:
    """For how many days a toy's items of a kind are kept, by the personas there are at that time."""

    def days(toy_id: str, kind: Kind) -> int:
        persona = personas().get(toy_id)
        wanted = {} if persona is None else persona.profile.guardian_settings.retention_days
        return wanted.get(kind, DEFAULT_DAYS[kind])

    return days


def consent(personas: Callable[[], Personas]) -> Consent:
    """Whether the guardian of a toy has agreed that its sound is stored, by the personas there are at that time."""

    def agreed(toy_id: str) -> bool:
        persona = personas().get(toy_id)
        return persona is not None and persona.profile.guardian_settings.allow_uploads

    return agreed


class Housekeeping:
    """Works while it is entered:

    personas = lambda: gateway.active.personas
    async with Housekeeping(devices, archive, uploads, retention(personas), consent(personas), gateway.cut):
        ...
    """

    def __init__(
        self, devices: Devices, archive: Archive, uploads: Uploads, days: Days, agreed: Consent, cut: Cut
    ) -> None:
        self._devices = devices
        self._archive = archive
        self._uploads = uploads
        self._days = days
        self._agreed = agreed
        self._cut = cut
        self._clock = devices.data.clock
        self._seen_up_to = 0
        self._trouble = ""
        self._task: asyncio.Task[None] | None = None
        self._noted = self._swept = self._before = self._clock.now()
        self._at = 0.0

    async def __aenter__(self) -> Self:
        """Raises StoreError."""
        self._seen_up_to, _ = await self._devices.revocations()
        left = self._devices.data.left_at
        if not left or self._before - left < LEAP_MS:
            self._swept -= SWEEP_MS  # the first sweep is now
        self._at = asyncio.get_running_loop().time()
        self._task = asyncio.create_task(self._work(), name="housekeeping")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._task is not None, "entered before it is left"
        self._task.cancel()
        await asyncio.wait([self._task])
        with contextlib.suppress(StoreError):  # the disk has kept more than when somebody was seen
            await self._devices.note_seen()

    async def _work(self) -> None:
        while True:
            try:
                await self._look()
                await self._tidy()
                self._trouble = ""
            except StoreError as caught:
                if str(caught) != self._trouble:
                    self._trouble = str(caught)
                    _log.error("housekeeping waits", extra={"reason": self._trouble})
            except Exception:
                _log.exception("housekeeping broken")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._devices.changed.wait()
            self._devices.changed.clear()

    async def _look(self) -> None:
        """Cut whoever was revoked."""
        newest, revoked = await self._devices.revocations(self._seen_up_to)
        await asyncio.gather(*(self._cut(device_id, REVOKED) for device_id in revoked))
        self._seen_up_to = newest

    async def _tidy(self) -> None:
        now, at = self._clock.now(), asyncio.get_running_loop().time()
        leap = now - self._before - 1000 * (at - self._at)
        self._before, self._at = now, at
        if leap > LEAP_MS:
            _log.warning("clock leapt", extra={"days": round(leap / DAY)})
            self._swept = now
        if now - self._noted >= NOTE_MS:
            await self._devices.note_seen()
            self._noted = now
        if now - self._swept >= SWEEP_MS:
            await self._devices.sweep()
            forgotten = await self._archive.forget(self._days)
            erased = await self._uploads.sweep(self._agreed)
            self._swept = now
            if forgotten or erased:
                _log.info("over their time", extra={"items": forgotten, "recordings": erased})
