"""Where a gateway tells toys to fetch from."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from live_processes import child
from test_cli_gateway import gateway

from pommai.cli.gateway_offers import check_public_url
from pommai.errors import SettingsError


@pytest.mark.parametrize("url", ["https://toys.example", "https://toys.example:8443/pommai/", "http://127.0.0.1:8766"])
def test_an_address_that_toys_can_use_is_taken(url: str) -> None:
    assert check_public_url(url) == url.rstrip("/")
    assert check_public_url(None) is None


@pytest.mark.parametrize(
    "url", ["http://toys.example", "toys.example", "wss://toys.example", "https://a?b", "https://a#b", ""]
)
def test_any_other_is_wrong_usage(url: str) -> None:
    with pytest.raises(SettingsError, match="is no address that toys fetch from"):
        check_public_url(url)


def test_it_is_said_before_the_gateway_listens(tmp_path: Path) -> None:
    done = gateway("--port", "0", "--public-url", "http://toys.example")
    assert done.returncode == 2
    assert "--public-url http://toys.example is no address that toys fetch from" in done.stderr


def test_a_gateway_that_keeps_nothing_answers_no_cloud_functions(tmp_path: Path) -> None:
    import httpx

    (tmp_path / "key").write_text("a-key-of-nobody")
    (tmp_path / "key").chmod(0o600)
    arguments = ("gateway", "--port", "0", "--cloud", "http://127.0.0.1:9", "--service-key-file", "key")
    with child(tmp_path, "edge", *arguments) as edge:
        words = tmp_path / "edge.out"
        url = edge.wait(lambda: re.search(r"operators: (\S+)\n", words.read_text()), "edge")[1]
        for path in ("query", "mutation", "action", "upload/x"):
            answer = httpx.post(f"{url}/api/{path}", json={"path": "toys:getConfiguration"}, trust_env=False)
            assert answer.status_code == 421
            assert "toys call the functions of its cloud" in answer.json()["message"]
