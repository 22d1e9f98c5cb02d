from __future__ import annotations

import json

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pommai.gateway.responder import Become, Do
from pommai.gateway.speech.chat_stream import ToolCall
from pommai.gateway.speech.tools import MOST_OTHERS, SOFTEST, obey, told, tools_for

OTHERS = {"robo-rex": "Robo Rex", "tars": "TARS"}


def call(name: str, arguments: object = None) -> ToolCall:
    return ToolCall("id", name, arguments if isinstance(arguments, str) else json.dumps(arguments))


@pytest.mark.parametrize("toy", ["robo-rex", "ROBO-REX", "Robo Rex", " robo rex "])
def test_somebody_is_called_by_id_or_name(toy: str) -> None:
    (outcome,) = obey([call("become_persona", {"toy": toy})], OTHERS)
    assert outcome.piece == Become("robo-rex")


@pytest.mark.parametrize(("percent", "set_"), [(10, 10), (55.4, 55), ("70", 70), (100, 100)])
def test_the_volume_is_a_number_of_the_wires_command(percent: object, set_: int) -> None:
    (outcome,) = obey([call("set_volume", {"percent": percent})], OTHERS)
    assert outcome.piece == Do("volume", {"percent": set_})


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("restart", {}, "no tool 'restart'"),
        ("become_persona", {"toy": "somebody-else"}, "one of robo-rex, tars"),
        ("become_persona", {"toy": ["robo-rex"]}, "one of"),
        ("become_persona", {}, "one of"),
        ("become_persona", "robo-rex", "no JSON object"),
        ("become_persona", '{"toy": "robo', "no JSON object"),
        ("become_persona", "[" * 2000, "no JSON object"),
        ("set_volume", {"percent": SOFTEST - 1}, "from 10 to 100"),
        ("set_volume", {"percent": 101}, "from 10 to 100"),
        ("set_volume", {"percent": True}, "from 10 to 100"),
        ("set_volume", '{"percent": NaN}', "from 10 to 100"),
        ("set_volume", '{"percent": 1e999}', "from 10 to 100"),
        ("set_volume", {"percent": "loud"}, "from 10 to 100"),
        ("set_volume", {"percent": "9" * 5000}, "from 10 to 100"),
        ("set_volume", None, "no JSON object"),
    ],
)
def test_what_does_not_hold_is_told_back_and_leaves_the_toy_alone(name: str, arguments: object, words: str) -> None:
    (outcome,) = obey([call(name, arguments)], OTHERS)
    assert outcome.piece is None
    assert words in outcome.told


def test_nobody_can_be_become_where_there_is_nobody() -> None:
    (outcome,) = obey([call("become_persona", {"toy": "tars"})], {})
    assert outcome.piece is None
    assert [tool["function"]["name"] for tool in tools_for({})] == ["set_volume"]


def test_of_each_tool_the_first_call_that_holds_counts() -> None:
    calls = [call("become_persona", {"toy": toy}) for toy in ("nobody", "tars", "robo-rex")]
    assert [outcome.piece for outcome in obey(calls, OTHERS)] == [None, Become("tars"), None]


def test_the_tools_are_declared_with_schemas_that_hold_what_is_obeyed() -> None:
    for tool in tools_for(OTHERS):
        jsonschema.Draft202012Validator.check_schema(tool["function"]["parameters"])
    become, volume = (tool["function"]["parameters"] for tool in tools_for(OTHERS))
    jsonschema.validate({"toy": "tars"}, become)
    jsonschema.validate({"percent": 100}, volume)
    many = {f"toy-{number}": f"Toy {number}" for number in range(1000)}
    assert len(tools_for(many)[0]["function"]["parameters"]["properties"]["toy"]["enum"]) == MOST_OTHERS


def test_a_model_is_told_what_it_called_and_what_became_of_it() -> None:
    calls = [call("set_volume", {"percent": 50}), call("fly", {})]
    said, *answers = told("Fine.", calls, obey(calls, OTHERS))
    assert said["role"] == "assistant"
    assert said["content"] == "Fine."
    assert [each["function"]["name"] for each in said["tool_calls"]] == ["set_volume", "fly"]
    assert [(each["role"], each["tool_call_id"]) for each in answers] == [("tool", "id"), ("tool", "id")]
    assert "done" in answers[0]["content"]
    assert "refused" in answers[1]["content"]


@given(
    st.lists(st.tuples(st.sampled_from(["become_persona", "set_volume", "stop"]) | st.text(), st.text()), max_size=6)
)
def test_whatever_is_called_the_toy_does_only_what_a_child_may_ask_for(calls: list[tuple[str, str]]) -> None:
    for outcome in obey([ToolCall("id", *each) for each in calls], OTHERS):
        match outcome.piece:
            case Become(toy_id):
                assert toy_id in OTHERS
            case Do(name, args):
                assert name == "volume"
                assert isinstance(args["percent"], int)
                assert SOFTEST <= args["percent"] <= 100
            case None:
                assert outcome.told
