"""The space bar on a real pseudo-terminal."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator

import pytest

from pommai.errors import DeviceError
from pommai.events import Event
from pommai.io.button_keyboard import REPEAT_S, KeyboardButton


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """The two ends: where a person types, and what the program reads."""
    person, program = pty.openpty()
    yield person, program
    for end in (person, program):
        try:
            os.close(end)
        except OSError:
            continue  # the test closed it


class Scene:
    """A started keyboard button, with all that it says."""

    def __init__(self, program: int) -> None:
        self.events: asyncio.Queue[Event] = asyncio.Queue()
        self.said: list[str] = []
        self.quit = asyncio.Event()
        self.button = KeyboardButton(self.quit.set, say=self.said.append, descriptor=program)
        self.button.start(self.events.put_nowait)

    async def next(self) -> str:
        async with asyncio.timeout(10):
            return (await self.events.get()).name


def test_space_presses_and_space_lets_go(terminal: tuple[int, int]) -> None:
    person, program = terminal

    async def scenario() -> None:
        scene = Scene(program)
        os.write(person, b" ")
        assert await scene.next() == "button.pressed"
        assert scene.said[-1] == "button down: space lets it go"
        await asyncio.sleep(2 * REPEAT_S)
        os.write(person, b" ")
        assert await scene.next() == "button.released"
        assert scene.said[-1] == "button up: space presses it"
        scene.button.close()

    asyncio.run(scenario())


def test_a_space_bar_that_is_kept_down_toggles_once(terminal: tuple[int, int]) -> None:
    person, program = terminal

    async def scenario() -> None:
        scene = Scene(program)
        os.write(person, b"     w")
        assert [await scene.next(), await scene.next()] == ["button.pressed", "wake.heard"]
        assert scene.events.empty()
        scene.button.close()

    asyncio.run(scenario())


def test_w_is_the_wake_word_and_q_quits_and_other_keys_are_nothing(terminal: tuple[int, int]) -> None:
    person, program = terminal

    async def scenario() -> None:
        scene = Scene(program)
        os.write(person, "xé\x1b[Aw".encode())
        assert await scene.next() == "wake.heard"
        assert not scene.quit.is_set()
        os.write(person, b"q")
        async with asyncio.timeout(10):
            await scene.quit.wait()
        scene.button.close()

    asyncio.run(scenario())


def test_nothing_is_emitted_for_keys_after_a_quit_that_closed_the_button(terminal: tuple[int, int]) -> None:
    person, program = terminal

    async def scenario() -> None:
        events: list[Event] = []
        done = asyncio.Event()

        def quit_at_once() -> None:
            button.close()
            done.set()

        button = KeyboardButton(quit_at_once, say=lambda _: None, descriptor=program)
        button.start(events.append)
        os.write(person, b"qw ")
        async with asyncio.timeout(10):
            await done.wait()
        assert events == []

    asyncio.run(scenario())


def test_the_terminal_is_as_before_after_close(terminal: tuple[int, int]) -> None:
    _, program = terminal
    before = termios.tcgetattr(program)

    async def scenario() -> None:
        scene = Scene(program)
        assert not termios.tcgetattr(program)[3] & (termios.ICANON | termios.ECHO)
        assert termios.tcgetattr(program)[3] & termios.ISIG  # Ctrl-C stays what it is
        scene.button.close()
        scene.button.close()

    asyncio.run(scenario())
    assert termios.tcgetattr(program) == before


def test_a_terminal_that_goes_away_lets_the_button_up_and_quits(terminal: tuple[int, int]) -> None:
    person, program = terminal

    async def scenario() -> None:
        scene = Scene(program)
        os.write(person, b" ")
        assert await scene.next() == "button.pressed"
        os.close(person)
        async with asyncio.timeout(10):
            await scene.quit.wait()
        assert await scene.next() == "button.released"
        scene.button.close()

    asyncio.run(scenario())


def test_without_a_terminal_the_error_says_what_to_do() -> None:
    reader, writer = os.pipe()

    async def scenario() -> None:
        with pytest.raises(DeviceError, match="--button lines"):
            KeyboardButton(lambda: None, descriptor=reader).start(lambda _: None)

    asyncio.run(scenario())
    os.close(reader)
    os.close(writer)


_PROGRAM = """
import asyncio
from pommai.io.button_keyboard import KeyboardButton

async def main():
    KeyboardButton(lambda: None).start(print)
    await asyncio.Event().wait()     # and never closes the button

asyncio.run(main())
"""


def test_ctrl_c_gives_the_terminal_back_even_to_a_program_that_forgets_to(terminal: tuple[int, int]) -> None:
    person, program = terminal
    before = termios.tcgetattr(program)
    process = subprocess.Popen([sys.executable, "-c", _PROGRAM], stdin=program, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    with process.stderr as said:
        assert "button up" in said.readline()
        assert termios.tcgetattr(program) != before
        process.send_signal(signal.SIGINT)
        assert "KeyboardInterrupt" in said.read()
    assert process.wait(10) != 0
    assert termios.tcgetattr(program) == before
    assert person >= 0
