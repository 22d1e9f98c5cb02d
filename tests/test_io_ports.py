from pommai.io.ports import Transcript, Word


def test_a_transcript_is_as_sure_as_its_words_are_on_average() -> None:
    assert Transcript("tell me", (Word("tell", 1.0), Word("me", 0.5))).confidence == 0.75


def test_of_nothing_nobody_is_sure() -> None:
    assert Transcript("").confidence == 0.0
