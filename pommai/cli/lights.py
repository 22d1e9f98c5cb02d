"""`pommai lights`: look at the light patterns in a terminal."""

from __future__ import annotations

import argparse
import asyncio
import sys
import textwrap
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pommai.source import did_you_mean

if TYPE_CHECKING:
    from pommai.io.ports import Colour
    from pommai.lights.patterns import LightPatterns, Pattern

_DESCRIPTION = """\
Show a light pattern of led_patterns.yaml as the toy's LEDs would, in the terminal. Without a name, or with --list,
show all of them with their descriptions, each as a strip: one period of one LED, time from left to right.

Where there are no colours (a pipe, NO_COLOR), a strip's height is brightness and its colours are named beside it.
"""
_EPILOG = """\
Examples:
  pommai lights                                 all patterns
  pommai lights thinking_swirl                  one, alive, for 5 seconds; Ctrl-C ends it sooner
  pommai lights loading_chase --leds 1          as on a toy with a single RGB LED
  pommai lights sleepy --file my_patterns.yaml  from your own file, which is checked on the way

Exit code: 0 shown, 1 the file has errors (each with its line), 2 no such pattern.
"""
_WIDTH = 60
_RAMP = "▁▂▃▄▅▆▇█"


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Teach the command line this command."""
    parser = subparsers.add_parser(
        "lights",
        help="look at the light patterns",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="the pattern to show")
    parser.add_argument("--list", action="store_true", help="show all patterns, as without a name")
    parser.add_argument("--seconds", type=_seconds, default=5.0, help="for how long (default: %(default)g)")
    parser.add_argument("--leds", type=int, choices=(1, 3), default=3, help="how many LEDs (default: %(default)s)")
    parser.add_argument(
        "--file",
        type=Path,
        metavar="FILE",
        help="the patterns (default: the project's led_patterns.yaml)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Show what was asked for. The exit code: 0, or 2 when there is no such pattern. Raises LightsError."""
    from pommai.io.lights_terminal import has_colours
    from pommai.lights.load import load_patterns
    from pommai.toy.settings import find_project_file

    file: Path = args.file or find_project_file("led_patterns.yaml")
    patterns = load_patterns(file)
    coloured = has_colours(sys.stdout)
    if args.list or args.name is None:
        for pattern in patterns.values():
            print(f"{_heading(pattern)}\n  {_strip(pattern, 1, 0, coloured=coloured)}\n")
        return 0
    if args.name not in patterns:
        hint = did_you_mean(args.name, patterns)
        print(f"pommai lights: {file} has no pattern '{args.name}' ({hint})", file=sys.stderr)
        return 2
    pattern = patterns[args.name]
    print(_heading(pattern))
    if coloured:
        with suppress(KeyboardInterrupt):
            asyncio.run(_play(patterns, pattern.name, args.leds, args.seconds))
    else:
        for led in range(args.leds):
            print(f"  {_strip(pattern, args.leds, led, coloured=False)}")
    return 0


async def _play(patterns: LightPatterns, name: str, count: int, seconds: float) -> None:
    from pommai.io.lights_show import LightShow
    from pommai.io.lights_terminal import TerminalLights

    show = LightShow(TerminalLights(sys.stdout, count), patterns)
    show.set_pattern(name)
    with suppress(TimeoutError):
        await asyncio.wait_for(show.run(), seconds)


def _heading(pattern: Pattern) -> str:
    pace = "still" if pattern.is_still else f"every {pattern.period:g} s"
    words = textwrap.fill(pattern.description, 100, initial_indent="  ", subsequent_indent="  ")
    return f"{pattern.name}: {type(pattern).__name__.lower()}, {pace}\n{words}"


def _strip(pattern: Pattern, count: int, led: int, *, coloured: bool) -> str:
    """One period of one of `count` LEDs, 60 columns wide."""
    from pommai.io.lights_terminal import colour_word
    from pommai.lights.gamma import from_led
    from pommai.lights.render import render

    times = [pattern.period * column / _WIDTH for column in range(_WIDTH)]
    colours: list[Colour] = [render(pattern, time, count)[led] for time in times]
    if coloured:
        screen = (tuple(from_led(part) for part in colour) for colour in colours)
        return "".join(f"\x1b[48;2;{red};{green};{blue}m " for red, green, blue in screen) + "\x1b[0m"
    bars = "".join(_RAMP[from_led(max(colour)) * len(_RAMP) // 256] if any(colour) else " " for colour in colours)
    words = [colour_word(colour) for colour in colours]
    return f"{bars}  {', '.join(dict.fromkeys(words))}"


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 3600:
        raise argparse.ArgumentTypeError(f"must be a number of seconds above 0, up to 3600, not '{text}'")
    return seconds
