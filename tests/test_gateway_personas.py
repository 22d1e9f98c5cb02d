from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from pommai.errors import PersonasError
from pommai.gateway.personas import ANSWERERS, Answers, Personas, check_personas, load_personas, read_personas, schema
from pommai.lights.load import load_patterns
from pommai.protocol.messages import ToyConfig
from pommai.protocol.wire import encode_message
from pommai.source import Reader

ROOT = Path(__file__).parents[1]
PERSONAS = ROOT / "personas.yaml"
SCHEMA = ROOT / "schemas" / "personas.schema.json"


def read(document: object) -> Personas:
    text = document if isinstance(document, str) else yaml.safe_dump(document)
    return read_personas(Reader(text, "personas.yaml", PersonasError))


def problems(document: object) -> list[str]:
    with pytest.raises(PersonasError) as caught:
        read(document)
    return [str(problem) for problem in caught.value.problems]


def written() -> dict[str, Any]:
    """The project's own file as plain data."""
    document: dict[str, Any] = yaml.safe_load(PERSONAS.read_text())
    return document


def everything() -> dict[str, Any]:
    """The same, with robo-rex saying all that can be said of a toy."""
    document = written()
    document["personas"]["robo-rex"] |= {
        "wake_word_alternatives": ["hey rex"],
        "wake_sensitivity": 0.4,
        "acknowledgements": ["wake"],
        "pi_config": {
            "HOTWORD_MODELS": ["okay_nabu"],
            "HOTWORD_THRESHOLD": 0.6,
            "ACKNOWLEDGEMENT_AUDIO_FILES": ["wake.wav"],
        },
        "by_voice": False,
    }
    document["personas"]["robo-rex"]["guardian_settings"] |= {
        "retention_days": {"conversations": 30, "safety_events": 365, "metrics": 0},
        "allow_uploads": False,
    }
    return document


def places(fragment: dict[str, Any], at: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Every object of the schema, with the way to it in a file about robo-rex."""
    if fragment.get("type") == "object" and "properties" in fragment:
        yield at, fragment
    for name, inner in fragment.get("properties", {}).items():
        yield from places(inner, (*at, name))
    for inner in fragment.get("anyOf", ()):
        yield from places(inner, at)
    if isinstance(fragment.get("additionalProperties"), dict):
        yield from places(fragment["additionalProperties"], (*at, "robo-rex"))


def reach(document: dict[str, Any], way: tuple[str, ...]) -> dict[str, Any]:
    for step in way:
        document = document[step]
    return document


def test_the_projects_own_toys_load_and_speak_at_pitches_of_their_own() -> None:
    personas = load_personas(PERSONAS)
    assert {"pommai-bear", "robo-rex"} <= personas.keys()
    assert personas["pommai-bear"].answers == Answers(semitones=4.0, by=None)
    assert personas["robo-rex"].answers == Answers(semitones=-5.0, by="parrot")


def test_what_goes_to_the_toy_is_all_that_is_written_except_what_stays_here() -> None:
    left_out = {
        "wake_word_alternatives": [],
        "wake_engine": "vosk",
        "wake_models": [],
        "wake_sensitivity": 0.5,
        "acknowledgements": [],
        "led_theme": {},
    }
    left_out_of_guardian = {"retention_days": {}, "allow_uploads": False}
    for document in (written(), everything()):
        for toy_id, persona in read(document).items():
            sent = json.loads(encode_message(ToyConfig(persona.profile)))["config"]
            expected = copy.deepcopy(document["personas"][toy_id])
            expected.pop("answers", None)
            expected.pop("pi_config", None)
            expected.pop("by_voice", None)
            expected["guardian_settings"] = left_out_of_guardian | expected["guardian_settings"]
            assert sent == {"toyId": toy_id} | left_out | expected


def test_the_schema_in_the_repository_is_the_one_the_tables_make() -> None:
    assert json.loads(SCHEMA.read_text()) == schema()


def test_the_file_names_its_schema_in_its_first_line() -> None:
    first = PERSONAS.read_text().splitlines()[0]
    assert first == "# yaml-language-server: $schema=schemas/personas.schema.json"


def test_loader_and_schema_know_the_same_keys() -> None:
    seen = [way for way, _ in places(schema())]
    assert ("personas", "robo-rex", "answers", "parrot") in seen
    for way, fragment in places(schema()):
        assert reach(everything(), way).keys() == fragment["properties"].keys(), "the example uses every key"
        for name in fragment["properties"]:
            lacking = everything()
            del reach(lacking, way)[name]
            if name == "wake_models":
                lacking["personas"]["robo-rex"]["wake_engine"] = "none"
            if name in fragment["required"]:
                assert any(f"needs the key '{name}'" in problem for problem in problems(lacking))
            else:
                read(lacking)
        assert fragment["additionalProperties"] is False
        extended = everything()
        reach(extended, way)["surprise"] = 1
        assert ["has no key 'surprise'" in problem for problem in problems(extended)] == [True]


def test_loader_and_schema_hold_numbers_and_words_to_the_same_limits() -> None:
    checked = 0
    for way, fragment in places(schema()):
        for name, inner in fragment["properties"].items():
            wrong: list[object] = []
            if "minimum" in inner:
                wrong = [inner["minimum"] - 0.01, inner["maximum"] + 0.01, "loud", True]
                if inner["type"] == "integer":
                    wrong += [inner["minimum"] - 1, inner["maximum"] + 1, 0.5]
                for right in (inner["minimum"], inner["maximum"]):
                    document = everything()
                    reach(document, way)[name] = right
                    read(document)
            elif "enum" in inner:
                wrong = ["reckless", 3]
            elif inner.get("type") == "string":
                wrong = ["", "  ", ["a"]]
            elif inner.get("type") == "boolean":
                wrong = ["maybe", 1]
            elif inner.get("type") == "array":
                wrong = ["dogs", [""], {"a": 1}]
                wrong += [["../dogs"], ["a b"], ["x" * 65]] if inner["items"]["pattern"] != r"\S" else []
            elif name == "led_theme":
                wrong = ["dogs", ["dogs"], {"dogs": ""}, {"dogs": "/cats"}, {"a/b": "cats"}, {"..": "cats"}]
            for value in wrong:
                document = everything()
                reach(document, way)[name] = copy.deepcopy(value)
                assert len(problems(document)) == 1
                assert not Draft202012Validator(schema()).is_valid(document)
                checked += 1
    assert checked > 60


def test_a_misspelt_key_is_told_with_its_place_and_what_was_meant() -> None:
    text = PERSONAS.read_text().replace("wake_word: okay nabu", "wakeword: okay nabu")
    line = next(number for number, words in enumerate(text.splitlines(), 1) if words.strip().startswith("wakeword:"))
    found = problems(text)
    assert any(
        problem.startswith(f"personas.yaml:{line}:5: error:") and "did you mean 'wake_word'?" in problem
        for problem in found
    )


def test_all_problems_of_a_file_are_told_at_once() -> None:
    document = written()
    document["personas"]["pommai-bear"]["voice_settings"]["speed"] = 9
    document["personas"]["robo-rex"]["safety_level"] = "strickt"
    document["personas"]["robo-rex"]["answers"] = "parott"
    found = problems(document)
    assert len(found) == 3
    assert any("did you mean 'strict'?" in problem for problem in found)
    assert any("did you mean 'parrot'?" in problem for problem in found)


def test_a_persona_that_does_not_say_how_it_answers_answers_as_the_gateway_does() -> None:
    document = written()
    del document["personas"]["robo-rex"]["answers"]
    assert read(document)["robo-rex"].answers == Answers(by=None)
    for by in ANSWERERS:
        document["personas"]["robo-rex"]["answers"] = by
        assert read(document)["robo-rex"].answers.by == by


@pytest.mark.parametrize("by", [by for by in ANSWERERS if by != "parrot"])
def test_who_answers_by_a_word_alone_is_told_nothing_more(by: str) -> None:
    document = written()
    document["personas"]["robo-rex"]["answers"] = {by: {"model": "x"}}
    (problem,) = problems(document)
    assert f"answers of 'robo-rex' needs no more than the word {by} (write answers: {by})" in problem


def test_answers_parrot_alone_means_a_major_third_up() -> None:
    ways: tuple[object, ...] = ("parrot", {"parrot": {}}, {"parrot": None})
    for answers in ways:
        document = written()
        document["personas"]["robo-rex"]["answers"] = answers
        assert read(document)["robo-rex"].answers.semitones == 4.0


def test_a_topic_cannot_be_allowed_and_blocked() -> None:
    document = written()
    document["personas"]["robo-rex"]["guardian_settings"]["blocked_topics"] = ["weapons", "Space"]
    (problem,) = problems(document)
    assert "the topic 'Space' is both allowed and blocked" in problem
    line = int(problem.split(":")[1])
    assert yaml.safe_dump(document).splitlines()[line - 1].strip() == "- Space"


def test_all_that_can_be_said_of_a_toy_keeps_to_the_schema() -> None:
    Draft202012Validator(schema()).validate(everything())
    profile = read(everything())["robo-rex"].profile
    assert profile.wake_models == ("okay_nabu",)
    assert profile.wake_word_alternatives == ("hey rex",)
    assert profile.guardian_settings.retention_days == {"conversations": 30, "safety_events": 365, "metrics": 0}


@pytest.mark.parametrize("engine", ["microwakeword", "openwakeword"])
@pytest.mark.parametrize("models", [None, []])
def test_an_engine_that_needs_a_model_is_not_left_without_one(engine: str, models: list[str] | None) -> None:
    document = written()
    rex = document["personas"]["robo-rex"]
    del rex["wake_models"]
    rex |= {"wake_engine": engine} | ({} if models is None else {"wake_models": models})
    (problem,) = problems(document)
    assert f"'robo-rex' listens with {engine}, and has no model for it (name one, such as wake_models: [" in problem


def test_a_model_that_was_written_wrong_is_not_also_said_to_be_missing() -> None:
    document = written()
    document["personas"]["robo-rex"]["wake_models"] = ["models/okay_nabu"]
    (problem,) = problems(document)
    assert "cannot be 'models/okay_nabu' (write a bare name, without a folder)" in problem


def test_a_safety_level_of_ones_own_says_what_it_blocks() -> None:
    document = written()
    document["personas"]["robo-rex"]["safety_level"] = "custom"
    assert read(document)["robo-rex"].profile.safety_level == "custom"
    document["personas"]["robo-rex"]["guardian_settings"]["blocked_topics"] = []
    (problem,) = problems(document)
    assert "blocks nothing" in problem
    document["personas"]["robo-rex"]["guardian_settings"]["content_filter_level"] = "custom"
    assert any("known: moderate, relaxed, strict" in problem for problem in problems(document))


@pytest.mark.parametrize(
    ("key", "value", "hint"),
    [
        ("wake_engine", "micro_wakeword", "did you mean 'microwakeword'?"),
        ("safety_level", "costum", "did you mean 'custom'?"),
        ("wake_sensitivty", 0.5, "did you mean 'wake_sensitivity'?"),
    ],
)
def test_what_is_misspelt_is_told_with_what_was_meant(key: str, value: object, hint: str) -> None:
    document = written()
    document["personas"]["robo-rex"][key] = value
    assert any(hint in problem for problem in problems(document))


def looked_up(document: object, sounds: set[str] | None, patterns: set[str] | None) -> list[str]:
    reader = Reader(yaml.safe_dump(document), "personas.yaml", PersonasError)
    try:
        check_personas(reader, sounds, patterns)
    except PersonasError as caught:
        return [str(problem) for problem in caught.problems]
    return []


def test_sounds_and_light_patterns_are_looked_up_where_they_are_known() -> None:
    document = written()
    document["personas"]["robo-rex"]["acknowledgements"] = ["wake", "helo"]
    document["personas"]["robo-rex"]["led_theme"] = {"brething_blue": "glow", "loading_chase": "glwo"}
    sounds, patterns = {"wake", "hello"}, {"breathing_blue", "loading_chase", "glow"}
    found = looked_up(document, sounds, patterns)
    assert [words.partition("error: ")[2] for words in found] == [
        "no sound is called 'helo' (did you mean 'hello'?)",
        "no light pattern is called 'brething_blue' (did you mean 'breathing_blue'?)",
        "no light pattern is called 'glwo' (did you mean 'glow'?)",
    ]
    assert len({words.partition(" error")[0] for words in found}) == 3, "each at its own place"
    assert looked_up(document, None, patterns) == found[1:]
    assert looked_up(document, sounds, None) == found[:1]
    assert looked_up(document, None, None) == []


def test_a_voice_that_is_surely_wrong_is_told_at_its_place() -> None:
    document = written()
    document["personas"]["robo-rex"]["voice_settings"]["voice_id"] = "en-us+f33"
    reader = Reader(yaml.safe_dump(document), "personas.yaml", PersonasError)
    asked: list[str] = []

    def problem(voice_id: str) -> tuple[str, str] | None:
        asked.append(voice_id)
        return ("no such voice", "take another") if "+" in voice_id else None

    with pytest.raises(PersonasError) as caught:
        check_personas(reader, None, None, problem)
    assert sorted(asked) == ["en-us+f33", "honey"]
    (told,) = caught.value.problems
    assert yaml.safe_dump(document).splitlines()[told.line - 1].strip() == "voice_id: en-us+f33"
    assert (told.message, told.hint) == ("no such voice", "take another")


def test_what_is_no_name_at_all_is_told_once_and_along_with_what_is_unknown() -> None:
    document = written()
    document["personas"]["robo-rex"]["acknowledgements"] = ["sounds/wake", "helo"]
    assert len(looked_up(document, {"wake", "hello"}, set())) == 4, "the file's own theme names two patterns"
    for rubbish in ([], {"personas": []}, {"personas": {"rex": "wild"}}, "", {"personas": {"rex": {"led_theme": 1}}}):
        assert looked_up(rubbish, set(), set())


def test_the_projects_own_toys_name_patterns_that_there_are() -> None:
    assert looked_up(written(), None, {*load_patterns(ROOT / "led_patterns.yaml")}) == []


def test_what_a_persona_sets_on_the_device_is_kept_as_it_goes_over_the_wire() -> None:
    found = read(everything())
    assert found["robo-rex"].pi_config == {
        "HOTWORD_MODELS": ["okay_nabu"],
        "HOTWORD_THRESHOLD": 0.6,
        "ACKNOWLEDGEMENT_AUDIO_FILES": ["wake.wav"],
    }
    assert found["pommai-bear"].pi_config == {}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            {"HOTWORD_THRESHOLD": 2.0, "HOTWORD_MODELS": ["a"]},
            "HOTWORD_THRESHOLD of pi_config of 'pommai-bear' must",
        ),
        ({"HOTWORD_THRESHOLD": 0.5}, "has a HOTWORD_THRESHOLD, and no model that it could count for (name one in HOTW"),
        ({"HOTWORD_MODELS": ["../a"]}, "cannot be '../a' (write a bare name, without a folder)"),
        ({"HOTWORD_MODELS": ["a"] * 9}, "HOTWORD_MODELS of pi_config of 'pommai-bear' has 9 names (8 at most)"),
        ({"ACKNOWLEDGEMENT_AUDIO_FILES": ["a"] * 17}, "has 17 names (16 at most)"),
        ({"HOTWORD_MODEL": ["a"]}, "did you mean 'HOTWORD_MODELS'?"),
    ],
)
def test_a_mistake_in_what_a_persona_sets_is_told(settings: dict[str, Any], words: str) -> None:
    document = written()
    document["personas"]["pommai-bear"]["pi_config"] = settings
    (problem,) = problems(document)
    assert words in problem


def test_the_same_file_may_be_json_and_its_mistakes_have_lines(tmp_path: Path) -> None:
    file = tmp_path / "personas.json"
    document = everything()
    document["personas"]["robo-rex"]["personality_prompt"] += " \U0001f996"
    file.write_text(json.dumps(document, indent="\t"))
    assert load_personas(file) == read(document)
    document["personas"]["robo-rex"]["pi_config"]["HOTWORD_THRESHOLD"] = 2.0
    text = json.dumps(document, indent="\t")
    file.write_text(text)
    line = 1 + text[: text.index('"HOTWORD_THRESHOLD": 2.0')].count("\n")
    with pytest.raises(PersonasError, match=rf"personas\.json:{line}:\d+: error: HOTWORD_THRESHOLD"):
        load_personas(file)


def test_a_name_that_cannot_be_a_toy_id_is_refused() -> None:
    document = written()
    document["personas"]["Robo Rex!"] = document["personas"].pop("robo-rex")
    assert any("cannot be called 'Robo Rex!'" in problem for problem in problems(document))


def test_a_file_without_personas_is_refused() -> None:
    assert any("names nobody" in problem for problem in problems("personas: {}\n"))
    assert any("names nobody" in problem for problem in problems("personas:\n"))
    assert any("needs the key 'personas'" in problem for problem in problems("{}\n"))


def test_a_file_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(PersonasError, match="cannot be read: No such file"):
        load_personas(tmp_path / "nobody.yaml")
