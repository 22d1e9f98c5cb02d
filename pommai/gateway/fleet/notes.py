"""Who toys are to be, written down in the gateway's data file: known after a restart, also when Redis has forgotten."""

from __future__ import annotations

from pommai.gateway.data_file import DataFile
from pommai.gateway.fleet.embedded import Notes
from pommai.gateway.fleet.news import read_entry
from pommai.gateway.fleet.wanted import ALL, MOST, Entry

_READ = "SELECT device, revision, toy FROM wanted ORDER BY revision DESC LIMIT ?"
_WRITE = """
    INSERT INTO wanted (device, revision, toy) VALUES (?, ?, ?)
    ON CONFLICT (device) DO UPDATE SET revision = excluded.revision, toy = excluded.toy
    WHERE (excluded.revision, excluded.toy) > (revision, toy)
"""
_OVERRULED = "DELETE FROM wanted WHERE revision < (SELECT revision FROM wanted WHERE device = ?)"


class FileNotes(Notes):
    """Several gateways may write them in one file: what is later counts."""

    def __init__(self, data: DataFile) -> None:
        """`data` stays the caller's to close."""
        self._data = data

    async def read(self) -> dict[str, Entry]:
        async with self._data.reading() as database:
            rows = await database.execute_fetchall(_READ, (MOST + 1,))
        found = (read_entry(device, f"{revision:016d} {toy}") for device, revision, toy in rows)
        return dict(each for each in found if each is not None)

    async def write(self, changes: dict[str, Entry]) -> None:
        async with self._data.transaction() as database:
            await database.executemany(_WRITE, [(where, *entry) for where, entry in changes.items()])
            await database.execute(_OVERRULED, (ALL,))
