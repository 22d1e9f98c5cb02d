from __future__ import annotations

import sys
from pathlib import Path

import pytest
from gateway_material import run

from pommai.errors import SettingsError
from pommai.gateway.gateway_file import Endpoint
from pommai.gateway.speech.endpoint import open_client

URL = "http://127.0.0.1:9/v1"


def key_of(endpoint: Endpoint) -> str | None:
    async def test() -> str | None:
        async with open_client(endpoint) as client:
            found: str | None = client.headers.get("Authorization")
            return found

    return run(test())


def test_the_key_comes_from_a_file_or_from_the_environment_or_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key").write_text("sk-file\n")
    (tmp_path / "key").chmod(0o644)
    with pytest.raises(SettingsError, match=f"the key of {URL} .* chmod 600 {tmp_path / 'key'}"):
        open_client(Endpoint(URL, "m", key_file=str(tmp_path / "key")))
    (tmp_path / "key").chmod(0o600)
    monkeypatch.setenv("A_KEY", "sk-env")
    assert key_of(Endpoint(URL, "m", key_file=str(tmp_path / "key"))) == "Bearer sk-file"
    assert key_of(Endpoint(URL, "m", key_env="A_KEY")) == "Bearer sk-env"
    assert key_of(Endpoint(URL, "m")) is None


@pytest.mark.parametrize("content", [b"", b" \n", b"two words", b"sk-\xc3\xa9", b"x" * 5000, b"a\0b"])
def test_a_file_without_a_key_is_refused_and_what_is_in_it_not_told(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(content)
    (tmp_path / "key").chmod(0o600)
    with pytest.raises(SettingsError) as caught:
        open_client(Endpoint(URL, "m", key_file=str(tmp_path / "key")))
    assert str(tmp_path / "key") in str(caught.value)
    assert "two words" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_key_that_is_not_there_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("A_KEY", raising=False)
    with pytest.raises(SettingsError, match=r"A_KEY, .* is not set"):
        open_client(Endpoint(URL, "m", key_env="A_KEY"))
    for file in (str(tmp_path / "none"), "~nobody-here/key"):
        with pytest.raises(SettingsError, match="No such file"):
            open_client(Endpoint(URL, "m", key_file=file))


def test_without_httpx_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpx", None)
    with pytest.raises(SettingsError, match="pip install httpx"):
        open_client(Endpoint(URL, "m"))


def test_proxies_of_the_environment_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")

    async def test() -> None:
        async with open_client(Endpoint(URL, "m")) as client:
            assert client.trust_env is False

    run(test())
