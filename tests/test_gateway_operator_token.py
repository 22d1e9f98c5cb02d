from __future__ import annotations

import stat
from pathlib import Path

import pytest
from gateway_material import run
from hypothesis import given
from hypothesis import strategies as st

from pommai.errors import SettingsError, StoreError
from pommai.gateway.operator_token import SHORTEST, OperatorToken, file_beside, new_token


def test_a_token_that_was_made_cannot_be_guessed_and_a_header_can_carry_it() -> None:
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(len(token) == 43 for token in tokens)
    for token in tokens:
        assert run(OperatorToken.of(token).is_right(token))


@given(st.text())
def test_whatever_else_is_shown_is_wrong(shown: str) -> None:
    token = OperatorToken.of("the-operator-of-this-desk")
    assert run(token.is_right(shown)) is (shown == "the-operator-of-this-desk")


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ("", "is empty, or holds spaces"),
        ("two words and then a few more", "is empty, or holds spaces"),
        ("schlüssel-der-betreiberin", "characters that a header cannot carry"),
        ("x" * (SHORTEST - 1), "could be guessed; write at least 20"),
    ],
)
def test_a_weak_token_is_refused(token: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        OperatorToken.of(token)


def test_a_file_keeps_the_hash_alone_for_its_owner_alone(tmp_path: Path) -> None:
    path = file_beside(tmp_path / "toys.db")
    assert path.name == "toys.db.operator"
    assert OperatorToken.kept_in(path) is None
    token = new_token()
    made = OperatorToken.of(token)
    made.keep(path)
    kept = OperatorToken.kept_in(path)
    assert kept is not None
    assert run(made.is_right(token))
    assert run(kept.is_right(token))
    assert not run(kept.is_right(token[:-1]))
    assert token not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["toys.db.operator"]


def test_a_new_token_counts_at_once_for_a_gateway_that_runs_and_the_old_one_no_more(tmp_path: Path) -> None:
    path = tmp_path / "toys.db.operator"
    first, second = new_token(), new_token()
    running = OperatorToken.of(first)
    running.keep(path)
    OperatorToken.of(second).keep(path)
    assert run(running.is_right(second))
    assert not run(running.is_right(first))
    path.unlink()
    assert run(running.is_right(second))  # a file that is gone opens nothing, and closes nothing


@pytest.mark.parametrize("text", ["", "sha256 12", "sha256 " + "0" * 64 + "\nmore", "md5 " + "0" * 64, "\0\xff"])
def test_a_damaged_file_lets_nobody_in_and_says_what_to_do(tmp_path: Path, text: str) -> None:
    path = tmp_path / "toys.db.operator"
    path.write_text(text)
    with pytest.raises(StoreError, match="--new-operator-token makes a new one"):
        OperatorToken.kept_in(path)
    path.unlink()
    running = OperatorToken.of(new_token())
    running.keep(path)
    path.write_text(text)
    for _ in range(2):
        with pytest.raises(StoreError):
            run(running.is_right("0" * 64))


def test_a_folder_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"cannot be kept in .*: No such file or directory"):
        OperatorToken.of(new_token()).keep(tmp_path / "nowhere" / "toys.db.operator")
