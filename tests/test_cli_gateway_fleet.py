"""`pommai gateway` in a fleet, as its operator meets it: processes, a Redis with a password that goes away, HTTP."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from gateway_material import TOKEN
from live_processes import Child, child
from redis_server import RedisProcess

from pommai.cli.gateway_fleet import secrets_of

OPERATOR = "an-operator-who-is-known-to-tests-alone"


@contextmanager
def gateway(folder: Path, name: str, redis: str | None, *more: str) -> Iterator[tuple[Child, str]]:
    """A gateway, and where operators find it."""
    arguments = ("gateway", "--port", "0", "--http-port", "0", "--name", name, *more)
    known = {"POMMAI_GATEWAY_TOKEN": TOKEN, "POMMAI_OPERATOR_TOKEN": OPERATOR}
    known |= {} if redis is None else {"POMMAI_REDIS_URL": redis}
    with child(folder, name, *arguments, **known) as process:
        printed = folder / f"{name}.out"
        process.wait(lambda: "listening on" in printed.read_text(), "gateway that listens")
        found = re.search(r"operators: (\S+)\n", printed.read_text())
        assert found is not None
        yield process, found[1]


def asked(url: str, path: str, method: str = "GET", **order: Any) -> tuple[int, dict[str, Any]]:
    body = json.dumps(order).encode() if order else None
    request = urllib.request.Request(f"{url}{path}", body, {"Authorization": f"Bearer {OPERATOR}"}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as caught:
        with caught:
            return caught.code, json.load(caught)


def active(url: str) -> dict[str, bool]:
    """Of each persona, whether all toys are to be it."""
    return {row["id"]: row["activeForAll"] for row in asked(url, "/personas")[1]["personas"]}


def test_operators_of_a_fleet_are_told_when_the_others_cannot_be_heard_and_toys_are_served_all_the_same(
    tmp_path: Path,
) -> None:
    redis = RedisProcess(tmp_path, "--requirepass", "s3/cret")
    url = redis.url.replace("redis://", "redis://:s3%2Fcret@")
    with redis, gateway(tmp_path, "one", url) as (one, web), gateway(tmp_path, "two", url) as (two, other):
        assert asked(web, "/personas/active", "PUT", toyId="robo-rex") == (
            200,
            {"toyId": "robo-rex", "deviceId": None, "asked": 0},
        )
        # A busy machine takes its time to bring the news, and Redis to answer.
        while active(other) != {"pommai-bear": False, "robo-rex": True}:
            pass
        while asked(web, "/readyz")[1]["checks"]["fleet"] != "ok":
            pass

        redis.kill()
        for process in (one, two):
            process.logs(r"fleet out of touch .*Redis at 127\.0\.0\.1 port \d+ ")
        status, found = asked(web, "/readyz")
        assert (status, found["ready"]) == (200, True)
        assert f"Redis at 127.0.0.1 port {redis.port} cannot be reached" in found["checks"]["fleet"]
        status, found = asked(web, "/personas/active", "PUT", toyId="pommai-bear")
        assert status == 503
        assert "the other gateways cannot be told now, so nothing was changed: Redis at" in found["error"]
        status, found = asked(web, "/toys/pause", "POST", time="5m")
        assert status == 503
        assert "of the toys only those of this gateway (0) were asked to pause" in found["error"]
        status, found = asked(web, "/sessions")
        assert (status, found["sessions"]) == (200, [])
        assert "the toys of other gateways" in found["missing"]
        one.asked("sessions", "no toy is connected\nthe toys of other gateways are not shown: ")
        one.asked("switch pommai-bear", "so nothing was changed")

        redis.start()
        for process in (one, two):
            process.logs("fleet in touch again")
        while asked(other, "/personas/active", "PUT", toyId="pommai-bear")[0] != 200:
            pass  # on a busy machine Redis may answer too late once more
        for process in (one, two):
            assert "s3" not in process.log


def test_who_toys_are_to_be_is_remembered_by_the_data_file_of_a_gateway_that_is_alone(tmp_path: Path) -> None:
    for expected, order in ((None, "robo-rex"), ("robo-rex", "pommai-bear"), ("pommai-bear", "robo-rex")):
        with gateway(tmp_path, "alone", None, "--data", "toys.db") as (process, web):
            assert [name for name, yes in active(web).items() if yes] == ([] if expected is None else [expected])
            process.asked(f"switch {order}", "asked 0 toys")
            process.asked("archive", "nothing is kept yet")
            process.tell("quit")
            process.process.wait(20)
            process.process.poll = lambda: None  # type: ignore[method-assign]  # it was asked to end


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--redis", "localhost:6379"), "the address of Redis must be like redis://:PASSWORD@HOST:6379/0"),
        (("--redis", "redis://:hunter2@host:port"), "the address of Redis must be like"),
        (("--name", "a b"), "a gateway's name is 1 to 64 letters"),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    command = [sys.executable, "-m", "pommai", "gateway", "--port", "0", "--http-port", "none", *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode in (1, 2)
    assert words in done.stderr
    assert "hunter2" not in done.stderr
    assert "Traceback" not in done.stderr


def test_what_must_not_be_logged_is_known_in_every_form_it_has() -> None:
    assert secrets_of(None) == []
    assert secrets_of("redis://host") == ["redis://host"]
    assert set(secrets_of("redis://:a%2Fb@host")) == {"redis://:a%2Fb@host", "a%2Fb", "a/b"}
    assert secrets_of("redis://[::1") == ["redis://[::1"]
