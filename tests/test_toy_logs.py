"""Logs: one fact a line, with its fields, and never a secret."""

from __future__ import annotations

import ast
import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pommai.toy.logs import LONGEST, configure_logs, hide

log = logging.getLogger("pommai.test")
ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def _leave_logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, websockets = root.handlers[:], root.level, logging.getLogger("websockets").level
    for handler in handlers:  # pytest's own, which force=True would close
        root.removeHandler(handler)
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("websockets").setLevel(websockets)


CRASH = """
import logging, threading
from pommai.toy.logs import configure_logs, hide, report_crashes
configure_logs("error", secrets=["given-at-first"])
report_crashes()
hide("came-up-later")
def fail(why):
    raise RuntimeError(f"it was {why}: given-at-first, came-up-later")
thread = threading.Thread(target=fail, args=["a thread"])
thread.start()
thread.join()
class Careless:
    def __del__(self):
        fail("an end")
Careless()
logging.getLogger("library").error("%s and %s", "given-at-first")
fail("everything")
"""


@pytest.mark.parametrize("style", ["text", "json"])
def test_a_devices_id_may_go_by_another_name(style: str) -> None:
    out = io.StringIO()
    configure_logs(style=style, device_names=lambda device: f"d-{len(device)}", stream=out)
    log.info("session open", extra={"device": "bear-7", "toy": "bear"})
    log.info("pause", extra={"device": None})
    first, second = out.getvalue().splitlines()
    assert "d-6" in first
    assert "bear-7" not in first
    assert "d-" not in second


def test_what_ends_a_process_is_reported_without_its_secrets() -> None:
    done = subprocess.run([sys.executable, "-c", CRASH], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 1
    for why in ("a thread", "an end", "everything"):
        assert f"RuntimeError: it was {why}: ***, ***" in done.stderr
    assert done.stderr.count("Traceback") == 3
    assert "%s and %s\n" in done.stderr
    assert "given-at-first" not in done.stderr.replace('"it was {why}: given', "")
    assert "came-up-later" not in done.stderr


def test_a_line_for_people_has_time_level_fact_and_fields() -> None:
    out = io.StringIO()
    configure_logs(stream=out)
    log.info("link up", extra={"session": "abc", "attempts": 2})
    assert out.getvalue()[2:3] == ":"
    assert out.getvalue()[12:] == " info    link up session=abc attempts=2\n"


def test_a_value_with_spaces_or_line_breaks_stays_one_field_on_one_line() -> None:
    out = io.StringIO()
    configure_logs(stream=out)
    log.warning("server\nsays\x1b[2J", extra={"reason": 'a "b"\nc', "empty": "", "name_de": "Bär"})
    (line,) = out.getvalue().splitlines()
    assert line.endswith(r'server\nsays\x1b[2J reason="a \"b\"\nc" empty="" name_de=Bär')


def test_what_an_error_says_is_no_line_of_the_log_and_steers_no_terminal() -> None:
    out = io.StringIO()
    configure_logs(stream=out)
    try:
        raise ValueError("no\n12:00:00.000 info    state states=calm\x1b[2J\x9b2J\u202e")
    except ValueError:
        log.exception("trouble")
    first, *lines = out.getvalue().splitlines()
    assert first.endswith("error   trouble")
    assert lines[-1] == r"  12:00:00.000 info    state states=calm\x1b[2J\x9b2J\u202e"
    assert all(line.startswith("  ") and line.isprintable() for line in lines)


@pytest.mark.parametrize("style", ["text", "json"])
def test_a_server_that_talks_without_end_does_not_fill_the_log(style: str) -> None:
    out = io.StringIO()
    configure_logs(style=style, secrets=["s" * 30], stream=out)
    log.info("link down", extra={"reason": "x" * (LONGEST - 10) + "s" * 30 + "y" * 60_000})
    log.info("z" * 60_000)
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) < LONGEST + 200
    assert "s" * 9 not in lines[0], "a secret at the edge"
    assert "x***y" in lines[0]


def test_a_line_for_machines_is_json_that_orders_without_the_wall_clock() -> None:
    out = io.StringIO()
    configure_logs(style="json", stream=out)
    log.info("first", extra={"bytes": 3, "late": None, "path": Path("/x"), "level": "not this one"})
    log.error("second %s", "thing")
    first, second = (json.loads(line) for line in out.getvalue().splitlines())
    assert (first["event"], first["level"], first["logger"]) == ("first", "info", "pommai.test")
    assert (first["bytes"], first["late"], first["path"]) == (3, None, "/x")
    assert second["event"] == "second thing"
    assert (first["n"], second["n"]) == (1, 2)
    assert 0 < first["t_us"] <= second["t_us"]
    assert first["time"].endswith("Z")


@pytest.mark.parametrize("style", ["text", "json"])
def test_an_exception_is_logged_with_its_traceback_and_secrets_nowhere(style: str) -> None:
    out = io.StringIO()
    secret = 'Q"Q\\'
    configure_logs(style=style, secrets=[secret, ""], stream=out)
    try:
        raise ValueError(f"bad token {secret}")
    except ValueError:
        log.exception("no luck with %s", secret, extra={"header": f"Bearer {secret}", "headers": [secret]})
    written = out.getvalue()
    assert "Traceback" in written
    assert "ValueError: bad token ***" in written
    assert "Bearer ***" in written
    assert "Q" not in written


def test_lines_below_the_level_are_not_written_and_websockets_logs_no_frames() -> None:
    out = io.StringIO()
    configure_logs("warning", stream=out)
    log.info("quiet")
    assert out.getvalue() == ""
    configure_logs("debug", stream=out)
    log.debug("loud")
    logging.getLogger("websockets.client").debug("> BINARY ...")
    assert "loud" in out.getvalue()
    assert "BINARY" not in out.getvalue()


def test_configuring_again_replaces_the_earlier_output() -> None:
    first, second = io.StringIO(), io.StringIO()
    configure_logs(stream=first)
    configure_logs(stream=second)
    log.info("once")
    assert first.getvalue() == ""
    assert second.getvalue().count("once") == 1


def test_no_log_call_uses_a_field_name_that_logging_refuses() -> None:
    """`extra={"name": ...}` raises KeyError, at three in the morning."""
    refused = set(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
    found = [
        f"{path.relative_to(ROOT)}:{key.lineno}: {key.value}"
        for path in sorted((ROOT / "pommai").rglob("*.py"))
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.keyword) and call.arg == "extra" and isinstance(call.value, ast.Dict)
        for key in call.value.keys
        if isinstance(key, ast.Constant) and key.value in refused
    ]
    assert found == []


@pytest.mark.parametrize(
    "library", ["websockets.client", "statemachine.engines.base", "aiosqlite", "httpx", "httpcore"]
)
def test_libraries_that_talk_a_lot_are_heard_when_something_is_wrong_alone(library: str) -> None:
    stream = io.StringIO()
    configure_logs("debug", stream=stream)
    logging.getLogger(library).debug("macrostep 1")
    logging.getLogger(library).info("HTTP Request")
    logging.getLogger(library).warning("something is wrong")
    assert stream.getvalue().count("\n") == 1


def test_a_secret_that_comes_up_later_is_hidden_from_then_on_and_the_newest_ones_stay_hidden() -> None:
    out = io.StringIO()
    configure_logs(stream=out)
    for number in range(100):
        hide("the-devices-secret")
        hide(f"token-{number:04}")
        log.error("asked with %s", "the-devices-secret")
    log.error("got %s", "token-0099", extra={"header": "Bearer token-0099", "list": ["token-0098"]})
    assert "token-00" not in out.getvalue()
    assert "the-devices" not in out.getvalue()
    hide("")
    log.error("still here")
    assert "still here" in out.getvalue()
