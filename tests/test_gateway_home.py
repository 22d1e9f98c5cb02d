"""The certificate that a gateway at home makes for itself, and what toys know it by."""

from __future__ import annotations

import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread

import pytest

from pommai.errors import SettingsError
from pommai.gateway.home import LIFE, Home, folder_of, open_home
from pommai.gateway.tls import Certificate
from pommai.io.certificate import pin_of, validity_of

NOW = datetime(2027, 3, 1, tzinfo=UTC)


def der_of(home: Home) -> bytes:
    return ssl.PEM_cert_to_DER_cert(home.cert.read_text())


def test_the_first_start_makes_what_the_gateway_listens_with_and_toys_know(tmp_path: Path) -> None:
    home = open_home(tmp_path / "toys.db", NOW)
    assert Certificate(home.cert, home.key).expires == validity_of(der_of(home)).ends
    assert home.pins[0] == f"sha256/{pin_of(der_of(home))}"
    assert home.pins[0] != home.pins[1]
    begins, ends = validity_of(der_of(home))
    assert begins < NOW  # the toy's clock may be a little behind
    assert ends - NOW == LIFE


def test_the_keys_are_its_owners_alone(tmp_path: Path) -> None:
    home = open_home(tmp_path / "toys.db", NOW)
    folder = folder_of(tmp_path / "toys.db")
    assert home.key.parent == folder
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {
        "key.pem": 0o600,
        "spare.pem": 0o600,
        "cert.pem": 0o644,
    }


def test_a_second_start_changes_nothing(tmp_path: Path) -> None:
    first = open_home(tmp_path / "toys.db", NOW)
    was = der_of(first)
    assert open_home(tmp_path / "toys.db", NOW + timedelta(days=1000)) == first
    assert der_of(first) == was


def test_a_certificate_that_ends_is_made_again_and_toys_know_it_still(tmp_path: Path) -> None:
    first = open_home(tmp_path / "toys.db", NOW)
    was = der_of(first)
    later = open_home(tmp_path / "toys.db", NOW + timedelta(days=3300))
    assert der_of(later) != was
    assert later.pins == first.pins
    assert pin_of(der_of(later)) == pin_of(was)


def test_a_damaged_certificate_is_made_again(tmp_path: Path) -> None:
    home = open_home(tmp_path / "toys.db", NOW)
    home.cert.write_text("half a certi")
    assert open_home(tmp_path / "toys.db", NOW).pins == home.pins
    Certificate(home.cert, home.key)


def test_when_the_key_is_lost_the_spare_takes_its_place_and_toys_know_it(tmp_path: Path) -> None:
    first = open_home(tmp_path / "toys.db", NOW)
    (first.key.parent / "spare.pem").rename(first.key)
    second = open_home(tmp_path / "toys.db", NOW)
    assert second.pins[0] == first.pins[1] == f"sha256/{pin_of(der_of(second))}"
    assert second.pins[1] not in first.pins


def test_the_spare_is_another_key(tmp_path: Path) -> None:
    home = open_home(tmp_path / "toys.db", NOW)
    (home.key.parent / "spare.pem").write_bytes(home.key.read_bytes())
    with pytest.raises(SettingsError, match=r"the same key; delete spare\.pem"):
        open_home(tmp_path / "toys.db", NOW)


@pytest.mark.parametrize(
    "content", [b"", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", b"\xff" * 50]
)
def test_a_key_that_is_none_is_never_written_over(tmp_path: Path, content: bytes) -> None:
    home = open_home(tmp_path / "toys.db", NOW)
    home.key.write_bytes(content)
    with pytest.raises(SettingsError, match=r"key\.pem is no key"):
        open_home(tmp_path / "toys.db", NOW)
    assert home.key.read_bytes() == content


def test_a_key_that_others_can_read_is_refused_with_the_way_to_close_it(tmp_path: Path) -> None:
    key = open_home(tmp_path / "toys.db", NOW).key
    key.chmod(0o644)
    with pytest.raises(SettingsError, match=f"chmod 600 {key}"):
        open_home(tmp_path / "toys.db", NOW)


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "toys.db.tls").write_text("a file")
    with pytest.raises(SettingsError, match=r"toys\.db\.tls cannot be used"):
        open_home(tmp_path / "toys.db", NOW)


def test_many_that_begin_at_the_same_moment_agree_on_one_key(tmp_path: Path) -> None:
    found: list[Home] = []
    threads = [Thread(target=lambda: found.append(open_home(tmp_path / "toys.db", NOW))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len({home.pins for home in found}) == 1
    assert sorted(path.name for path in (tmp_path / "toys.db.tls").iterdir()) == ["cert.pem", "key.pem", "spare.pem"]
