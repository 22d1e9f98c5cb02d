"""One Redis, asked with patience that ends, and what is wrong with it in words."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from pommai.errors import FleetError, SettingsError

if TYPE_CHECKING:
    from redis.asyncio import Redis

CALL_SECONDS: Final = 1.5
"""How long Redis may take for an answer."""
LISTEN_SECONDS: Final = 1.0
"""How long to wait for news before the question is put again."""
MOST_CONNECTIONS: Final = 16

_NEWEST: Final = """
local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
return newest and newest[1] or '0-0'
"""

Streams = list[tuple[str, list[tuple[str, Mapping[object, object]]]]]
"""Of each stream its key, and its entries: id and fields."""


class RedisServer:
    """Calls raise FleetError: its words say what is wrong, and never hold the password."""

    def __init__(self, url: str) -> None:
        """`url` is redis://, rediss:// (TLS) or unix://, with a password when Redis wants one. Nothing is connected
        yet. Raises SettingsError when it is no such URL, or redis-py is missing."""
        try:
            from redis.asyncio import Redis
            from redis.asyncio.retry import Retry
            from redis.backoff import NoBackoff
        except ImportError as caught:
            raise SettingsError("Redis needs the package redis: pip install 'pommai[fleet]'") from caught
        try:
            parts = urlsplit(url)
            self.where = f"{parts.hostname or parts.path or 'localhost'}"
            self.where += f" port {parts.port}" if parts.port else ""
            self._redis: Redis = Redis.from_url(
                url,
                protocol=2,
                decode_responses=False,
                socket_timeout=CALL_SECONDS + LISTEN_SECONDS,
                socket_connect_timeout=CALL_SECONDS,
                max_connections=MOST_CONNECTIONS,
                retry=Retry(NoBackoff(), 0),  # whoever calls decides when to try again
            )
        except (ValueError, TypeError):
            raise SettingsError(
                "the address of Redis must be like redis://:PASSWORD@HOST:6379/0, rediss://... or unix:///PATH; "
                "a password with / ? # or @ in it must be written with % codes"
            ) from None  # the words of others may show the password
        self._scripts: dict[str, Any] = {}

    async def close(self) -> None:
        """Let go of all connections."""
        await self._redis.aclose()

    async def run(self, script: str, keys: Sequence[str], *arguments: str | int) -> Any:
        """What a script of ours answers."""
        if script not in self._scripts:
            self._scripts[script] = self._redis.register_script(script)
        return await self._asked(self._scripts[script](keys=keys, args=arguments))

    async def call(self, *command: str | int | bytes) -> Any:
        """What a command answers."""
        execute: Callable[..., Awaitable[Any]] = self._redis.execute_command
        return await self._asked(execute(*command))

    async def scan(self, key: str, most: int) -> list[tuple[object, object]]:
        """Fields and values of a hash; not many more than `most` of them."""
        found: list[tuple[object, object]] = []
        cursor: int = 0
        while True:
            cursor, some = await self._asked(self._redis.hscan(key, cursor, count=500))
            found += some.items()
            if cursor == 0 or len(found) >= most:
                return found

    async def newest(self, stream: str) -> str:
        """The id of the last entry, which itself may be of any size and is left there."""
        id_: bytes = await self.run(_NEWEST, [stream])
        return id_.decode()

    async def listen(self, after: Mapping[str, str], most: int) -> Streams:
        """What was added to streams after these ids, as soon as there is something, `most` entries of each at a time;
        empty after LISTEN_SECONDS."""
        block = round(1000 * LISTEN_SECONDS)
        waiting = self._redis.xread(dict(after), count=most, block=block)  # type: ignore[arg-type]
        streams = await self._asked(waiting, CALL_SECONDS + LISTEN_SECONDS)
        return [(key.decode(), [(id_.decode(), fields or {}) for id_, fields in rows]) for key, rows in streams]

    async def _asked(self, answer: Any, seconds: float = CALL_SECONDS) -> Any:
        from redis import exceptions as ex

        try:
            return await _within(seconds, answer)
        except (ex.AuthenticationError, ex.NoPermissionError) as caught:
            words = "does not accept the name or password of its URL, or lets them do too little"
            raise FleetError(f"Redis at {self.where} {words}") from caught
        except ex.ReadOnlyError as caught:
            raise FleetError(f"Redis at {self.where} is a read-only copy; give the address of the original") from caught
        except (TimeoutError, ex.TimeoutError) as caught:
            raise FleetError(f"Redis at {self.where} does not answer") from caught
        except ex.BusyLoadingError as caught:
            raise FleetError(f"Redis at {self.where} is still starting") from caught
        except ex.ResponseError as caught:
            raise FleetError(_refusal(self.where, str(caught))) from caught
        except (ex.RedisError, OSError) as caught:
            raise FleetError(f"Redis at {self.where} cannot be reached") from caught


async def _within(seconds: float, answer: Awaitable[Any]) -> Any:
    """The answer, or TimeoutError. redis-py sometimes goes on when it is cancelled, or raises something else (seen with
    8.1): so it is asked in a task of its own, and whoever is cancelled here ends at once."""
    asking = asyncio.ensure_future(answer)
    try:
        await asyncio.wait([asking], timeout=seconds)
        if not asking.done():
            raise TimeoutError
        return asking.result()
    finally:
        while not asking.done():
            asking.cancel()
            await asyncio.wait([asking], timeout=0.05)
        if not asking.cancelled():
            asking.exception()  # seen, whatever it is


def _refusal(where: str, words: str) -> str:
    if "NOAUTH" in words or "WRONGPASS" in words:
        return f"Redis at {where} wants a password: write it into its URL, redis://:PASSWORD@HOST"
    if "READONLY" in words:
        return f"Redis at {where} is a read-only copy; give the address of the original"
    if "WRONGTYPE" in words:
        return (
            f"Redis at {where} has keys of another program where the fleet's should be; give it a database of its own"
        )
    if "OOM" in words:
        return f"Redis at {where} is full"
    return f"Redis at {where} refuses: {words[:200]}"
