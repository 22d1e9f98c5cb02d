from __future__ import annotations

import argparse
from pathlib import Path

import pytest
from test_gateway_tls import issue

from pommai.cli.gateway_tls import be_at_home, open_certificate, warning_of
from pommai.errors import SettingsError


def test_a_certificate_and_its_key_come_together_or_not_at_all(tmp_path: Path) -> None:
    cert, key = issue(tmp_path)
    assert open_certificate(None, None) is None
    assert open_certificate(cert, key) is not None
    for half in ((cert, None), (None, key)):
        with pytest.raises(SettingsError, match="--tls-cert and --tls-key belong together"):
            open_certificate(*half)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "toys.example.com"])
def test_who_listens_to_others_without_encryption_is_warned(tmp_path: Path, host: str) -> None:
    assert warning_of(host, None) == ["the wire is not encrypted: listen like this only on a network you trust"]
    assert warning_of(host, open_certificate(*issue(tmp_path))) == []


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_who_listens_to_this_machine_alone_is_not(host: str) -> None:
    assert warning_of(host, None) == []


def at_home(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    for name in ("--data", "--tls-cert", "--tls-key"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--host")
    return parser.parse_args(words)


def test_a_gateway_at_home_listens_to_all_with_a_certificate_of_its_own(tmp_path: Path) -> None:
    args = at_home("--data", str(tmp_path / "toys.db"))
    (line,) = be_at_home(args)
    assert args.host == "0.0.0.0"
    assert open_certificate(args.tls_cert, args.tls_key) is not None
    assert line.startswith("at home: ")  # with its address, where this machine has one


def test_where_it_listens_may_be_said(tmp_path: Path) -> None:
    args = at_home("--data", str(tmp_path / "toys.db"), "--host", "127.0.0.1")
    be_at_home(args)
    assert args.host == "127.0.0.1"


def test_a_gateway_at_home_keeps_its_certificate_beside_its_data_and_has_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="--at-home needs --data FILE"):
        be_at_home(at_home())
    with pytest.raises(SettingsError, match="leave out --tls-cert and --tls-key"):
        be_at_home(at_home("--data", str(tmp_path / "toys.db"), "--tls-cert", "x", "--tls-key", "y"))
