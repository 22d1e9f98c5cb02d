from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest

from pommai.errors import CloudFunctionError
from pommai.gateway import uploads as module
from pommai.gateway.archive import Archive
from pommai.gateway.data_file import DataFile
from pommai.gateway.server_clock import DAY, MINUTE, ServerClock
from pommai.gateway.uploads import Uploads, must_agree
from pommai.protocol import messages as m

T = TypeVar("T")


class Machine:
    wall = 1_800_000_000_000

    def clock(self) -> ServerClock:
        return ServerClock(lambda: self.wall, lambda: 0)


def run(test: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(test)


def agreed(toy_id: str) -> bool:
    return toy_id == "rex"


def not_agreed(toy_id: str) -> bool:
    return False


async def code_of(work: Coroutine[Any, Any, Any]) -> str:
    """Of the error that this raises; empty when it raises none."""
    try:
        await work
    except CloudFunctionError as caught:
        return caught.code
    return ""


async def brought(uploads: Uploads, device_id: str = "desk-1") -> str:
    return await uploads.put(await uploads.address(device_id, "rex"), "audio/ogg", b"OggS...", agreed)


async def talked(archive: Archive, id_: str) -> None:
    talk = m.Conversation(id_, "rex", "roar", "roar", "now", was_offline=False)
    await archive.save("desk-1", talk)


def test_an_address_takes_one_recording_within_five_minutes_while_the_guardian_agrees() -> None:
    async def test() -> None:
        machine = Machine()
        async with await DataFile.open(clock=machine.clock()) as data:
            uploads = Uploads(data)
            address = await uploads.address("desk-1", "rex")
            assert await code_of(uploads.check("made up", agreed)) == "FORBIDDEN"
            assert await code_of(uploads.check(address, not_agreed)) == "CONSENT_REQUIRED"
            assert await code_of(uploads.put(address, "audio/ogg", b"x", not_agreed)) == "CONSENT_REQUIRED"
            assert await uploads.count("desk-1") == 0
            both = await asyncio.gather(
                *(code_of(uploads.put(address, "audio/ogg", b"x", agreed)) for _ in range(2)),
            )
            assert sorted(both) == ["", "FORBIDDEN"]
            late = await uploads.address("desk-1", "rex")
            machine.wall += 5 * MINUTE
            assert await code_of(uploads.put(late, "audio/ogg", b"x", agreed)) == "FORBIDDEN"
            assert await uploads.count("desk-1") == 1

    run(test())


def test_a_device_has_a_bounded_number_of_addresses_and_all_together_of_bytes() -> None:
    async def test() -> None:
        async with await DataFile.open() as data:
            uploads = Uploads(data, most_bytes=module.MOST_BYTES + 10)
            given = [await uploads.address("desk-1", "rex") for _ in range(6)]
            assert [await code_of(uploads.check(each, agreed)) for each in given] == ["FORBIDDEN"] * 2 + [""] * 4
            await uploads.put(given[-1], "audio/ogg", b"x" * 10, agreed)
            await uploads.put(given[-2], "audio/ogg", b"x", agreed)
            with pytest.raises(CloudFunctionError, match="no room for more recordings") as caught:
                await uploads.address("desk-2", "rex")
            assert (caught.value.code, caught.value.retry_after) == ("RATE_LIMITED", module.FULL_SECONDS)

    run(test())


def test_a_recording_stays_as_long_as_its_conversation_and_no_longer() -> None:
    async def test() -> None:
        machine = Machine()
        async with await DataFile.open(clock=machine.clock()) as data:
            archive, uploads = Archive(data), Uploads(data)
            for id_ in ("c1", "never kept"):
                await uploads.name(await brought(uploads), "desk-1", "rex", id_, agreed)
            await brought(uploads)  # nobody ever names it
            await uploads.address("desk-1", "rex")
            await talked(archive, "c1")
            assert await uploads.sweep(agreed) == 0
            machine.wall += 5 * MINUTE
            assert await uploads.sweep(agreed) == 1
            assert await uploads.count("desk-1") == 3
            machine.wall += DAY
            assert await uploads.sweep(agreed) == 2
            assert await uploads.count("desk-1") == 1
            machine.wall += 30 * DAY
            assert await archive.forget(lambda toy, kind: 30) == 1
            assert await uploads.sweep(agreed) == 1

    run(test())


def test_a_second_recording_of_the_same_conversation_is_dropped() -> None:
    async def test() -> None:
        async with await DataFile.open() as data:
            uploads = Uploads(data)
            first, second = await brought(uploads), await brought(uploads)
            for storage_id in (first, first, second):
                await uploads.name(storage_id, "desk-1", "rex", "c1", agreed)
            assert await uploads.count("desk-1") == 1
            await uploads.name(first, "desk-1", "rex", "c1", agreed)

    run(test())


def test_a_recording_is_named_by_its_own_device_and_toy_alone_and_by_nobody_without_consent() -> None:
    async def test() -> None:
        async with await DataFile.open() as data:
            uploads = Uploads(data)
            mine = await brought(uploads)
            for device, toy, id_ in (("desk-2", "rex", mine), ("desk-1", "rex", "made up")):
                assert await code_of(uploads.name(id_, device, toy, "c1", agreed)) == "INVALID"
            assert await code_of(uploads.name(mine, "desk-1", "bear", "c1", agreed)) == "CONSENT_REQUIRED"
            assert await uploads.count("desk-1") == 1, "another toy's guardian has no say in it"
            assert await code_of(uploads.name(mine, "desk-1", "rex", "c1", not_agreed)) == "CONSENT_REQUIRED"
            assert await uploads.count("desk-1") == 0, "whoever agreed to it agrees no more"

    run(test())


def test_a_recording_that_waits_for_its_conversation_is_erased_when_the_guardian_agrees_no_more() -> None:
    async def test() -> None:
        async with await DataFile.open() as data:
            archive, uploads = Archive(data), Uploads(data)
            await uploads.name(await brought(uploads), "desk-1", "rex", "c1", agreed)
            await talked(archive, "c1")
            await brought(uploads)
            await uploads.address("desk-1", "rex")
            assert await uploads.sweep(not_agreed) == 2
            assert await uploads.count("desk-1") == 1

    asyncio.run(test())


def test_consent_is_asked_for_by_name() -> None:
    must_agree("rex", agreed)
    with pytest.raises(CloudFunctionError, match=r"the guardian of 'bear' has not agreed .*allow_uploads"):
        must_agree("bear", agreed)
