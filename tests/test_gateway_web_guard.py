"""Who may ask what by HTTP."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from aiohttp import web as aiohttp_web
from gateway_material import desk, run
from hypothesis import given
from hypothesis import strategies as st
from web_material import BEARER, OPERATOR, PERSONAS, asking, operated, raw, web_of

from pommai.gateway.operator_token import OperatorToken, new_token
from pommai.gateway.orders import Orders
from pommai.gateway.web.app import Web, WebSettings
from pommai.gateway.web.guard import MOST_FAILURES, neighbourhood
from pommai.gateway.web.routes import PAGES

NOBODY = {"Authorization": ""}


def test_nobody_sees_anything_without_the_token_but_that_the_gateway_is_alive() -> None:
    async def test() -> None:
        async with operated() as (_, client):
            stranger = httpx.AsyncClient(base_url=client.base_url, trust_env=False)
            for page in (*PAGES, "GET /", "GET /nowhere", "DELETE /personas", "OPTIONS /reload", "HEAD /metrics"):
                method, path = page.split()
                answer = await stranger.request(method, path.replace("{id}", "robo-rex"))
                if path == "/healthz":
                    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})
                    continue
                assert answer.status_code == 401, page
                assert answer.headers["WWW-Authenticate"] == 'Bearer realm="pommai operators"'
                if method != "HEAD":
                    assert answer.json() == {
                        "error": "this is for operators",
                        "hint": "send their token: Authorization: Bearer TOKEN",
                    }
            await stranger.aclose()

    run(test())


@pytest.mark.parametrize(
    "path",
    [
        "//metrics",
        "/healthz/../metrics",
        "/api/../metrics",
        "/api/%2e%2e/metrics",
        "/healthz%00/../metrics",
        "/METRICS",
    ],
)
def test_no_spelling_of_a_path_leads_around_the_guard(path: str) -> None:
    async def test() -> None:
        async with operated() as (_, client):
            assert client.base_url.port is not None
            request = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            answer = await raw(client.base_url.port, request.encode())
            assert answer.split()[1] in (b"401", b"404", b"400")
            assert b"pommai_" not in answer

    run(test())


def test_what_is_for_toys_asks_for_no_operator() -> None:
    async def test() -> None:
        async def query(_: aiohttp_web.Request) -> aiohttp_web.Response:
            return aiohttp_web.json_response({"status": "success"})

        async with desk() as gateway:
            web = web_of(gateway)
            web.app.router.add_post("/api/query", query)
            web.app.router.add_post("/api/upload/{token}", query)
            web.app.router.add_get("/devices", query)
            async with web, httpx.AsyncClient(base_url=web.url, trust_env=False) as stranger:
                assert (await stranger.post("/api/query")).status_code == 200
                assert (await stranger.post("/api/upload/abc")).status_code == 200
                assert (await stranger.get("/devices")).status_code == 401
                answer = await stranger.post("/api/nothing")
                assert (answer.status_code, answer.json()) == (
                    404,
                    {"error": "there is nothing at /api/nothing", "hint": ""},
                )
                assert (await stranger.get("/api/query")).status_code == 405

    run(test())


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": OPERATOR},
        {"Authorization": f"bearer {OPERATOR}"},
        {"Authorization": f"Basic {OPERATOR}"},
        {"Authorization": f"Bearer {OPERATOR}x"},
        {"Authorization": f"Bearer {OPERATOR[:-1]}"},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer \xff"},
    ],
)
def test_nothing_but_the_whole_token_is_the_token(headers: dict[str, str]) -> None:
    async def test() -> None:
        async with operated() as (_, client):
            latin = {name: value.encode("latin-1") for name, value in headers.items()}
            assert (await client.get("/sessions", headers=latin)).status_code == 401
            assert (await client.get("/sessions")).status_code == 200

    run(test())


def test_a_token_that_is_shown_twice_is_none() -> None:
    async def test() -> None:
        async with operated() as (_, client):
            twice = [*BEARER.items(), *BEARER.items()]
            async with httpx.AsyncClient(base_url=client.base_url, trust_env=False) as other:
                assert (await other.get("/sessions", headers=twice)).status_code == 401

    run(test())


def test_guessing_is_slow_even_for_who_guesses_right_at_last() -> None:
    async def test() -> None:
        async with operated() as (gateway, client):
            for _ in range(MOST_FAILURES):
                assert (await client.get("/sessions", headers={"Authorization": "Bearer guess"})).status_code == 401
            answer = await client.get("/sessions")
            assert answer.status_code == 429
            assert 50 <= int(answer.headers["Retry-After"]) <= 60
            assert answer.json()["error"] == "too many wrong tokens from your address"
            assert gateway.metrics.operators_refused == MOST_FAILURES + 1
            assert (await client.get("/healthz")).status_code == 200  # what watches the gateway goes on watching

    run(test())


def test_who_forgets_the_token_is_not_taken_for_one_who_guesses() -> None:
    async def test() -> None:
        async with operated() as (_, client):
            for _ in range(3 * MOST_FAILURES):
                assert (await client.get("/sessions", headers=NOBODY)).status_code == 401
            assert (await client.get("/sessions")).status_code == 200

    run(test())


def test_when_the_token_cannot_be_looked_up_nobody_comes_in(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        shown = new_token()
        token = OperatorToken.of(shown)
        token.keep(tmp_path / "toys.db.operator")
        async with (
            desk() as gateway,
            Web(Orders(gateway, PERSONAS), token, WebSettings(port=0)) as web,
            asking(web) as client,
        ):
            client.headers["Authorization"] = f"Bearer {shown}"
            assert (await client.get("/sessions")).status_code == 200
            (tmp_path / "toys.db.operator").write_text("scribble")
            answer = await client.get("/sessions")
            assert (answer.status_code, answer.json()["hint"]) == (503, "the gateway's log says why")
            assert str(tmp_path) not in answer.text
        assert shown not in caplog.text

    run(test())


@pytest.mark.parametrize(
    ("one", "other"),
    [("::ffff:192.0.2.7", "192.0.2.7"), ("2001:db8::1", "2001:db8::ffff"), ("fe80::1%eth0", "fe80::2%eth0")],
)
def test_addresses_that_one_machine_has_count_as_one(one: str, other: str) -> None:
    assert neighbourhood(one) == neighbourhood(other)
    assert neighbourhood(one) != neighbourhood("2001:db8:1::1")


@given(st.text(max_size=40))
def test_an_address_of_any_kind_is_taken_for_something(address: str) -> None:
    assert isinstance(neighbourhood(address), str)
