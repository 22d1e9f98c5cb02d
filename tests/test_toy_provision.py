"""Settings from the boot partition: good files, hostile ones, and power cuts at every step."""

from __future__ import annotations

import asyncio
import os
import stat
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pommai.errors import SettingsError
from pommai.toy import provision
from pommai.toy.provision import ANSWER, FILE, read_boot_file, take
from pommai.toy.settings import load_settings

ROOT = Path(__file__).resolve().parent.parent
GOOD = """\
device_id = "bear-7"
url = "wss://gateway.example/audio-stream"
token = "very-hush-hush"
"""


class Card:
    def __init__(self, folder: Path) -> None:
        self.boot = folder / "boot"
        self.settings = folder / "etc" / "pommai" / "pommai.toml"
        self.boot.mkdir()
        self.settings.parent.mkdir(parents=True)

    def write(self, content: str | bytes) -> None:
        (self.boot / FILE).write_bytes(content.encode() if isinstance(content, str) else content)

    def take(self) -> bool:
        return take(self.boot, self.settings)

    def refusal(self, content: str | bytes) -> str:
        """What is said of a file that is not good, on the boot partition, too."""
        told = self.told(content)
        for line in told.splitlines():
            assert line in self.answer
        return told

    def told(self, content: str | bytes) -> str:
        """What is said where the file is not taken. Nothing may have changed but for the text beside it."""
        self.write(content)
        before = sorted(self.settings.parent.iterdir())
        with pytest.raises(SettingsError) as caught:
            self.take()
        assert sorted(self.settings.parent.iterdir()) == before
        assert (self.boot / FILE).exists()
        return str(caught.value)

    @property
    def answer(self) -> str:
        return (self.boot / ANSWER).read_text()

    @property
    def token(self) -> str:
        """As the toy reads it."""
        return asyncio.run(self.loaded.token_file.read()).reveal()

    @property
    def loaded(self) -> Any:
        return load_settings(None, environment={"POMMAI_CONFIG": str(self.settings)}, cwd=self.boot)


@pytest.fixture
def card(tmp_path: Path) -> Card:
    return Card(tmp_path)


def test_settings_named_from_where_one_stands_lead_to_their_secrets(
    card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    card.write(GOOD)
    monkeypatch.chdir(card.settings.parent.parent)
    assert take(card.boot, Path("pommai/pommai.toml"))
    assert card.token == "very-hush-hush"


def test_a_boot_file_becomes_settings_and_secrets_and_is_gone(card: Card) -> None:
    card.write(GOOD)
    assert card.take()
    assert sorted(path.name for path in card.boot.iterdir()) == [ANSWER]
    assert (card.loaded.device_id, card.token) == ("bear-7", "very-hush-hush")
    assert "very-hush-hush" not in card.settings.read_text() + card.answer
    token = card.settings.parent / "token"
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    assert "device_id = bear-7" in card.answer


def test_the_toy_can_read_its_settings_whatever_the_umask_of_its_service(card: Card) -> None:
    service = (ROOT / "deploy" / "pommai-provision.service").read_text()
    assert "UMask=0077" in service
    before = os.umask(0o077)
    try:
        for _ in range(2):  # a file that is new, and one that is replaced
            card.write(GOOD)
            assert card.take()
            assert stat.S_IMODE(card.settings.stat().st_mode) == 0o644
            assert stat.S_IMODE((card.settings.parent / "token").stat().st_mode) == 0o600
    finally:
        os.umask(before)


def test_its_unit_runs_for_a_file_and_for_the_rest_of_one_that_was_not_wiped_to_its_end() -> None:
    lines = (ROOT / "deploy" / "pommai-provision.service").read_text().splitlines()
    there = {Path(line.partition("=|")[2]) for line in lines if line.startswith("ConditionPathExists=|")}
    assert there == {folder / name for folder in provision.BOOT_FOLDERS for name in (FILE, provision._TAKEN)}


def test_pins_come_along_so_that_a_stranger_cannot_play_the_gateway(card: Card) -> None:
    pins = [f"sha256/{letter * 43}=" for letter in "AQ"]
    card.write(GOOD + f"server_pins = {pins}\n".replace("'", '"'))
    card.take()
    assert [f"sha256/{pin}" for pin in card.loaded.server_pins] == pins


def test_without_a_boot_file_nothing_happens(card: Card) -> None:
    assert not card.take()
    assert list(card.boot.iterdir()) == []


def test_what_else_is_set_stays_and_so_do_comments(card: Card) -> None:
    card.settings.write_text('# mine\nvolume = 30\ndevice_id = "old" # was this\nlog_format = "json"\n')
    card.write(GOOD)
    card.take()
    text = card.settings.read_text()
    assert text.startswith('# mine\nvolume = 30\nlog_format = "json"\ndevice_id = "bear-7"\n')
    assert (card.loaded.volume, card.loaded.log_format) == (30, "json")


def test_a_setting_over_several_lines_is_replaced_whole(card: Card) -> None:
    card.settings.write_text('volume = 30\ndevice_id = """\\\nold"""\n')
    card.write(GOOD)
    card.take()
    assert (card.loaded.volume, card.loaded.device_id) == (30, "bear-7")


def test_new_credentials_replace_all_old_ones(card: Card) -> None:
    card.write(GOOD)
    card.take()
    card.write('cloud_url = "https://cloud.example"\nsecret = "even-more-hush"\n')
    card.take()
    assert not (card.settings.parent / "token").exists()
    assert "token" not in tomllib.loads(card.settings.read_text())
    assert (card.loaded.token_file, card.loaded.cloud_url) == (None, "https://cloud.example")
    assert (card.settings.parent / "secret").read_text() == "even-more-hush\n"
    assert card.loaded.device_id == "bear-7"


def test_settings_that_nobody_can_read_do_not_keep_a_toy_from_being_rescued(card: Card) -> None:
    card.settings.write_bytes(b"volume = = \xff")
    card.write(GOOD)
    card.take()
    assert card.loaded.device_id == "bear-7"
    assert card.settings.with_name("pommai.toml.unreadable").exists()


def test_a_file_of_windows_notepad_is_good(card: Card) -> None:
    card.write(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    card.take()
    assert card.loaded.device_id == "bear-7"


def test_the_example_is_good() -> None:
    found = read_boot_file(ROOT / "deploy" / "provision.example.toml")
    assert found.plain["device_id"] == "bear-7"
    assert "the-token" not in repr(found)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "it is empty"),
        (b"\0" * 5_000_000, "too big"),
        (b"PK\x03\x04\xff\xfe", "is no text"),
        ("device_id: bear-7\n", "a line is like"),
        ("a = " + "[" * 9000, "a line is like"),
        ("volume = " + "9" * 5000, "far too long"),
        ('devise_id = "bear-7"\n', "did you mean 'device_id'"),
        ('chart = "/etc/shadow"\n', "there is no 'chart' here"),
        ('memory = "/boot/all-secrets"\n', "there is no 'memory' here"),
        ('device_id = "../../etc/passwd"\n', "device_id must be"),
        ('toy_id = "a b"\n', "toy_id must be"),
        ('url = "file:///etc/passwd"\n', "url must be"),
        ("volume_ceiling = 400\n", "volume_ceiling must be"),
        ("[device_id]\na = 1\n", "device_id must be"),
        ('secret = "long-enough"\n', "belong together"),
        ('token = "a"\ncloud_url = "https://c.example"\nsecret = "long-enough"\n', "both given"),
    ],
)
def test_a_file_that_is_not_good_is_answered_in_words_and_changes_nothing(
    card: Card, content: str | bytes, words: str
) -> None:
    card.settings.write_text("volume = 30\n")
    assert words in card.refusal(content)
    assert card.settings.read_text() == "volume = 30\n"


def test_a_secret_that_is_not_good_is_not_repeated(card: Card) -> None:
    assert "very hush" not in card.refusal('token = "very hush hush"\n')
    assert "token must be" in card.answer


def test_a_link_is_not_followed(card: Card, tmp_path: Path) -> None:
    (tmp_path / "shadow").write_text(GOOD)
    (card.boot / FILE).symlink_to(tmp_path / "shadow")
    with pytest.raises(SettingsError):
        card.take()
    assert (tmp_path / "shadow").read_text() == GOOD


def test_links_in_place_of_what_the_toy_writes_are_not_followed(card: Card, tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("precious")
    for name in (ANSWER, ANSWER + ".part", FILE + ".taken"):
        (card.boot / name).symlink_to(tmp_path / "victim")
    card.write(GOOD)
    card.take()
    assert (tmp_path / "victim").read_text() == "precious"


def test_a_folder_where_the_toy_moves_the_file_is_told_and_nothing_is_taken(card: Card) -> None:
    (card.boot / f"{FILE}.taken" / "inside").mkdir(parents=True)
    assert f"{FILE}.taken cannot be deleted" in card.told(GOOD)
    assert "Delete it" in card.answer


def test_a_pipe_in_its_place_does_not_hold_the_start(card: Card) -> None:
    os.mkfifo(card.boot / FILE)
    with pytest.raises(SettingsError, match="is no file"):
        card.take()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode)))
def test_whatever_is_in_it_is_taken_or_answered(card: Card, content: bytes) -> None:
    card.write(content)
    try:
        card.take()
    except SettingsError:
        assert "Put this right" in card.answer


class PowerCut(BaseException):
    """Nothing more happens."""


def test_a_power_cut_at_any_moment_is_made_good_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cuts = 0
    for moment in range(200):
        folder = tmp_path / str(moment)
        folder.mkdir()
        card = Card(folder)
        card.settings.write_text('volume = 30\ndevice_id = "old"\n')
        card.write(GOOD)
        steps = iter(range(moment + 1))

        def cut(real: Callable[..., Any], steps: Any = steps) -> Callable[..., Any]:
            def call(*arguments: Any, **named: Any) -> Any:
                if next(steps, None) is None:
                    raise PowerCut
                return real(*arguments, **named)

            return call

        with monkeypatch.context() as patched:
            for name in ("open", "write", "fsync", "replace", "unlink"):
                patched.setattr(provision.os, name, cut(getattr(os, name)))
            try:
                card.take()
                finished = True
            except PowerCut:
                finished = False
        kept = tomllib.loads(card.settings.read_text())
        assert kept["device_id"] in ("old", "bear-7")  # whole, the old one or the new one
        card.take()
        assert (card.loaded.device_id, card.token, card.loaded.volume) == ("bear-7", "very-hush-hush", 30)
        assert {path.name for path in card.boot.iterdir()} <= {ANSWER, ANSWER + ".part"}
        if finished:
            break
        cuts += 1
    assert cuts > 15


def test_a_full_disk_leaves_the_file_for_the_next_start(card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    card.write(GOOD)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(provision.os, "fsync", full)
        with pytest.raises(SettingsError, match="No space left"):
            card.take()
    assert (card.boot / FILE).read_text() == GOOD
    assert card.take()
