"""YAML text to nodes: positions, and every way a text can be wrong."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pommai.errors import Problem, SourceError
from pommai.hints import quote
from pommai.nodes import MAX_DEPTH, MAX_NODES, Mapping, Node, Scalar, Sequence
from pommai.nodes_reader import parse


def problems_of(text: str) -> list[Problem]:
    with pytest.raises(SourceError) as caught:
        parse(text, "chart.yaml")
    return list(caught.value.problems)


def only_problem_of(text: str) -> Problem:
    problems = problems_of(text)
    assert len(problems) == 1, problems
    return problems[0]


def mapping_of(text: str) -> Mapping:
    root = parse(text, "chart.yaml")
    assert isinstance(root, Mapping)
    return root


def plain(node: Node) -> object:
    """A node without its positions."""
    if isinstance(node, Scalar):
        return node.text
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    assert isinstance(node, Mapping)
    return {key.text: plain(value) for key, value in node}


# -- what is read --------------------------------------------------------------------------


def test_on_stays_the_word_on_and_numbers_stay_text() -> None:
    root = mapping_of("on: yes\nno: 1e3\n0o17: 2024-01-01\n")
    assert plain(root) == {"on": "yes", "no": "1e3", "0o17": "2024-01-01"}


def test_every_node_knows_its_line_and_column() -> None:
    root = mapping_of("états:\n  ü: [a, 'bb',\n      c]\n  über: &x !\n".replace(" &x !", " word"))
    inner = root.get("états")
    assert isinstance(inner, Mapping)
    assert (inner.line, inner.column) == (2, 3)
    items = inner.get("ü")
    assert isinstance(items, Sequence)
    assert [(item.line, item.column) for item in (items, *items.items)] == [(2, 6), (2, 7), (2, 10), (3, 7)]
    assert (inner.key("über").line, inner.key("über").column) == (4, 3)
    with pytest.raises(KeyError):
        inner.key("absent")


def test_keys_keep_the_order_they_were_written_in() -> None:
    root = mapping_of("b: 1\na: 2\nc: 3\n")
    assert [key.text for key, _ in root] == ["b", "a", "c"]
    assert len(root) == 3
    assert "a" in root
    assert root.get("z") is None


@pytest.mark.parametrize(("written", "empty"), [("", True), ("~", True), ("null", True), ("''", False), ("'~'", False)])
def test_nothing_written_is_empty_and_an_empty_text_in_quotes_is_not(written: str, empty: bool) -> None:
    value = mapping_of(f"key: {written}\n").get("key")
    assert isinstance(value, Scalar)
    assert value.is_empty is empty


def test_an_alias_stands_for_the_value_it_names() -> None:
    assert plain(mapping_of("a: &x [1, {b: 2}]\nc: *x\n")) == {"a": ["1", {"b": "2"}], "c": ["1", {"b": "2"}]}


def test_a_byte_order_mark_at_the_start_is_no_part_of_the_first_key() -> None:
    root = mapping_of("\ufeffstates: 1\n")
    assert "states" in root
    assert root.key("states").column == 1


_TREES = st.recursive(
    st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text("abcxyz<é\U0001f600", min_size=1, max_size=4), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(_TREES, st.booleans())
def test_whatever_yaml_can_write_is_read_back_the_same(tree: object, flow: bool) -> None:
    text = yaml.safe_dump(tree, allow_unicode=True, default_flow_style=flow, default_style='"')
    assert plain(parse(text, "f.yaml")) == tree


@given(st.text(max_size=200) | st.text("ab:-[]{},&*!|>'\"#%@? \t\n<~", max_size=80))
def test_any_text_gives_nodes_or_problems_with_a_position_inside_it(text: str) -> None:
    lines = text.count("\n") + text.count("\r") + text.count("\x85") + text.count("\u2028") + text.count("\u2029") + 1
    try:
        root = parse(text, "f.yaml")
    except SourceError as caught:
        problems = caught.problems
    else:
        assert 1 <= root.line <= lines
        return
    assert problems
    for problem in problems:
        assert 1 <= problem.line <= lines + 1
        assert problem.column >= 1
        assert len(str(problem).splitlines()) == 1


# -- what is wrong -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [("a:\n\tb: 1\n", 2, 1), ("a:\n  b: 1\n  \tc: 2\n", 3, 3), ("a:\n  - x\n\t- y\n", 3, 1), ("a: |\n\tx\n", 2, 1)],
)
def test_a_tab_in_an_indent_is_named_where_it_stands(text: str, line: int, column: int) -> None:
    problem = only_problem_of(text)
    assert (problem.line, problem.column) == (line, column)
    assert "tab" in problem.message
    assert "spaces" in problem.hint


def test_a_no_break_space_that_looks_like_an_indent_is_a_problem() -> None:
    problem = only_problem_of("a:\n \u00a0b: 1\n")
    assert (problem.line, problem.column) == (2, 2)
    assert "U+00A0" in problem.message


def test_a_duplicate_key_names_the_line_of_the_first() -> None:
    problem = only_problem_of("a: 1\nb: 2\na: 3\n")
    assert (problem.line, problem.column) == (3, 1)
    assert problem.message == "the key 'a' is here twice"
    assert "line 1" in problem.hint


def test_a_key_in_quotes_is_the_same_key() -> None:
    assert "twice" in only_problem_of("a: 1\n'a': 2\n").message


def test_merge_keys_and_tags_are_not_read() -> None:
    assert "merge" in only_problem_of("x: {<<: {b: 1}}\n").message
    problem = only_problem_of("a: 1\nb: !!python/object:os.system x\n")
    assert (problem.line, problem.column) == (2, 4)
    assert "tags" in problem.message


def test_the_merge_sign_in_quotes_is_a_key_like_any_other() -> None:
    assert "<<" in mapping_of("'<<': 1\n")


def test_a_list_or_mapping_as_a_key_is_a_problem() -> None:
    assert "key must be a word" in only_problem_of("? [a, b]\n: 1\n").message


def test_a_recursive_alias_is_a_problem_at_the_alias() -> None:
    problem = only_problem_of("a: &x\n  b: [1, *x]\n")
    assert (problem.line, problem.column) == (2, 10)
    assert "never end" in problem.message


def test_an_alias_without_an_anchor_and_an_anchor_given_twice_are_problems() -> None:
    first, second = problems_of("a: *nope\nb: &x 1\nc: &x 2\n")
    assert (first.line, first.column) == (1, 4)
    assert "'*nope'" in first.message
    assert second.line == 3
    assert "'&x'" in second.message


def test_all_problems_of_a_text_are_told_at_once() -> None:
    assert [problem.line for problem in problems_of("a: 1\na: 2\n<<: {}\nb: !t x\n")] == [2, 3, 4]


def test_aliases_nested_in_aliases_are_stopped_before_they_grow() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    problem = only_problem_of("\n".join(lines))
    assert f"{MAX_NODES:,}" in problem.message
    assert problem.line <= 7


def test_a_long_file_is_read_up_to_the_limit_of_values() -> None:
    assert isinstance(parse("[" + "x," * (MAX_NODES - 1) + "]", "f"), Sequence)
    assert f"{MAX_NODES:,}" in only_problem_of("[" + "x," * MAX_NODES + "]").message


def test_nesting_has_a_limit_however_it_is_made() -> None:
    assert plain(parse("[" * (MAX_DEPTH - 1) + "x" + "]" * (MAX_DEPTH - 1), "f"))
    assert "nested" in only_problem_of("[" * MAX_DEPTH + "x" + "]" * MAX_DEPTH).message
    assert "nested" in only_problem_of("[" * 500_000).message
    half = MAX_DEPTH // 2 + 1
    through_alias = f"a: &x {'[' * half}{']' * half}\nb: {'[' * half}*x{']' * half}\n"
    problem = only_problem_of(through_alias)
    assert problem.line == 2
    assert "nested" in problem.message


@pytest.mark.parametrize(
    ("text", "line", "column", "code"),
    [
        ("a: 1\nb: \x00\n", 2, 4, "U+0000"),
        ("é: 1\n é\x07\n", 2, 3, "U+0007"),
        ("a: \ud800\n", 1, 4, "U+D800"),
        ("a: 1\n\ufeffb: 2\n", 2, 1, "U+FEFF"),
    ],
)
def test_control_characters_are_named_where_they_stand(text: str, line: int, column: int, code: str) -> None:
    problem = only_problem_of(text)
    assert (problem.line, problem.column) == (line, column)
    assert code in problem.message


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n"])
def test_a_file_with_nothing_in_it_is_a_problem(text: str) -> None:
    assert only_problem_of(text) == Problem("chart.yaml", 1, 1, "is empty")


def test_a_second_document_is_a_problem_where_it_begins() -> None:
    problem = only_problem_of("a: 1\n---\nb: 2\n")
    assert (problem.line, problem.column) == (2, 1)


@pytest.mark.parametrize(
    ("text", "line", "hint"),
    [
        ("a: b: c\n", 1, "quotes"),
        ("a: 1\nb: @x\n", 2, "quotes"),
        ("a:\n  b: 1\n c: 2\n", 3, "the same column"),
        ("a: [1,\n", 2, "close the { or [ above"),
        ("a: [1\n", 1, "comma or ]"),
        ("b: 1\na: 'x\nc: 2\n", 2, "the same quote"),
    ],
)
def test_broken_yaml_is_a_problem_with_its_line_and_a_hint(text: str, line: int, hint: str) -> None:
    problem = only_problem_of(text)
    assert problem.line == line
    assert hint in problem.hint


def test_the_problem_names_the_file() -> None:
    assert str(only_problem_of("a: *b\n")).startswith("chart.yaml:1:4: error: ")


def test_text_in_a_message_stays_short_and_on_one_line() -> None:
    assert quote("a\nb\x1b") == "'a\\nb\\x1b'"
    assert quote("ü 🙂") == "'ü 🙂'"
    assert quote("x" * 100) == "'" + "x" * 60 + "…'"
