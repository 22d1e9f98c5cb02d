"""A bundle that is fetched from the toy's own server comes from a key that the toy knows."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import trustme
from bundle_material import bundle_bytes
from test_bundle_fetch import sends, served
from test_toy_update_take import LIGHTS, Toy
from tls_material import SPARE, pin, served_with

from pommai.errors import BundleError
from pommai.toy.update_take import take_from

DATA = bundle_bytes(LIGHTS)
HASH = hashlib.sha256(DATA).hexdigest()


def toy_of(folder: Path, server: str, *pins: str) -> Any:
    return Toy(folder, url=f"wss://{server}:8765/audio-stream", server_pins=",".join(f"sha256/{each}" for each in pins))


def test_of_its_own_server_it_asks_for_a_key_it_knows(tmp_path: Path) -> None:
    leaf = trustme.CA().issue_cert("localhost")  # by an authority that nobody knows
    toy = toy_of(tmp_path, "localhost", pin(leaf), SPARE)
    with served(sends(DATA), served_with(leaf), "localhost") as url:
        assert take_from(url, HASH, len(DATA), toy.load(), toy.load).manifest.version == 12


def test_who_has_another_key_is_not_its_server(tmp_path: Path) -> None:
    known, other = (trustme.CA().issue_cert("localhost") for _ in range(2))
    toy = toy_of(tmp_path, "localhost", pin(known), SPARE)
    with (
        served(sends(DATA), served_with(other), "localhost") as url,
        pytest.raises(BundleError, match="is none of server_pins"),
    ):
        take_from(url, HASH, len(DATA), toy.load(), toy.load)


def test_elsewhere_the_systems_authorities_count(tmp_path: Path) -> None:
    leaf = trustme.CA().issue_cert("localhost")
    toy = toy_of(tmp_path, "toys.example", pin(leaf), SPARE)
    with (
        served(sends(DATA), served_with(leaf), "localhost") as url,
        pytest.raises(BundleError, match=r"the certificate of .* is refused"),
    ):
        take_from(url, HASH, len(DATA), toy.load(), toy.load)
