from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from functions_material import FunctionServer, function_server

from pommai.gateway.functions import web

QUERY = {"path": "toys:getConfiguration", "args": {"deviceId": "device-1", "toyId": "bear"}}


@pytest.fixture(scope="module")
def server() -> Iterator[FunctionServer]:
    with function_server() as running:
        yield running


@pytest.fixture
def client(server: FunctionServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, trust_env=False) as client:
        yield client


def token_of(client: httpx.Client, server: FunctionServer, device_id: str = "device-1") -> str:
    args = {"deviceId": device_id, "deviceSecret": server.secrets[device_id]}
    reply = client.post("/api/action", json={"path": "auth:authenticateDevice", "args": args})
    token: str = reply.json()["value"]["convexToken"]
    return token


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "status", "words"),
    [
        ("GET", "/api/query", {}, b"", 405, "/api/query takes POST, not GET"),
        ("DELETE", "/api/upload/x", {}, b"", 405, "takes POST"),
        ("POST", "/api/query", {"Content-Type": "text/plain"}, b"{}", 415, "must be application/json, not text/plain"),
        ("POST", "/api/query", {}, b"{}", 415, "must be application/json"),
        ("POST", "/api/query", {"Content-Type": "application/json"}, b"{", 400, "the body is not JSON"),
        ("POST", "/api/query", {"Content-Type": "application/json"}, b"[" * 600_000, 400, "too many parts"),
        ("POST", "/api/query", {"Content-Type": "application/json"}, b" " * 1_100_000, 413, "more than 1048576 bytes"),
        ("POST", "/api/upload/x", {"Content-Type": "audio/ogg"}, b"Oggs", 403, "this address is not good any more"),
    ],
)
def test_what_is_no_call_gets_a_status_and_words(
    client: httpx.Client, method: str, path: str, headers: dict[str, str], body: bytes, status: int, words: str
) -> None:
    reply = client.request(method, path, headers=headers, content=body)
    assert reply.status_code == status
    assert words in reply.json()["message"]
    assert reply.json()["code"] in ("INVALID", "FORBIDDEN")
    assert ("Allow" in reply.headers) == (status == 405)


def test_there_is_no_such_thing_elsewhere(client: httpx.Client) -> None:
    assert client.post("/api/else", json=QUERY).status_code == 404


def test_an_error_of_a_function_has_convexs_status_and_convexs_client_for_python_gets_200(client: httpx.Client) -> None:
    replies = [client.post("/api/query", json=QUERY, headers={"Convex-Client": name}) for name in ("npm-1", "python-1")]
    assert [reply.status_code for reply in replies] == [560, 200]
    for reply in replies:
        body = reply.json()
        assert body["status"] == "error"
        assert body["errorMessage"] == body["errorData"]["message"]
        assert body["errorData"]["code"] == "UNAUTHENTICATED"


@pytest.mark.parametrize("shown", [["Bearer"], ["Basic x"], ["Bearer {}", "Bearer {}"], ["bearer {}x"]])
def test_a_header_that_is_odd_shows_no_token(server: FunctionServer, client: httpx.Client, shown: list[str]) -> None:
    token = token_of(client, server)
    headers = [("Authorization", each.format(token)) for each in shown]
    reply = client.post("/api/query", json=QUERY, headers=headers)
    assert reply.json()["errorData"]["code"] == "UNAUTHENTICATED"


def test_texts_that_are_no_unicode_and_nesting_without_end_are_refused(
    server: FunctionServer, client: httpx.Client
) -> None:
    headers = {"Authorization": f"Bearer {token_of(client, server)}", "Content-Type": "application/json"}
    deep: Any = 1
    for _ in range(200):
        deep = [deep]
    event = {"deviceId": "device-1", "toyId": "bear", "id": "s1", "eventType": "x", "severity": "low"}
    event |= {"timestamp": "now", "isUrgent": False}
    for details, words in (
        ({"x": "\ud800"}, "not valid Unicode"),
        ({"x": deep}, "nested"),
        ({"x": 2**60}, "too large"),
    ):
        body = json.dumps({"path": "guardian:reportEvent", "args": event | {"details": details}})
        reply = client.post("/api/mutation", content=body, headers=headers)
        assert reply.status_code == 560
        assert reply.json()["errorData"]["code"] == "INVALID"
        assert words in reply.json()["errorMessage"]


@pytest.mark.parametrize("claimed", [10, 1_000_000])
def test_a_content_length_that_lies_gets_nothing_and_holds_up_nobody(
    server: FunctionServer, client: httpx.Client, monkeypatch: pytest.MonkeyPatch, claimed: int
) -> None:
    monkeypatch.setattr(web, "BODY_SECONDS", 0.05)
    body = json.dumps(QUERY).encode()
    host, port = server.url.removeprefix("http://").split(":")
    head = (
        f"POST /api/query HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {claimed}\r\n"
    )
    with socket.create_connection((host, int(port)), timeout=20) as liar:
        liar.sendall(head.encode() + b"\r\n" + body)
        reply = http.client.HTTPResponse(liar)
        reply.begin()
        assert reply.status == (400 if claimed == 10 else 408)
    assert client.post("/api/query", json=QUERY).status_code == 560


def test_a_body_without_a_length_is_cut_off_where_it_is_too_long(client: httpx.Client) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(400):
            yield b" " * 65_536

    try:
        reply = client.post("/api/query", content=endless(), headers={"Content-Type": "application/json"})
        assert reply.status_code == 413
    except httpx.TransportError:
        pass  # cut off while it still sent


def test_a_stranger_is_refused_before_a_byte_of_the_recording_is_read(server: FunctionServer) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    head = f"POST /api/upload/made-up HTTP/1.1\r\nHost: {host}\r\nContent-Type: audio/ogg\r\nContent-Length: 900000\r\n"
    with socket.create_connection((host, int(port)), timeout=20) as stranger:
        stranger.sendall(head.encode() + b"\r\n")
        reply = http.client.HTTPResponse(stranger)
        reply.begin()
        assert reply.status == 403


@pytest.mark.parametrize(("size", "status"), [(web.MOST_BYTES, 400), (web.MOST_BYTES + 1, 413)])
def test_a_body_that_comes_in_pieces_may_be_as_long_as_any_other(client: httpx.Client, size: int, status: int) -> None:
    pieces = (b" " * (size // 2), b" " * (size - size // 2))
    reply = client.post("/api/query", content=iter(pieces), headers={"Content-Type": "application/json"})
    assert reply.status_code == status


def test_an_address_begins_as_the_toy_has_found_the_server(server: FunctionServer, client: httpx.Client) -> None:
    body = {"path": "storage:generateUploadUrl", "args": {"deviceId": "device-2", "toyId": "rex"}}
    headers = {"Authorization": f"Bearer {token_of(client, server, 'device-2')}", "Host": "cloud.example"}
    for scheme, origin in (("https", "https://cloud.example/"), ("javascript", "http://cloud.example/")):
        reply = client.post("/api/mutation", json=body, headers=headers | {"X-Forwarded-Proto": scheme})
        assert reply.json()["value"]["url"].startswith(f"{origin}api/upload/")


def test_a_device_calls_a_hundred_times_a_minute_and_the_others_do_not_notice(
    server: FunctionServer, client: httpx.Client
) -> None:
    secret = server.do(server.parts.devices.register("chatty"))
    server.secrets["chatty"] = secret
    headers = {"Authorization": f"Bearer {token_of(client, server, 'chatty')}"}
    body = {"path": "toys:getConfiguration", "args": {"deviceId": "chatty", "toyId": "bear"}}
    statuses = [client.post("/api/query", json=body, headers=headers).status_code for _ in range(100)]
    assert set(statuses) == {200}
    refused = client.post("/api/query", json=body, headers=headers).json()["errorData"]
    assert refused["code"] == "RATE_LIMITED"
    assert 0 < refused["retryAfter"] <= 60
    other = {"Authorization": f"Bearer {token_of(client, server)}"}
    assert client.post("/api/query", json=QUERY, headers=other).status_code == 200


def test_a_full_disk_means_later_for_calls_and_recordings_and_nothing_is_lost_once_there_is_room(
    tmp_path: Path,
) -> None:
    with function_server(tmp_path / "toys.db") as full, httpx.Client(base_url=full.url, trust_env=False) as client:
        headers = {"Authorization": f"Bearer {token_of(client, full)}"}
        address = {"path": "storage:generateUploadUrl", "args": {"deviceId": "device-1", "toyId": "rex"}}
        url = client.post("/api/mutation", json=address, headers=headers).json()["value"]["url"]
        log = {"id": "l1", "level": "info", "event": "x", "fields": {"words": "x" * 30_000}, "timestamp": "now"}
        logs = {"path": "logs:create", "args": {"deviceId": "device-1", "timestamp": "now", "logs": [log]}}
        full.do(limit(full, 40))
        recording = client.post(url, content=b"x" * 500_000, headers={"Content-Type": "audio/ogg"})
        assert (recording.status_code, recording.json()["code"]) == (503, "RATE_LIMITED")
        assert recording.headers["Retry-After"] == "30"
        full.do(limit(full, 1))
        refused = client.post("/api/mutation", json=logs, headers=headers).json()["errorData"]
        assert (refused["code"], refused["retryAfter"]) == ("RATE_LIMITED", 30.0)
        assert full.count("device-1")["logs"] == 0
        full.do(limit(full, 100_000))
        assert client.post(url, content=b"x" * 500_000, headers={"Content-Type": "audio/ogg"}).status_code == 200
        assert client.post("/api/mutation", json=logs, headers=headers).json()["value"]["accepted"] == ["l1"]


async def limit(server: FunctionServer, pages: int) -> None:
    """Let the file grow by so many pages and no further, as a disk would."""
    async with server.parts.archive.data.reading() as database:
        ((there,),) = await database.execute_fetchall("PRAGMA page_count")
        await database.execute_fetchall(f"PRAGMA max_page_count = {there + pages}")
