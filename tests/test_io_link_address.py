"""The address of the toy's server."""

from __future__ import annotations

import pytest
from websockets.exceptions import InvalidURI
from websockets.uri import parse_uri

from pommai.errors import SettingsError
from pommai.io.link_address import address_of

GOOD = (
    "ws://127.0.0.1:8765/audio-stream",
    "wss://example.org",
    "wss://EXAMPLE.org/path?toy=1",
    "ws://[::1]:9/",
    "ws://host",
)


@pytest.mark.parametrize("url", GOOD)
def test_it_is_read_as_the_library_reads_it_that_calls_it(url: str) -> None:
    theirs = parse_uri(url)
    assert address_of(url) == (theirs.host, theirs.port, theirs.secure)


@pytest.mark.parametrize("url", ["http://example.org", "example.org", "ws://", "wss:///path", "ws://host/#part", ""])
def test_what_the_library_would_not_call_is_refused_before_it_is_there(url: str) -> None:
    with pytest.raises(InvalidURI):
        parse_uri(url)
    with pytest.raises(SettingsError, match="like wss://host/path, not"):
        address_of(url)


@pytest.mark.parametrize("url", ["ws://host:many/", "ws://host:70000/", "ws://host:0/", "ws://[::1/"])
def test_so_is_a_port_that_is_none_and_a_bracket_that_does_not_close(url: str) -> None:
    with pytest.raises(SettingsError, match="like wss://host/path, not"):
        address_of(url)
