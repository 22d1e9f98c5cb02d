"""What systemd says of the toy's service, as `systemctl show` writes it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pommai.doctor.unit import read_unit

SHOWN = """\
Restart=always
NRestarts=2
Result=success
UnitFileState=enabled
User=pommai
ExecStart={ path=/opt/pommai/venv/bin/pommai ; argv[]=/opt/pommai/venv/bin/pommai run --config /etc/pommai/pommai.toml \
; ignore_errors=no ; start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; code=(null) ; status=0/0 }
Environment=POMMAI_MEMORY=/run/pommai/memory.db "POMMAI_DEVICE_TYPE=a bear"
SupplementaryGroups=audio gpio spi
WatchdogUSec=30s
StatusText=idle
LoadState=loaded
ActiveState=active
SubState=running
"""


def test_everything_that_counts_is_read() -> None:
    unit = read_unit(SHOWN)
    assert unit is not None
    assert (unit.active, unit.substate, unit.enabled, unit.restarts) == ("active", "running", "enabled", 2)
    assert (unit.user, unit.watchdog, unit.status) == ("pommai", "30s", "idle")
    assert unit.groups == ("audio", "gpio", "spi")
    assert unit.config == "/etc/pommai/pommai.toml"
    assert unit.environment == {"POMMAI_MEMORY": "/run/pommai/memory.db", "POMMAI_DEVICE_TYPE": "a bear"}
    assert unit.is_running


def test_a_toy_that_is_about_to_be_started_again_does_not_run() -> None:
    unit = read_unit(SHOWN.replace("=active", "=activating").replace("SubState=running", "SubState=auto-restart"))
    assert unit is not None
    assert not unit.is_running


def test_the_settings_file_may_be_given_with_an_equals_sign_or_not_at_all() -> None:
    with_sign = read_unit(SHOWN.replace("--config ", "--config="))
    without = read_unit(SHOWN.replace("--config /etc/pommai/pommai.toml ", ""))
    assert with_sign is not None
    assert without is not None
    assert with_sign.config == "/etc/pommai/pommai.toml"
    assert without.config is None


def test_no_service_is_none() -> None:
    assert read_unit("LoadState=not-found\nActiveState=inactive\n") is None
    assert read_unit("") is None


@given(st.text())
def test_no_text_is_too_odd(text: str) -> None:
    read_unit(f"LoadState=loaded\nExecStart={text}\nEnvironment={text}\n{text}")
