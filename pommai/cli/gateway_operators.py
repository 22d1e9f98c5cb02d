"""How `pommai gateway` comes by the operator's token, and says it once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pommai.errors import SecretError, SettingsError

if TYPE_CHECKING:
    from pommai.gateway.operator_token import OperatorToken

OPERATOR_VARIABLE = "POMMAI_OPERATOR_TOKEN"


def given_token(file: Path | None) -> str | None:
    """The operator's token that somebody chose: in a file, or in the environment. Raises SettingsError."""
    if file is None:
        return os.environ.get(OPERATOR_VARIABLE) or None
    from pommai.io.secret import MAX_BYTES, read_closed

    try:
        return read_closed(file, MAX_BYTES, waits=True).decode("utf-8", "replace").strip()
    except SecretError as caught:
        raise SettingsError(f"the operator's token: {caught}") from None


class Operators:
    """The operator's token of a gateway that starts."""

    def __init__(self, token: OperatorToken, made: str | None = None, file: Path | None = None) -> None:
        """`made` is the token itself when it was made just now, and `file` where its hash is to be kept."""
        self.token = token
        self._made = made
        self._file = file

    def welcome(self) -> list[str]:
        """Keep a token that was made, and say it: once everything else has gone well, for it is said only once.

        Raises StoreError when it cannot be kept.
        """
        if self._made is None:
            return []
        if self._file is None:
            return [f"operator's token for this run: {self._made}"]
        self.token.keep(self._file)
        return [_once(self._made)]


def open_token(given: str | None, data: Path | None) -> Operators:
    """The token that was given, or is known beside the data, or is made.

    Raises SettingsError when the given one is too weak, StoreError when what is kept is damaged.
    """
    from pommai.gateway.operator_token import OperatorToken, file_beside, new_token

    if given is not None:
        return Operators(OperatorToken.of(given))
    kept = None if data is None else OperatorToken.kept_in(file_beside(data))
    if kept is not None:
        return Operators(kept)
    made = new_token()
    return Operators(OperatorToken.of(made), made, None if data is None else file_beside(data))


def renew_token(given: str | None, data: Path | None) -> str:
    """Keep a new token in place of the old one; words to be printed. Raises SettingsError, or StoreError."""
    from pommai.gateway.operator_token import OperatorToken, file_beside, new_token

    if given is not None:
        raise SettingsError(f"the operator's token is given by a file or by {OPERATOR_VARIABLE}: change it there")
    if data is None:
        raise SettingsError(
            "a new operator's token is kept beside the data: say where with --data FILE; without, each start makes one"
        )
    made = new_token()
    OperatorToken.of(made).keep(file_beside(data))
    return _once(made)


def _once(made: str) -> str:
    return f"operator's token, shown this once: {made}"
