from __future__ import annotations

from pathlib import Path

import pytest
from test_gateway_tls import issue

from pommai.cli.gateway_tls import open_certificate, warning_of
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
