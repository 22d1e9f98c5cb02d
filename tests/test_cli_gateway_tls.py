from __future__ import annotations

import argparse
from pathlib import Path

import pytest
from test_gateway_tls import issue

from pommai.cli.gateway_tls import be_at_home, open_certificate, warning_of, words_at_home
from pommai.errors import SettingsError
from pommai.gateway import home


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
    be_at_home(args)
    assert args.host == "0.0.0.0"
    assert open_certificate(args.tls_cert, args.tls_key) is not None


def test_how_toys_are_told_of_it_is_said_with_the_ports_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home, "own_address", lambda: "192.168.1.20")
    assert words_at_home(Path("toys.db"), 8765, 8766) == (
        "at home: toys find this computer at 192.168.1.20; each is told so by: "
        "pommai devices add NAME --data toys.db --boot-file FILE"
    )
    assert words_at_home(Path("toys.db"), 9000, 9001).endswith(" --boot-file FILE --port 9000 --http-port 9001")
    assert words_at_home(Path("toys.db"), 8765, None).endswith("; without HTTP those with a secret are not let in")


def test_where_no_toy_could_reach_it_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> str:
        raise SettingsError("this computer is in no network")

    monkeypatch.setattr(home, "own_address", nowhere)
    assert words_at_home(Path("toys.db"), 8765, 8766) == "at home: this computer is in no network"


def test_where_it_listens_may_be_said(tmp_path: Path) -> None:
    args = at_home("--data", str(tmp_path / "toys.db"), "--host", "127.0.0.1")
    be_at_home(args)
    assert args.host == "127.0.0.1"


def test_a_gateway_at_home_keeps_its_certificate_beside_its_data_and_has_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="--at-home needs --data FILE"):
        be_at_home(at_home())
    with pytest.raises(SettingsError, match="leave out --tls-cert and --tls-key"):
        be_at_home(at_home("--data", str(tmp_path / "toys.db"), "--tls-cert", "x", "--tls-key", "y"))
