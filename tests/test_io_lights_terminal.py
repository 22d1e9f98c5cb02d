"""LEDs in a terminal."""

from __future__ import annotations

import io

import pytest

from pommai.errors import DeviceError
from pommai.io.lights_terminal import TerminalLights, colour_word, dot, has_colours


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_one_dot_per_led_on_one_line_as_bright_as_an_eye_sees_the_led() -> None:
    stream = Terminal()
    lights = TerminalLights(stream, 2, {})
    lights.start()
    stream.truncate(0)
    stream.seek(0)
    lights.show([(55, 0, 0), (0, 0, 255)])
    assert stream.getvalue() == "\r\x1b[38;2;127;0;0m●\x1b[0m \x1b[38;2;0;0;255m●\x1b[0m\x1b[K"


def test_closing_leaves_dark_rings_and_a_fresh_line() -> None:
    stream = Terminal()
    lights = TerminalLights(stream, 1, {})
    lights.start()
    lights.show([(9, 9, 9)])
    lights.close()
    lights.close()
    assert stream.getvalue().endswith(f"\r{dot((0, 0, 0))}\x1b[K\n")
    with pytest.raises(DeviceError, match="not open"):
        lights.show([(0, 0, 0)])


def test_a_stream_that_is_no_terminal_gets_a_line_of_words_when_they_change() -> None:
    stream = io.StringIO()
    lights = TerminalLights(stream, 2, {})
    lights.start()
    for blue in (40, 41, 42):
        lights.show([(0, 0, blue), (blue, 0, 0)])
    lights.close()
    assert stream.getvalue() == "lights: dark dark\nlights: blue red\nlights: dark dark\n"


@pytest.mark.parametrize(
    ("stream", "environment", "coloured"),
    [
        (Terminal(), {}, True),
        (Terminal(), {"NO_COLOR": ""}, True),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (Terminal(), {"TERM": "dumb"}, False),
        (io.StringIO(), {}, False),
    ],
)
def test_colours_are_for_terminals_whose_owner_wants_them(
    stream: io.StringIO, environment: dict[str, str], coloured: bool
) -> None:
    assert has_colours(stream, environment) is coloured


@pytest.mark.parametrize(
    ("colour", "word"),
    [
        ((0, 0, 0), "dark"),
        ((40, 40, 40), "white"),
        ((255, 0, 0), "red"),
        ((60, 12, 0), "orange"),
        ((60, 60, 0), "yellow"),
        ((0, 60, 0), "green"),
        ((0, 60, 60), "cyan"),
        ((2, 12, 60), "blue"),
        ((30, 4, 83), "violet"),
        ((60, 0, 40), "pink"),
        ((60, 0, 2), "red"),
    ],
)
def test_colours_have_plain_words(colour: tuple[int, int, int], word: str) -> None:
    assert colour_word(colour) == word


def test_a_terminal_that_has_gone_is_a_device_error() -> None:
    stream = Terminal()
    lights = TerminalLights(stream, 1, {})
    lights.start()
    stream.close()
    with pytest.raises(DeviceError, match="the terminal has gone"):
        lights.show([(1, 1, 1)])
    lights.close()
