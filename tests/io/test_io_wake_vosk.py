from __future__ import annotations

import array
import itertools
import math
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from speech_material import VOICES, VOSK_TINY, noise, say, silence

from pommai.errors import ModelError
from pommai.io.ports import WakeHit, WakeSpec
from pommai.io.wake_vosk import VoskWakeEngine, make_vosk_engine
from pommai.protocol.audio import FRAME_BYTES, SAMPLE_BYTES, SAMPLE_RATE

CALL = "hey pommai"
BYTES_A_SECOND = SAMPLE_RATE * SAMPLE_BYTES


@pytest.fixture
def engine() -> Iterator[VoskWakeEngine]:
    made = make_vosk_engine(VOSK_TINY, WakeSpec("vosk", (CALL,)))
    yield made
    made.close()


def hits(engine: VoskWakeEngine, pcm: bytes, piece: int = FRAME_BYTES) -> list[tuple[float, WakeHit]]:
    """All hits, each with the seconds heard until then."""
    found = []
    for start in range(0, len(pcm), piece):
        hit = engine.hear(pcm[start : start + piece])
        if hit is not None:
            found.append((min(start + piece, len(pcm)) / BYTES_A_SECOND, hit))
    return found


def with_noise(pcm: bytes, level: float) -> bytes:
    hiss = array.array("h", noise(len(pcm) / BYTES_A_SECOND, level))
    return array.array("h", [a + b for a, b in zip(array.array("h", pcm), hiss, strict=True)]).tobytes()


# -- calls ---------------------------------------------------------------------------------


@pytest.mark.parametrize("voice", VOICES)
def test_a_call_wakes_soon_after_its_end(engine: VoskWakeEngine, voice: str) -> None:
    spoken = silence(0.5) + say(CALL, voice)
    ((when, hit),) = hits(engine, spoken + silence(2))
    assert hit.phrase == CALL
    assert 0.7 <= hit.score <= 1.0
    assert when - len(spoken) / BYTES_A_SECOND < 0.25  # of sound, not of this machine's time


@pytest.mark.parametrize("voice", VOICES)
def test_a_call_in_a_noisy_room_wakes(engine: VoskWakeEngine, voice: str) -> None:
    spoken = with_noise(silence(1) + say(CALL, voice) + silence(2), 300)
    assert len(hits(engine, spoken)) == 1


def test_a_call_at_the_beginning_of_a_sentence_wakes_once(engine: VoskWakeEngine) -> None:
    assert len(hits(engine, silence(0.5) + say("hey pommai tell me a story") + silence(2))) == 1


@pytest.mark.parametrize("sentence", ["the bear said hey pommai to me", "i like to say hey pommai"])
@pytest.mark.parametrize("voice", VOICES)
def test_the_phrase_inside_other_speech_does_not_wake(engine: VoskWakeEngine, sentence: str, voice: str) -> None:
    assert hits(engine, silence(0.5) + say(sentence, voice) + silence(2)) == []


def test_what_follows_a_call_is_no_call_however_long_it_goes_on(engine: VoskWakeEngine) -> None:
    story = say("hey pommai tell me a story about the moon and the little bear and then say hey pommai to the bear")
    assert len(hits(engine, silence(0.5) + story + silence(2))) == 1


def test_two_calls_are_two_hits_when_two_seconds_lie_between(engine: VoskWakeEngine) -> None:
    call = say(CALL)
    found = hits(engine, silence(0.5) + call + silence(2.5) + call + silence(2))
    assert len(found) == 2


def test_a_call_repeated_at_once_is_one_hit(engine: VoskWakeEngine) -> None:
    call = say(CALL)
    found = hits(engine, silence(0.5) + call + silence(0.7) + call + silence(2))
    assert len(found) == 1


def test_a_sentence_and_a_pause_before_a_call_do_no_harm(engine: VoskWakeEngine) -> None:
    found = hits(engine, say("please tell me a story") + silence(1.2) + say(CALL) + silence(2))
    assert len(found) == 1


def test_it_hears_as_well_after_minutes_of_silence_in_which_its_listener_is_replaced(engine: VoskWakeEngine) -> None:
    first = engine._listener
    assert hits(engine, silence(150), 5 * FRAME_BYTES) == []
    assert engine._listener is not first
    assert len(hits(engine, silence(0.5) + say(CALL) + silence(2))) == 1


def test_every_phrase_of_several_is_listened_for() -> None:
    engine = make_vosk_engine(VOSK_TINY, WakeSpec("vosk", ("hello pommai", "okay pommai")))
    sound = silence(0.5) + say("hello pommai") + silence(3) + say("okay pommai") + silence(2)
    assert [hit.phrase for _, hit in hits(engine, sound)] == ["hello pommai", "okay pommai"]
    engine.close()


def test_a_phrase_that_sounds_like_a_decoy_can_be_the_name() -> None:
    engine = make_vosk_engine(VOSK_TINY, WakeSpec("vosk", ("hey buddy",)))
    assert len(hits(engine, silence(0.5) + say("hey buddy") + silence(2))) == 1
    engine.close()


@settings(max_examples=25, deadline=None)
@given(pieces=st.lists(st.integers(320, 1600), min_size=1, max_size=20), lead=st.integers(0, 640))
def test_the_pieces_sound_comes_in_make_no_difference(pieces: list[int], lead: int) -> None:
    engine = make_vosk_engine(VOSK_TINY, WakeSpec("vosk", (CALL,)))
    sound = silence(0.5) + bytes(2 * lead) + say(CALL) + silence(1)
    ended = len(sound) - len(silence(1))
    heard = 0
    for samples in itertools.cycle(pieces):
        piece = sound[heard : heard + 2 * samples]
        assert piece, "never woke"
        heard += len(piece)
        if engine.hear(piece) is not None:
            break
    assert 0 < heard - ended < 0.35 * BYTES_A_SECOND
    engine.close()


def test_after_a_gap_what_was_heard_before_counts_no_more(engine: VoskWakeEngine) -> None:
    call = say(CALL)
    cut = len(call) // 3
    assert hits(engine, silence(0.5) + call[: cut - cut % 2]) == []
    engine.reset()
    assert hits(engine, say("bear and castle") + silence(2)) == []
    engine.reset()
    assert len(hits(engine, call + silence(2))) == 1


# -- no calls ------------------------------------------------------------------------------


def tones(*frequencies: float, seconds: float = 10.0, amplitude: float = 6000.0) -> bytes:
    """Sines together; with several, each in turn is loudest for a quarter of a second, as in a tune."""
    values = []
    for index in range(round(seconds * SAMPLE_RATE)):
        time = index / SAMPLE_RATE
        loudest = int(time * 4) % len(frequencies)
        values.append(
            sum(
                amplitude * (1.0 if number == loudest else 0.3) * math.sin(2 * math.pi * frequency * time)
                for number, frequency in enumerate(frequencies)
            )
        )
    return array.array("h", [round(max(-32768.0, min(32767.0, value))) for value in values]).tobytes()


@pytest.mark.parametrize(
    "sound",
    [
        pytest.param(lambda: bytes(60 * BYTES_A_SECOND), id="digital silence"),
        pytest.param(lambda: tones(440.0), id="a tone"),
        pytest.param(lambda: tones(261.6, 329.6, 392.0, 523.2, 440.0), id="a tune"),
        pytest.param(lambda: noise(10, 30), id="a quiet room"),
        pytest.param(lambda: noise(10, 3000), id="a vacuum cleaner"),
        pytest.param(lambda: random.Random(3).randbytes(5 * BYTES_A_SECOND), id="as loud as can be"),
    ],
)
def test_what_is_no_speech_never_wakes(sound: Callable[[], bytes]) -> None:
    engine = make_vosk_engine(VOSK_TINY, WakeSpec("vosk", (CALL,), (), 1.0))
    assert hits(engine, sound(), 5 * FRAME_BYTES) == []
    engine.close()


@pytest.mark.parametrize("voice", VOICES)
def test_other_speech_does_not_wake(engine: VoskWakeEngine, voice: str) -> None:
    for sentence in (
        "hi",
        "hello",
        "hey mommy",
        "hey tommy",
        "pom pom",
        "the museum opens on thursday",
        "tell my mommy",
    ):
        assert hits(engine, say(sentence, voice) + silence(1.5)) == [], sentence


# -- what it is made of --------------------------------------------------------------------


def test_a_phrase_with_a_word_the_model_lacks_is_refused_and_the_next_is_used(
    caplog: pytest.LogCaptureFixture,
) -> None:
    engine = make_vosk_engine(VOSK_TINY, WakeSpec("vosk", ("hey pommel", "Hey Pommai")))
    assert len(hits(engine, silence(0.5) + say(CALL) + silence(2))) == 1
    engine.close()
    (record,) = (record for record in caplog.records if record.message == "wake phrase refused")
    assert vars(record)["phrase"] == "hey pommel"
    assert "does not know the word 'pommel'" in vars(record)["reason"]


def test_with_no_phrase_left_the_error_names_all_words() -> None:
    with pytest.raises(ModelError, match=r"'pommel'.*'zeppelin'"):
        make_vosk_engine(VOSK_TINY, WakeSpec("vosk", ("hey pommel", "zeppelin")))


def test_no_phrase_at_all_is_refused() -> None:
    with pytest.raises(ModelError, match="no phrase is given"):
        make_vosk_engine(VOSK_TINY, WakeSpec("vosk"))


def test_a_model_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="pommai models get"):
        make_vosk_engine(tmp_path / "nowhere", WakeSpec("vosk", (CALL,)))


def test_a_refused_engine_leaves_no_model_behind(tmp_path: Path) -> None:
    from pommai.io import vosk_model

    folder = Path(shutil.copytree(VOSK_TINY, tmp_path / "model"))
    with pytest.raises(ModelError):
        make_vosk_engine(folder, WakeSpec("vosk", ("zeppelin",)))
    assert all(loaded.folder != folder for loaded in vosk_model._loaded.values())


def test_a_closed_engine_may_be_closed_again(engine: VoskWakeEngine) -> None:
    engine.close()
    engine.close()
    with pytest.raises(ModelError, match="closed"):
        engine.hear(bytes(10 * FRAME_BYTES))


def test_a_toy_that_rests_again_can_be_called_again_at_once(engine: VoskWakeEngine) -> None:
    call = silence(0.5) + say(CALL) + silence(0.5)
    assert len(hits(engine, call)) == 1
    engine.reset()
    assert len(hits(engine, call)) == 1
