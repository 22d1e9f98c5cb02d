"""A gateway with registered devices, as a process: who comes in, who is cut, what survives."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from gateway_material import TOKEN, ScriptedToy, run
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from pommai.cli import main
from pommai.protocol import messages as m

ROOT = Path(__file__).parents[1]


@dataclass
class Running:
    """A gateway that listens."""

    process: subprocess.Popen[str]
    said: str
    socket: str
    http: str

    def call(self, path: str, args: dict[str, Any], token: str = "", kind: str = "mutation") -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        body = {"path": path, "args": args}
        reply: dict[str, Any] = httpx.post(
            f"{self.http}/api/{kind}", json=body, headers=headers, trust_env=False, timeout=20
        ).json()
        return reply

    def tokens(self, device_id: str, secret: str) -> dict[str, str]:
        reply = self.call("auth:authenticateDevice", {"deviceId": device_id, "deviceSecret": secret}, kind="action")
        value: dict[str, str] = reply["value"]
        return value


@contextmanager
def gateway(data: Path, *arguments: str) -> Iterator[Running]:
    command = [sys.executable, "-m", "pommai", "gateway", "--port", "0", "--http-port", "0", "--data", str(data)]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("POMMAI_")}
    with subprocess.Popen(
        [*command, *arguments],
        cwd=ROOT,
        env={**kept, "PYTHONUNBUFFERED": "1"},
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout is not None
        said = ""
        try:
            while "listening on" not in said:
                line = process.stdout.readline()
                assert line, said
                said += line
            socket, http = re.search(r"listening on (\S+)", said), re.search(r"operators: (\S+)", said)
            assert socket is not None
            assert http is not None
            yield Running(process, said, socket[1], http[1])
        finally:
            process.kill()


def order(capsys: pytest.CaptureFixture[str], data: Path, *words: str) -> dict[str, Any]:
    """What `pommai devices` answers."""
    assert main(["devices", *words, "--data", str(data), "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def knock(running: Running, device_id: str, token: str) -> connect:
    headers = {"Authorization": f"Bearer {token}", "X-Device-ID": device_id}
    return connect(running.socket, additional_headers=headers, proxy=None)


@asynccontextmanager
async def toy_in(running: Running, device_id: str, token: str) -> AsyncIterator[ScriptedToy]:
    async with knock(running, device_id, token) as connection:
        toy = ScriptedToy(connection, binary=True)
        await toy.send(m.Handshake(device_id, "pommai-bear"))
        await toy.expect(m.HandshakeAck)
        await toy.expect(m.PiConfigUpdate)
        yield toy


async def status(running: Running, device_id: str, token: str) -> int:
    """101 when it is let in."""
    try:
        async with knock(running, device_id, token):
            return 101
    except InvalidStatus as caught:
        return caught.response.status_code


async def told_why(connection: ClientConnection) -> str:
    """What a device hears when it is cut."""
    with pytest.raises(ConnectionClosedError) as caught:
        await _listen(connection)
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 1008
    return caught.value.rcvd.reason


async def _listen(connection: ClientConnection) -> None:
    while True:
        await connection.recv()


def test_a_registered_device_gets_tokens_and_comes_in_and_nobody_else_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "toys.db"
    secrets = {name: order(capsys, data, "add", name)["deviceSecret"] for name in ("bear-7", "rex-1")}
    with gateway(data) as running:
        assert f"toys come in with tokens of their own: pommai devices add DEVICE --data {data}" in running.said
        assert "token for this run" not in running.said
        bear, rex = (running.tokens(name, secret) for name, secret in secrets.items())

        async def test() -> None:
            async with toy_in(running, "bear-7", bear["websocketToken"]):
                pass
            for device_id, token in (
                ("rex-1", bear["websocketToken"]),
                ("bear-7", bear["convexToken"]),
                ("bear-7", secrets["bear-7"]),
                ("stranger", rex["websocketToken"]),
            ):
                assert await status(running, device_id, token) == 401
            async with knock(running, "bear-7", bear["websocketToken"]) as liar:  # who says rex in the handshake
                await liar.send(json.dumps({"type": "handshake", "deviceId": "rex-1", "toyId": "pommai-bear"}))
                assert "not the X-Device-ID" in await told_why(liar)

        run(test())
        config = {"deviceId": "rex-1", "toyId": "pommai-bear"}
        reply = running.call("toys:getConfiguration", config, bear["convexToken"], "query")
        assert reply["errorData"]["code"] == "FORBIDDEN"
        reply = running.call("toys:getConfiguration", config, rex["convexToken"], "query")
        assert reply["value"]["toyId"] == "pommai-bear"


def test_two_gateways_on_one_file_let_the_same_devices_in_and_both_cut_one_that_is_revoked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "toys.db"
    secrets = {name: order(capsys, data, "add", name)["deviceSecret"] for name in ("bear-7", "rex-1")}
    with ExitStack() as stack:
        both = [stack.enter_context(gateway(data)) for _ in range(2)]
        bear = both[0].tokens("bear-7", secrets["bear-7"])["websocketToken"]
        rex = both[1].tokens("rex-1", secrets["rex-1"])["websocketToken"]

        async def one_after_the_other() -> None:
            nonlocal bear
            for running in both:
                async with toy_in(running, "rex-1", rex) as stays, toy_in(running, "bear-7", bear) as goes:
                    await asyncio.to_thread(order, capsys, data, "revoke", "bear-7")
                    assert await told_why(goes.connection) == "this device was revoked, or has a new secret"
                    assert await status(running, "bear-7", bear) == 401
                    await (await stays.connection.ping())
                secret = (await asyncio.to_thread(order, capsys, data, "add", "bear-7"))["deviceSecret"]
                bear = (await asyncio.to_thread(running.tokens, "bear-7", secret))["websocketToken"]

        run(one_after_the_other())


def test_a_gateway_that_is_killed_knows_its_tokens_and_what_it_acknowledged_when_it_is_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "toys.db"
    secret = order(capsys, data, "add", "bear-7")["deviceSecret"]
    metric = {"id": "m1", "name": "cpu_percent", "value": 1.5, "timestamp": "2026-03-01T10:00:00Z"}
    args = {"deviceId": "bear-7", "timestamp": "2026-03-01T10:00:00Z", "metrics": [metric]}
    with gateway(data) as running:
        tokens = running.tokens("bear-7", secret)
        assert running.call("metrics:batchRecord", args, tokens["convexToken"])["value"]["accepted"] == ["m1"]
        running.process.send_signal(signal.SIGKILL)
    with gateway(data) as running:
        assert run(status(running, "bear-7", tokens["websocketToken"])) == 101
        late = {**args, "metrics": [{**metric, "value": "wrong"}]}
        accepted = running.call("metrics:batchRecord", late, tokens["convexToken"])["value"]["accepted"]
        assert accepted == ["m1"], "it is known, so what comes under its id later changes nothing"


def test_with_a_token_of_its_own_a_gateway_lets_both_kinds_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "toys.db"
    secret = order(capsys, data, "add", "bear-7")["deviceSecret"]
    with gateway(data, "--token", TOKEN) as running:
        own = running.tokens("bear-7", secret)["websocketToken"]
        assert run(status(running, "bear-7", own)) == 101
        assert run(status(running, "stranger", TOKEN)) == 101
        assert run(status(running, "stranger", own)) == 401


def test_operators_register_a_device_by_http_with_their_token_alone(tmp_path: Path) -> None:
    with gateway(tmp_path / "toys.db") as running:
        operator = re.search(r"operator's token[^:]*: (\S+)", running.said)
        assert operator is not None
        with httpx.Client(base_url=running.http, trust_env=False) as client:
            assert client.post("/devices", json={"deviceId": "bear-7"}).status_code == 401
            client.headers["Authorization"] = f"Bearer {operator[1]}"
            assert "POST /devices" in client.get("/").json()["pages"]
            secret = client.post("/devices", json={"deviceId": "bear-7"}).json()["deviceSecret"]
            token = running.tokens("bear-7", secret)["websocketToken"]

            async def test() -> None:
                async with toy_in(running, "bear-7", token) as toy:
                    await asyncio.to_thread(client.post, "/devices/bear-7/revoke")
                    await told_why(toy.connection)

            run(test())
