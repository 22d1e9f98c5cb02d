"""Two gateways as processes: one keeps what toys send to the other, and gives them their tokens."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
import subprocess
import sys
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from live_processes import PATIENCE, child
from websockets.asyncio.client import connect

from pommai.gateway.data_file import DataFile
from pommai.gateway.devices import Devices
from pommai.protocol import messages as m
from pommai.protocol.wire import decode, encode_message

METRIC = {"id": "m1", "name": "wake.hits", "value": 1}


def function(url: str, path: str, **args: Any) -> Any:
    body = json.dumps({"path": path, "args": args, "format": "json"}).encode()
    request = urllib.request.Request(f"{url}/api/action", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as reply:
        return json.load(reply)["value"]


def test_what_a_toy_sends_to_a_gateway_is_kept_by_the_one_it_calls_its_cloud(tmp_path: Path) -> None:
    async def prepare() -> tuple[str, str]:
        async with await DataFile.open(tmp_path / "cloud.db") as data:
            return await Devices(data).register("d1"), await Devices(data).new_service_key()

    async def visit(url: str, token: str) -> object:
        headers = {"Authorization": f"Bearer {token}", "X-Device-ID": "d1"}
        async with asyncio.timeout(PATIENCE), connect(url, additional_headers=headers, proxy=None) as toy:
            await toy.send(encode_message(m.Handshake("d1", "pommai-bear", capabilities={})))
            await toy.send(encode_message(m.SyncBatch("b1", metrics=(METRIC,))))
            while not isinstance(message := decode(await toy.recv()), m.SyncAck):
                pass
            return message

    secret, key = asyncio.run(prepare())
    (tmp_path / "key").write_text(key)
    (tmp_path / "key").chmod(0o600)
    begin = ("gateway", "--port", "0", "--http-port", "0")
    with child(tmp_path, "cloud", *begin, "--data", "cloud.db") as cloud:
        printed = tmp_path / "cloud.out"
        http = cloud.wait(lambda: re.search(r"operators: (\S+)\n", printed.read_text()), "cloud")[1]
        tokens = function(http, "auth:authenticateDevice", deviceId="d1", deviceSecret=secret)
        with child(tmp_path, "edge", *begin, "--cloud", http, "--service-key-file", "key") as edge:
            words = tmp_path / "edge.out"
            url = edge.wait(lambda: re.search(r"listening on (\S+)\n", words.read_text()), "edge")[1]
            assert "toys come in with the tokens that the cloud has given them" in words.read_text()
            assert asyncio.run(visit(url, tokens["websocketToken"])) == m.SyncAck("b1", ("m1",))
            with pytest.raises(Exception, match="401"):
                asyncio.run(visit(url, "another-token"))
            assert key not in edge.log + cloud.log
    with closing(sqlite3.connect(tmp_path / "cloud.db")) as database:
        assert database.execute("SELECT device, id FROM items").fetchall() == [("d1", "m1")]


def test_a_cloud_without_a_key_is_told_in_a_sentence(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pommai", "gateway", "--port", "0", "--http-port", "none"]
    for more, words in (
        (("--cloud", "https://example.org"), "--cloud wants a service key: put it into POMMAI_SERVICE_KEY"),
        (("--cloud", "ftp://example.org", "--service-key-file", "key"), "must be like https://host"),
    ):
        (tmp_path / "key").write_text("a-key-of-some-length")
        (tmp_path / "key").chmod(0o600)
        done = subprocess.run([*command, *more], cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert done.returncode in (1, 2)
        assert words in done.stderr
        assert "Traceback" not in done.stderr
