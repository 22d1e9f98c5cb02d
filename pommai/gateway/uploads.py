"""Recordings that toys bring: addresses that are good for one of them, and the bytes, in the data file.

A recording is kept once a conversation names it, and no longer than that. One that none has named within a day is
swept.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Final

from pommai.errors import CloudFunctionError
from pommai.gateway.data_file import DataFile
from pommai.gateway.devices import hashed, new_secret
from pommai.gateway.server_clock import DAY, MINUTE
from pommai.io.ports import CONVERSATIONS

MOST_BYTES: Final = 1 << 20
"""Of one recording."""
MOST_BYTES_OF_ALL: Final = 1 << 30
"""A hundred hours of talk, at 24 kbit/s."""
MOST_BYTES_IN_MEMORY: Final = 64 << 20
"""The same without a file."""
ADDRESS_MS: Final = 5 * MINUTE
"""How long an address is good."""
MOST_ADDRESSES: Final = 4
"""That a device has at a time. One more, and the oldest ends."""
UNNAMED_MS: Final = DAY
"""How long a recording waits for the conversation that names it: a toy may be switched off in between."""
FULL_SECONDS: Final = 600.0
"""After which a toy may try again when there is no room."""

_SWEEP: Final = """
    DELETE FROM uploads WHERE (bytes IS NULL AND made <= :addresses) OR (made <= :unnamed AND NOT EXISTS
    (SELECT 1 FROM items WHERE kind = :kind AND items.device = uploads.device AND items.id = uploads.item))
"""
_KEEP_NEWEST: Final = """
    DELETE FROM uploads WHERE device = ? AND bytes IS NULL AND rowid NOT IN
    (SELECT rowid FROM uploads WHERE device = ? AND bytes IS NULL ORDER BY rowid DESC LIMIT ?)
"""

Consent = Callable[[str], bool]
"""Whether the guardian of a toy (toyId) has agreed that its sound is stored."""


class Uploads:
    """The recordings in a data file."""

    def __init__(self, data: DataFile, most_bytes: int | None = None) -> None:
        """`most_bytes` of all recordings (None: MOST_BYTES_OF_ALL, less in memory)."""
        self._data = data
        self._most_bytes = most_bytes or (MOST_BYTES_OF_ALL if data.path is not None else MOST_BYTES_IN_MEMORY)

    async def address(self, device_id: str, toy_id: str) -> str:
        """The secret part of an address for one recording, good for ADDRESS_MS.

        Raises CloudFunctionError (RATE_LIMITED) when there is no room, StoreError.
        """
        token = new_secret()
        async with self._data.transaction() as database:
            now = await self._data.keep_time(database)
            ((used,),) = await database.execute_fetchall("SELECT coalesce(sum(size), 0) FROM uploads")
            if used + MOST_BYTES > self._most_bytes:
                raise CloudFunctionError("there is no room for more recordings now", "RATE_LIMITED", FULL_SECONDS)
            await database.execute(
                "INSERT INTO uploads (id, url, device, toy, made) VALUES (?, ?, ?, ?, ?)",
                (secrets.token_urlsafe(16), hashed(token), device_id, toy_id, now),
            )
            await database.execute(_KEEP_NEWEST, (device_id, device_id, MOST_ADDRESSES))
        return token

    async def check(self, token: str, consent: Consent) -> None:
        """See that an address is good, before its bytes are read. Raises CloudFunctionError, StoreError."""
        async with self._data.reading() as database:
            rows = list(
                await database.execute_fetchall(
                    "SELECT toy FROM uploads WHERE url = ? AND made > ?",
                    (hashed(token), self._data.clock.now() - ADDRESS_MS),
                )
            )
        if not rows:
            words = "this address is not good any more: each takes one recording, within 5 minutes"
            raise CloudFunctionError(words, "FORBIDDEN")
        must_agree(rows[0][0], consent)

    async def put(self, token: str, content_type: str, sound: bytes, consent: Consent) -> str:
        """Keep a recording; its storageId. Raises as check() does."""
        await self.check(token, consent)
        async with self._data.transaction() as database:
            now = await self._data.keep_time(database)
            rows = list(
                await database.execute_fetchall(
                    "UPDATE uploads SET url = NULL, made = ?, type = ?, size = ?, bytes = ? WHERE url = ? RETURNING id",
                    (now, content_type, len(sound), sound, hashed(token)),
                )
            )
        if not rows:
            raise CloudFunctionError("this address was used by another meanwhile", "FORBIDDEN")
        storage_id: str = rows[0][0]
        return storage_id

    async def name(self, storage_id: str, device_id: str, toy_id: str, conversation: str, consent: Consent) -> None:
        """This recording belongs to this conversation, which is about to be kept.

        A second recording of the same conversation is dropped. Raises CloudFunctionError: INVALID when the device has
        no such recording of this toy, or another conversation has it; CONSENT_REQUIRED, and then it is gone. Raises
        StoreError.
        """
        if not consent(toy_id):
            async with self._data.transaction() as database:
                await database.execute(
                    "DELETE FROM uploads WHERE id = ? AND device = ? AND toy = ? AND item IS NULL",
                    (storage_id, device_id, toy_id),
                )
            must_agree(toy_id, consent)
        async with self._data.transaction() as database:
            rows = list(
                await database.execute_fetchall(
                    "SELECT item FROM uploads WHERE id = ? AND device = ? AND toy = ? AND bytes IS NOT NULL",
                    (storage_id, device_id, toy_id),
                )
            )
            if not rows or rows[0][0] not in (None, conversation):
                what = "names no recording of this toy" if not rows else "belongs to another conversation"
                raise CloudFunctionError(f"args.audioStorageId {what}", "INVALID")
            ((others,),) = await database.execute_fetchall(
                "SELECT count(*) FROM uploads WHERE device = ? AND item = ? AND id != ?",
                (device_id, conversation, storage_id),
            )
            change = "DELETE FROM uploads" if others else "UPDATE uploads SET item = :item"
            await database.execute(f"{change} WHERE id = :id", {"id": storage_id, "item": conversation})

    async def count(self, device_id: str) -> int:
        """How many recordings there are of a device. Raises StoreError."""
        async with self._data.reading() as database:
            ((number,),) = await database.execute_fetchall(
                "SELECT count(*) FROM uploads WHERE device = ? AND bytes IS NOT NULL", (device_id,)
            )
        return int(number)

    async def sweep(self, consent: Consent) -> int:
        """Erase addresses that ended, recordings that no conversation of the archive names, and those that wait for one
        though the guardian agrees no more. How many.

        Raises StoreError.
        """
        async with self._data.transaction() as database:
            now = await self._data.keep_time(database)
            limits = {"addresses": now - ADDRESS_MS, "unnamed": now - UNNAMED_MS, "kind": CONVERSATIONS}
            erased = (await database.execute(_SWEEP, limits)).rowcount
            for (toy_id,) in await database.execute_fetchall("SELECT DISTINCT toy FROM uploads WHERE item IS NULL"):
                if not consent(toy_id):
                    gone = await database.execute("DELETE FROM uploads WHERE item IS NULL AND toy = ?", (toy_id,))
                    erased += gone.rowcount
        return erased


def must_agree(toy_id: str, consent: Consent) -> None:
    """Raises CloudFunctionError (CONSENT_REQUIRED) unless the guardian of this toy has agreed."""
    if not consent(toy_id):
        raise CloudFunctionError(
            f"the guardian of '{toy_id}' has not agreed that its sound is stored (guardian_settings.allow_uploads)",
            "CONSENT_REQUIRED",
        )
