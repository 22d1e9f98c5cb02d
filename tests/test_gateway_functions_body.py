from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pommai.errors import ProtocolError
from pommai.gateway.functions.body import Call, encoded, read_call


def test_a_call_is_read_as_convex_and_its_clients_write_it() -> None:
    assert read_call(b'{"path": "a:b", "args": {"c": 1}, "format": "json"}') == Call("a:b", {"c": 1})
    assert read_call(b'{"path": "a:b", "args": [{"c": 1}]}') == Call("a:b", {"c": 1})
    assert read_call(b'{"path": "a:b", "format": "convex_encoded_json"}') == Call("a:b", {}, encoded=True)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "the body is not JSON"),
        (b"\xff\xfe", "the body is not JSON in UTF-8"),
        (b"path=a:b", "the body is not JSON"),
        (b"[]", "must be an object with 'path' and 'args'"),
        (b"{}", "must have a 'path', such as"),
        (b'{"path": 5}', "must have a 'path', such as"),
        (b'{"path": "a:b", "args": 5}', "'args' must be an object, not 5"),
        (b'{"path": "a:b", "args": [{}, {}]}', "'args' must be an object, not list"),
        (b'{"path": "a:b", "format": "xml"}', "'format' must be json, not 'xml'"),
        (b'{"path": "a:b", "format": ["json"]}', "'format' must be json, not list"),
        (b'{"path": "a:b", "path": "c:d"}', "the same name twice"),
        (b'{"path": "a:b", "args": {"x": [{"y": 1, "y": 2}]}}', "the same name twice"),
        (b'{"path": "a:b", "args": {"x": NaN}}', "has NaN, which is not JSON"),
        (b'{"path": "a:b", "args": {"x": -Infinity}}', "has -Infinity, which is not JSON"),
        (b'{"path": "a:b", "args": {"x": 1e999}}', "too large a number"),
        (b'{"path": "a:b", "args": {"x": ' + b"9" * 100_000 + b"}}", "too large a number"),
        (b"[" * 4_000, "the body is n"),  # nested too deeply; or not JSON, from Python 3.12 on
        (b"[" * 500_000, "the body has too many parts"),
        (b'{"path": "a:b", "args": {"x": [' + b"[]," * 9_000 + b"[]]}}", "the body has too many parts"),
    ],
)
def test_what_is_no_call_is_refused_in_words(body: bytes, words: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        read_call(body)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 200


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(st.binary(max_size=60) | st.text(alphabet='{}[]",:0123456789eE+-.ntfalsru\\d8').map(str.encode))
def test_whatever_a_stranger_sends_is_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        read_call(data)


@given(JSON)
def test_encoded_values_are_the_same_with_a_point_in_every_number(value: object) -> None:
    def numbers(part: object) -> list[object]:
        if isinstance(part, dict):
            part = list(part.values())
        return [n for item in part for n in numbers(item)] if isinstance(part, list) else [part]

    assert json.loads(json.dumps(value), parse_int=float) == encoded(value)
    assert not [one for one in numbers(encoded(value)) if isinstance(one, int) and not isinstance(one, bool)]
