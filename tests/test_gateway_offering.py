"""Toys that are told of bundles: at once, when they come, a few at a time, and again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from gateway_material import ScriptedToy, desk, knock, run
from gateway_material import toy_at as toy
from offer_material import kept, says
from signing_material import signer

from pommai.errors import StoreError
from pommai.gateway import offering as module
from pommai.gateway.archive import Archive
from pommai.gateway.offering import NO_ADDRESS, Addresses, Offering
from pommai.gateway.offers import Kept
from pommai.gateway.offers_file import FileOffers
from pommai.gateway.server import Gateway
from pommai.protocol import messages as m

HTTP = 8766


class Shop:
    """A gateway that offers bundles."""

    def __init__(self, gateway: Gateway, offers: FileOffers, offering: Offering) -> None:
        self.gateway = gateway
        self.offers = offers
        self.offering = offering

    async def offer(self, bundle: Kept, *devices: str) -> None:
        await self.offers.keep(bundle)
        await self.offers.offer(bundle.sha256, devices or None)
        self.offering.changed()

    async def outcome(self, bundle: Kept, device: str, wanted: str) -> None:
        """Wait until this is known of a toy."""
        while True:
            told = (await self.offers.read()).told[bundle.sha256].get(device)
            if told is not None and told.outcome == wanted:
                return
            await asyncio.sleep(0.01)


@asynccontextmanager
async def shop(public: str | None = None, at_once: int = 8, **more: Any) -> AsyncIterator[Shop]:
    async with desk(**more) as gateway:
        offers = FileOffers(gateway.archive.data)
        addresses = Addresses(public, secure=False, port=lambda: HTTP)
        async with Offering(gateway, offers, addresses, at_once=at_once, look=0.01) as offering:
            yield Shop(gateway, offers, offering)


async def order(scripted: ScriptedToy) -> dict[str, Any]:
    command = await scripted.expect(m.Command)
    assert command.name == "update"
    return dict(command.args)


def test_a_toy_that_is_there_is_told_at_once_and_one_that_was_away_when_it_comes() -> None:
    async def test() -> None:
        async with shop() as here, toy(here.gateway, device="bear") as bear:
            await bear.send(says())
            await here.offer(kept())
            address = f"http://127.0.0.1:{HTTP}/api/bundles/{kept().sha256}"
            about = {"url": address, "sha256": kept().sha256, "size": 1000}
            assert await order(bear) == about
            async with toy(here.gateway, device="rex") as rex:
                await rex.send(says(11))
                assert await order(rex) == about
                await rex.send(says(11, offer=kept().sha256, outcome="refused", reason="no\u202e room"))
                await here.outcome(kept(), "rex", "refused")
            told = (await here.offers.read()).told[kept().sha256]
            assert (told["bear"].times, told["bear"].outcome) == (1, "told")
            assert told["rex"].reason == "no room"

    run(test())


def test_who_has_it_takes_no_bundles_or_is_of_another_kind_is_not_told() -> None:
    async def test() -> None:
        async with AsyncExitStack() as stack:
            here = await stack.enter_async_context(shop())
            words = (says(12), says(11, failed=(12,)), says(device_type="robot"), None, says(11))
            toys = []
            for number, word in enumerate(words):
                scripted = await stack.enter_async_context(toy(here.gateway, device=f"t{number}"))
                toys.append(scripted)
                if word is not None:
                    await scripted.send(word)
            await here.offer(kept())
            await order(toys[-1])
            for scripted in toys[:-1]:
                await scripted.send(m.Ping("now"))
                await scripted.expect(m.Pong)  # and nothing before it
            assert set((await here.offers.read()).told[kept().sha256]) == {"t4"}

    run(test())


def test_only_toys_that_are_named_are_told_and_of_two_bundles_the_newer() -> None:
    async def test() -> None:
        async with shop() as here, toy(here.gateway, device="bear") as bear, toy(here.gateway, device="rex") as rex:
            await here.offer(kept(11))
            await here.offer(kept(12), "bear")
            await bear.send(says())
            await rex.send(says())
            assert (await order(bear))["sha256"] == kept(12).sha256
            assert (await order(rex))["sha256"] == kept(11).sha256

    run(test())


def test_a_few_are_told_at_a_time_and_the_next_when_one_has_answered_or_is_gone() -> None:
    async def test() -> None:
        async with AsyncExitStack() as stack:
            here = await stack.enter_async_context(shop(at_once=2))
            toys = [await stack.enter_async_context(toy(here.gateway, device=f"t{number}")) for number in range(4)]
            for scripted in toys:
                await scripted.send(says())
            while any(session.update is None for session in here.gateway.sessions):
                await asyncio.sleep(0.01)
            await here.offer(kept())
            await order(toys[0])
            await order(toys[1])
            assert here.offering.under_way == 2
            for scripted in toys[2:]:
                await scripted.send(m.Ping("now"))
                await scripted.expect(m.Pong)
            await toys[0].send(says(offer=kept().sha256, outcome="taking"))
            await toys[0].send(says(waiting=12, offer=kept().sha256, outcome="taken"))
            await order(toys[2])
            await toys[1].connection.close()
            await order(toys[3])
            assert here.offering.under_way == 2

    run(test())


def test_who_does_not_answer_makes_room_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.05)

    async def test() -> None:
        async with (
            shop(at_once=1) as here,
            toy(here.gateway, device="bear") as bear,
            toy(here.gateway, device="rex") as rex,
        ):
            await bear.send(says())
            await rex.send(says())
            await here.offer(kept())
            await asyncio.gather(order(bear), order(rex))

    run(test())


def test_who_was_told_is_told_again_only_after_a_while_also_by_a_gateway_that_starts_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        async with shop() as here:
            await here.offer(kept())
            async with toy(here.gateway, device="bear") as bear:
                await bear.send(says())
                await order(bear)
            async with toy(here.gateway, device="bear") as bear:
                await bear.send(says())
                while not here.gateway.sessions[0].update:
                    await asyncio.sleep(0.01)
                await asyncio.sleep(0.1)  # many looks
                await bear.send(m.Ping("now"))
                await bear.expect(m.Pong)
                monkeypatch.setattr("pommai.gateway.offer_state.RETRY_MS", (0,))
                here.offering.changed()
                await order(bear)
            assert (await here.offers.read()).told[kept().sha256]["bear"].times == 2

    run(test())


def test_a_gateway_of_the_same_data_file_tells_its_toys_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "READ_SECONDS", 0.05)

    async def test() -> None:
        async with (
            await Archive.open(tmp_path / "toys.db") as first,
            await Archive.open(tmp_path / "toys.db") as second,
            shop(archive=first) as here,
            shop(archive=second) as there,
            toy(there.gateway, device="bear") as bear,
        ):
            await bear.send(says())
            await here.offer(kept())
            assert (await order(bear))["sha256"] == kept().sha256
            await here.offers.withdraw(kept().sha256)
            await bear.send(says(offer=kept().sha256, outcome="taken", waiting=12))
            while there.gateway.sessions[0].updates_said != 2 or there.offering.under_way:
                await asyncio.sleep(0.01)

    run(test())


def test_no_toy_is_told_of_a_bundle_whose_file_is_on_its_way_here() -> None:
    async def test() -> None:
        coming = {kept(13).sha256}
        async with shop() as here, toy(here.gateway, device="bear") as bear:
            here.offers.is_coming = coming.__contains__  # type: ignore[method-assign]
            await bear.send(says())
            await here.offer(kept(13))
            await here.offer(kept(12))
            assert (await order(bear))["sha256"] == kept(12).sha256
            await bear.send(says(offer=kept(12).sha256, outcome="taken", waiting=12))
            coming.clear()
            here.offering.changed()
            assert (await order(bear))["sha256"] == kept(13).sha256

    run(test())


def test_the_order_is_signed_where_there_is_a_key(tmp_path: Path) -> None:
    async def test() -> None:
        async with shop(signer=signer(tmp_path)) as here, knock(here.gateway, "bear") as connection:
            await here.offer(kept())
            bear = ScriptedToy(connection, binary=True)
            await bear.send(m.Handshake("bear", "pommai-bear", challenge="0" * 32))
            await bear.send(says())
            while not isinstance(message := await bear.receive(), m.Command):
                pass
            assert message.signature is not None

    run(test())


def test_a_gateway_without_an_address_for_it_tells_no_toy_and_says_so(caplog: Any) -> None:
    async def test() -> None:
        async with shop() as here, toy(here.gateway, device="bear") as bear:
            here.gateway.sessions[0].called = "toys.example"
            await bear.send(says())
            await here.offer(kept())
            await here.outcome(kept(), "bear", "unreachable")
            assert (await here.offers.read()).told[kept().sha256]["bear"].reason == NO_ADDRESS

    run(test())
    assert "update not told" in caplog.text


def test_a_disk_that_fails_holds_up_nobody_and_is_told_of_once(caplog: Any) -> None:
    async def test() -> None:
        async with shop() as here, toy(here.gateway, device="bear") as bear:
            hear, fails = here.offers.hear, 3

            async def failing(reports: Any) -> None:
                nonlocal fails
                fails -= 1
                if fails >= 0:
                    raise StoreError("no room")
                await hear(reports)

            here.offers.hear = failing  # type: ignore[method-assign]
            await here.offer(kept())
            await bear.send(says())
            await order(bear)

    run(test())
    assert caplog.text.count("updates wait") == 1


@pytest.mark.parametrize(
    ("public", "secure", "called", "address"),
    [
        ("https://toys.example/", False, "10.0.0.1", "https://toys.example"),
        (None, True, "toys.example", "https://toys.example:8766"),
        (None, True, "[2001:db8::1]", "https://[2001:db8::1]:8766"),
        (None, False, "127.0.0.1", "http://127.0.0.1:8766"),
        (None, False, "localhost", "http://localhost:8766"),
        (None, False, "[::1]", "http://[::1]:8766"),
        (None, False, "toys.example", None),
        (None, True, "", None),
    ],
)
def test_the_address_is_what_an_operator_says_or_the_host_that_the_toy_has_called(
    public: str | None, secure: bool, called: str, address: str | None
) -> None:
    assert Addresses(public, secure, lambda: HTTP).of(called) == address
