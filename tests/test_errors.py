"""The error tree."""

from __future__ import annotations

import inspect

from pommai import errors
from pommai.errors import ChartError, PommaiError, Problem, ProtocolError, SourceError


def all_errors() -> list[type[PommaiError]]:
    return [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, PommaiError)]


def test_the_tree_drawn_at_the_top_is_the_tree_there_is() -> None:
    drawn: dict[str, str] = {}
    above: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        words = line.lstrip(" │├└─").split()
        if not words or not words[0].endswith("Error"):
            continue
        depth = (len(line) - len(line.lstrip(" │├└─"))) // 4
        above[depth:] = [words[0]]
        drawn[words[0]] = above[depth - 1] if depth else "Exception"
    assert drawn == {kind.__name__: kind.__bases__[0].__name__ for kind in all_errors()}


def test_every_error_says_what_it_means() -> None:
    assert all(kind.__doc__ for kind in all_errors())


def test_a_problem_reads_as_compilers_write_it() -> None:
    assert str(Problem("a.yaml", 3, 5, "is wrong")) == "a.yaml:3:5: error: is wrong"
    assert str(Problem("a.yaml", 3, 5, "is wrong", "do so")) == "a.yaml:3:5: error: is wrong (do so)"


def test_a_problem_for_machines_has_all_its_fields() -> None:
    assert Problem("a.yaml", 3, 5, "is wrong", "do so").as_json() == {
        "file": "a.yaml",
        "line": 3,
        "column": 5,
        "severity": "error",
        "message": "is wrong",
        "hint": "do so",
    }


def test_a_source_error_lists_each_problem_once_in_file_order() -> None:
    late, early = Problem("a.yaml", 10, 1, "late"), Problem("a.yaml", 9, 1, "early")
    caught = ChartError([late, early, late])
    assert caught.problems == (early, late)
    assert str(caught) == f"{early}\n{late}"
    assert isinstance(caught, SourceError)


def test_a_protocol_error_carries_the_code_for_the_other_end() -> None:
    assert ProtocolError("too long").code == "BAD_MESSAGE"
    assert ProtocolError("too fast", "RATE_LIMITED").code == "RATE_LIMITED"
