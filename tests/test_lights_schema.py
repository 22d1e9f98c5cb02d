"""The schema editors use and the loader the toy uses hold the same opinion."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from pommai.errors import LightsError
from pommai.lights.keys import KEYFRAME, KINDS
from pommai.lights.load import parse_patterns
from pommai.lights.schema import schema

ROOT = Path(__file__).parents[1]
VALIDATOR = Draft202012Validator(schema())
SHIPPED: dict[str, Any] = yaml.load((ROOT / "led_patterns.yaml").read_text("utf-8"), Loader=yaml.BaseLoader)

EXAMPLES: dict[str, Any] = {
    "colour": "teal",
    "colours": ["red", "#00f"],
    "level": "33%",
    "low": "9.5%",
    "period": "2s",
    "phase": "even",
    "duty": "40%",
    "tail": "50%",
    "frames": [{"colour": "red", "level": "20%", "fade": "1s", "hold": "0s"}, {"colour": "blue", "hold": "1s"}],
}


def loads(document: Any) -> bool:
    try:
        parse_patterns(json.dumps(document))
    except LightsError:
        return False
    return True


def full(kind: str) -> dict[str, Any]:
    """A pattern of this kind that writes every key it may."""
    return {"kind": kind, "description": "x", **{key: EXAMPLES[key] for key in KINDS[kind].keys}}


def both(document: Any) -> bool:
    """Whether schema and loader take the document; they must agree."""
    by_schema, by_loader = VALIDATOR.is_valid(document), loads(document)
    assert by_schema == by_loader, document
    return by_loader


def test_the_schema_is_itself_valid() -> None:
    Draft202012Validator.check_schema(schema())


def test_the_schema_in_the_repository_is_the_one_the_code_makes() -> None:
    written = json.loads((ROOT / "schemas" / "led_patterns.schema.json").read_text("utf-8"))
    assert written == schema(), "run `pommai schema --write schemas`"


def test_the_shipped_file_names_its_schema_and_is_valid() -> None:
    first = (ROOT / "led_patterns.yaml").read_text("utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=schemas/led_patterns.schema.json"
    VALIDATOR.validate(SHIPPED)


@pytest.mark.parametrize("kind", KINDS)
def test_every_key_of_every_kind_is_known_to_both(kind: str) -> None:
    assert both({"patterns": {"it": full(kind)}})


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_is_required_by_both_or_by_none(kind: str) -> None:
    for key in full(kind):
        document = {"patterns": {"it": full(kind)}}
        del document["patterns"]["it"][key]
        required = key in ("kind", "description") or KINDS[kind].keys[key].required
        assert both(document) != required, key


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_of_another_kind_is_refused_by_both(kind: str) -> None:
    for key in (*EXAMPLES, "speed"):
        if key not in KINDS[kind].keys:
            assert not both({"patterns": {"it": {**full(kind), key: EXAMPLES.get(key, "1")}}}), key


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wrong", ["", "#12345", "-5%", "101%", "1e3%", "5 s", "%", "Blue!", ["a"], [], {"a": "b"}])
def test_a_wrong_value_is_refused_by_both(kind: str, wrong: Any) -> None:
    for key in (*KINDS[kind].keys, "kind"):
        assert not both({"patterns": {"it": {**full(kind), key: wrong}}}), key


@pytest.mark.parametrize("wrong", ["", "101%", "5 s", ["a"]])
def test_a_wrong_value_in_a_keyframe_is_refused_by_both(wrong: Any) -> None:
    for key in (*KEYFRAME, "for"):
        document = {"patterns": {"it": copy.deepcopy(full("keyframes"))}}
        document["patterns"]["it"]["frames"][0][key] = wrong
        assert not both(document), key


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"patterns": {}},
        {"patterns": []},
        {"patterns": {"Big": full("steady")}},
        {"patterns": {"it": full("steady")}, "colors": {}},
        {"patterns": {"it": full("steady")}, "colours": {"sky": "nonsense"}},
        {"patterns": {"it": full("steady")}, "colours": {"Sky": "#fff"}},
        {"patterns": {"it": full("steady")}, "colours": ["#fff"]},
    ],
)
def test_a_wrong_document_is_refused_by_both(document: Any) -> None:
    assert not both(document)


def test_a_palette_is_taken_by_both() -> None:
    assert both({"colours": {"sky": "#2060ff"}, "patterns": {"it": {**full("steady"), "colour": "sky"}}})
    assert both({"colours": {}, "patterns": {"it": full("steady")}})
