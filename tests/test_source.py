"""The Reader: what a loader may expect of a file, and the sentences it gets when the file is otherwise."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pommai.errors import ChartError, LightsError
from pommai.source import (
    MAX_BYTES,
    Key,
    Mapping,
    Node,
    Reader,
    Scalar,
    Sequence,
    closest,
    did_you_mean,
    meant_keys,
    object_schema,
    parse_duration,
)


def reader_of(text: str) -> Reader:
    return Reader(text, "f.yaml", LightsError)


def value_of(written: str) -> tuple[Reader, Node]:
    """A reader, and the node of a value written after a key."""
    reader = reader_of(f"key: {written}\n")
    assert isinstance(reader.root, Mapping)
    node = reader.root.get("key")
    assert node is not None
    return reader, node


def messages(reader: Reader) -> list[str]:
    return [problem.message for problem in reader.problems]


# -- files ---------------------------------------------------------------------------------


def test_a_file_is_read_with_its_name_and_hash(tmp_path: Path) -> None:
    path = tmp_path / "chart.yaml"
    path.write_bytes("\ufeffa: é\n".encode())
    reader = Reader.of_file(path, ChartError)
    assert reader.file == str(path)
    assert reader.sha256 == hashlib.sha256("a: é\n".encode()).hexdigest()
    reader.finish()


def test_a_missing_file_and_a_folder_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ChartError, match=r"absent.yaml:1:1: error: cannot be read: No such file"):
        Reader.of_file(tmp_path / "absent.yaml", ChartError)
    with pytest.raises(ChartError, match="cannot be read"):
        Reader.of_file(tmp_path, ChartError)


def test_json_is_read_as_it_is_written_by_programs(tmp_path: Path) -> None:
    told = {"a": "a bear \U0001f43b, a \\\\ud83d and \ttabs", "b": [1.5e-3, True, None]}
    for text in (json.dumps(told), json.dumps(told, indent="\t"), json.dumps(told, ensure_ascii=False, indent=1)):
        (tmp_path / "told.json").write_text(text)
        root = Reader.of_file(tmp_path / "told.json", LightsError).root
        assert isinstance(root, Mapping)
        (_, words), (_, values) = root
        assert isinstance(words, Scalar)
        assert words.text == told["a"]
        assert isinstance(values, Sequence)
        assert len(values.items) == 3


def test_a_file_that_is_too_large_is_refused_without_reading_it_all(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    path.write_bytes(b"#" * MAX_BYTES)
    with pytest.raises(LightsError, match="is empty"):
        Reader.of_file(path, LightsError)
    path.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(LightsError, match="longer than 1,000,000 bytes"):
        Reader.of_file(path, LightsError)
    with pytest.raises(LightsError, match="longer than 1,000,000 bytes"):
        Reader.of_file(Path("/dev/zero"), LightsError)


@pytest.mark.parametrize(
    ("data", "line", "column"),
    [(b"\xff\xfea\x00", 1, 1), ("a: 1\né: ".encode() + b"\xe9\n", 2, 4), (b"\xef\xbb\xbfa: \x80\n", 1, 4)],
)
def test_a_file_that_is_not_utf8_says_where(tmp_path: Path, data: bytes, line: int, column: int) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes(data)
    with pytest.raises(LightsError) as caught:
        Reader.of_file(path, LightsError)
    (problem,) = caught.value.problems
    assert (problem.line, problem.column) == (line, column)
    assert "UTF-8" in problem.message


def test_text_that_is_no_yaml_raises_the_loaders_own_error() -> None:
    with pytest.raises(LightsError, match=r"f.yaml:2:1: error: a tab stands here"):
        reader_of("a:\n\tb: 1\n")


def test_finish_raises_all_problems_in_file_order_and_each_once() -> None:
    reader = reader_of("a: 1\nb: 2\n")
    root = reader.mapping(reader.root, "the file")
    assert root is not None
    reader.problem(root.key("b"), "second")
    reader.problem(root.key("a"), "first", "hint")
    reader.problem(root.key("b"), "second")
    with pytest.raises(LightsError) as caught:
        reader.finish()
    assert str(caught.value) == "f.yaml:1:1: error: first (hint)\nf.yaml:2:1: error: second"


def test_finish_without_problems_says_nothing() -> None:
    reader_of("a: 1").finish()


# -- collections ---------------------------------------------------------------------------


def test_an_unknown_key_gets_a_hint_and_a_missing_one_is_named() -> None:
    reader = reader_of("patern: 1\n")
    assert reader.mapping(reader.root, "the file", allowed={"pattern", "level"}, required={"level"}) is reader.root
    assert messages(reader) == ["the file has no key 'patern'", "the file needs the key 'level'"]
    assert reader.problems[0].hint == "did you mean 'pattern'?"


def test_a_missing_key_is_not_told_beside_the_word_that_was_meant_for_it() -> None:
    reader = reader_of("patern: 1\n")
    assert reader.mapping(reader.root, "the file", allowed={"pattern", "level"}, required={"pattern"}) is reader.root
    assert messages(reader) == ["the file has no key 'patern'"]
    assert isinstance(reader.root, Mapping)
    assert meant_keys(reader.root, {"pattern", "level"}) == {"pattern"}
    assert meant_keys(reader.root, {"patern", "level"}) == set()


def test_a_mapping_may_be_left_empty_unless_something_is_required() -> None:
    reader, node = value_of("")
    empty = reader.mapping(node, "key")
    assert empty is not None
    assert len(empty) == 0
    assert reader.mapping(node, "key", required={"a"}) is None
    assert messages(reader) == ["key must be a mapping of keys to values, not nothing"]


@pytest.mark.parametrize(("written", "shown"), [("[1]", "a list"), ("word", "'word'")])
def test_something_else_than_a_mapping_is_named(written: str, shown: str) -> None:
    reader, node = value_of(written)
    assert reader.mapping(node, "key") is None
    assert messages(reader) == [f"key must be a mapping of keys to values, not {shown}"]


def test_a_list_is_expected_or_one_value_may_stand_for_a_list_of_one() -> None:
    reader, node = value_of("[a, b]")
    items = reader.sequence(node, "key")
    assert items is not None
    assert len(items) == 2
    assert reader.one_or_many(node) == items
    reader, node = value_of("a")
    assert reader.sequence(node, "key") is None
    assert messages(reader) == ["key must be a list, not 'a'"]
    assert reader.one_or_many(node) == (node,)
    reader, node = value_of("")
    assert reader.one_or_many(node) == ()


# -- scalars -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "message"),
    [("", "key is empty"), ("'  '", "key is empty"), ("[a]", "key must be text, not a list")],
)
def test_text_must_be_there(written: str, message: str) -> None:
    reader, node = value_of(written)
    assert reader.text(node, "key") is None
    assert messages(reader) == [message]


def test_a_choice_outside_the_list_gets_a_hint() -> None:
    reader, node = value_of("brethe")
    assert reader.choice(node, "kind", {"breathe", "pulse"}) is None
    assert messages(reader) == ["kind cannot be 'brethe'"]
    assert reader.problems[0].hint == "did you mean 'breathe'?"
    reader, node = value_of("pulse")
    assert reader.choice(node, "kind", {"breathe", "pulse"}) == "pulse"


@pytest.mark.parametrize(("written", "value"), [("true", True), ("False", False), ("yes", None), ("'true'", None)])
def test_only_true_and_false_are_true_and_false(written: str, value: bool | None) -> None:
    reader, node = value_of(written)
    assert reader.boolean(node, "key") is value
    assert bool(reader.problems) is (value is None)


@pytest.mark.parametrize("written", ["nan", ".inf", "-inf", "1_000", "0x10", "1e999", "'5'", "fast", "[5]", "", "٣"])
def test_what_is_no_finite_number_in_plain_digits_is_refused(written: str) -> None:
    reader, node = value_of(written)
    assert reader.number(node, "level") is None
    assert messages(reader)[0].startswith("level must be a number, not ")


@pytest.mark.parametrize(
    ("written", "minimum", "maximum", "message"),
    [
        ("1.0000001", 0.0, 1.0, "level must be in 0..1, not '1.0000001'"),
        ("-1", 0.5, math.inf, "level must be at least 0.5, not '-1'"),
        ("2000000", -math.inf, 1_000_000, "level must be at most 1000000, not '2000000'"),
    ],
)
def test_a_number_out_of_range_is_shown_as_it_was_written(
    written: str, minimum: float, maximum: float, message: str
) -> None:
    reader, node = value_of(written)
    assert reader.number(node, "level", minimum, maximum) is None
    assert messages(reader) == [message]


def test_whole_numbers_may_be_written_with_a_point_but_not_with_a_fraction() -> None:
    reader, node = value_of("10.0")
    assert reader.integer(node, "count") == 10
    reader, node = value_of("1e3")
    assert reader.integer(node, "count") == 1000
    reader, node = value_of("2.5")
    assert reader.integer(node, "count") is None
    assert messages(reader) == ["count must be a whole number, not '2.5'"]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_finite_number_is_read_exactly(value: float) -> None:
    reader, node = value_of(repr(value))
    assert reader.number(node, "level") == value


# -- durations -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("250ms", 0.25),
        ("2s", 2.0),
        ("1.5s", 1.5),
        ("1m30s", 90.0),
        ("2h", 7200.0),
        ("1h1m1s1ms", 3661.001),
        (" 3s ", 3.0),
    ],
)
def test_durations_are_read(written: str, seconds: float) -> None:
    assert parse_duration(written) == pytest.approx(seconds)


@pytest.mark.parametrize("written", ["", "5", "s", "fast", "30s1m", "-1s", "1 s", "1,5s", "٣s", "9" * 400 + "h", "1S"])
def test_what_is_no_duration_is_none(written: str) -> None:
    assert parse_duration(written) is None


@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_a_duration_is_the_sum_of_its_parts(hours: int, minutes: int, seconds: int, milliseconds: int) -> None:
    expected = hours * 3600 + minutes * 60 + seconds + milliseconds / 1000
    assert parse_duration(f"{hours}h{minutes}m{seconds}s{milliseconds}ms") == pytest.approx(expected)


def test_a_wrong_duration_says_how_to_write_one_and_what_is_allowed() -> None:
    reader, node = value_of("30")
    assert reader.duration(node, "after") is None
    assert reader.problems[0].hint == "write 30s"
    reader, node = value_of("soon")
    assert reader.duration(node, "after") is None
    assert reader.problems[0].hint == "write 250ms, 2s or 1m30s"
    reader, node = value_of("sory")
    assert reader.duration(node, "after", names=["sorry", "let_go"]) is None
    assert reader.problems[0].hint == "did you mean 'sorry'?"
    reader, node = value_of("2h")
    assert reader.duration(node, "after", maximum=3600) is None
    assert messages(reader) == ["after must be in 0.001..3600 seconds, not '2h'"]
    reader, node = value_of("2s")
    assert reader.duration(node, "after") == 2.0
    reader, node = value_of("{a: 1}")
    assert reader.duration(node, "after") is None


# -- did you mean --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("buton.pressed", "button.pressed"),
        ("safe-mode", "safe_mode"),
        ("SAFE_MODE", "safe_mode"),
        ("pressed", "button.pressed"),
        ("xyzzy", None),
        ("", None),
    ],
)
def test_the_probable_name_is_found(word: str, meant: str | None) -> None:
    names = ("button.pressed", "button.released", "safe_mode", "idle")
    assert closest(word, names) == meant


def test_a_name_nothing_is_near_to_lists_those_there_are() -> None:
    assert did_you_mean("xyzzy", ["b", "a"]) == "known: a, b"
    assert did_you_mean("xyzzy", []) == ""
    assert did_you_mean("xyzzy", [f"n{i:02}" for i in range(20)]).endswith("n11, …")


@given(st.text(max_size=20), st.lists(st.text(max_size=10), max_size=8))
def test_the_name_that_is_meant_is_one_of_those_there_are(word: str, names: list[str]) -> None:
    found = closest(word, names)
    assert found is None or found in names
    if word in names:
        assert found is not None


@given(st.text(max_size=300))
def test_a_reader_raises_its_own_error_or_none(text: str) -> None:
    try:
        reader = Reader(text, "f", ChartError)
    except ChartError:
        return
    reader.text(reader.root, "it")
    reader.number(reader.root, "it")
    reader.duration(reader.root, "it")
    reader.mapping(reader.root, "it", allowed=("a",), required=("b",))
    assert all("\n" not in problem.message for problem in reader.problems)


def test_a_scalar_in_quotes_is_not_plain() -> None:
    _, node = value_of("'x'")
    assert node == Scalar(1, 6, "x", plain=False)


def test_a_mapping_of_keys_is_closed_in_the_schema_and_says_what_it_needs() -> None:
    text = {"type": "string"}
    assert object_schema({"name": Key(text, Reader.text, required=True), "more": Key({}, Reader.text)}) == {
        "type": "object",
        "additionalProperties": False,
        "required": ["name"],
        "properties": {"name": text, "more": {}},
    }
