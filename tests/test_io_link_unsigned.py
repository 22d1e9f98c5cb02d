"""What a toy without keys of its server does not do, whoever asks."""

from __future__ import annotations

import asyncio

import pytest
from signing_material import guard, signer
from test_io_link import link_to, polite, running, serving
from websockets.asyncio.server import ServerConnection

from pommai.protocol import messages as m
from pommai.protocol.wire import encode_message

FORGED = m.Signature("ab" * 8, 1, 1_800_000_000_000, "cd" * 64)


async def asks(websocket: ServerConnection) -> None:
    for message in (m.Command("reset"), m.Command("reset", {}, FORGED), m.Command("restart"), m.Command("stop")):
        await websocket.send(encode_message(message))


def test_a_toy_that_cannot_check_a_signature_refuses_what_cannot_be_taken_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def story() -> None:
        async with serving(polite(asks)) as server:
            link = link_to(server)
            async with running(link) as recorder:
                await recorder.until(lambda calls: m.Command("stop") in calls)
                heard = [call.name for call in recorder.calls if isinstance(call, m.Command)]
                assert heard == ["restart", "stop"]
                assert link.oddities["unsigned Command"] == 2

    asyncio.run(story())
    assert "no keys of its server" in " ".join(str(vars(record)) for record in caplog.records)


def test_a_toy_with_keys_refuses_it_unsigned_and_forged(tmp_path) -> None:
    async def story() -> None:
        async with serving(polite(asks)) as server:
            link = link_to(server, guard=guard(signer(tmp_path)))
            async with running(link) as recorder:
                await recorder.until(lambda calls: m.Command("stop") in calls)
                assert [call.name for call in recorder.calls if isinstance(call, m.Command)] == ["stop"]

    asyncio.run(story())
