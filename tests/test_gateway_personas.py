from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from pommai.errors import PersonasError
from pommai.gateway.personas import Answers, Personas, load_personas, read_personas, schema
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
    assert personas["pommai-bear"].answers == Answers(semitones=4.0)
    assert personas["robo-rex"].answers == Answers(semitones=-5.0)


def test_what_goes_to_the_toy_is_all_that_is_written_except_how_the_gateway_answers() -> None:
    for toy_id, persona in load_personas(PERSONAS).items():
        sent = json.loads(encode_message(ToyConfig(persona.profile)))["config"]
        expected = written()["personas"][toy_id]
        del expected["answers"]
        sent["guardian_settings"] = {key: sent["guardian_settings"][key] for key in expected["guardian_settings"]}
        assert {key: sent[key] for key in ("toyId", *expected)} == {"toyId": toy_id, **expected}


def test_the_schema_in_the_repository_is_the_one_the_tables_make() -> None:
    assert json.loads(SCHEMA.read_text()) == schema()


def test_the_file_names_its_schema_in_its_first_line() -> None:
    first = PERSONAS.read_text().splitlines()[0]
    assert first == "# yaml-language-server: $schema=schemas/personas.schema.json"


def test_loader_and_schema_know_the_same_keys() -> None:
    seen = [way for way, _ in places(schema())]
    assert ("personas", "robo-rex", "answers", "parrot") in seen
    for way, fragment in places(schema()):
        assert reach(written(), way).keys() == fragment["properties"].keys(), "the example uses every key"
        for name in fragment["properties"]:
            lacking = written()
            del reach(lacking, way)[name]
            if name in fragment["required"]:
                assert any(f"needs the key '{name}'" in problem for problem in problems(lacking))
            else:
                read(lacking)
        assert fragment["additionalProperties"] is False
        extended = written()
        reach(extended, way)["surprise"] = 1
        assert ["has no key 'surprise'" in problem for problem in problems(extended)] == [True]


def test_loader_and_schema_hold_numbers_and_words_to_the_same_limits() -> None:
    checked = 0
    for way, fragment in places(schema()):
        for name, inner in fragment["properties"].items():
            wrong: list[object] = []
            if "minimum" in inner:
                wrong = [inner["minimum"] - 0.01, inner["maximum"] + 0.01, "loud", True]
                for right in (inner["minimum"], inner["maximum"]):
                    document = written()
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
            for value in wrong:
                document = written()
                reach(document, way)[name] = copy.deepcopy(value)
                assert len(problems(document)) == 1
                checked += 1
    assert checked > 30


def test_a_misspelt_key_is_told_with_its_place_and_what_was_meant() -> None:
    text = PERSONAS.read_text().replace("wake_word: okay robot", "wakeword: okay robot")
    line = next(number for number, words in enumerate(text.splitlines(), 1) if "wakeword" in words)
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


def test_answers_parrot_alone_means_a_major_third_up() -> None:
    ways: tuple[object, ...] = ("parrot", {"parrot": {}}, {"parrot": None})
    for answers in ways:
        document = written()
        document["personas"]["robo-rex"]["answers"] = answers
        assert read(document)["robo-rex"].answers.semitones == 4.0


def test_a_topic_cannot_be_allowed_and_blocked() -> None:
    document = written()
    document["personas"]["robo-rex"]["guardian_settings"]["blocked_topics"] = ["Space"]
    assert any("both allowed and blocked" in problem for problem in problems(document))


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
