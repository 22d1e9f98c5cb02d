"""A gateway that keeps nothing itself: what toys send, and who may connect, is the cloud's, over its two functions for
gateways. The cloud is another `pommai gateway`, or a Convex deployment (docs/cloud.md).
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple, Self

from pommai.errors import CloudError, CloudFunctionError, ProtocolError, StoreError
from pommai.gateway.archive import MOST_ITEMS, Archive
from pommai.gateway.data_file import DataFile
from pommai.gateway.items import KINDS
from pommai.io.convex import ConvexClient
from pommai.io.secret import Secret
from pommai.protocol import messages as m

FRESH_SECONDS: Final = 60.0
"""How long the cloud's word counts that a token is good. So long a device that was revoked may still come in."""
STALE_SECONDS: Final = 900.0
"""How long it counts while the cloud cannot be asked: toys whose gateway ends go on elsewhere in the meantime."""
REFUSED_SECONDS: Final = 5.0
"""How long it counts that a token is none."""
MOST_KNOWN: Final = 20_000
"""Tokens whose answer is remembered."""

_log = logging.getLogger(__name__)


class RemoteArchive(Archive):
    """Has the cloud keep what toys send. Made by `RemoteArchive.at`; closed as any archive is.

    Nothing is acknowledged before the cloud has said that it has it. What alarms somebody is kept here, too, so that
    operators of this gateway can look at it.
    """

    def __init__(self, data: DataFile, client: ConvexClient, key: Secret) -> None:
        super().__init__(data)
        self._client = client
        self._key = key

    @classmethod
    async def at(cls, client: ConvexClient, key: Secret, path: Path | None = None) -> Self:
        """An archive at a cloud, which is the caller's to close; `path`, or memory, is for what this gateway itself
        remembers. Raises StoreError."""
        return cls(await DataFile.open(path), client, key)

    async def take(self, device_id: str, toy_id: str, batch: m.SyncBatch) -> m.SyncAck:
        number = sum(len(getattr(batch, kind)) for kind in KINDS)
        if number > MOST_ITEMS:
            raise ProtocolError(f"a batch of {number} items; at most {MOST_ITEMS} are taken at a time, so send fewer")
        if batch.safety_events:
            try:
                await super().take(device_id, toy_id, m.SyncBatch(batch.batch, safety_events=batch.safety_events))
            except StoreError as caught:  # those who listen were told all the same
                _log.error("alert not remembered here", extra={"reason": str(caught)})
        args: dict[str, object] = {"serviceKey": self._key.reveal(), "deviceId": device_id, "toyId": toy_id}
        args |= {kind: [dict(item) for item in getattr(batch, kind)] for kind in KINDS}
        try:
            kept = await self._client.call("mutation", "gateway:takeBatch", args)
        except CloudFunctionError as caught:
            if caught.code in ("INVALID", "TOY_NOT_FOUND"):
                code = "TOY_NOT_FOUND" if caught.code == "TOY_NOT_FOUND" else "BAD_MESSAGE"
                raise ProtocolError(str(caught), code) from caught
            raise StoreError(f"the cloud keeps nothing: {caught}") from caught
        except CloudError as caught:
            raise StoreError(f"the cloud keeps nothing: {caught}") from caught
        except ValueError as caught:
            raise ProtocolError("the batch holds a number that JSON has no word for") from caught
        sent = {item["id"] for kind in KINDS for item in getattr(batch, kind)}
        return _ack(batch.batch, kept, sent)


def _ack(batch: str, kept: object, sent: set[str]) -> m.SyncAck:
    """What the cloud says, as far as it is about what was sent. Raises StoreError when it makes no sense."""
    match kept:
        case {"accepted": list(accepted), "rejected": list(rejected)}:
            taken = tuple(id_ for id_ in dict.fromkeys(map(str, accepted)) if id_ in sent)
            refused = tuple(
                m.Rejected(each["id"], str(each.get("reason", "")))
                for each in rejected
                if isinstance(each, dict) and each.get("id") in sent and each["id"] not in taken
            )
            return m.SyncAck(batch, taken, refused)
    raise StoreError("the cloud does not say what it has kept")


class _Known(NamedTuple):
    """What the cloud has said of a token, and when, by the event loop's clock."""

    valid: bool
    at: float


class RemoteDoor:
    """Lets in whom the cloud knows. Its word is remembered for a while, as a hash."""

    def __init__(self, client: ConvexClient, key: Secret) -> None:
        self._client = client
        self._key = key
        self._known: dict[bytes, _Known] = {}

    async def admits(self, device_id: str, token: str) -> bool:
        if not device_id or not token:
            return False
        name = hashlib.sha256(f"{device_id}\n{token}".encode("utf-8", "surrogatepass")).digest()
        now = asyncio.get_running_loop().time()
        known = self._known.get(name)
        if known is not None and now - known.at < (FRESH_SECONDS if known.valid else REFUSED_SECONDS):
            return known.valid
        args = {"serviceKey": self._key.reveal(), "deviceId": device_id, "websocketToken": token}
        try:
            told = await self._client.call("query", "gateway:checkToken", args, attempts=2)
        except (CloudError, UnicodeError) as caught:
            if isinstance(caught, CloudFunctionError) and caught.code == "INVALID":
                return self._remember(name, valid=False)
            if known is not None and known.valid and now - known.at < STALE_SECONDS:
                _log.warning("cloud not asked, its last word counts", extra={"reason": str(caught)})
                return True
            raise StoreError(f"the cloud cannot say who may come in: {caught}") from caught
        if not isinstance(told, Mapping) or not isinstance(told.get("valid"), bool):
            raise StoreError("the cloud does not say who may come in")
        return self._remember(name, valid=told["valid"])

    def _remember(self, name: bytes, *, valid: bool) -> bool:
        self._known.pop(name, None)
        while len(self._known) >= MOST_KNOWN:
            del self._known[next(iter(self._known))]
        self._known[name] = _Known(valid, asyncio.get_running_loop().time())
        return valid
