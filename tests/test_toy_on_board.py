"""What a toy has on board."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from pommai.events import Event
from pommai.io.clock import SystemClock
from pommai.io.memory_simulated import SimulatedMemory
from pommai.io.ports import WakeSpec
from pommai.io.recogniser import VoskRecogniser
from pommai.toy import on_board as board
from pommai.toy.settings import Settings, find_project_file

ROOT = Path(__file__).resolve().parent.parent
MODEL = ROOT / "tests" / "data" / "vosk-tiny" / "model"


def settings(tmp_path: Path, **more: object) -> Settings:
    values = {"cache_dir": tmp_path / "cache", "memory": tmp_path / "memory.db", **more}
    return Settings(**values)  # type: ignore[arg-type]


@pytest.fixture
def memory():
    return SimulatedMemory(SystemClock())


def test_a_model_is_found_by_its_folder(tmp_path):
    assert board.speech_model(str(MODEL), tmp_path) == MODEL


def test_a_model_that_is_missing_is_gone_without_and_the_log_says_how_to_get_it(tmp_path, caplog):
    assert board.speech_model("vosk-model-small-en-us-0.15", tmp_path) is None
    assert "pommai models get" in caplog.records[0].reason


def test_who_wants_no_model_is_not_told_of_it(tmp_path, caplog):
    assert board.speech_model("none", tmp_path) is None
    assert caplog.text == ""


def test_a_toy_is_who_it_was_when_it_was_switched_off(tmp_path, memory):
    assert board.who_it_was(settings(tmp_path, toy_id="pommai-bear"), memory) == "pommai-bear"
    memory.keep_fact("toy", "robo-rex")
    assert board.who_it_was(settings(tmp_path, toy_id="pommai-bear"), memory) == "robo-rex"


def test_new_settings_have_the_last_word_on_who_it_is(tmp_path, memory):
    board.who_it_was(settings(tmp_path, toy_id="pommai-bear"), memory)
    memory.keep_fact("toy", "robo-rex")
    assert board.who_it_was(settings(tmp_path, toy_id="owl"), memory) == "owl"


@pytest.mark.parametrize(("kept", "factor"), [(None, 0.6), ("30", 0.3), ("loud", 0.6), ("", 0.6), ("5000", 1.0)])
def test_the_volume_is_the_one_last_asked_for(tmp_path, memory, kept, factor):
    memory.keep_fact("volume", kept)
    assert board.loudness(settings(tmp_path, volume=60), memory) == factor


def test_the_toys_that_came_with_it_are_those_of_the_project(caplog, tmp_path):
    assert {"pommai-bear", "robo-rex"} <= board.built_in_toys(find_project_file("personas.yaml"), tmp_path).keys()


def test_a_broken_file_of_toys_is_no_reason_not_to_start(tmp_path, caplog):
    (tmp_path / "personas.yaml").write_text("personas: [")
    assert board.built_in_toys(tmp_path / "personas.yaml", tmp_path) == {}
    assert "no toys built in" in caplog.text


def test_the_parts_are_made_without_a_model_and_closed_again(tmp_path):
    posted = []

    async def scene():
        async with AsyncExitStack() as stack:
            parts = await board.on_board(settings(tmp_path), stack, posted.append)
            assert isinstance(parts.recogniser, VoskRecogniser)
            parts.memory.keep_fact("toy", "owl")
        async with AsyncExitStack() as stack:
            parts = await board.on_board(settings(tmp_path), stack, posted.append)
            assert parts.memory.fact("toy") == "owl"

    asyncio.run(scene())


def test_an_engine_that_never_worked_is_an_event_and_one_that_fails_later_is_not():
    posted = []
    changed = board._refusals(posted.append)
    good, bad = WakeSpec("microwakeword", models=("a", "b")), WakeSpec("microwakeword", models=("c",))
    changed(good, None)
    changed(good, "it broke")
    changed(bad, "damaged")
    assert posted == [Event("wake.refused", {"reason": "damaged", "models": "c"})]
    changed(bad, None)
    changed(good, "it is gone")
    assert posted[1:] == [Event("wake.refused", {"reason": "it is gone", "models": "a b"})]
