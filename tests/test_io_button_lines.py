"""The button as lines of text: pipes, files, and inputs that end."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pommai.errors import DeviceError, SoundError
from pommai.events import Event
from pommai.io.button_lines import LineButton


async def names_until(events: asyncio.Queue[Event], last: str) -> list[str]:
    names: list[str] = []
    async with asyncio.timeout(10):
        while not names or names[-1] != last:
            names.append((await events.get()).name)
    return names


def test_lines_press_release_wake_and_quit() -> None:
    reader, writer = os.pipe()

    async def scenario() -> None:
        events: asyncio.Queue[Event] = asyncio.Queue()
        done = asyncio.Event()
        button = LineButton(done.set, descriptor=reader)
        button.start(events.put_nowait)
        os.write(writer, b"pre")
        await asyncio.sleep(0)
        os.write(writer, b"ss\n\n wake \n")
        assert await names_until(events, "wake.heard") == ["button.pressed", "wake.heard"]
        os.write(writer, b"release\r\nquit\n")
        assert await names_until(events, "button.released") == ["button.released"]
        assert done.is_set()
        button.close()
        button.close()

    asyncio.run(scenario())
    os.close(reader)
    os.close(writer)


def test_the_button_comes_up_when_the_input_ends_and_an_unfinished_line_counts() -> None:
    reader, writer = os.pipe()
    os.write(writer, b"press")
    os.close(writer)

    async def scenario() -> None:
        events: asyncio.Queue[Event] = asyncio.Queue()
        button = LineButton(lambda: None, descriptor=reader)
        button.start(events.put_nowait)
        assert await names_until(events, "button.released") == ["button.pressed", "button.released"]
        button.close()

    asyncio.run(scenario())
    os.close(reader)


def test_a_line_nobody_knows_is_logged_and_ignored(caplog: pytest.LogCaptureFixture) -> None:
    reader, writer = os.pipe()

    async def scenario() -> None:
        events: asyncio.Queue[Event] = asyncio.Queue()
        button = LineButton(lambda: None, descriptor=reader)
        button.start(events.put_nowait)
        os.write(writer, b"dance\n" + b"x" * 3000 + b"\xff\nwake\n")
        assert await names_until(events, "wake.heard") == ["wake.heard"]
        button.close()

    with caplog.at_level(logging.WARNING):
        asyncio.run(scenario())
    assert [getattr(record, "line", "")[:5] for record in caplog.records] == ["dance", "xxxxx"]
    os.close(reader)
    os.close(writer)


def test_say_names_a_file_where_there_is_somebody_to_say_it(caplog: pytest.LogCaptureFixture) -> None:
    reader, writer = os.pipe()

    async def lines(button: LineButton, text: bytes) -> None:
        events: asyncio.Queue[Event] = asyncio.Queue()
        button.start(events.put_nowait)
        os.write(writer, text + b"wake\n")
        await names_until(events, "wake.heard")
        button.close()

    said: list[Path] = []

    def say(file: Path) -> None:
        said.append(file)
        if file.name == "absent.wav":
            raise SoundError("absent.wav is not there")

    async def scenario() -> None:
        await lines(LineButton(lambda: None, say=say, descriptor=reader), b"say my voice.wav\nsay absent.wav\nsay\n")
        await lines(LineButton(lambda: None, descriptor=reader), b"say hello.wav\n")

    with caplog.at_level(logging.WARNING):
        asyncio.run(scenario())
    assert said == [Path("my voice.wav"), Path("absent.wav")]
    assert [record.message for record in caplog.records] == ["nothing said", *["unknown button line"] * 2]
    os.close(reader)
    os.close(writer)


def test_a_file_serves_as_input_though_files_cannot_be_watched(tmp_path: Path) -> None:
    script = tmp_path / "presses.txt"
    script.write_text("press\nwake\n")

    async def scenario() -> None:
        events: asyncio.Queue[Event] = asyncio.Queue()
        with script.open("rb") as file:
            button = LineButton(lambda: None, descriptor=file.fileno())
            button.start(events.put_nowait)
            told = await names_until(events, "button.released")
            button.close()
        assert told == ["button.pressed", "wake.heard", "button.released"]

    asyncio.run(scenario())


def test_no_input_at_all_is_a_button_that_is_never_pressed() -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)

    async def scenario() -> None:
        events: list[Event] = []
        button = LineButton(lambda: None, descriptor=nothing)
        button.start(events.append)
        for _ in range(5):
            await asyncio.sleep(0)
        button.close()
        assert events == []

    asyncio.run(scenario())
    os.close(nothing)


def test_a_closed_input_is_an_error_in_a_sentence() -> None:
    reader, writer = os.pipe()
    os.close(writer)
    os.close(reader)

    async def scenario() -> None:
        with pytest.raises(DeviceError, match="no input to read button lines from"):
            LineButton(lambda: None, descriptor=reader).start(lambda _: None)

    asyncio.run(scenario())


def said_by_lines(text: bytes, say: Callable[[Path], None] | None) -> None:
    reader, writer = os.pipe()
    os.write(writer, text + b"quit\n")

    async def scenario() -> None:
        done = asyncio.Event()
        button = LineButton(done.set, say=say, descriptor=reader)
        button.start(lambda event: None)
        async with asyncio.timeout(10):
            await done.wait()
        button.close()

    asyncio.run(scenario())
    os.close(reader)
    os.close(writer)


def test_the_line_say_speaks_a_file_whose_name_may_hold_spaces() -> None:
    said: list[Path] = []
    said_by_lines(b"say  my hello.wav \n", said.append)
    assert said == [Path("my hello.wav")]


def test_a_file_that_cannot_be_said_is_logged_and_the_button_works_on(caplog: pytest.LogCaptureFixture) -> None:
    def say(path: Path) -> None:
        raise SoundError(f"there is no file {path}")

    said_by_lines(b"say a.wav\n", say)
    assert caplog.records[0].message == "nothing said"
    assert caplog.records[0].reason == "there is no file a.wav"


@pytest.mark.parametrize(("line", "speaks"), [(b"say a.wav", False), (b"say", True), (b"press hard", True)])
def test_a_line_that_is_no_word_is_named_with_those_there_are(
    caplog: pytest.LogCaptureFixture, line: bytes, speaks: bool
) -> None:
    said: list[Path] = []
    said_by_lines(line + b"\n", said.append if speaks else None)
    assert said == []
    assert caplog.records[0].line == line.decode()
    assert caplog.records[0].known.endswith("say FILE" if speaks else "quit")


def first_press(text: bytes) -> tuple[bool, list[str]]:
    """Whether a button with these lines waiting was down when it was started; the events of that moment."""
    reader, writer = os.pipe()
    os.write(writer, text)
    told: list[str] = []

    async def scenario() -> bool:
        button = LineButton(lambda: None, descriptor=reader)
        assert button.first_press is None
        button.start(lambda event: told.append(event.name))
        down = button.first_press is not None
        button.close()
        return down

    was_down = asyncio.run(scenario())
    os.close(reader)
    os.close(writer)
    return was_down, told


def test_a_press_that_waits_when_the_toy_starts_is_a_button_that_was_down() -> None:
    assert first_press(b"press\n") == (True, ["button.pressed"])
    assert first_press(b"press\nwake\npre") == (True, ["button.pressed", "wake.heard"])
    assert first_press(b"wake\npress\n") == (False, ["wake.heard", "button.pressed"])
    assert first_press(b"pre") == (False, [])
    assert first_press(b"") == (False, [])
