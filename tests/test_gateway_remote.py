"""A gateway that keeps nothing itself, and the gateway that keeps it, over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from functions_material import CONTRACT, FunctionServer, function_server
from gateway_material import run

from pommai.errors import CloudUnreachableError, ProtocolError, StoreError
from pommai.gateway import remote
from pommai.gateway.archive import MOST_ITEMS, Alert
from pommai.gateway.remote import RemoteArchive, RemoteDoor
from pommai.io.cloud_http import CloudHttp, CloudTimes
from pommai.io.convex import ConvexClient
from pommai.io.secret import Secret
from pommai.protocol import messages as m

DEVICE = CONTRACT["devices"][0]
TOY = next(iter(CONTRACT["toys"]))
METRIC = {"id": "m1", "name": "wake.hits", "value": 1}
ALARM = {"id": "a1", "severity": "high", "reason": "a scream"}
QUICK = CloudTimes(call=2.0, retry_first=0.01, retry_limit=0.01)


@pytest.fixture
def server() -> Iterator[FunctionServer]:
    with function_server() as running:
        yield running


@asynccontextmanager
async def client_of(url: str) -> AsyncIterator[ConvexClient]:
    client = ConvexClient(CloudHttp(url, times=QUICK))
    try:
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def archive_at(url: str, key: str) -> AsyncIterator[tuple[RemoteArchive, list[Alert]]]:
    async with client_of(url) as client, await RemoteArchive.at(client, Secret(key)) as archive:
        told: list[Alert] = []
        archive.on_alert = told.append
        yield archive, told


class Says:
    """A cloud that answers what a test wants, or raises it."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def call(self, *_: object, **__: object) -> object:
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_a_batch_is_acknowledged_once_the_cloud_has_it(server: FunctionServer) -> None:
    async def test() -> None:
        async with archive_at(server.url, server.service_key) as (archive, told):
            batch = m.SyncBatch("b1", metrics=(METRIC, {"id": "bad", "name": ""}), safety_events=(ALARM,))
            for _ in range(2):
                ack = await archive.take(DEVICE, TOY, batch)
                assert (ack.batch, set(ack.accepted), [each.id for each in ack.rejected]) == (
                    "b1",
                    {"a1", "m1"},
                    ["bad"],
                )
            assert [alert.reason for alert in told] == ["a scream"]
            assert [alert.reason for alert in await archive.alerts()] == ["a scream"], "operators here can look at it"
            await archive.save(DEVICE, m.Conversation("c1", TOY, "2026-01-01T00:00:00Z", "hello", "hi", False))
            await archive.alert(DEVICE, TOY, m.GuardianAlert("high", "a cry", "2026-01-01T00:00:00Z"))

    run(test())
    count = server.count(DEVICE)
    assert (count["metrics"], count["safety_events"], count["conversations"]) == (1, 2, 1)


def test_what_the_cloud_does_not_take_is_not_acknowledged_and_alarms_all_the_same(server: FunctionServer) -> None:
    async def test() -> None:
        batch = m.SyncBatch("b1", metrics=(METRIC,), safety_events=(ALARM,))
        async with archive_at(server.url, server.service_key) as (archive, told):
            with pytest.raises(StoreError, match=r"the cloud keeps nothing: .*not registered"):
                await archive.take("stranger", TOY, batch)
            assert len(told) == 1
            with pytest.raises(ProtocolError, match="unicorn"):
                await archive.take(DEVICE, "unicorn", batch)
            with pytest.raises(ProtocolError, match="send fewer"):
                await archive.take(DEVICE, TOY, m.SyncBatch("b", metrics=(METRIC,) * (MOST_ITEMS + 1)))
        async with archive_at(server.url, "another-key-than-that") as (archive, _):
            with pytest.raises(StoreError, match="the cloud keeps nothing"):
                await archive.take(DEVICE, TOY, batch)

    run(test())


def test_a_cloud_that_is_gone_is_tried_later_and_the_alarm_is_heard_now() -> None:
    async def test() -> None:
        async with archive_at("http://127.0.0.1:9", "k") as (archive, told):
            with pytest.raises(StoreError, match="the cloud keeps nothing: 127"):
                await archive.take("d", "t", m.SyncBatch("b", safety_events=(ALARM,)))
            assert len(told) == 1

    run(test())


@pytest.mark.parametrize("answer", [None, 7, [], {}, {"accepted": "m1"}, {"accepted": [], "rejected": None}])
def test_an_answer_that_says_nothing_acknowledges_nothing(answer: object) -> None:
    async def test() -> None:
        cloud: Any = Says(answer)
        async with await RemoteArchive.at(cloud, Secret("k")) as archive:
            with pytest.raises(StoreError, match="does not say what it has kept"):
                await archive.take("d", "t", m.SyncBatch("b", metrics=(METRIC,)))

    run(test())


def test_only_what_was_sent_is_acknowledged() -> None:
    async def test() -> None:
        cloud: Any = Says({"accepted": ["m1", "other", "m1", 7], "rejected": [{"id": "m1"}, "m1", {"id": "x"}]})
        async with await RemoteArchive.at(cloud, Secret("k")) as archive:
            ack = await archive.take("d", "t", m.SyncBatch("b", metrics=(METRIC,)))
            assert ack == m.SyncAck("b", ("m1",), ())

    run(test())


# -- the door ------------------------------------------------------------------------------


def test_who_has_a_token_of_the_cloud_comes_in_and_the_cloud_is_not_asked_each_time(server: FunctionServer) -> None:
    tokens = server.do(server.parts.devices.authenticate(DEVICE, server.secrets[DEVICE]))
    assert tokens is not None

    async def test() -> None:
        async with client_of(server.url) as client:
            door = RemoteDoor(client, Secret(server.service_key))
            assert await door.admits(DEVICE, tokens.websocket)
            assert not await door.admits("another", tokens.websocket)
            assert not await door.admits(DEVICE, "\udcff")
            assert not await door.admits("", tokens.websocket)
            await client.close()
            assert await door.admits(DEVICE, tokens.websocket), "remembered"
            with pytest.raises(StoreError, match="who may come in"):
                await RemoteDoor(client, Secret("wrong")).admits(DEVICE, tokens.websocket)

    run(test())


def test_the_clouds_last_word_counts_for_a_while_when_it_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = CloudUnreachableError("the cloud is away")

    async def test() -> None:
        monkeypatch.setattr(remote, "FRESH_SECONDS", 0.0)
        cloud: Any = Says({"valid": True, "expiresAt": 1}, gone)
        door = RemoteDoor(cloud, Secret("k"))
        assert await door.admits("d", "t")
        assert await door.admits("d", "t"), "as it was"
        with pytest.raises(StoreError, match="the cloud is away"):
            await door.admits("e", "t")
        monkeypatch.setattr(remote, "STALE_SECONDS", 0.0)
        with pytest.raises(StoreError, match="the cloud is away"):
            await door.admits("d", "t")

    run(test())


def test_a_stranger_who_tries_again_and_again_does_not_reach_the_cloud_and_takes_no_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(remote, "MOST_KNOWN", 10)

    async def test() -> None:
        cloud: Any = Says({"valid": False, "expiresAt": None})
        door = RemoteDoor(cloud, Secret("k"))
        for number in range(100):
            assert not await door.admits("d", f"guess-{number // 10}")
        assert cloud.asked == 10
        for number in range(100):
            await door.admits("d", str(number))
        assert len(door._known) == 10
        cloud.answers = [{"valid": "yes"}]
        with pytest.raises(StoreError, match="does not say"):
            await door.admits("d", "new")

    run(test())
