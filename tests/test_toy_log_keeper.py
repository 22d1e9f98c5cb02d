"""What went wrong is kept for whoever looks after the toy: facts and numbers, no words of anybody, and no flood."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from pommai.io import memory_simulated
from pommai.io.clock import SystemClock
from pommai.io.memory import SqliteMemory
from pommai.io.memory_simulated import SimulatedMemory
from pommai.io.ports import CONVERSATIONS, LOGS, METRICS, SAFETY
from pommai.protocol.messages import Conversation, SyncAck
from pommai.toy.log_keeper import MOST, keep_logs

Line = tuple[str, str, dict[str, Any]]


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)


def kept_of(say: Callable[[], Any]) -> list[Line]:
    """The lines that are kept of what is logged meanwhile."""
    lines: list[Line] = []

    async def scene() -> None:
        async with AsyncExitStack() as stack:
            keep_logs(stack, lambda level, event, fields: lines.append((level, event, dict(fields))))
            await asyncio.to_thread(say)
            await asyncio.sleep(0)

    asyncio.run(scene())
    return lines


log = logging.getLogger("pommai.io.test")


def test_a_warning_is_kept_with_its_numbers_and_states() -> None:
    fields = {"turn": 3, "seconds": 1.5, "ok": False, "trouble": "read-only", "reason": "Tom said: help", "toy": "bear"}
    assert kept_of(lambda: log.warning("speech not sent", extra=fields)) == [
        ("warning", "speech not sent", {"turn": 3, "seconds": 1.5, "ok": False, "trouble": "read-only"})
    ]


def test_what_is_no_trouble_or_not_ours_is_not_kept() -> None:
    def say() -> None:
        log.info("link up")
        logging.getLogger("websockets.client").error("no")
        logging.getLogger("pommai_other").error("no")
        logging.getLogger("pommai.io.memory_store").error("not kept")
        logging.getLogger("pommai.actions.sync").warning("item refused", extra={"item": 1})

    assert kept_of(say) == []


def test_of_an_exception_its_kind_alone_is_kept() -> None:
    def say() -> None:
        try:
            raise ValueError("the child said this")
        except ValueError:
            log.exception("action failed", extra={"action": "play"})

    assert kept_of(say) == [("error", "action failed", {"action": "play", "error": "ValueError"})]


@pytest.mark.parametrize("words", ['Tom: "hi"', "x" * 101, "ü", "a\nb", "", ValueError("x")])
def test_words_that_are_not_ours_make_place_for_who_said_them(words: Any) -> None:
    assert kept_of(lambda: log.error(words)) == [("error", "io.test", {})]


def test_what_is_filled_in_is_not_kept() -> None:
    assert kept_of(lambda: log.error("no luck with %s", "Tom")) == [("error", "io.test", {})]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "x", b"x", ["x"], None, {"a": 1}])
def test_values_that_are_no_numbers_are_left_out(value: Any) -> None:
    assert kept_of(lambda: log.error("x", extra={"value": value})) == [("error", "x", {})]


def test_a_flood_is_cut_off_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[Line] = []
    now = 0.0

    async def scene() -> None:
        nonlocal now
        loop = asyncio.get_running_loop()
        async with AsyncExitStack() as stack:
            keep_logs(stack, lambda level, event, fields: lines.append((level, event, dict(fields))))
            with monkeypatch.context() as patch:
                patch.setattr(loop, "time", lambda: now)
                for _ in range(1000):
                    log.warning("again")
                await asyncio.sleep(0)
                assert len(lines) == MOST
                now = 3601.0
                log.warning("once more")
                await asyncio.sleep(0)
        assert lines[MOST:] == [("warning", "once more", {"left_out": 1000 - MOST})]

    asyncio.run(scene())


def test_a_memory_that_complains_while_it_keeps_a_line_is_asked_once(tmp_path: Path) -> None:
    calls = 0

    def keep(level: str, event: str, fields: Any) -> None:
        nonlocal calls
        calls += 1
        logging.getLogger("pommai.io.memory").error("not kept")

    async def scene() -> None:
        async with AsyncExitStack() as stack:
            keep_logs(stack, keep)
            log.error("no button")
            for _ in range(10):
                await asyncio.sleep(0)

    asyncio.run(scene())
    assert calls == 1


def test_after_the_toy_has_ended_a_line_from_a_thread_harms_nobody() -> None:
    handlers: list[logging.Handler] = []

    async def scene() -> None:
        async with AsyncExitStack() as stack:
            before = logging.getLogger().handlers[:]
            keep_logs(stack, lambda *line: None)
            handlers.extend(set(logging.getLogger().handlers) - set(before))
        assert not set(handlers) & set(logging.getLogger().handlers)

    asyncio.run(scene())
    record = log.makeRecord("pommai.io.x", logging.ERROR, "f", 1, "late", (), None)
    thread = threading.Thread(target=handlers[0].emit, args=(record,))
    thread.start()
    thread.join()


def test_lines_go_behind_incidents_and_are_gone_when_the_server_has_them(tmp_path: Path) -> None:
    async def scene() -> None:
        on_disk = await SqliteMemory.open(tmp_path / "memory.db", SystemClock())
        for memory in (on_disk, SimulatedMemory(SystemClock())):
            memory.keep_log("error", "no button", {"turn": 1})
            memory.keep_metric("x", 1.0)
            memory.keep_safety_event({"id": "s1", "reason": "x", "timestamp": ""})
            batch = await memory.batch(safety=False)
            assert batch is not None
            (line,) = batch.logs
            assert (line["level"], line["event"], line["fields"]) == ("error", "no button", {"turn": 1})
            assert str(line["id"]).startswith("l-")
            await memory.settle(SyncAck(batch.batch, (str(line["id"]), str(batch.metrics[0]["id"]))))
            assert await memory.batch(safety=False) is None
            assert memory.unsent == 1
        await on_disk.close()

    asyncio.run(scene())


def test_incidents_and_conversations_are_not_displaced_by_any_number_of_lines_and_figures(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    most = 1000  # of so many, whoever must go is found soon
    monkeypatch.setattr(memory_simulated, "MOST_WAITING", most)

    async def scene() -> None:
        memory = SimulatedMemory(SystemClock())
        for number in range(20):
            memory.keep_safety_event({"id": f"s{number}", "reason": "x", "timestamp": ""})
            memory.keep_conversation(Conversation(f"c{number}", "bear", "hello", "hi", "", True))
        for number in range(most):
            memory.keep_log("error", "no button", {"number": number})
            memory.keep_metric("x", float(number))
        kinds = Counter(item.kind for item in memory.waiting.values())
        assert (kinds[SAFETY], kinds[CONVERSATIONS]) == (20, 20)
        assert memory.unsent == most
        assert kinds[LOGS] > 0 == kinds[METRICS]

    asyncio.run(scene())
