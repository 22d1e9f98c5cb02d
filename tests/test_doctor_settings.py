"""Whose settings are looked at."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from pommai.doctor.settings import settings_of
from pommai.doctor.unit import Unit
from pommai.errors import SettingsError
from pommai.io.secret import SecretFile


def unit(config: Path | None, **environment: str) -> Unit:
    command = ("pommai", "run") if config is None else ("pommai", "run", "--config", str(config))
    return Unit(command=command, environment=environment)


def config(folder: Path, text: str, name: str = "toy.toml") -> Path:
    (folder / name).write_text(text)
    return folder / name


def test_the_services_settings_count_where_nobody_names_others(tmp_path: Path) -> None:
    file = config(tmp_path, 'device_id = "bear-7"\n')
    found = settings_of(argparse.Namespace(), unit(file, POMMAI_VOLUME="33"), {})
    assert (found.settings.device_id, found.settings.volume) == ("bear-7", 33)
    assert found.origin == f"settings of pommai.service ({file})"


def test_what_is_said_here_stands_over_what_the_service_is_told(tmp_path: Path) -> None:
    file = config(tmp_path, 'device_id = "bear-7"\n')
    args = argparse.Namespace(volume="44")
    found = settings_of(args, unit(file, POMMAI_VOLUME="33", DEVICE_ID="owl"), {"DEVICE_ID": "cat"})
    assert (found.settings.device_id, found.settings.volume) == ("cat", 44)
    assert not hasattr(args, "config"), "what was given is left as it was"


def test_a_named_file_counts_over_the_services(tmp_path: Path) -> None:
    other = config(tmp_path, 'device_id = "mine"\n', "mine.toml")
    there = unit(config(tmp_path, 'device_id = "bear-7"\n'), POMMAI_VOLUME="33")
    for args, environment in (
        (argparse.Namespace(config=str(other)), {}),
        (argparse.Namespace(), {"POMMAI_CONFIG": str(other)}),
    ):
        found = settings_of(args, there, environment)
        assert (found.settings.device_id, found.settings.volume) == ("mine", 60)
        assert str(other) in found.origin


def test_who_names_the_services_own_file_means_its_toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = unit(config(tmp_path, 'device_id = "bear-7"\n'), POMMAI_VOLUME="33")
    monkeypatch.chdir(tmp_path)
    for named in ("toy.toml", str(tmp_path / "toy.toml")):
        found = settings_of(argparse.Namespace(config=named), there, {})
        assert (found.settings.device_id, found.settings.volume) == ("bear-7", 33)


def test_without_a_service_the_settings_are_those_of_this_place(tmp_path: Path) -> None:
    assert settings_of(argparse.Namespace(), None, {}).settings.device_id
    assert settings_of(argparse.Namespace(), unit(None), {}).origin == "settings of pommai.service"


@pytest.mark.parametrize("by_flag", [False, True])
def test_a_token_that_cannot_be_read_keeps_nobody_from_looking_at_the_rest(tmp_path: Path, by_flag: bool) -> None:
    missing = str(tmp_path / "token")
    file = config(tmp_path, 'device_id = "bear-7"\n' + ("" if by_flag else f'token_file = "{missing}"\n'))
    args = argparse.Namespace(config=str(file), **({"token_file": missing} if by_flag else {}))
    found = settings_of(args, None, {})
    assert found.settings.token_file == SecretFile(Path(missing))
    assert found.settings.device_id == "bear-7"


def test_any_other_mistake_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="volume must be"):
        settings_of(argparse.Namespace(config=str(config(tmp_path, "volume = 700\n"))), None, {})
