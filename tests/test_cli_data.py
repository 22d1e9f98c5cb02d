"""`pommai data`."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from memory_material import Machine, incident, raw, said

from pommai.cli import main
from pommai.io.seal_key import key_file_of, open_seal
from pommai.protocol.messages import Rejected, SyncAck, ToyProfile


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A toy has lived here."""
    path = tmp_path / "memory.db"
    monkeypatch.setenv("POMMAI_MEMORY", str(path))
    monkeypatch.chdir(tmp_path)

    async def scene() -> None:
        async with Machine().memory(path) as memory:
            for number in range(6):
                memory.keep_conversation(said(f"conversation-{number:04}", "Why is the sky blue?", "Air\x1b[1m"))
            memory.keep_safety_event(incident("incident-000001") | {"transcript": "a bad word"})
            memory.keep_metric("turns", 7)
            memory.keep_toy(ToyProfile("bear", "Bear"))
            memory.keep_fact("safe_mode", "on")
            batch = await memory.batch(safety=False)
            assert batch is not None
            answer = SyncAck(batch.batch, ("conversation-0000",), (Rejected("conversation-0001", "no such toy"),))
            await memory.settle(answer)

    asyncio.run(scene())
    return path


def test_show_sums_up_what_is_kept_and_what_waits(memory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "show"]) == 0
    shown = capsys.readouterr().out
    for words in (
        str(memory),
        "conversations   6, since 2026-09-21T12:00Z; 4 wait for the server; kept for 30 days",
        "safety events   1, since 2026-09-21T12:00Z; 1 wait",
        "toys            1: bear",
        "1 of them popular",
        "safe_mode = on",
        "the server refused 1 conversations: no such toy",
    ):
        assert words in shown


@pytest.mark.parametrize(
    ("what", "words"),
    [
        (
            "conversations",
            "2026-09-21 12:00:00  bear: “Why is the sky blue?” – “Air\\x1b[1m”  [refused: no such toy]",
        ),
        ("safety", "2026-09-21 12:00:00  medium a bad word “a bad word”  [waiting]"),
        ("metrics", "2026-09-21 12:00:00  turns = 7.0  [waiting]"),
        ("toys", "2026-09-21 12:00:00  bear: Bear"),
    ],
)
def test_show_prints_each_on_a_line_that_cannot_steer_a_terminal(
    memory: Path, what: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "show", what]) == 0
    assert words in capsys.readouterr().out.splitlines()
    assert main(["data", "show", what, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)


def test_export_writes_everything_for_nobody_else_to_read(
    memory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "talks.json"
    assert main(["data", "export", str(file)]) == 0
    assert "6 conversations, 1 safety events, 1 metrics, 1 toys" in capsys.readouterr().out
    assert file.stat().st_mode & 0o077 == 0
    assert main(["data", "export", "-"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(file.read_text())
    assert main(["data", "export", str(tmp_path / "nowhere" / "x.json")]) == 1
    assert "cannot be written: No such file" in capsys.readouterr().err


def test_erase_asks_first_and_then_does_what_it_says(
    memory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "erase", "conversations"]) == 2
    assert "add --yes" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    for answer, code in (("\n", 2), ("no\n", 2), ("yes\n", 0)):
        monkeypatch.setattr("sys.stdin.readline", lambda answer=answer: answer, raising=False)
        assert b"sky" in raw(memory)
        assert main(["data", "erase", "conversations"]) == code
    shown = capsys.readouterr().out
    assert f"Erase conversations from {memory}? It cannot be brought back. [y/N]" in shown
    assert "every file was searched for 6 of them, and nothing is left there" in shown
    assert b"sky" not in raw(memory)
    assert b"safe_mode" in raw(memory)


def test_erase_tells_machines_what_it_did(memory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "erase", "everything", "--yes", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["left"] == []
    assert told["rows"] > 8
    assert main(["data", "show", "safety"]) == 0
    assert capsys.readouterr().out == "no safety events are kept\n"


def test_a_toy_that_is_switched_off_on_a_read_only_root_has_its_copy(
    memory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POMMAI_MEMORY_COPY", str(memory))
    monkeypatch.setenv("POMMAI_MEMORY", str(memory.parent / "ram" / "memory.db"))
    assert main(["data", "erase", "everything", "--yes"]) == 0
    assert main(["data", "show"]) == 0
    assert "conversations   none" in capsys.readouterr().out


def test_where_there_is_no_memory_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POMMAI_MEMORY", str(tmp_path / "memory.db"))
    monkeypatch.chdir(tmp_path)
    assert main(["data", "show"]) == 1
    assert "there is no memory at" in capsys.readouterr().err


def test_a_reset_forgets_all_that_was_ever_kept_its_key_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "memory.db"

    async def live() -> None:
        async with Machine().memory(path, seal=await open_seal(key_file_of(path), None)) as memory:
            memory.keep_conversation(said("one", "quokka"))

    asyncio.run(live())
    assert main(["data", "show", "conversations", "--memory", str(path), "--memory-copy", "none"]) == 0
    assert "quokka" in capsys.readouterr().out
    (tmp_path / "trace.jsonl").write_text("quokka")
    place = ["--memory", str(path), "--memory-copy", "none", "--trace", str(tmp_path / "trace.jsonl")]
    assert main(["data", "reset", "--yes", *place]) == 0
    assert not [file for file in tmp_path.iterdir() if b"quokka" in file.read_bytes()]
    told = capsys.readouterr().out.splitlines()
    assert told[0] == f"erased {path}.key"
    assert "nothing that was kept can be read any more" in "\n".join(told)
    assert main(["data", "show", "--memory", str(path), "--memory-copy", "none"]) == 1
