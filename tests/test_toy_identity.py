"""A toy knows whether it can go to its server, and if not, why."""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from pommai.io.secret import SecretFile
from pommai.toy import logs
from pommai.toy.identity import Missing, identity_of
from pommai.toy.logs import configure_logs
from pommai.toy.settings import Settings

WORDS = "a-token-planted-here"


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def kept(folder: Path, name: str, mode: int = 0o600) -> SecretFile:
    path = folder / name
    path.touch(mode)
    path.write_text(f"{WORDS}-{name}\n")
    path.chmod(mode)
    return SecretFile(path)


def test_what_is_lost_meanwhile_is_said_when_the_toy_rests_and_not_into_a_turn() -> None:
    posted: list[str] = []
    missing = Missing(lambda event: posted.append(event.name))
    for resting in (False, True, False):
        missing.on_configuration(resting)
    missing.on_link(False)
    assert posted == []
    missing.on_configuration(False)
    assert posted == []
    for _ in range(3):
        missing.on_configuration(True)
    assert posted == ["identity.missing"], "once"
    missing.on_link(True)
    missing.on_link(False)
    assert posted == ["identity.missing"] * 2, "at rest it is said at once"
    missing.on_configuration(False)
    missing.on_link(False)
    missing.on_link(True)
    missing.on_configuration(True)
    assert posted == ["identity.missing"] * 2, "it is back, and there is nothing to say"


def test_without_token_and_secret_it_is_nobody() -> None:
    found = asyncio.run(identity_of(Settings()))
    assert (found.secret, "token_file" in found.trouble) == (None, True)


def test_the_token_counts_before_the_clouds_secret_and_neither_comes_into_a_log(tmp_path: Path) -> None:
    token, secret = kept(tmp_path, "token"), kept(tmp_path, "secret")
    both = asyncio.run(identity_of(Settings(token_file=token, cloud_url="https://x.example", device_secret=secret)))
    assert (both.secret, both.trouble) == (token, "")
    alone = asyncio.run(identity_of(Settings(cloud_url="https://x.example", device_secret=secret)))
    assert (alone.secret, alone.trouble) == (secret, "")
    told = io.StringIO()
    configure_logs(stream=told)
    logging.getLogger("pommai.x").error("it is %s or %s", f"{WORDS}-token", f"{WORDS}-secret")
    assert WORDS not in told.getvalue()
    assert "***" in told.getvalue()


@pytest.mark.parametrize("mode", [0o644, 0o640])
def test_what_others_can_read_is_not_taken_and_the_way_to_close_it_told(tmp_path: Path, mode: int) -> None:
    token = kept(tmp_path, "open", mode)
    found = asyncio.run(identity_of(Settings(token_file=token)))
    assert found.secret == token
    assert f"chmod 600 {token.path}" in found.trouble
    assert WORDS not in found.trouble
    assert f"{WORDS}-open" not in str(logs._hidden)
