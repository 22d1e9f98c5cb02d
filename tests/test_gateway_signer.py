"""A gateway that signs, a toy that asks for it, and somebody in between who has recorded what they said."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path

import pytest
from gateway_material import PERSONAS, TOKEN
from signing_material import guard, signer
from test_io_link import Recorder, polite, port_of, running, serving
from websockets.asyncio.server import ServerConnection

from pommai.errors import BundleError
from pommai.gateway.server import Gateway, GatewaySettings
from pommai.gateway.signer import Signer
from pommai.io.link import WebSocketLink
from pommai.protocol import messages as m
from pommai.protocol.wire import encode_message


def link_to(url: str, guarded) -> WebSocketLink:
    return WebSocketLink(url, token=TOKEN, device_id="pi-1", toy_id="pommai-bear", capabilities={}, guard=guarded)


def heard(recorder: Recorder, kind: type) -> list[object]:
    return [call for call in recorder.calls if isinstance(call, kind)]


def test_a_release_from_safe_mode_that_the_gateway_signs_is_heard_and_one_that_it_does_not_is_not(
    tmp_path: Path,
) -> None:
    async def story(with_key: bool) -> list[object]:
        ours = signer(tmp_path)
        gateway = Gateway(GatewaySettings(PERSONAS, TOKEN, port=0), signer=ours if with_key else None)
        async with gateway:
            link = link_to(gateway.url, guard(ours))
            async with running(link) as recorder:
                await recorder.up()
                await gateway.resume()
                await gateway.set_volume(7)  # comes after it, and needs no signature
                await recorder.until(lambda calls: any(isinstance(call, m.Command) for call in calls))
                assert bool(link.oddities) is not with_key
                return heard(recorder, m.SafetyOverride)

    (resume,) = asyncio.run(story(True))
    assert isinstance(resume, m.SafetyOverride)
    assert resume.signature is not None
    assert asyncio.run(story(False)) == []


def test_a_toy_without_keys_hears_a_gateway_that_signs_as_ever(tmp_path: Path) -> None:
    async def story() -> None:
        gateway = Gateway(GatewaySettings(PERSONAS, TOKEN, port=0), signer=signer(tmp_path))
        async with gateway, running(link_to(gateway.url, None)) as recorder:
            await recorder.up()
            await gateway.resume()
            await recorder.until(lambda calls: m.SafetyOverride("resume") in calls)

    asyncio.run(story())


def test_what_was_recorded_once_is_worth_nothing_to_whoever_says_it_again(tmp_path: Path) -> None:
    async def story() -> None:
        ours = signer(tmp_path)
        taped: list[str] = []
        handshakes: list[object] = []

        async def server(websocket: ServerConnection) -> None:
            handshake = handshakes[-1]
            assert isinstance(handshake, m.Handshake)
            assert handshake.challenge is not None
            if not taped:
                taped.append(encode_message(ours.signed(m.SafetyOverride("resume"), "pi-1", handshake.challenge, 1)))
                await websocket.send(taped[0])
            await websocket.send(taped[0])
            await websocket.send(encode_message(m.Command("stop")))

        async with serving(polite(server, heard=handshakes)) as listening:
            url = f"ws://127.0.0.1:{port_of(listening)}/"
            for times in (1, 0):
                async with running(link_to(url, guard(ours))) as recorder:
                    await recorder.until(lambda calls: m.Command("stop") in calls)
                    assert len(heard(recorder, m.SafetyOverride)) == times

    asyncio.run(story())


def test_a_private_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    signer(tmp_path)
    (tmp_path / "server.pem").chmod(0o644)
    with pytest.raises(BundleError, match="chmod 600"):
        Signer(tmp_path / "server.pem")
    assert stat.S_IMODE((tmp_path / "server.pub").stat().st_mode) == 0o644
