"""Whom a crowd of toys may be sent to."""

from __future__ import annotations

import pytest

from pommai.errors import SettingsError
from pommai.qa.load_target import check_address, is_this_machine


@pytest.mark.parametrize("url", ["ws://127.0.0.1:8765/x", "ws://localhost/", "wss://[::1]:1/", "ws://127.3.4.5/"])
def test_this_machine_may_be_loaded(url: str) -> None:
    assert is_this_machine(url)
    check_address(url, owned=False)


@pytest.mark.parametrize(
    "url",
    [
        "ws://192.168.1.7:8765/",
        "wss://toys.example.com/",
        "ws://localhost.example.com/",
        "ws://127.0.0.1@toys.example.com/",
        "ws://0.0.0.0/",
        "ws://2130706433/",
        "ws://[fe80::1]/",
    ],
)
def test_another_machine_is_refused_until_it_is_said_to_be_ours(url: str) -> None:
    with pytest.raises(SettingsError, match=r"is another machine.*an attack.*--this-server-is-mine"):
        check_address(url, owned=False)
    check_address(url, owned=True)


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "127.0.0.1:8765", "ws://", "ws://[::1", "", "gateway"])
def test_what_is_no_websocket_address_is_refused_even_if_it_is_ours(url: str) -> None:
    with pytest.raises(SettingsError, match="address is like"):
        check_address(url, owned=True)
