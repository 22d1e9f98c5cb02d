from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pommai.gateway.speech.kept import Kept
from pommai.protocol.messages import VoiceSettings

HONEY, TIN = VoiceSettings("honey"), VoiceSettings("tin")


def test_a_sentence_is_kept_for_the_voice_that_said_it() -> None:
    kept = Kept()
    kept.keep("Hello.", HONEY, b"soft")
    assert (kept.get("Hello.", HONEY), kept.get("Hello.", TIN), kept.get("Bye.", HONEY)) == (b"soft", None, None)


def test_what_was_not_said_longest_is_forgotten_first() -> None:
    kept = Kept(30)
    for sentence in ("one", "two", "three"):
        kept.keep(sentence, TIN, bytes(10))
    assert kept.get("one", TIN)
    kept.keep("four", TIN, bytes(10))
    assert [bool(kept.get(sentence, TIN)) for sentence in ("one", "two", "three", "four")] == [True, False, True, True]


def test_what_would_displace_all_else_is_not_kept() -> None:
    kept = Kept(30)
    kept.keep("one", TIN, bytes(10))
    kept.keep("a saga", TIN, bytes(31))
    assert (kept.size, kept.get("a saga", TIN)) == (10, None)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 40))))
def test_it_never_keeps_more_than_it_may_and_knows_how_much(said: list[tuple[int, int]]) -> None:
    kept = Kept(100)
    for number, size in said:
        kept.keep(str(number), HONEY, bytes(size))
        sounds = [kept.get(str(each), HONEY) or b"" for each in range(6)]
        assert kept.size == sum(map(len, sounds)) <= 100
