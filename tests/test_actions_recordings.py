"""Turns in RAM: the newest few, each handed out once."""

from pommai.actions.recordings import MOST, Recordings


def test_a_recording_is_handed_out_once():
    held = Recordings()
    held.keep("c1", "bear", [b"a", b"b"])
    assert held.take("c1") == ("bear", (b"a", b"b"))
    assert held.take("c1") is None


def test_the_newest_alone_are_held():
    held = Recordings()
    for number in range(MOST + 2):
        held.keep(f"c{number}", "bear", [b"a"])
    assert [held.take(f"c{number}") is not None for number in range(MOST + 2)] == [False] * 2 + [True] * MOST


def test_all_can_be_forgotten():
    held = Recordings()
    held.keep("c1", "bear", [b"a"])
    held.clear()
    assert held.take("c1") is None
