"""Bundles by HTTP: brought and offered by operators, fetched by toys, and nothing else by anybody."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
from bundle_material import bundle_bytes
from gateway_material import desk, run
from offer_material import BUNDLE, HASH, kept, says
from tls_material import SPARE, pin, served_with
from web_material import BEARER, asking, raw, web_of

from pommai.bundle.container import MOST_FILE
from pommai.bundle.fetch import fetch
from pommai.gateway import offers_web
from pommai.gateway.bundle_files import BundleFiles
from pommai.gateway.offering import Addresses, Offering
from pommai.gateway.offers import MOST_KEPT
from pommai.gateway.offers_file import FileOffers
from pommai.gateway.offers_web import PAGES, add_offer_routes
from pommai.gateway.web.app import Web
from pommai.io.tls import ServerTrust


@pytest.fixture(autouse=True)
def no_lingering(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes after a refusal is read for a moment only."""
    monkeypatch.setattr("pommai.gateway.web.app.LINGER_SECONDS", 0.05)


class Shop:
    def __init__(self, web: Web, client: httpx.AsyncClient, offers: FileOffers, files: BundleFiles) -> None:
        self.web = web
        self.client = client
        self.offers = offers
        self.files = files

    async def bring(self, data: bytes = BUNDLE, sha256: str = HASH, **headers: str) -> httpx.Response:
        return await self.client.put(f"/bundles/{sha256}", content=data, headers=headers)

    async def offer(self, sha256: str = HASH, **order: object) -> httpx.Response:
        return await self.client.post(f"/bundles/{sha256}/offer", json=order)


@asynccontextmanager
async def shop(folder: Path, tls: ssl.SSLContext | None = None) -> AsyncIterator[Shop]:
    async with desk() as gateway:
        web, offers, files = web_of(gateway, tls=tls), FileOffers(gateway.archive.data), BundleFiles(folder / "bundles")
        offering = Offering(gateway, offers, Addresses(None, False, lambda: web.port))
        add_offer_routes(web.app, files, offers, offering)
        async with web, offering, asking(web, verify=tls is None) as client:
            yield Shop(web, client, offers, files)


def test_a_bundle_is_brought_offered_fetched_listed_and_withdrawn(tmp_path: Path) -> None:
    async def test() -> None:
        async with shop(tmp_path) as here:
            brought = await here.bring()
            about = {
                "sha256": HASH,
                "size": len(BUNDLE),
                "version": 12,
                "deviceType": "pommai",
                "fleet": "",
                "software": False,
            }
            assert (brought.status_code, brought.json()) == (201, about)
            await here.offers.hear({"bear": says(12), "rex": says(11), "robot": says(device_type="robot")})
            offered = (await here.offer(devices=["rex", "cat"])).json()
            assert offered["toys"] == [
                {
                    "device": "cat",
                    "standing": "silent",
                    "reason": "it takes no bundles, or has not been here",
                    "runs": None,
                    "told": None,
                },
                {"device": "rex", "standing": "waits", "reason": "", "runs": 11, "told": None},
            ]
            assert (await here.offer(all=True)).json()["counts"] == {"in force": 1, "silent": 1, "waits": 1}
            (row,) = (await here.client.get("/bundles")).json()["bundles"]
            assert row.items() >= {**about, "all": True, "kept": True}.items()
            url = f"{here.web.url}/api/bundles/{HASH}"
            got = await asyncio.to_thread(lambda: b"".join(fetch(url, HASH, len(BUNDLE))))
            assert got == BUNDLE
            assert (await here.client.delete(f"/bundles/{HASH}")).json() == {"sha256": HASH, "withdrawn": True}
            assert (await here.client.get("/bundles")).json() == {"bundles": []}
            assert not here.files.is_there(HASH)
            assert (await here.client.get(f"/api/bundles/{HASH}")).status_code == 404

    run(test())


def test_a_toy_fetches_without_a_token_whole_and_operators_pages_ask_for_theirs(tmp_path: Path) -> None:
    async def test() -> None:
        async with shop(tmp_path) as here, httpx.AsyncClient(base_url=here.web.url, trust_env=False) as stranger:
            await here.bring()
            fetched = await stranger.get(f"/api/bundles/{HASH}", headers={"Range": "bytes=5-"})
            assert (fetched.status_code, fetched.content) == (200, BUNDLE)
            assert fetched.headers["Accept-Ranges"] == "none"
            asked = await stranger.head(f"/api/bundles/{HASH}")
            assert (asked.headers["Content-Length"], asked.content) == (str(len(BUNDLE)), b"")
            for wrong in ("0" * 64, HASH.upper(), "..%2f..%2ftoys.db", HASH + ".pommai-bundle"):
                assert (await stranger.get(f"/api/bundles/{wrong}")).status_code == 404
            for page in PAGES:
                method, path = page.split(" ")
                refused = await stranger.request(method, path.replace("{sha256}", HASH))
                assert refused.status_code == 401, page

    run(test())


def test_a_toy_fetches_from_a_gateway_at_home_that_it_knows_by_its_pins_alone(tmp_path: Path) -> None:
    leaf = trustme.CA().issue_cert("127.0.0.1")

    async def test() -> None:
        async with shop(tmp_path, served_with(leaf)) as here:
            await here.bring()
            trust = ServerTrust(pins=[pin(leaf), SPARE])
            url = f"{here.web.url}/api/bundles/{HASH}"
            assert url.startswith("https:")
            got = await asyncio.to_thread(lambda: b"".join(fetch(url, HASH, len(BUNDLE), trust)))
            assert got == BUNDLE

    run(test())


@pytest.mark.parametrize(
    ("data", "sha256", "status", "words"),
    [
        (BUNDLE, "0" * 64, 422, "what came is not what was announced"),
        (b"x", "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881", 422, "this is no update bundle"),
        (b"", "0" * 64, 413, "a bundle has 1 to"),
        (BUNDLE, "nohash", 404, "bundles go by their SHA-256"),
    ],
)
def test_what_is_no_bundle_is_refused_with_a_sentence(
    tmp_path: Path, data: bytes, sha256: str, status: int, words: str
) -> None:
    async def test() -> None:
        async with shop(tmp_path) as here:
            answer = await here.bring(data, sha256)
            assert answer.status_code == status
            assert words in answer.json()["error"]
            assert (await here.offers.read()).kept == ()
            assert str(tmp_path) not in answer.text

    run(test())


def test_a_length_that_is_missing_or_too_large_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    async def test() -> None:
        async with shop(tmp_path) as here:
            begin = f"PUT /bundles/{HASH} HTTP/1.1\r\nHost: x\r\nAuthorization: {BEARER['Authorization']}\r\n"
            for header, status in (
                (f"Content-Length: {MOST_FILE + 1}", b" 413 "),
                ("Transfer-Encoding: chunked", b" 411 "),
            ):
                answer = await raw(here.web.port, f"{begin}Connection: close\r\n{header}\r\n\r\n".encode())
                assert status in answer.splitlines()[0]

    run(test())


def test_what_trickles_in_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offers_web, "STALLED_SECONDS", 0.1)

    async def test() -> None:
        async with shop(tmp_path) as here:
            begin = f"PUT /bundles/{HASH} HTTP/1.1\r\nHost: x\r\nAuthorization: {BEARER['Authorization']}\r\n"
            answer = await raw(here.web.port, f"{begin}Content-Length: 1000\r\n\r\nsome".encode())
            assert b" 408 " in answer.splitlines()[0]
            assert list(here.files.folder.iterdir()) == []

    run(test())


def test_who_does_not_read_a_bundle_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    monkeypatch.setattr(offers_web, "STALLED_SECONDS", 0.1)
    big = bundle_bytes({f"sounds/s{number}.wav": b"RIFF" * 1_000_000 for number in range(4)})
    sha256 = hashlib.sha256(big).hexdigest()

    async def test() -> None:
        async with shop(tmp_path) as here:
            assert (await here.bring(big, sha256)).status_code == 201
            with socket.create_connection(("127.0.0.1", here.web.port)) as lazy:
                lazy.sendall(f"GET /api/bundles/{sha256} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                while "bundle not fetched" not in caplog.text:  # more than the system's buffers hold
                    await asyncio.sleep(0.01)

    run(test())


@pytest.mark.parametrize(
    "order",
    [
        {},
        {"all": False},
        {"all": True, "devices": ["a"]},
        {"devices": []},
        {"devices": ["a b"]},
        {"devices": [7]},
        {"devices": "bear"},
        {"all": 1},
        {"devices": ["a"] * 1001},
        {"device": "bear"},
    ],
)
def test_an_offer_says_to_whom(tmp_path: Path, order: dict[str, Any]) -> None:
    async def test() -> None:
        async with shop(tmp_path) as here:
            await here.bring()
            assert (await here.offer(**order)).status_code == 400
            assert not (await here.offers.read()).kept[0].everybody

    run(test())


def test_what_is_not_kept_is_neither_offered_nor_withdrawn(tmp_path: Path) -> None:
    async def test() -> None:
        async with shop(tmp_path) as here:
            for answer in (await here.offer(all=True), await here.client.delete(f"/bundles/{HASH}")):
                assert answer.status_code == 404
                assert f"no bundle {HASH[:12]} is kept here" in answer.json()["error"]
            await here.bring()
            await here.files.forget(HASH)  # somebody has tidied up
            assert not (await here.client.get("/bundles")).json()["bundles"][0]["kept"]
            assert (await here.offer(all=True)).status_code == 404
            assert (await here.bring()).status_code == 201
            assert (await here.offer(all=True)).status_code == 200

    run(test())


def test_one_bundle_too_many_is_refused_before_it_comes(tmp_path: Path) -> None:
    async def test() -> None:
        async with shop(tmp_path) as here:
            for version in range(MOST_KEPT):
                await here.offers.keep(kept(version))
            answer = await here.bring()
            assert (answer.status_code, answer.json()["hint"]) == (409, "withdraw one first")

    run(test())


def test_a_toy_waits_for_a_bundle_that_another_gateway_has_but_not_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        async with shop(tmp_path) as here:
            await here.bring()
            await here.files.forget(HASH)
            here.offers.is_coming = lambda sha256: not here.files.is_there(sha256)  # type: ignore[method-assign]
            assert (await here.offer(all=True)).status_code == 200, "a balancer may have brought it to another one"
            getting = asyncio.create_task(here.client.get(f"/api/bundles/{HASH}"))
            await asyncio.sleep(0.2)
            assert not getting.done()
            await here.bring()
            assert (await getting).content == BUNDLE
            await here.files.forget(HASH)
            monkeypatch.setattr(offers_web, "COMING_SECONDS", 0.2)
            answer = await here.client.get(f"/api/bundles/{HASH}")
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
            assert "on its way here" in answer.json()["error"]

    run(test())


def test_while_the_other_gateways_cannot_be_told_nothing_is_brought_and_the_list_says_what_it_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        async with shop(tmp_path) as here:
            monkeypatch.setattr(FileOffers, "missing", "Redis at home cannot be reached")
            answer = await here.bring()
            assert answer.status_code == 503
            assert answer.json()["error"] == (
                "the other gateways cannot be told now, so nothing was kept: Redis at home cannot be reached"
            )
            assert (await here.client.get("/bundles")).json() == {
                "bundles": [],
                "missing": "what other gateways know: Redis at home cannot be reached",
            }

    run(test())


def test_only_so_many_fetch_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offers_web, "MOST_DOWNLOADS", 0)

    async def test() -> None:
        async with shop(tmp_path) as here:
            await here.bring()
            answer = await here.client.get(f"/api/bundles/{HASH}")
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")

    run(test())


def test_of_a_file_that_is_cut_nothing_is_sent_as_if_it_were_whole(tmp_path: Path, caplog: Any) -> None:
    async def test() -> None:
        async with shop(tmp_path) as here:
            await here.bring()
            here.files.place(HASH).write_bytes(BUNDLE[:-1])
            with pytest.raises(httpx.RemoteProtocolError):
                await here.client.get(f"/api/bundles/{HASH}")

    run(test())
    assert "bundle not fetched" in caplog.text
