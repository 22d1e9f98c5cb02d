from __future__ import annotations

import contextlib
from typing import Any

import pytest
from aiohttp import web
from gateway_material import desk, run
from hypothesis import given
from hypothesis import strategies as st
from web_material import asking, web_of

from pommai.gateway.web.answers import RequestError, answer, read_order

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.just("name"), inner, max_size=3)
    ),
)


class Asked:
    """A request with this in it."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def read(self) -> bytes:
        return self._body


def read(body: bytes) -> dict[str, Any]:
    request: Any = Asked(body)
    return run(read_order(request, "name", name=str, number=int))


def test_an_order_has_its_keys_each_of_its_kind() -> None:
    assert read(b'{"name": "a", "number": 3}') == {"name": "a", "number": 3}
    assert read(b'{"name": "a", "number": null}') == {"name": "a"}


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", "'name' is missing"),
        (b"{", "what you sent is no JSON"),
        (b"\xff\xfe", "what you sent is no JSON"),
        (b"[" * 60_000, "what you sent is no JSON"),
        (b"3", "what you sent is no JSON object"),
        (b'{"name": "a", "nam": "b"}', "'nam' is not known here"),
        (b'{"name": ["a"]}', "'name' must be a text"),
        (b'{"name": "a", "number": 1.0}', "'number' must be a whole number"),
        (b'{"name": "a", "number": true}', "'number' must be a whole number"),
        (b'{"name": "a", "number": ' + b"1" * 5000 + b"}", "what you sent is no JSON"),
    ],
)
def test_a_mistake_is_named(body: bytes, error: str) -> None:
    with pytest.raises(RequestError, match=error) as caught:
        read(body)
    assert caught.value.status == 400


@given(st.binary(max_size=50) | JSON.map(lambda value: repr(value).replace("'", '"').encode("utf-8", "replace")))
def test_whatever_comes_is_an_order_or_a_mistake(body: bytes) -> None:
    with contextlib.suppress(RequestError):
        assert set(read(body)) <= {"name", "number"}


def test_words_of_strangers_are_written_so_that_they_can_be_read_back() -> None:
    async def echo(request: web.Request) -> web.Response:
        return answer({"said": (await read_order(request, "name", name=str))["name"]})

    async def test() -> None:
        async with desk() as gateway:
            side = web_of(gateway)
            side.app.router.add_post("/echo", echo)
            async with side, asking(side) as client:
                for words in ("schön", "\x1b[2J", "\x9b2J", "🧸", '"</script>', "\u202e"):
                    found = await client.post("/echo", json={"name": words})
                    assert found.status_code == 200
                    assert found.json() == {"said": words}
                    assert found.text.removesuffix("\n").isascii()
                    assert found.text.removesuffix("\n").isprintable()
                found = await client.post("/echo", content=b'{"name": "\\ud800"}')
                assert (found.status_code, found.json()["error"]) == (400, "'name' holds half a character")

    run(test())
