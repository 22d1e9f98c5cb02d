"""The toy's side of the cloud's functions: what waits in its memory goes there, its configuration comes from there.

The queue, the ids and the word on what has arrived are the memory's, as on the way over the link: this is another
carrier for the same batch. What it cannot bring stays where it is.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from random import Random
from typing import Final, Protocol

from pommai.errors import CloudError, CloudFunctionError, CloudUnreachableError, LinkError, ProtocolError
from pommai.io.cloud_http import plain
from pommai.io.cloud_tokens import DeviceTokens
from pommai.io.convex import ConvexClient, FunctionKind
from pommai.protocol.messages import NOTE, Rejected, SyncAck, SyncBatch, ToyProfile
from pommai.protocol.ogg_opus import CONTENT_TYPE, ogg_opus
from pommai.protocol.schema import Shape

logger = logging.getLogger(__name__)

LONGEST_PATIENCE: Final = 300.0
"""Seconds that a cloud may ask incidents to wait."""
GIVEN_UP: Final = ("INVALID", "TOY_NOT_FOUND")
"""Codes after which an item is put aside: the same words again would be answered alike."""
AUTHENTICATE: Final = ("UNAUTHENTICATED", "DEVICE_NOT_FOUND")
_UPLOADED: Final = 8
"""Recordings that are there while their conversation is not: so many are remembered."""
_URGENT: Final = frozenset({"high", "urgent", "critical", "emergency"})
_PROFILE = Shape(ToyProfile)

Item = Mapping[str, object]


class Voices(Protocol):
    """The recordings that the toy holds, as far as a guardian agrees that they leave it."""

    def take(self, conversation: str) -> Sequence[bytes] | None:
        """The child's turn of a conversation, as Opus packets; the toy holds it no longer."""

    def may_leave(self, toy_id: str) -> bool:
        """Whether a recording of this toy may be stored in the cloud, right now."""


class CloudFunctions:
    """The port Cloud over HTTP."""

    def __init__(
        self,
        client: ConvexClient,
        tokens: DeviceTokens,
        device_id: str,
        *,
        toy_id: Callable[[], str],
        now: Callable[[], str],
        voices: Voices,
        random: Random | None = None,
    ) -> None:
        """`toy_id`: the toy in force. `now`: the time of day as text, by the toy's clock."""
        self._client = client
        self._tokens = tokens
        self._device_id = device_id
        self._toy_id = toy_id
        self._now = now
        self._voices = voices
        self._random = random or Random()
        self._uploaded: dict[str, str] = {}
        self._not_before = 0.0

    # -- the port --------------------------------------------------------------------------

    async def reachable(self) -> None:
        """Whether it is, a try tells; but one that was asked to be patient is."""
        await asyncio.sleep(max(0.0, self._not_before - asyncio.get_running_loop().time()))

    async def deliver(self, batch: SyncBatch, seconds: float, go_on: Callable[[], bool]) -> SyncAck | None:
        kept = _Kept()
        try:
            for incident in batch.safety_events:
                if go_on():
                    await self._bring(kept, "guardian:reportEvent", [incident], self._incident(incident))
            for conversation in batch.conversations:
                if go_on():
                    await self._bring_conversation(kept, conversation)
            for path, name, items in (
                ("metrics:batchRecord", "metrics", batch.metrics),
                ("logs:create", "logs", batch.logs),
            ):
                if items and go_on():
                    await self._bring(kept, path, items, self._many(name, items))
        except (CloudError, LinkError) as caught:
            if isinstance(caught, CloudFunctionError) and caught.code == "RATE_LIMITED":
                patience = min(caught.retry_after or 0.0, LONGEST_PATIENCE)
                self._not_before = asyncio.get_running_loop().time() + patience
            logger.info("batch not delivered", extra={"batch": batch.batch, "reason": str(caught)})
        return kept.ack(batch.batch)

    async def configuration(self, toy_id: str) -> ToyProfile | None:
        try:
            args = {"toyId": toy_id, "deviceId": self._device_id}
            profile = _PROFILE.read(await self._call("query", "toys:getConfiguration", args), "config")
        except (CloudError, LinkError, ProtocolError) as caught:
            logger.warning("no configuration from the cloud", extra={"toy": toy_id, "reason": str(caught)})
            return None
        if profile.toy_id != toy_id:
            logger.warning("configuration of another toy ignored", extra={"toy": profile.toy_id})
            return None
        return profile

    # -- calls -----------------------------------------------------------------------------

    async def _call(self, kind: FunctionKind, path: str, args: Mapping[str, object]) -> object:
        """A function's value, with this device's token; once with a new one when the cloud does not want the first."""
        token = await self._tokens.convex_token()
        try:
            return await self._client.call(kind, path, args, token)
        except CloudFunctionError as caught:
            if caught.code not in AUTHENTICATE:
                raise
        self._tokens.refused(token.reveal())
        return await self._client.call(kind, path, args, await self._tokens.convex_token())

    async def _bring(self, kept: _Kept, path: str, items: Iterable[Item], args: Mapping[str, object]) -> None:
        """Call a function with some items of the batch, and note what has become of them."""
        ids = [str(item["id"]) for item in items]
        try:
            kept.take(await self._call("mutation", path, args), ids)
        except CloudFunctionError as caught:
            if caught.code in GIVEN_UP:
                kept.refuse(ids, f"{caught.code}: {caught}")
            elif caught.code == "SERVER_ERROR":  # with the next item it may go well
                logger.info("cloud function failed", extra={"path": path, "reason": str(caught)})
            else:
                raise

    async def _bring_conversation(self, kept: _Kept, item: Item) -> None:
        """Bring a conversation, with its recording if there is one; without it rather than not at all."""
        path, name, args = "conversations:create", str(item["id"]), self._conversation(item)
        storage = await self._storage_of(item)
        if storage is not None:
            try:
                kept.take(await self._call("mutation", path, args | {"audioStorageId": storage}), [name])
                self._uploaded.pop(name, None)
                return
            except CloudFunctionError as caught:
                if caught.code in (*AUTHENTICATE, "RATE_LIMITED"):
                    raise
                # A guardian has changed their mind, or the cloud has erased it meanwhile: the words go without.
                logger.info("recording dropped", extra={"conversation": name, "reason": str(caught)})
                self._uploaded.pop(name, None)
        await self._bring(kept, path, [item], args)

    # -- arguments -------------------------------------------------------------------------

    def _incident(self, item: Item) -> dict[str, object]:
        severity = str(item.get("severity", "")).lower()
        urgent = severity in _URGENT
        reason = str(item.get("reason", ""))
        details = {name: item[name] for name in _TOLD if item.get(name) not in (None, "")}
        return self._about(item) | {
            "eventType": _slug(reason),
            "severity": "high" if urgent else {NOTE: "low"}.get(severity, severity if severity == "low" else "medium"),
            "details": details,
            "isUrgent": urgent,
        }

    def _conversation(self, item: Item) -> dict[str, object]:
        return self._about(item) | {
            "transcript": str(item.get("user_input", "")),
            "response": str(item.get("toy_response", "")),
            "wasOffline": item.get("was_offline") is True,
        }

    def _many(self, name: str, items: Sequence[Item]) -> dict[str, object]:
        fields = _FIELDS[name]
        listed = [{field: item.get(field) for field in fields} for item in items]
        return {"deviceId": self._device_id, "timestamp": self._now(), name: listed}

    def _about(self, item: Item) -> dict[str, object]:
        toy_id = str(item.get("toy_id") or self._toy_id())
        return {
            "deviceId": self._device_id,
            "toyId": toy_id,
            "id": item["id"],
            "timestamp": str(item.get("timestamp", "")),
        }

    # -- the child's voice -----------------------------------------------------------------

    async def _storage_of(self, item: Item) -> str | None:
        """Where the recording that goes with a conversation is, brought before it. None when there is none, when it may
        not leave the toy, or when it cannot be brought: then it is gone."""
        name, toy_id = str(item["id"]), str(item.get("toy_id"))
        if name not in self._uploaded:
            packets = self._voices.take(name)
            if not packets:
                return None
            try:
                found = await self._upload(packets, toy_id)
            except (CloudError, LinkError) as caught:
                logger.info("recording dropped", extra={"conversation": name, "reason": str(caught)})
                return None
            if found is None:
                return None
            self._uploaded[name] = found
            while len(self._uploaded) > _UPLOADED:
                del self._uploaded[next(iter(self._uploaded))]
        return self._uploaded[name]

    async def _upload(self, packets: Sequence[bytes], toy_id: str) -> str | None:
        file = await asyncio.to_thread(ogg_opus, packets, self._random.getrandbits(32))
        args = {"deviceId": self._device_id, "toyId": toy_id}
        value = await self._call("mutation", "storage:generateUploadUrl", args)
        url = value.get("url") if isinstance(value, dict) else value
        if not isinstance(url, str):
            raise CloudUnreachableError("storage:generateUploadUrl: the answer holds no url", again=False)
        if not self._voices.may_leave(toy_id):  # meanwhile somebody has said no
            return None
        return await self._client.upload(url, file, CONTENT_TYPE)


_TOLD: Final = ("reason", "transcript", "severity", "clock_trusted", "sequence")
_FIELDS: Final = {
    "metrics": ("id", "name", "value", "timestamp"),
    "logs": ("id", "level", "event", "fields", "timestamp"),
}


def _slug(reason: str) -> str:
    """What kind of incident it is, from its reason: `held without a word`, or what stands before a colon."""
    words = re.findall(r"[a-z0-9]+", reason.partition(":")[0].lower())
    return "_".join(words)[:64] or "incident"


class _Kept:
    """What has become of a batch's items."""

    def __init__(self) -> None:
        self.accepted: dict[str, None] = {}
        self._rejected: dict[str, str] = {}

    def take(self, value: object, ids: Sequence[str]) -> None:
        """A function's word on some items. Raises CloudUnreachableError when it says nothing of them."""
        value = value if isinstance(value, dict) else {}
        accepted, rejected = value.get("accepted"), value.get("rejected")
        told = False
        for item in rejected if isinstance(rejected, list) else []:
            if isinstance(item, dict) and item.get("id") in ids:
                self._rejected[str(item["id"])] = plain(str(item.get("reason", "")))
                told = True
        for name in accepted if isinstance(accepted, list) else []:
            if isinstance(name, str) and name in ids and name not in self._rejected:
                self.accepted[name] = None
                told = True
        if not told:
            raise CloudUnreachableError("the cloud does not say what it has kept")

    def refuse(self, ids: Sequence[str], reason: str) -> None:
        self._rejected.update(dict.fromkeys(ids, reason))

    def ack(self, batch: str) -> SyncAck | None:
        """The word on the whole batch; None when there is none on any of it."""
        if not self.accepted and not self._rejected:
            return None
        rejected = tuple(Rejected(name, reason) for name, reason in self._rejected.items())
        return SyncAck(batch, tuple(self.accepted), rejected)
