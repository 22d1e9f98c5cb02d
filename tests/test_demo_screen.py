"""The demo's screen: a story in plain lines, and a live line where there is a terminal."""

from __future__ import annotations

import io
import re

from demo_material import patterns, table, trace

from pommai.demo.scene import Happening, Scene
from pommai.demo.screen import Screen


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def show(stream: io.StringIO, **environment: str) -> tuple[Screen, Scene]:
    screen, scene = Screen(stream, patterns(), 5.0, environment), Scene(table())
    screen.note("Once upon a time.")
    for line in trace():
        for happening in scene.take(line):
            screen.tell(happening)
    return screen, scene


def test_without_a_terminal_there_are_plain_lines_and_no_live_line() -> None:
    stream = io.StringIO()
    screen, scene = show(stream)
    screen.draw(scene, 11.0)
    screen.close()
    lines = stream.getvalue().splitlines()
    assert lines[:6] == [
        "",
        "Once upon a time.",
        "  0.00    IDLE           Resting, and all ears.",
        "  0.00    OFFLINE        No server.",
        "  0.05    ONLINE         The server is there.",
        "  1.00    child          presses the button",
    ]
    assert "\x1b" not in stream.getvalue()
    assert "\r" not in stream.getvalue()


def test_no_color_means_plain_lines_in_a_terminal_too() -> None:
    stream, plain = Terminal(), io.StringIO()
    show(stream, NO_COLOR="1")
    show(plain)
    assert stream.getvalue() == plain.getvalue()


def test_a_terminal_gets_the_lights_the_state_the_link_and_the_button() -> None:
    stream = Terminal()
    screen, scene = show(stream, TERM="xterm")
    stream.seek(0)
    stream.truncate()
    screen.draw(scene, 11.0)
    live = stream.getvalue()
    assert live.count("●") == 3
    for words in ("HELD", "online", "button ▼ down", "warm", "  6.00"):
        assert words in live
    assert "\n" not in live


def test_the_live_line_moves_with_the_light_and_is_not_drawn_again_when_nothing_changed() -> None:
    stream = Terminal()
    screen, scene = Screen(stream, patterns(), 5.0, {"TERM": "xterm"}), Scene(table())
    for line in trace()[:2]:
        scene.take(line)
    screen.draw(scene, 5.0)
    first = stream.getvalue()
    screen.draw(scene, 5.0)
    assert stream.getvalue() == first
    screen.draw(scene, 7.0)
    assert stream.getvalue().count("●") == 6
    assert stream.getvalue().count("\x1b[?25h") == 0
    screen.close()
    assert stream.getvalue().endswith("\x1b[?25h")


def test_the_story_is_told_above_the_live_line() -> None:
    stream = Terminal()
    screen, scene = show(stream, TERM="xterm")
    screen.draw(scene, 11.0)
    stream.seek(0)
    stream.truncate()
    screen.tell(Happening(11.1, "child", "laughs"))
    story, live = stream.getvalue().split("\n")
    assert story.startswith("\r\x1b[K")
    assert "laughs" in story
    assert "HELD" in live


def test_long_words_stay_in_their_column_in_a_terminal_and_on_their_line_elsewhere() -> None:
    said = Happening(6.0, "toy", "answers " + "ever so gently " * 12)
    terminal, plain = Terminal(), io.StringIO()
    Screen(terminal, patterns(), 5.0, {"TERM": "xterm"}).tell(said)
    Screen(plain, patterns(), 5.0, {}).tell(said)
    first, *others = terminal.getvalue().rstrip("\n").split("\n")  # not at carriage returns
    column = re.sub(r"\x1b\[[0-9;]*[a-zK]|\r", "", first).index("answers")
    assert others
    assert all(line.startswith(" " * column) and line[column] != " " for line in others)
    assert len(plain.getvalue().splitlines()) == 1
