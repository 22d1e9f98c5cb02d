from __future__ import annotations

import pytest
from gateway_material import run
from websockets.exceptions import ConnectionClosed, ConnectionClosedError

from pommai.gateway.archive import Archive
from pommai.gateway.keeping import LATER, keep
from pommai.protocol import messages as m


class PaperToy:
    """A toy on paper, that notes what it is told."""

    def __init__(self, *, is_cut: bool = False) -> None:
        self.device_id, self.toy_id = "desk-1", "pommai-bear"
        self.told: list[m.Message] = []
        self.is_cut = is_cut

    def fact(self, **fields: object) -> dict[str, object]:
        return fields

    async def send(self, message: m.Message) -> None:
        if self.is_cut:
            raise ConnectionClosedError(None, None)
        self.told.append(message)

    async def send_sound(self, audio: m.DownAudio) -> None:
        raise AssertionError("there is no sound in this")


BATCH = m.SyncBatch("b", safety_events=({"id": "1", "reason": "r"},))


def test_a_batch_is_acknowledged_once_it_is_kept() -> None:
    async def test() -> None:
        async with await Archive.open() as archive:
            toy = PaperToy()
            await keep(toy, archive, BATCH)
            assert toy.told == [m.SyncAck("b", ("1",), ())]

    run(test())


def test_what_was_kept_stays_kept_when_the_toy_does_not_hear_of_it() -> None:
    async def test() -> None:
        async with await Archive.open() as archive:
            with pytest.raises(ConnectionClosed):
                await keep(PaperToy(is_cut=True), archive, BATCH)
            assert [count.number for count in await archive.counts()] == [1]

    run(test())


def test_what_cannot_be_kept_now_may_be_tried_again_later() -> None:
    async def test() -> None:
        archive = await Archive.open()
        await archive.close()
        toy = PaperToy()
        await keep(toy, archive, BATCH)
        (error,) = toy.told
        assert isinstance(error, m.ErrorMessage)
        assert (error.code, error.details) == ("RATE_LIMITED", {"retry_after": LATER})

    run(test())
