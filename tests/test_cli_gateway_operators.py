from __future__ import annotations

from pathlib import Path

import pytest
from gateway_material import run

from pommai.cli.gateway_operators import OPERATOR_VARIABLE, given_token, open_token, renew_token
from pommai.errors import SettingsError, StoreError

GIVEN = "the-operator-of-this-desk"


def test_a_token_comes_from_a_file_or_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(OPERATOR_VARIABLE, raising=False)
    assert given_token(None) is None
    monkeypatch.setenv(OPERATOR_VARIABLE, "")
    assert given_token(None) is None
    monkeypatch.setenv(OPERATOR_VARIABLE, GIVEN)
    assert given_token(None) == GIVEN
    (tmp_path / "token").write_text("from-the-file\n")
    with pytest.raises(SettingsError, match=f"the operator's token: .* chmod 600 {tmp_path / 'token'}"):
        given_token(tmp_path / "token")
    (tmp_path / "token").chmod(0o600)
    assert given_token(tmp_path / "token") == "from-the-file"
    with pytest.raises(SettingsError, match="nowhere cannot be read: No such file"):
        given_token(tmp_path / "nowhere")


def test_a_token_that_was_given_is_not_said_and_not_kept(tmp_path: Path) -> None:
    operators = open_token(GIVEN, tmp_path / "toys.db")
    assert operators.welcome() == []
    assert run(operators.token.is_right(GIVEN))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(SettingsError, match="could be guessed"):
        open_token("admin", None)


def test_without_data_each_start_makes_a_token_and_says_it() -> None:
    tokens = set()
    for _ in range(2):
        operators = open_token(None, None)
        words, _, token = operators.welcome()[0].rpartition(" ")
        assert words == "operator's token for this run:"
        assert run(operators.token.is_right(token))
        tokens.add(token)
    assert len(tokens) == 2


def test_beside_data_it_is_said_once_and_not_before_all_else_has_gone_well(tmp_path: Path) -> None:
    data = tmp_path / "toys.db"
    open_token(None, data)  # a start that fails after this
    assert list(tmp_path.iterdir()) == []
    words, _, token = open_token(None, data).welcome()[0].rpartition(" ")
    assert words == "operator's token, shown this once:"
    again = open_token(None, data)
    assert again.welcome() == []
    assert run(again.token.is_right(token))
    renewed = renew_token(None, data).rpartition(" ")[2]
    assert run(again.token.is_right(renewed))
    assert not run(again.token.is_right(token))


def test_a_new_token_needs_a_place_and_must_be_the_one_that_counts(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="say where with --data FILE"):
        renew_token(None, None)
    with pytest.raises(SettingsError, match=f"given by a file or by {OPERATOR_VARIABLE}: change it there"):
        renew_token(GIVEN, tmp_path / "toys.db")
    with pytest.raises(StoreError, match="cannot be kept"):
        renew_token(None, tmp_path / "nowhere" / "toys.db")
