"""Registered devices, their secrets, and the tokens that they open: kept in the data file, as hashes alone."""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final, Literal

from pommai.errors import RegistryError
from pommai.gateway.data_file import DataFile
from pommai.gateway.server_clock import DAY, HOUR, MINUTE, as_iso

if TYPE_CHECKING:
    from aiosqlite import Connection

TOKEN_MS: Final = HOUR
"""How long a token lives."""
MOST_TOKENS: Final = 4
"""Tokens that a device has of each kind at a time. One more, and the oldest ends: a toy uses two at most, while it
changes from one to the next."""
OLD_SECRET_MS: Final = 7 * DAY
"""How long the secret before the newest is good, unless the newest is used earlier: long enough to walk to a toy with
the new one. One that has leaked is not waited for: it is revoked."""
MOST_SERVICE_KEYS: Final = 2
"""The newest ones are good: one is changed on every gateway in turn, and a second change ends one that has leaked."""

Purpose = Literal["convex", "websocket"]
"""What a token opens: the cloud functions, or the socket."""

_ID: Final = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
_TIMES: Final = ("registered", "seen", "revoked", "secret_made", "old_secret_until", "token_made")
_NAMED: Final = "SELECT revoked FROM devices WHERE device = ?"
_LIST: Final = """
    SELECT device, registered, seen, revoked,
        (SELECT max(made) FROM secrets s WHERE s.device = d.device),
        (SELECT max(until) FROM secrets s WHERE s.device = d.device AND until > :now),
        (SELECT count(*) FROM tokens t WHERE t.device = d.device AND purpose = 'websocket' AND until > :now),
        (SELECT max(made) FROM tokens t WHERE t.device = d.device)
    FROM devices d ORDER BY device
"""
_SECRETS: Final = "SELECT count(*) FROM secrets WHERE device = ?"
_SECRET: Final = """
    SELECT used, until FROM secrets JOIN devices USING (device)
    WHERE hash = ? AND device = ? AND revoked IS NULL AND (until IS NULL OR until > ?)
"""
_ADMITTED: Final = """
    SELECT until FROM tokens JOIN devices USING (device)
    WHERE hash = ? AND purpose = 'websocket' AND device = ? AND until > ? AND revoked IS NULL
"""
_WHOSE: Final = """
    SELECT device, EXISTS (SELECT 1 FROM devices d WHERE d.device = t.device AND revoked IS NULL) FROM tokens t
    WHERE hash = ? AND purpose = 'convex' AND until > ?
"""
_KEEP_NEWEST: Final = """
    DELETE FROM tokens WHERE device = ? AND purpose = ? AND number NOT IN
    (SELECT number FROM tokens WHERE device = ? AND purpose = ? ORDER BY number DESC LIMIT ?)
"""


@dataclass(frozen=True, slots=True)
class Device:
    """A device as operators see it. Times are in ms since 1970 by the server's clock."""

    device_id: str
    registered: int
    seen: int | None
    """When it last authenticated or connected."""
    revoked: int | None
    secret_made: int | None
    old_secret_until: int | None
    """While the secret before the newest is still good."""
    tokens: int
    """How many of the socket's tokens are good."""
    token_made: int | None
    """When it got its newest."""

    def as_json(self) -> dict[str, object]:
        """For machines: times are text, UTC, ISO 8601, or null."""
        row = asdict(self)
        return {name: as_iso(row[name]) if name in _TIMES and row[name] is not None else row[name] for name in row}


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a device gets for its secret. Times are in ms since 1970 by the server's clock."""

    convex: str
    websocket: str
    expires_at: int
    server_time: int


class Devices:
    """The registry. A Door: a device comes in with its websocketToken.

    Several gateways may share the file, and `pommai devices` change it while they run.
    """

    def __init__(self, data: DataFile) -> None:
        self.data = data
        self.changed = asyncio.Event()
        """Set when somebody was revoked here: whoever watches for that need not wait for its next look."""
        self._seen: dict[str, int] = {}

    # -- for operators ---------------------------------------------------------------------

    async def register(self, device_id: str) -> str:
        """Let a device in from now on. Its secret, which is shown this once.

        One that was revoked may be registered anew. Raises RegistryError when it is registered, or cannot be called
        so; StoreError.
        """
        if not _ID.fullmatch(device_id):
            raise RegistryError("a device's id is 1 to 128 letters, digits, - _ . and :")
        secret = new_secret()
        async with self.data.transaction() as database:
            now = await self.data.keep_time(database)
            if await _state(database, device_id) == "active":
                words = f"the device '{device_id}' is registered already"
                raise RegistryError(f"{words}; `rotate` gives it a new secret, `revoke` keeps it out")
            await _forget(database, device_id)
            await database.execute("INSERT INTO devices (device, registered) VALUES (?, ?)", (device_id, now))
            await _keep_secret(database, device_id, secret, now)
        self.changed.set()
        return secret

    async def rotate(self, device_id: str) -> str:
        """Give a device a new secret, which is shown this once.

        The one it has stays good until the new one is used for the first time, for OLD_SECRET_MS at most; then it ends,
        and what it has opened. A new one that was never used ends at once. Raises RegistryError, StoreError.
        """
        secret = new_secret()
        async with self.data.transaction() as database:
            now = await self.data.keep_time(database)
            await _must_be_active(database, device_id)
            await database.execute("DELETE FROM secrets WHERE device = ? AND until <= ?", (device_id, now))
            ((number,),) = await database.execute_fetchall(_SECRETS, (device_id,))
            # Two mean that the newest was never used: its first use would have ended the other.
            change = "DELETE FROM secrets" if number > 1 else "UPDATE secrets SET until = :until"
            await database.execute(
                f"{change} WHERE device = :device AND until IS NULL",
                {"device": device_id, "until": now + OLD_SECRET_MS},
            )
            await _keep_secret(database, device_id, secret, now)
        return secret

    async def revoke(self, device_id: str) -> None:
        """Keep a device out: its secrets and tokens end now, its connections within a second or so on every gateway.

        Harmless when it is revoked already. Raises RegistryError, StoreError.
        """
        async with self.data.transaction() as database:
            now = await self.data.keep_time(database)
            if await _state(database, device_id) is None:
                raise _unknown(device_id)
            await database.execute("DELETE FROM secrets WHERE device = ?", (device_id,))
            await database.execute(
                "UPDATE devices SET revoked = coalesce(revoked, ?) WHERE device = ?", (now, device_id)
            )
            await _note_revocation(database, device_id, now)
        self.changed.set()

    async def remove(self, device_id: str) -> None:
        """Revoke a device and forget that it was ever registered. What it has sent stays in the archive.

        Raises RegistryError, StoreError.
        """
        async with self.data.transaction() as database:
            now = await self.data.keep_time(database)
            if await _state(database, device_id) is None:
                raise _unknown(device_id)
            await database.execute("DELETE FROM devices WHERE device = ?", (device_id,))
            await _note_revocation(database, device_id, now)
        self.changed.set()

    async def devices(self) -> tuple[Device, ...]:
        """All that are registered, and those that were revoked, by their ids. Raises StoreError."""
        async with self.data.reading() as database:
            rows = await database.execute_fetchall(_LIST, {"now": self.data.clock.now()})
        return tuple(Device(*row) for row in rows)

    async def new_service_key(self) -> str:
        """A key with which other gateways ask this one, shown this once. The one before stays good, older ones end.

        Raises StoreError.
        """
        key = new_secret()
        async with self.data.transaction() as database:
            await database.execute("INSERT INTO service_keys (hash) VALUES (?)", (hashed(key),))
            await database.execute(
                "DELETE FROM service_keys WHERE number NOT IN "
                "(SELECT number FROM service_keys ORDER BY number DESC LIMIT ?)",
                (MOST_SERVICE_KEYS,),
            )
        return key

    # -- for devices -----------------------------------------------------------------------

    async def authenticate(self, device_id: str, secret: str) -> Tokens | None:
        """Tokens for a secret; None when there is no such device, or it has another. Raises StoreError."""
        digest = hashed(secret)
        async with self.data.reading() as database:  # a stranger's guess writes nothing
            if not list(await database.execute_fetchall(_SECRET, (digest, device_id, self.data.clock.now()))):
                return None
        tokens: dict[Purpose, str] = {"convex": new_secret(), "websocket": new_secret()}
        async with self.data.transaction() as database:
            now = await self.data.keep_time(database)
            found = list(await database.execute_fetchall(_SECRET, (digest, device_id, now)))
            if not found:
                return None
            ((used, until),) = found
            first_use = used is None and until is None
            if used is None:
                await database.execute("UPDATE secrets SET used = ? WHERE hash = ?", (now, digest))
            if first_use:
                await _end_older(database, device_id, digest, now)
            await database.execute("DELETE FROM tokens WHERE until <= ?", (now,))
            await database.execute("UPDATE devices SET seen = ? WHERE device = ?", (now, device_id))
            for purpose, token in tokens.items():
                row = (hashed(token), device_id, purpose, now, now + TOKEN_MS)
                await database.execute(
                    "INSERT INTO tokens (hash, device, purpose, made, until) VALUES (?, ?, ?, ?, ?)", row
                )
                await database.execute(_KEEP_NEWEST, (device_id, purpose, device_id, purpose, MOST_TOKENS))
        if first_use:
            self.changed.set()
        return Tokens(tokens["convex"], tokens["websocket"], now + TOKEN_MS, now)

    async def admits(self, device_id: str, token: str) -> bool:
        """Whether this token opens the socket to this device. Raises StoreError."""
        if await self.check_websocket(device_id, token) is None:
            return False
        self._seen[device_id] = self.data.clock.now()  # written with the others': see note_seen()
        return True

    async def check_websocket(self, device_id: str, token: str) -> int | None:
        """Until when this token opens the socket to this device, in ms since 1970; None: it does not.

        Raises StoreError.
        """
        sought = (hashed(token), device_id, self.data.clock.now())
        async with self.data.reading() as database:
            rows = list(await database.execute_fetchall(_ADMITTED, sought))
        return int(rows[0][0]) if rows else None

    async def who(self, token: str) -> tuple[str, bool] | None:
        """Whose token of the functions this is, and whether that device is registered still; None: it is no good.

        Raises StoreError.
        """
        async with self.data.reading() as database:
            rows = list(await database.execute_fetchall(_WHOSE, (hashed(token), self.data.clock.now())))
        return (rows[0][0], bool(rows[0][1])) if rows else None

    async def is_registered(self, device_id: str) -> bool:
        """Whether this device is registered and not revoked. Raises StoreError."""
        async with self.data.reading() as database:
            return await _state(database, device_id) == "active"

    async def is_service_key(self, key: str) -> bool:
        """Whether this is a key that gateways show. Raises StoreError."""
        async with self.data.reading() as database:
            rows = await database.execute_fetchall("SELECT 1 FROM service_keys WHERE hash = ?", (hashed(key),))
            return bool(list(rows))

    # -- for the gateway -------------------------------------------------------------------

    async def revocations(self, since: int | None = None) -> tuple[int, tuple[str, ...]]:
        """The number of the newest revocation, and who was revoked after number `since`.

        None: where to begin, which is a minute ago: a device may have connected before anybody has looked. Raises
        StoreError.
        """
        async with self.data.reading() as database:
            if since is None:
                ((newest,),) = await database.execute_fetchall(
                    "SELECT coalesce(max(number), 0) FROM revocations WHERE at < ?", (self.data.clock.now() - MINUTE,)
                )
                return newest, ()
            rows = list(
                await database.execute_fetchall(
                    "SELECT number, device FROM revocations WHERE number > ? ORDER BY number", (since,)
                )
            )
        return (rows[-1][0] if rows else since), tuple(dict.fromkeys(device for _, device in rows))

    async def note_seen(self) -> None:
        """Write down who has connected lately, all in one go: a burst of toys is no burst of writing.

        Raises StoreError; then it is written the next time.
        """
        seen = dict(self._seen)
        async with self.data.transaction() as database:
            await self.data.keep_time(database)
            await database.executemany(
                "UPDATE devices SET seen = max(coalesce(seen, 0), ?) WHERE device = ?",
                [(moment, device_id) for device_id, moment in seen.items()],
            )
        for device_id, moment in seen.items():
            if self._seen.get(device_id) == moment:
                del self._seen[device_id]

    async def sweep(self) -> None:
        """Forget what ended: tokens, old secrets, and revocations that every gateway has seen. Raises StoreError."""
        async with self.data.transaction() as database:
            now = await self.data.keep_time(database)
            await database.execute("DELETE FROM tokens WHERE until <= ?", (now,))
            await database.execute("DELETE FROM secrets WHERE until <= ?", (now,))
            await database.execute("DELETE FROM revocations WHERE at <= ?", (now - DAY,))


def new_secret() -> str:
    """256 random bits as text for a header or a file: base64url, 43 characters."""
    return secrets.token_urlsafe(32)


def hashed(secret: str) -> bytes:
    """SHA-256. Not argon2 or the like: that slows down guessing of what people choose, and nobody guesses 256 random
    bits; here it would only make it cheap to keep the gateway busy."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _unknown(device_id: str) -> RegistryError:
    return RegistryError(f"no device '{device_id}' is registered; `list` shows those that are")


async def _state(database: Connection, device_id: str) -> Literal["active", "revoked"] | None:
    rows = list(await database.execute_fetchall(_NAMED, (device_id,)))
    return None if not rows else "active" if rows[0][0] is None else "revoked"


async def _must_be_active(database: Connection, device_id: str) -> None:
    state = await _state(database, device_id)
    if state is None:
        raise _unknown(device_id)
    if state == "revoked":
        raise RegistryError(f"the device '{device_id}' is revoked; `add` registers it anew")


async def _forget(database: Connection, device_id: str) -> None:
    """Nothing of before counts for a device that is registered anew."""
    await database.execute("DELETE FROM tokens WHERE device = ?", (device_id,))
    await database.execute("DELETE FROM devices WHERE device = ?", (device_id,))


async def _keep_secret(database: Connection, device_id: str, secret: str, now: int) -> None:
    await database.execute(
        "INSERT INTO secrets (hash, device, made) VALUES (?, ?, ?)", (hashed(secret), device_id, now)
    )


async def _end_older(database: Connection, device_id: str, digest: bytes, now: int) -> None:
    """The newest secret is used for the first time: the one before ends, and what it has opened."""
    ended = await database.execute("DELETE FROM secrets WHERE device = ? AND hash != ?", (device_id, digest))
    tokens = await database.execute("DELETE FROM tokens WHERE device = ?", (device_id,))
    if ended.rowcount or tokens.rowcount:
        await _note_revocation(database, device_id, now)


async def _note_revocation(database: Connection, device_id: str, now: int) -> None:
    await database.execute("INSERT INTO revocations (device, at) VALUES (?, ?)", (device_id, now))
