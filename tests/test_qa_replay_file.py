"""The replay file: what is written is read, and what is no replay file is refused in words that help."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pommai.errors import ReplayError
from pommai.qa.replay_file import Happening, Replay, chart_doubts, read, read_file, write

SOURCE = "5f" * 32
REPLAY = Replay(
    chart="pommai",
    source_sha256=SOURCE,
    engine="table",
    happenings=(
        Happening(0.0, "start", {}, {"microphone_works": True}),
        Happening(1.25, "button.pressed", {}, {"microphone_works": True, "heard_speech": False}),
        Happening(4.25, "button.released", {"held_s": 3.0}),
        Happening(4.25, "link.down", {"reason": 'the "other" end = gone ? yes'}),
    ),
    why="the microphone is open in safe mode",
    profile="hostile",
    seed=7,
)
TEXT = f"""\
pommai replay 1
chart: pommai
source: {SOURCE}
engine: table
why: the microphone is open in safe mode
profile: hostile
seed: 7

0.000000 start ? microphone_works=yes
1.250000 button.pressed ? microphone_works=yes heard_speech=no
4.250000 button.released held_s=3.0
4.250000 link.down reason="the \\"other\\" end = gone ? yes"
end: 4 events
"""


def refused(text: str) -> list[str]:
    with pytest.raises(ReplayError) as caught:
        read(text, "bug.replay")
    return [str(problem).removeprefix("bug.replay:") for problem in caught.value.problems]


def test_the_format_is_this_text_and_stays_it() -> None:
    assert write(REPLAY) == TEXT
    assert read(TEXT) == REPLAY


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=3,
)
KEYS = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=8)


@given(
    st.lists(st.tuples(st.integers(0, 10**9), st.dictionaries(KEYS, JSON), st.dictionaries(KEYS, st.booleans()))),
    st.from_regex(r"[a-z]+(\.[a-z_]+)?", fullmatch=True),
    st.none() | st.integers(0, 2**59),
)
def test_every_replay_survives_being_written_and_read(
    lines: list[tuple[int, dict[str, object], dict[str, bool]]], name: str, seed: int | None
) -> None:
    ordered = sorted(lines, key=lambda line: line[0])
    happenings = tuple(Happening(micro / 1_000_000, name, data, guards) for micro, data, guards in ordered)
    replay = replace(REPLAY, happenings=happenings, seed=seed)
    assert read(write(replay)) == replay


def test_a_person_may_add_blank_lines_comments_and_fewer_digits() -> None:
    head = TEXT[: TEXT.index("0.000000")]
    text = head + "\n# the child comes\n  1 button.pressed\n\n2.5 button.released   held_s=1.5\nend: 2 events\n"
    assert [(h.at, h.name) for h in read(text).happenings] == [(1.0, "button.pressed"), (2.5, "button.released")]


def test_why_is_one_line_whatever_it_was() -> None:
    assert read(write(replace(REPLAY, why="first\nsecond\n"))).why == "first second"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "1:1: error: is no replay file"),
        ('{"t_us": 1}\n', "1:1: error: is no replay file"),
        (
            TEXT.replace("replay 1", "replay 2"),
            "1:1: error: is a replay file of format 2, and this is Pommai for format 1",
        ),
        (TEXT[: TEXT.index("4.25")], "10:1: error: the file is cut off (its last line would be 'end: … events')"),
        (TEXT.replace("end: 4", "end: 5"), "13:1: error: the file should hold 5 events and holds 4"),
        (TEXT.replace("held_s=3.0", "held_s=three"), "11:33: error: the value of 'held_s' is no JSON"),
        (TEXT.replace("held_s=3.0", "held_s=NaN"), "11:33: error: the value of 'held_s' is no JSON"),
        (TEXT.replace("held_s=3.0", "held 3.0"), "11:26: error: 'held 3.0' is not KEY=VALUE"),
        (TEXT.replace("heard_speech=no", "heard_speech=maybe"), "a guard is answered with yes or no, not 'maybe'"),
        (TEXT.replace("1.250000", "9.250000"), "11:1: error: 4.250000 s is before the line above"),
        (TEXT.replace("1.250000", "1.25s"), "'1.25s' is no number of seconds"),
        (
            TEXT.replace("1.250000 button", "button"),
            "10:1: error: 'button.pressed ? microphone_works=yes he' is no event",
        ),
        (
            TEXT.replace("engine: table", "engine: tabel"),
            "4:1: error: there is no engine 'tabel' (did you mean 'table'?)",
        ),
        (TEXT.replace("engine: table\n", ""), "1:1: error: the file does not say 'engine: …'"),
        (TEXT.replace("profile:", "profle:"), "6:1: error: a replay file has no 'profle' (did you mean 'profile'?)"),
        (TEXT.replace("seed: 7", "seed: -7"), "7:1: error: a seed is a whole number, not '-7'"),
        (TEXT.replace(SOURCE, "5f"), "3:1: error: the source is a SHA-256, 64 hex digits"),
        (TEXT + "5.0 button.pressed\n", "14:1: error: there is something behind the line that ends the file"),
        (TEXT.replace("chart: pommai", "chart: a\nchart: b"), "3:1: error: 'chart' is there twice"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, words: str) -> None:
    found = refused(text)
    assert any(words in problem for problem in found), found


@given(st.text(max_size=200))
def test_no_text_makes_the_reader_fail_in_another_way(text: str) -> None:
    for whole in (text, "pommai replay 1\n" + text, TEXT[: TEXT.index("0.00")] + "0 x " + text):
        with suppress(ReplayError):
            read(whole)


def test_a_file_that_is_missing_or_no_text_is_refused(tmp_path) -> None:
    with pytest.raises(ReplayError, match="cannot be read: No such file"):
        read_file(tmp_path / "gone.replay")
    (tmp_path / "binary.replay").write_bytes(b"pommai replay 1\n\xff\xfe")
    with pytest.raises(ReplayError, match="is no text"):
        read_file(tmp_path / "binary.replay")
    (tmp_path / "good.replay").write_text(TEXT)
    assert read_file(tmp_path / "good.replay") == REPLAY


def test_a_replay_of_another_chart_is_refused_and_of_another_version_doubted() -> None:
    def table(name: str, source: str):
        return SimpleNamespace(name=name, source_sha256=source)

    assert chart_doubts(REPLAY, table("pommai", SOURCE)) == ""
    assert "another version of the chart 'pommai'" in chart_doubts(REPLAY, table("pommai", "00" * 32))
    with pytest.raises(ReplayError, match="recorded with the chart 'pommai', and this is 'robot'"):
        chart_doubts(REPLAY, table("robot", SOURCE))
