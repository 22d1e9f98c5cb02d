from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from speech_material import VOICES, VOSK_TINY, say, silence

from pommai.errors import ModelError
from pommai.io import vosk_model
from pommai.io.vosk_model import LONGEST_PHRASE, UNKNOWN, VoskModel, load_model


@pytest.fixture(scope="module")
def model() -> Iterator[VoskModel]:
    loaded = load_model(VOSK_TINY)
    yield loaded
    loaded.close()


# -- words ---------------------------------------------------------------------------------


def test_a_model_knows_words_in_whatever_case_and_never_its_marks(model: VoskModel) -> None:
    assert model.knows("pommai")
    assert model.knows("Pommai")
    for word in ("pommel", "", " ", "hey pommai", "<eps>", UNKNOWN, "#0", "!SIL", "he\0y", "\ud800", "a" * 10_000):
        assert not model.knows(word), word


def test_missing_words_come_once_and_in_order(model: VoskModel) -> None:
    assert model.missing("Okay pommel HEY zeppelin pommel") == ("pommel", "zeppelin")
    assert model.missing("hey pommai") == ()


def test_the_vocabulary_is_what_the_model_knows(model: VoskModel) -> None:
    words = model.vocabulary()
    assert len(words) == 727
    assert all(model.knows(word) for word in words)


def test_a_phrase_is_put_as_the_model_wants_it(model: VoskModel) -> None:
    assert model.check_phrase("  Hey   POMMAI ") == "hey pommai"


def test_a_missing_word_is_named_with_words_spelled_alike_and_a_way_out(model: VoskModel) -> None:
    with pytest.raises(ModelError) as caught:
        model.check_phrase("hey pommei")
    assert "does not know the word 'pommei' of 'hey pommei'; spelled alike are pommai" in str(caught.value)
    assert "wake_word_alternatives" in str(caught.value)


def test_nothing_is_offered_for_a_word_like_no_other(model: VoskModel) -> None:
    with pytest.raises(ModelError, match=r"'xyzzy' of 'xyzzy'\. Say it"):
        model.check_phrase("xyzzy")


def test_a_phrase_without_an_end_is_refused(model: VoskModel) -> None:
    with pytest.raises(ModelError, match="too long"):
        model.check_phrase("hey " * LONGEST_PHRASE)


# -- grammars ------------------------------------------------------------------------------


def test_a_grammar_has_each_phrase_once_and_a_place_for_other_speech(model: VoskModel) -> None:
    assert json.loads(model.grammar(["Hey Pommai", UNKNOWN, "hey  pommai", "hello"])) == [
        "hey pommai",
        "hello",
        UNKNOWN,
    ]


@pytest.mark.parametrize("phrases", [[], [UNKNOWN]])
def test_a_grammar_of_nothing_is_refused(model: VoskModel, phrases: list[str]) -> None:
    with pytest.raises(ModelError, match="no phrases"):
        model.grammar(phrases)


@pytest.mark.parametrize("phrase", ["", " ", "<eps>", "hello <eps>", "#0", '"', "hello\n[unk]", "[unk] hello", "\0"])
def test_what_would_end_the_process_is_refused(model: VoskModel, phrase: str) -> None:
    with pytest.raises(ModelError):
        model.listener(["hello", phrase])


WORDS = st.sampled_from(("hey", "pommai", "Hello", "<eps>", UNKNOWN, "#0", "", "\0", '"', "[]", "it's", "ſ", "İ"))
PHRASES = st.lists(st.one_of(st.text(max_size=20), st.lists(WORDS, max_size=5).map(" ".join)), max_size=6)
CALLS = st.lists(st.sampled_from(("hear", "long", "odd", "partial", "result", "finish", "reset", "close")), max_size=12)


@settings(max_examples=300, deadline=None)
@given(phrases=st.none() | PHRASES, calls=CALLS)
def test_no_phrases_and_no_order_of_calls_end_the_process(
    model: VoskModel, phrases: list[str] | None, calls: list[str]
) -> None:
    sound = say("hey pommai") + silence(0.8)
    try:
        listener = model.listener(phrases)
    except ModelError:
        return
    with contextlib.ExitStack() as stack:
        stack.callback(listener.close)
        for call in calls:
            if call in ("hear", "long", "odd"):
                listener.hear({"hear": sound[:3200], "long": sound, "odd": sound[:641]}[call])
            else:
                getattr(listener, call)()
            if call == "close":
                stack.enter_context(pytest.raises(ModelError, match="closed"))
                listener.partial()


# -- listening -----------------------------------------------------------------------------


@pytest.mark.parametrize("voice", VOICES)
def test_speech_becomes_words_with_confidence(model: VoskModel, voice: str) -> None:
    listener = model.listener()
    assert not listener.hear(say("tell me a joke", voice))
    said = listener.finish()
    listener.close()
    assert said.text == "tell me a joke"
    assert all(0.5 < word.confidence <= 1.0 for word in said.words)


def test_other_speech_is_among_the_words_and_not_in_the_text(model: VoskModel) -> None:
    listener = model.listener(["hey pommai"])
    listener.hear(say("electric guitars hang above the counter"))
    said = listener.finish()
    listener.close()
    assert said.text == ""
    assert {word.text for word in said.words} == {UNKNOWN}


def test_an_utterance_that_has_ended_is_in_the_result(model: VoskModel) -> None:
    listener = model.listener()
    assert listener.hear(say("good morning") + silence(1.5))
    assert listener.result().text == "good morning"
    assert listener.finish().text == ""
    listener.close()


def test_sound_that_ends_in_half_a_sample_is_heard_without_it(model: VoskModel) -> None:
    listener = model.listener()
    assert not listener.hear(b"")
    assert not listener.hear(b"\1")
    listener.hear(say("hello") + b"\1")
    assert listener.finish().text == "hello"
    listener.close()


def test_a_listener_outlives_its_model() -> None:
    model = load_model(VOSK_TINY)
    listener = model.listener(["hello"])
    model.close()
    listener.hear(say("hello"))
    assert listener.finish().text == "hello"
    listener.close()


def test_what_is_closed_says_so_and_may_be_closed_again() -> None:
    model = load_model(VOSK_TINY)
    listener = model.listener()
    for thing in (listener, listener, model, model):
        thing.close()
    with pytest.raises(ModelError, match="closed"):
        listener.hear(bytes(640))
    with pytest.raises(ModelError, match="closed"):
        model.knows("hello")


# -- loading -------------------------------------------------------------------------------


@pytest.fixture
def another(tmp_path: Path) -> Path:
    """A model nobody has loaded yet."""
    return Path(shutil.copytree(VOSK_TINY, tmp_path / "another"))


def test_one_folder_is_one_model_until_its_last_user_closes(another: Path) -> None:
    first, second = load_model(another), load_model(another / "." / "am" / "..")
    (loaded,) = (loaded for loaded in vosk_model._loaded.values() if loaded.folder == another)
    assert loaded.users == 2
    first.close()
    assert second.knows("hello")
    second.close()
    assert loaded not in vosk_model._loaded.values()


def test_a_damaged_model_is_refused_and_the_process_lives(another: Path) -> None:
    graph = another / "graph" / "HCLr.fst"
    graph.write_bytes(graph.read_bytes()[:40_000])
    with pytest.raises(ModelError, match=f"the speech model in {another} is damaged"):
        load_model(another)


def test_a_model_is_tried_once_and_again_when_its_files_change(
    another: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[Path] = []
    monkeypatch.setattr(vosk_model, "try_model", tried.append)

    def start_anew() -> None:
        monkeypatch.setattr(vosk_model, "_tried", set())
        load_model(another, tmp_path / "cache").close()
        load_model(another, tmp_path / "cache").close()

    start_anew()
    start_anew()
    assert tried == [another]
    (another / "README").write_text("new")
    start_anew()
    assert tried == [another, another]


def test_a_cache_that_cannot_be_written_only_costs_a_trial(
    another: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "cache").write_text("a file")
    load_model(another, tmp_path / "cache").close()
    assert "not remembered" in caplog.text
