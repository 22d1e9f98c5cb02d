"""cloud/contract.json, played against the gateway's functions over HTTP: plainly, and by Convex's own client."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from convex import ConvexError
from convex.http_client import ConvexHttpClient
from functions_material import CONTRACT, FunctionServer, function_server

Reply = dict[str, Any]
"""`value`, or `code` and `message`."""
MISSING = object()


class Plain:
    """Calls as docs/cloud.md says it."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, trust_env=False)

    def close(self) -> None:
        self._http.close()

    def call(self, kind: str, path: str, args: object, token: str | None) -> Reply:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        reply = self._http.post(f"/api/{kind}", json={"path": path, "args": args, "format": "json"}, headers=headers)
        body = reply.json()
        if body["status"] == "success":
            assert reply.status_code == 200
            return {"value": body["value"]}
        assert reply.status_code == 560
        assert body["errorMessage"]
        return body["errorData"]


class Convex:
    """Convex's client for Python, the one that speaks HTTP."""

    def __init__(self, url: str) -> None:
        self._url = url

    def close(self) -> None:
        pass

    def call(self, kind: str, path: str, args: Any, token: str | None) -> Reply:
        client = ConvexHttpClient(self._url)
        if token is not None:
            client.set_auth(token)
        try:
            return {"value": getattr(client, kind)(path, args)}
        except ConvexError as caught:
            return caught.data


class Player:
    """Plays the steps of one scenario."""

    def __init__(self, server: FunctionServer, client: Plain | Convex) -> None:
        self._server = server
        self._client = client
        self._saved: dict[str, Any] = {}
        self._tokens: dict[str, str] = {}

    def play(self, step: dict[str, Any]) -> None:
        if "operator" in step:
            self._operate(step)
            return
        reply = self._upload(step["upload"]) if "upload" in step else self._call(step)
        expected = step["expect"]
        if "value" in expected:
            assert "value" in reply, f"{step['name']}: {reply}"
            self._compare(expected["value"], reply["value"], step["name"])
        else:
            assert reply.get("code") == expected["code"], f"{step['name']}: {reply}"
            assert reply.get("http", 0) == expected.get("http", 0), step["name"]
            assert expected.get("mentions", "") in reply["message"], f"{step['name']}: {reply}"
        for name, key in step.get("save", {}).items():
            self._saved[name] = reply["value"][key]

    def _call(self, step: dict[str, Any]) -> Reply:
        args = self._filled(step["args"])
        return self._client.call(step["kind"], step["path"], args, self._token(step["as"]))

    def _token(self, who: Any) -> str | None:
        if isinstance(who, dict):
            return self._filled(who["token"])
        if who == "nobody":
            return None
        if who not in self._tokens:
            args = {"deviceId": who, "deviceSecret": self._server.secrets[who]}
            reply = self._client.call("action", "auth:authenticateDevice", args, None)
            self._tokens[who] = reply["value"]["convexToken"]
        return self._tokens[who]

    def _upload(self, upload: dict[str, Any]) -> Reply:
        headers = {"Content-Type": upload["type"]}
        with httpx.Client(trust_env=False) as http:
            reply = http.post(self._filled(upload["url"]), content=b"\x4f" * upload["size"], headers=headers)
        body = reply.json()
        return {"value": body} if reply.status_code == 200 else {"http": reply.status_code, **body}

    def _operate(self, step: dict[str, Any]) -> None:
        server = self._server
        match step["operator"]:
            case "revoke":
                server.do(server.parts.devices.revoke(step["device"]))
            case "rotate":
                server.rotate(step["device"])
            case "consent":
                server.toys.consent(step["toy"], step["allow"])
            case "wait":
                server.clock.by += 1000 * step["seconds"]
            case "count":
                found = server.count(step["device"])
                assert found | step["expect"] == found, step["name"]
            case other:
                raise AssertionError(f"an operator does not know how to {other}")

    # -- placeholders ----------------------------------------------------------------------

    def _filled(self, value: Any) -> Any:
        match value:
            case {"$secret": device}:
                return self._server.secrets[device]
            case {"$oldSecret": device}:
                return self._server.old_secrets[device]
            case {"$serviceKey": True}:
                return self._server.service_key
            case {"$saved": name}:
                return self._saved[name]
            case {"$repeat": text, "times": times}:
                return text * times
            case {"$each": one, "from": first, "to": last}:
                return [_numbered(one, number) for number in range(first, last + 1)]
            case dict():
                return {key: self._filled(item) for key, item in value.items()}
            case list():
                return [self._filled(item) for item in value]
        return value

    def _compare(self, expected: Any, found: Any, where: str) -> None:
        match expected:
            case {"$any": kind}:
                kinds = {"string": str, "number": (int, float), "boolean": bool, "object": dict, "list": list}
                assert isinstance(found, kinds[kind]), where
                assert found != "", where
            case {"$now": plus}:
                assert abs(found - self._server.clock.now() - plus) <= 60_000, where
            case {"$rejected": ids}:
                assert [item["id"] for item in found] == ids, where
                assert all(item["reason"] for item in found), where
            case {"$not": name}:
                assert isinstance(found, str), where
                assert found not in ("", self._saved[name]), where
            case {"$saved": _} | {"$each": _}:
                assert found == self._filled(expected), where
            case dict():
                for key, item in expected.items():
                    self._compare(item, found.get(key, MISSING), f"{where}: {key}")
            case list():
                assert isinstance(found, list), where
                assert len(found) == len(expected), where
                for one, other in zip(expected, found, strict=True):
                    self._compare(one, other, where)
            case _:
                assert found == expected, f"{where}: {found!r}"


def _numbered(value: Any, number: int) -> Any:
    if isinstance(value, dict):
        return {key: _numbered(item, number) for key, item in value.items()}
    return value.replace("{n}", str(number)) if isinstance(value, str) else value


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FunctionServer]:
    with function_server(tmp_path / "toys.db") as running:
        yield running


@pytest.mark.parametrize("client_kind", [Plain, Convex])
@pytest.mark.parametrize("scenario", CONTRACT["scenarios"], ids=lambda scenario: scenario["name"])
def test_the_contract_of_the_cloud_functions(
    server: FunctionServer, scenario: dict[str, Any], client_kind: type[Plain | Convex]
) -> None:
    client = client_kind(server.url)
    try:
        player = Player(server, client)
        for step in scenario["steps"]:
            player.play(step)
    finally:
        client.close()
