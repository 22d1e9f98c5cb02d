"""Speech models and wake words, with the real Vosk and its tiny model; and the real espeak-ng."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import wave
from pathlib import Path

import pytest
from doctor_material import look, settings, world
from memory_material import Machine

from pommai.doctor import words
from pommai.doctor.finding import Mark
from pommai.doctor.surroundings import Surroundings
from pommai.protocol.messages import ToyProfile

TINY = Path(__file__).parent / "data" / "vosk-tiny" / "model"

PERSONA = """\
  {id}:
    name: Bear
    personality_prompt: A bear.
    voice_settings: {{voice_id: honey, speed: 1.0, pitch: 1.0}}
    is_for_kids: true
    safety_level: strict
    {wake}
    knowledge_base: Nothing.
    guardian_settings: {{content_filter_level: strict, allowed_topics: [], blocked_topics: []}}
    answers: parrot
"""


def toys(folder: Path, model: str = str(TINY), **wakes: str) -> Surroundings:
    text = "".join(PERSONA.format(id=name, wake=wake) for name, wake in wakes.items())
    (folder / "personas.yaml").write_text("personas:\n" + text)
    return world(folder, settings=settings(folder, personas=str(folder / "personas.yaml"), vosk_model=model))


def remember(folder: Path, *profiles: ToyProfile) -> None:
    async def main() -> None:
        async with Machine().memory(folder / "memory.db") as memory:
            for profile in profiles:
                memory.keep_toy(profile)
            await memory.flush()

    asyncio.run(main())


# -- the model -----------------------------------------------------------------------------


def test_a_model_that_loads_is_well(tmp_path: Path) -> None:
    found = look(words.check_model, world(tmp_path, settings=settings(tmp_path, vosk_model=str(TINY))))
    assert found.mark is Mark.OK
    assert "words, " in found.words


def test_a_model_that_is_not_here_is_wrong_with_the_command_that_gets_it(tmp_path: Path) -> None:
    found = look(words.check_model, world(tmp_path))
    assert (found.mark, found.next_step) == (Mark.WRONG, "pommai models get")


def test_a_damaged_model_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "broken" / "am").mkdir(parents=True)
    (tmp_path / "broken" / "am" / "final.mdl").touch()
    found = look(words.check_model, world(tmp_path, settings=settings(tmp_path, vosk_model="broken")))
    assert (found.mark, "not complete" in found.words) == (Mark.WRONG, True)


def test_a_toy_that_wants_no_model_is_noted(tmp_path: Path) -> None:
    assert look(words.check_model, world(tmp_path, settings=settings(tmp_path, vosk_model="none"))).mark is Mark.NOTE


# -- wake words ----------------------------------------------------------------------------


def test_every_toy_is_told_with_the_phrases_it_can_be_called_by(tmp_path: Path) -> None:
    there = toys(
        tmp_path,
        bear="wake_word: hey xyzzy\n    wake_word_alternatives: [hey bear, hello bear]",
        robot="wake_word: alexa\n    wake_engine: microwakeword\n    wake_models: [alexa]",
        mouse="wake_word: squeak\n    wake_engine: none",
    )
    found = look(words.check_wake_words, there)
    assert found.mark is Mark.OK
    assert found.words == "bear by “hey bear” and 1 more, not by “hey xyzzy”; robot by “alexa”"
    assert found.figures["toys"]["bear"]["not_by"] == ["hey xyzzy"]  # type: ignore[index]


def test_a_toy_none_of_whose_words_is_known_is_wrong(tmp_path: Path) -> None:
    found = look(words.check_wake_words, toys(tmp_path, bear="wake_word: hey xyzzy", cat="wake_word: hello bear"))
    assert found.mark is Mark.WRONG
    assert "bear cannot be called, only pressed: the model does not know “xyzzy”" in found.words
    assert "cat" not in found.words
    assert "alternatives" in found.next_step


def test_toys_that_the_memory_knows_count_over_those_that_came_along(tmp_path: Path) -> None:
    there = toys(tmp_path, bear="wake_word: hello bear")
    remember(
        tmp_path, ToyProfile("bear", "Bear", wake_word="xyzzy"), ToyProfile("owl", "Owl", wake_word="good morning")
    )
    found = look(words.check_wake_words, there)
    assert found.mark is Mark.WRONG
    assert "bear cannot be called" in found.words
    assert json.dumps(found.figures["toys"]["owl"]["called_by"]) == '["good morning"]'  # type: ignore[index]


def test_without_a_model_those_who_need_one_cannot_be_called(tmp_path: Path) -> None:
    found = look(words.check_wake_words, toys(tmp_path, "none", bear="wake_word: hello bear"))
    assert (found.mark, "want no speech model" in found.words) == (Mark.WRONG, True)


def test_a_wake_model_that_is_missing_is_wrong(tmp_path: Path) -> None:
    found = look(
        words.check_wake_words,
        toys(tmp_path, cat="wake_word: hey cat\n    wake_engine: microwakeword\n    wake_models: [hey_cat]"),
    )
    assert (found.mark, "hey_cat" in found.words) == (Mark.WRONG, True)


def test_what_cannot_be_read_of_the_toys_is_remarked(tmp_path: Path) -> None:
    there = toys(tmp_path, bear="wake_word: hello bear")
    remember(tmp_path, ToyProfile("owl", "Owl"))
    with sqlite3.connect(tmp_path / "memory.db") as database:
        database.execute("UPDATE toys SET body = '{}'")
    database.close()
    found = look(words.check_wake_words, there)
    assert "what is remembered of owl cannot be understood" in found.words
    (tmp_path / "memory.db").write_bytes(b"no database at all" * 100)
    assert "cannot be read" in look(words.check_wake_words, there).words
    (tmp_path / "personas.yaml").write_text("personas: 3\n")
    assert "personas.yaml cannot be used" in look(words.check_wake_words, there).words


# -- the voice -----------------------------------------------------------------------------


def test_espeak_says_a_sentence(tmp_path: Path) -> None:
    found = look(words.voice, world(tmp_path))
    assert found.mark is Mark.OK
    assert found.figures["seconds"] > 0.5  # type: ignore[operator]


@pytest.mark.parametrize("program", ["no-such-espeak", "false"])
def test_a_voice_that_is_missing_or_fails_is_wrong(tmp_path: Path, program: str) -> None:
    found = asyncio.run(words.voice(world(tmp_path), program))
    assert found.mark is Mark.WRONG
    assert "espeak-ng" in found.next_step


def test_a_voice_that_says_nothing_is_wrong(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "nothing.wav"), "wb") as file:
        file.setparams((1, 2, 22_050, 0, "NONE", ""))
    program = tmp_path / "espeak"
    program.write_text(f"#!/bin/sh\ncat '{tmp_path}/nothing.wav'\n")
    program.chmod(0o755)
    found = asyncio.run(words.voice(world(tmp_path), str(program)))
    assert (found.mark, found.words) == (Mark.WRONG, "espeak-ng says nothing")
