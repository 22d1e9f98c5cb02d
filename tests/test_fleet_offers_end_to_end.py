"""Two gateways on machines of their own, a Redis between them: what is offered at one counts at both."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
from gateway_material import TOKEN
from live_processes import child
from offer_material import BUNDLE, HASH
from redis_server import RedisProcess
from test_update_offer_end_to_end import OPERATOR, operator
from websockets.sync.client import connect

from pommai.protocol import messages as m
from pommai.protocol.wire import decode_text, encode_message


@contextmanager
def toy(url: str, device_id: str) -> Iterator[Any]:
    """A toy that has version 11."""
    headers = {"Authorization": f"Bearer {TOKEN}", "X-Device-ID": device_id}
    with connect(url, additional_headers=headers) as connection:
        connection.send(encode_message(m.Handshake(device_id, "pommai-bear")))
        connection.send(encode_message(m.UpdateReport(11, "pommai", "home")))
        yield connection


def told(connection: Any) -> dict[str, Any]:
    """The order that a toy gets."""
    while True:
        text = connection.recv(timeout=60)
        message = decode_text(text) if isinstance(text, str) else None
        if isinstance(message, m.Command):
            return dict(message.args)


def standings(url: str) -> dict[str, str]:
    bundles = json.loads(operator(url, "offers", "--json"))["bundles"]
    return {toy["device"]: toy["standing"] for row in bundles for toy in row["toys"]}


def test_an_offer_made_at_one_gateway_holds_at_the_other(tmp_path: Path) -> None:
    file = tmp_path / "toy-12.pommai-bundle"
    file.write_bytes(BUNDLE)
    with ExitStack() as stack:
        redis = stack.enter_context(RedisProcess(tmp_path))
        known = {"POMMAI_GATEWAY_TOKEN": TOKEN, "POMMAI_OPERATOR_TOKEN": OPERATOR, "POMMAI_REDIS_URL": redis.url}
        gateways = []
        for name in ("one", "two"):
            arguments = ("gateway", "--port", "0", "--name", name, "--data", f"{name}.db")
            process = stack.enter_context(child(tmp_path, name, *arguments, **known))
            printed = tmp_path / f"{name}.out"
            found: Any = process.wait(
                lambda printed=printed: re.search(r"operators: (\S+)\nlistening on (\S+)\n", printed.read_text()),
                "gateway that listens",
            )
            gateways.append((process, *found.groups()))
        (one, web, socket), (two, other, elsewhere) = gateways

        bear, rex = stack.enter_context(toy(socket, "bear")), stack.enter_context(toy(elsewhere, "rex"))
        operator(web, "offer", file, "--all")
        by_a_balancer = httpx.get(f"{other}/api/bundles/{HASH}", trust_env=False, timeout=60)
        assert by_a_balancer.content == BUNDLE
        for connection, address in ((bear, web), (rex, other)):
            order = told(connection)
            assert order["url"] == f"{address}/api/bundles/{HASH}"
            assert httpx.get(order["url"], trust_env=False).content == BUNDLE
        rex.send(encode_message(m.UpdateReport(11, "pommai", "home", offer=HASH, outcome="refused", reason="no room")))
        for url in (web, other):
            one.wait(lambda url=url: standings(url) == {"bear": "told", "rex": "refused"}, "toys' words")

        redis.kill()
        two.logs("offers not shared .*cannot be reached")
        assert "missing is what other gateways know: Redis at 127.0.0.1" in operator(other, "offers")
        headers = {"Authorization": f"Bearer {OPERATOR}"}
        refused = httpx.delete(f"{other}/bundles/{HASH}", headers=headers, trust_env=False)
        assert refused.status_code == 503
        assert "the other gateways cannot be told now, so nothing was changed" in refused.json()["error"]
        redis.start()  # empty

        two.wait(lambda: "missing" not in operator(other, "offers"), "fleet in touch")
        assert operator(other, "withdraw", "12") == "version 12 is withdrawn; toys that have taken it keep it\n"
        one.wait(lambda: "no bundle is offered" in operator(web, "offers"), "withdrawal")
        gone = httpx.get(f"{web}/api/bundles/{HASH}", trust_env=False)
        assert gone.status_code == 404
