"""Guard expressions."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pommai.chart.guards import GuardSyntaxError, evaluate, parse, render

NAMES = st.sampled_from(["online", "heard_speech", "Inside", "notable", "order", "a1"])
STATES = st.sampled_from(["idle", "safe_mode"])
EXPRESSIONS = st.recursive(
    NAMES | STATES.map(lambda name: f"In('{name}')"),
    lambda inner: (
        inner.map(lambda text: f"not {text}")
        | inner.map(lambda text: f"({text})")
        | st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(" ".join)
    ),
    max_leaves=12,
)


@given(EXPRESSIONS)
def test_whatever_is_a_guard_for_python_is_one_for_us_and_comes_back_the_same(text: str) -> None:
    compile(text, "guard", "eval")
    tokens = parse(text)
    again = render(
        tokens, {name: name for kind, name in tokens if kind == "name"}, {"idle": "idle", "safe_mode": "safe_mode"}
    )
    assert re.sub(r"\s", "", again) == re.sub(r"\s", "", text)


@given(st.lists(st.sampled_from(["online", "not", "and", "or", "(", ")", "In('idle')"]), min_size=1, max_size=7))
def test_whatever_is_no_guard_for_python_is_none_for_us(words: list[str]) -> None:
    text = " ".join(words)
    try:
        compile(text, "guard", "eval")
    except SyntaxError:
        with pytest.raises(GuardSyntaxError):
            parse(text)
    else:
        # `online (online)` and `online ()` are calls to Python, and `()` a tuple; a guard knows neither.
        if not re.search(r"\(\s*\)|(online|\))\s*\(", text):
            parse(text)


def test_several_states_in_one_question_must_all_be_active() -> None:
    tokens = parse("not In('idle', \"online\")")
    assert render(tokens, {}, {"idle": "s1", "online": "s2"}) == "not ( In('s1') and In('s2') )"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a && b", "holds '&', write `and`"),
        ("!a", "holds '!', write `not`"),
        ("a = b", "holds '=', which means nothing in a guard"),
        ("(a", "has a bracket that is not closed"),
        ("a)", "does not go on with ')' here"),
        ("a b", "does not go on with 'b' here"),
        ("a and", "ends where a guard's name is expected"),
        ("and a", "has 'and' where a guard's name is expected"),
        ("In(idle)", "asks In without a state; write In('idle')"),
        ("not in('idle')", "asks in without a state; write In('idle')"),
        ("", "ends where a guard's name is expected"),
    ],
)
def test_what_is_wrong_with_a_guard_is_said_in_words(text: str, words: str) -> None:
    with pytest.raises(GuardSyntaxError, match=re.escape(words)):
        parse(text)


@given(st.fixed_dictionaries(dict.fromkeys("abcd", st.booleans())))
@pytest.mark.parametrize(
    "text", ["a", "not a", "a and b or c", "a or b and not c", "not (a or b) and c", "not not a or In('d', 'b')"]
)
def test_an_expression_is_true_when_python_says_so(text: str, held: dict[str, bool]) -> None:
    python = text.replace("In('d', 'b')", "(d and b)")
    assert evaluate(parse(text), lambda _, name: held[name]) == eval(python, {}, held)
