"""Settings: three origins, one table, and errors that say where the wrong value stands."""

from __future__ import annotations

import argparse
import dataclasses
import os
import re
from pathlib import Path
from typing import Any

import pytest

from pommai.bundle.manifest import CHART_SOURCE, FILES, SOUNDS
from pommai.bundle.store import STATE
from pommai.errors import SettingsError
from pommai.io.secret import SecretFile, SystemdCredential, TpmSecret
from pommai.toy.setting_kinds import SoundPort
from pommai.toy.settings import (
    BUNDLED,
    RESOURCES,
    Settings,
    add_setting_arguments,
    as_flags,
    find_project_file,
    has_bundles,
    load_settings,
    shipped_file,
)

ROOT = Path(__file__).resolve().parent.parent


def load(
    folder: Path, *flags: str, toml: str | None = None, only: tuple[str, ...] = (), **environment: str
) -> Settings:
    if toml is not None:
        (folder / "pommai.toml").write_text(toml)
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_setting_arguments(parser, only)
    return load_settings(parser.parse_args(flags), environment=environment, cwd=folder)


def error(folder: Path, *flags: str, toml: str | None = None, **environment: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load(folder, *flags, toml=toml, **environment)
    return str(caught.value)


def test_without_any_origin_the_defaults_are_in_force(tmp_path: Path) -> None:
    settings = load(tmp_path, toml="")
    assert settings == Settings()
    assert settings.url == "ws://127.0.0.1:8765/audio-stream"
    assert settings.device_id == "default-toy-001"
    assert settings.token_file is None
    assert settings.chart.name == "statechart.yaml"
    assert settings.cache_dir.name == "pommai"


def test_the_environment_stands_over_the_file_and_the_command_line_over_both(tmp_path: Path) -> None:
    toml = 'volume = 10\nbutton_pin = 4\ndevice_id = "from-file"\n'
    settings = load(tmp_path, "--volume", "30", toml=toml, POMMAI_VOLUME="20", DEVICE_ID="from-environment")
    assert (settings.volume, settings.device_id, settings.button_pin) == (30, "from-environment", 4)


def test_the_names_of_the_users_guide_are_known(tmp_path: Path) -> None:
    settings = load(tmp_path, CONVEX_URL="wss://a.example/x", DEVICE_ID="d", POMMAI_TOY_ID="bear")
    assert (settings.url, settings.device_id, settings.toy_id) == (
        "wss://a.example/x",
        "d",
        "bear",
    )


def test_the_toy_to_be_without_any_setting_is_one_that_the_desk_gateway_knows() -> None:
    assert f"\n  {Settings().toy_id}:\n" in (ROOT / "personas.yaml").read_text()


def test_a_variable_set_to_nothing_is_not_set(tmp_path: Path) -> None:
    assert load(tmp_path, toml="volume = 5\n", POMMAI_VOLUME="").volume == 5


def test_paths_in_the_file_start_at_its_folder_and_others_at_the_working_directory(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "toy.toml").write_text('trace = "t.jsonl"\nspeaker = "wav:s.wav"\n')
    settings = load(tmp_path, "--config", "conf/toy.toml", "--microphone", "wav:m.wav")
    assert settings.trace == tmp_path / "conf" / "t.jsonl"
    assert settings.speaker == SoundPort("wav", tmp_path / "conf" / "s.wav")
    assert settings.microphone == SoundPort("wav", tmp_path / "m.wav")
    assert load(tmp_path, "--trace", "none", POMMAI_CONFIG="conf/toy.toml").trace is None


def test_a_wrong_value_names_setting_value_origin_and_what_is_allowed(tmp_path: Path) -> None:
    path = tmp_path / "pommai.toml"
    assert error(tmp_path, toml="# first\n\nvolume = 140\n") == (
        f"{path}:3: volume must be a whole number in 0..100, not '140'"
    )
    assert error(tmp_path, toml="", CONVEX_URL="http://x").startswith(
        "environment variable CONVEX_URL: url must be a WebSocket address"
    )
    assert error(tmp_path, "--button", "gpoi") == (
        "--button: button must be one of auto, gpio, keyboard, lines, none (did you mean gpio?), not 'gpoi'"
    )


def test_all_wrong_values_are_told_at_once_and_overridden_ones_not(tmp_path: Path) -> None:
    lines = error(tmp_path, "--volume", "x", toml="volume = 140\nbutton_pin = 99\n").splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("--volume: ")
    assert lines[1].split(":")[1] == "2"


def test_the_line_of_a_key_is_found_past_texts_that_look_like_it(tmp_path: Path) -> None:
    toml = 'url = """\nvolume = 1\n"""\n"volume" = 140\n'
    assert ":4: volume must be" in error(tmp_path, toml=toml)


def test_an_unknown_key_is_refused_with_the_name_that_was_probably_meant(tmp_path: Path) -> None:
    assert error(tmp_path, toml="\nvolum = 3\n") == (
        f"{tmp_path / 'pommai.toml'}:2: there is no setting 'volum' (did you mean 'volume'?)"
    )
    assert ":1: there is no setting 'audio'" in error(tmp_path, toml="[audio]\nvolume = 3\n")


def test_broken_toml_says_where(tmp_path: Path) -> None:
    assert re.search(r"pommai\.toml:2:\d+: is not TOML: ", error(tmp_path, toml="volume = 1\nbutton gpio\n"))
    (tmp_path / "pommai.toml").write_bytes(b"# \xff\n")
    assert "is not UTF-8" in error(tmp_path)
    assert "is not TOML" in error(tmp_path, toml='url = "x')


def test_a_settings_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    assert error(tmp_path, "--config", "no.toml") == f"--config: there is no file {tmp_path / 'no.toml'}"
    assert error(tmp_path, POMMAI_CONFIG="no.toml").startswith("environment variable POMMAI_CONFIG: ")


def test_a_folder_that_is_closed_to_the_toys_user_has_no_files_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: dict[str, Any] = {name: getattr(Path, name) for name in ("is_file", "is_dir")}

    def closed(name: str) -> Any:
        def look(path: Path) -> bool:
            if path.is_relative_to(tmp_path):
                raise PermissionError(13, "Permission denied")
            return bool(looks[name](path))

        return look

    for name in looks:  # as for `sudo -u pommai` in somebody's home; root, who may run these tests, may look anywhere
        monkeypatch.setattr(Path, name, closed(name))
    assert load(tmp_path) == Settings()
    assert find_project_file("led_patterns.yaml", tmp_path) == find_project_file("led_patterns.yaml")
    assert "toy.toml: cannot be read" in error(tmp_path, "--config", str(tmp_path / "toy.toml"))
    for flag in ("--chart", "--sounds"):
        assert "that may be looked at" in error(tmp_path, flag, str(tmp_path / "mine"))


@pytest.mark.parametrize("name", ["POMMAI_USER_TOKEN", "POMMAI_TOKEN"])
def test_a_token_itself_is_no_setting_and_who_gives_one_hears_where_it_belongs(tmp_path: Path, name: str) -> None:
    for words in (error(tmp_path, toml='volume = 7\ntoken = "hush-hush"\n'), error(tmp_path, **{name: "hush-hush"})):
        assert "a token does not belong here" in words
        assert "chmod 600" in words
        assert "--token-file" in words
        assert "hush" not in words
    assert "pommai.toml:2: " in error(tmp_path, toml='volume = 7\ntoken = "hush-hush"\n')


def test_where_the_token_is_may_be_said_as_that_of_every_secret(tmp_path: Path) -> None:
    assert load(tmp_path, toml='token_file = "token"\n').token_file == SecretFile(tmp_path / "token")
    assert load(tmp_path, POMMAI_TOKEN_FILE="file:/x/token").token_file == SecretFile(Path("/x/token"))
    named = load(tmp_path, "--token-file", "credential:pommai-token", toml='token_file = "token"\n')
    assert named.token_file == SystemdCredential("pommai-token")
    assert load(tmp_path, toml='token_file = "tpm:0x81010001"\n').token_file == TpmSecret("0x81010001")


@pytest.mark.parametrize("place", ["credential:../etc/shadow", "tpm:0", "file:", "credential:"])
def test_a_place_of_a_token_that_is_none_is_an_error_that_does_not_show_it(tmp_path: Path, place: str) -> None:
    message = error(tmp_path, POMMAI_TOKEN_FILE=place)
    assert "never the secret" in message
    assert "shadow" not in message


def test_one_pin_cannot_serve_the_button_and_a_light(tmp_path: Path) -> None:
    assert "both claim GPIO pin 6" in error(tmp_path, "--button-pin", "6")


def test_help_shows_every_setting_with_its_variable_and_default() -> None:
    parser = argparse.ArgumentParser()
    add_setting_arguments(parser)
    text = " ".join(parser.format_help().split())
    for row in dataclasses.fields(Settings):
        assert f"--{row.name.replace('_', '-')} " in text
    for word in ("CONVEX_URL", "DEVICE_ID", "POMMAI_TOKEN_FILE", "POMMAI_TOY_ID", "POMMAI_VOLUME; default: 60"):
        assert word in text
    assert "--token " not in text


def test_a_command_may_offer_only_some_settings(tmp_path: Path) -> None:
    assert load(tmp_path, "--lights", "terminal", only=("lights",)).lights == "terminal"
    with pytest.raises((argparse.ArgumentError, SystemExit)):
        load(tmp_path, "--volume", "1", only=("lights",))


def test_arguments_that_are_no_settings_are_left_alone(tmp_path: Path) -> None:
    assert load_settings(argparse.Namespace(run=print, volume="7"), environment={}, cwd=tmp_path).volume == 7


def test_the_example_file_shows_every_setting_with_its_default(tmp_path: Path) -> None:
    example = (ROOT / "pommai.toml").read_text()
    assert load(tmp_path, toml=example) == Settings()
    uncommented = re.sub(r"(?m)^# (?=\w+ = )", "", example)
    without_default = {"token_file", "cloud_url", "device_secret", "microphone_device", "speaker_device"}
    without_default |= {"update_keys", "server_pins", "server_keys", "memory_key"}
    shown = set(re.findall(r"(?m)^(\w+) = ", uncommented))
    assert shown == {row.name for row in dataclasses.fields(Settings)}
    for file in ("statechart.yaml", "led_patterns.yaml", "offline_responses.yaml", "personas.yaml"):
        (tmp_path / file).touch()
    (tmp_path / "pommai" / "resources" / "sounds").mkdir(parents=True)
    defaults = re.sub(rf"(?m)^({'|'.join(without_default)}) = .*$", "", uncommented)
    settings = dataclasses.asdict(load(tmp_path, toml=defaults))
    for name, value in dataclasses.asdict(Settings()).items():
        assert settings[name] == value or settings[name].name == value.name


def test_project_files_are_looked_for_from_the_nearest_to_the_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_project_file("statechart.yaml", tmp_path) == ROOT / "statechart.yaml"
    (tmp_path / "statechart.yaml").touch()
    assert find_project_file("statechart.yaml", tmp_path) == tmp_path / "statechart.yaml"
    installed = tmp_path / "site" / "pommai"
    (installed / "resources").mkdir(parents=True)
    (installed / "resources" / "led_patterns.yaml").touch()
    monkeypatch.setattr("pommai.toy.settings.PACKAGE", installed)
    monkeypatch.setattr("pommai.toy.settings.RESOURCES", installed / "resources")
    assert find_project_file("led_patterns.yaml", tmp_path) == installed / "resources" / "led_patterns.yaml"
    with pytest.raises(SettingsError, match=r"absent.yaml is not to be found; looked in "):
        find_project_file("absent.yaml", tmp_path)


def test_the_cache_folder_follows_the_xdg_rule(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert Settings().cache_dir == tmp_path / "pommai"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Settings().cache_dir == tmp_path / ".cache" / "pommai"
    assert Settings().sounds == RESOURCES / "sounds"


def test_who_has_no_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_000)  # as containers do, a user that nobody knows
    for folder in ("cache_dir", "memory", "models", "updates"):
        with pytest.raises(SettingsError, match="no home folder: set HOME, or both XDG_DATA_HOME and XDG_CACHE_HOME"):
            getattr(Settings(), folder)


def test_the_memory_follows_the_xdg_rule(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert Settings().memory == tmp_path / "pommai" / "memory.db"
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Settings().memory == tmp_path / ".local" / "share" / "pommai" / "memory.db"
    assert load(tmp_path, toml='memory_copy_every = "1m30s"\n').memory_copy_every == 90.0


def test_a_cloud_and_a_secret_belong_together(tmp_path: Path) -> None:
    settings = load(tmp_path, "--cloud-url", "https://a.example", POMMAI_DEVICE_SECRET="file:secret")
    assert (settings.cloud_url, settings.device_secret) == ("https://a.example", SecretFile(tmp_path / "secret"))
    for flag in (("--cloud-url", "https://a.example"), ("--device-secret", "tpm:0x81010001")):
        assert "belong together" in error(tmp_path, *flag)


def test_a_secret_that_stands_where_its_place_should_is_not_shown(tmp_path: Path) -> None:
    words = error(tmp_path, POMMAI_DEVICE_SECRET="hunter2-hunter2", POMMAI_CLOUD_URL="https://a.example")
    assert "device_secret must be file:PATH, credential:NAME" in words
    assert "hunter2" not in words


def test_a_bundle_stands_before_the_projects_files_and_after_files_that_somebody_named(tmp_path: Path) -> None:
    for folder in ("bundle", "mine"):
        (tmp_path / folder).mkdir()
        for file in ("led_patterns.yaml", "personas.yaml"):
            (tmp_path / folder / file).touch()
    parser = argparse.ArgumentParser()
    add_setting_arguments(parser)
    flags = ["--personas", "mine/personas.yaml", "--updates", "updates"]
    asked: list[Path] = []

    def bundle(updates: Path) -> Path:
        asked.append(updates)
        return tmp_path / "bundle"

    settings = load_settings(parser.parse_args(flags), environment={}, cwd=tmp_path, bundle=bundle)
    assert asked == [tmp_path / "updates"]
    assert settings.led_patterns == tmp_path / "bundle" / "led_patterns.yaml"
    assert settings.personas == tmp_path / "mine" / "personas.yaml"
    assert settings.chart == ROOT / "statechart.yaml"


def test_flags_can_be_given_on_to_another_command(tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    add_setting_arguments(parser)
    (tmp_path / "own.toml").write_text("volume = 5\n")
    given = parser.parse_args(["--config", str(tmp_path / "own.toml"), "--toy-id", "bear"])
    assert as_flags(given) == [f"--config={tmp_path / 'own.toml'}", "--toy-id=bear"]
    assert load_settings(parser.parse_args(as_flags(given)), environment={}).volume == 5


def test_what_came_with_the_software_is_found_whatever_lies_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "statechart.yaml").touch()
    monkeypatch.chdir(tmp_path)
    assert shipped_file("statechart.yaml") == ROOT / "statechart.yaml"


def test_a_bundle_holds_its_files_where_the_settings_look(tmp_path: Path) -> None:
    assert set(BUNDLED.values()) == {*FILES, SOUNDS} - {CHART_SOURCE}
    assert not has_bundles(tmp_path / "updates")
    (tmp_path / "updates").mkdir()
    (tmp_path / "updates" / STATE).touch()
    assert has_bundles(tmp_path / "updates")
