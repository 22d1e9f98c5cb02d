"""What every key has in common."""

from __future__ import annotations

import pytest
from jsonschema import Draft202012Validator

from pommai.errors import ResponsesError
from pommai.responses.key import LONGEST_REPLY, Written, check_length, read_section, texts_key
from pommai.responses.keys import LIMIT_KEYS
from pommai.source import Reader


def test_keys_with_a_problem_are_left_out_of_what_was_read() -> None:
    reader = Reader("session: {longest: soon, rest: 10m, replies: [x]}", "x.yaml", ResponsesError)
    section = read_section(reader, reader.root, "limits", {"session": LIMIT_KEYS["session"]})
    assert set(section.get("session").values) == {"rest", "replies"}
    assert section.get("session").get("longest", "none") == "none"
    with pytest.raises(ResponsesError, match="longest of session of limits must be a duration"):
        reader.finish()


def test_a_list_of_texts_may_say_what_a_text_is_like_and_whether_it_must_be_there() -> None:
    needed = texts_key("Words.", "word", {"type": "string", "pattern": "^x"}, required=True)
    assert needed.required
    assert [Draft202012Validator(needed.schema).is_valid(texts) for texts in (["x"], ["y"], [])] == [True, False, False]
    reader = Reader("[]", "x.yaml", ResponsesError)
    assert needed.read(reader, reader.root, "words") == ()
    texts_key("Words.", "word").read(reader, reader.root, "more")
    texts_key("Words.", "word", empty=True).read(reader, reader.root, "most")
    assert [problem.hint for problem in reader.problems] == [
        "write at least one word",
        "write at least one word, or leave the key out",
    ]


def test_what_no_child_would_listen_to_is_too_long() -> None:
    reader = Reader("x", "x.yaml", ResponsesError)
    check_length(reader, Written("x" * LONGEST_REPLY, reader.root), "a reply")
    assert reader.problems == []
    check_length(reader, Written("x" * (LONGEST_REPLY + 1), reader.root), "a reply")
    assert "a reply has 401 characters, more than 400" in str(reader.problems[0])
