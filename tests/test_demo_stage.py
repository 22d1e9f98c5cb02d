"""The stage: what it starts it also ends, and what goes wrong on it has a name."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from pommai.demo.stage import Stage, last_words
from pommai.errors import DemoError


async def until_failure(stage: Stage) -> str:
    async with asyncio.timeout(20):
        while (failure := stage.failure()) is None:
            await asyncio.sleep(0.02)
    return failure


def test_a_child_that_ends_by_itself_is_named_with_its_log(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Stage(tmp_path / "out", "wav") as stage:
            assert stage.failure() is None
            assert await stage.operate("quit") == "bye"
            failure = await until_failure(stage)
            assert "the gateway has ended by itself, with exit code 0" in failure
            assert str(tmp_path / "out" / "gateway.log") in failure

    asyncio.run(scenario())
    assert "gateway closed" in (tmp_path / "out" / "gateway.log").read_text()


def test_a_killed_gateway_is_no_failure_takes_no_lines_and_comes_back_at_its_address(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Stage(tmp_path, "wav") as stage:
            await stage.kill_gateway()
            await stage.kill_gateway()
            assert stage.failure() is None
            with pytest.raises(DemoError, match="cannot 'resume' before it is started again"):
                await stage.operate("resume")
            await stage.start_gateway()
            assert await stage.operate("resume") in ("asked 0 toys to go on", "asked 1 toy to go on")

    asyncio.run(scenario())
    log = (tmp_path / "gateway.log").read_text()
    urls = [line.partition("url=")[2].split()[0] for line in log.splitlines() if "url=" in line]
    assert len(urls) == 2
    assert urls[0] == urls[1]


def test_a_gateway_that_cannot_listen_is_told_and_its_log_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "personas.yaml").write_text("personas: []\n")
    monkeypatch.chdir(tmp_path)

    async def scenario() -> None:
        async with Stage(tmp_path / "out", "wav"):
            pass

    with pytest.raises(DemoError, match="the gateway does not listen"):
        asyncio.run(scenario())
    assert "personas.yaml:1:11: error" in last_words(tmp_path / "out" / "gateway.log")


def test_alerts_are_told_apart_from_answers(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Stage(tmp_path, "wav") as stage:
            await stage.press()
            async with asyncio.timeout(30):
                while not stage.alerts:
                    await asyncio.sleep(0.02)
                    assert stage.failure() is None
                    assert (await stage.operate("archive")).startswith(("default-toy-001: ", "nothing is kept"))
            assert stage.alerts == ["medium held without a word"]
            assert await stage.operate("resume") == "asked 1 toy to go on"

    asyncio.run(scenario())


def test_files_of_an_earlier_demo_are_gone(tmp_path: Path) -> None:
    old = [tmp_path / name for name in ("trace.jsonl", "memory.db", "memory.db-wal", "archive.db")]
    for file in old:
        file.write_text("old")
    stage = Stage(tmp_path, "wav")
    assert not any(file.exists() for file in old)
    asyncio.run(stage.__aexit__(None, None, None))


def test_the_last_words_of_a_log_are_its_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "toy.log"
    assert last_words(log) == ""
    log.write_text("a\nb\nc\n")
    assert last_words(log, 2) == "b\nc"


def test_a_toy_that_hears_a_real_microphone_cannot_be_spoken_for(tmp_path: Path) -> None:
    async def scenario() -> None:
        for sound, interactive, can_say in (("card", True, False), ("card", False, True), ("wav", True, True)):
            stage = Stage(tmp_path, sound, interactive=interactive)  # type: ignore[arg-type]
            assert stage.can_say is can_say
            await stage.__aexit__(None, None, None)

    asyncio.run(scenario())


def test_a_folder_that_cannot_be_written_is_told_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(DemoError, match=r"nothing can be written to .*out: File exists"):
        Stage(tmp_path / "out", "wav")
