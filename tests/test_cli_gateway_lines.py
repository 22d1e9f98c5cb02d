from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

import pytest
from gateway_material import run

from pommai.cli.gateway_lines import Lines, show_alert
from pommai.gateway.archive import Alert


class Echo:
    """A console that says what it was told."""

    async def obey(self, line: str) -> str:
        return f"<{line}>" if line else ""


def test_lines_are_obeyed_one_after_the_other_however_they_come(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def test() -> None:
        reader, writer = os.pipe()
        with os.fdopen(reader) as stdin:
            monkeypatch.setattr(sys, "stdin", stdin)
            console: Any = Echo()
            lines = Lines(console)
            printed = ""
            for some in (b"sess", b"ions\n\nal", b"erts\n\xff\nunended"):
                os.write(writer, some)
                await asyncio.sleep(0.01)
            os.close(writer)
            while "\ufffd" not in printed:
                printed += capsys.readouterr().out
                await asyncio.sleep(0.01)
            await lines.close()
            assert printed == "<sessions>\n<alerts>\n<\ufffd>\n"

    run(test())


def test_without_an_operator_it_waits_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        monkeypatch.setattr(sys, "stdin", None)
        console: Any = Echo()
        await Lines(console).close()

    run(test())


def test_an_alert_is_dropped_rather_than_waited_for_when_nobody_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    alert = Alert("2026-01-01T00:00:00.000+00:00", "desk-1", "high", "asked for help")
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        for _ in range(65_536 // 32 + 100):  # more than the pipe holds
            show_alert(alert)
        assert os.read(reader, 35) == b"alert desk-1 high asked for help\nal"
    os.close(reader)
