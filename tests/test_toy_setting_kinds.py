"""What each kind of setting accepts, and what it says is allowed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pommai.io.secret import SecretFile, SystemdCredential, TpmSecret
from pommai.toy import setting_kinds as kinds

HERE = Path("/base")


@pytest.mark.parametrize(
    "url", ["ws://127.0.0.1:8765/audio-stream", "wss://toys.example/any?x=1", "ws://[::1]:80/", "wss://host"]
)
def test_websocket_addresses_are_accepted(url: str) -> None:
    assert kinds.web_socket(url, HERE) == url


@pytest.mark.parametrize(
    "url",
    [
        "http://host/",
        "ws://",
        "host:8765",
        "",
        "ws://host:99999/",
        "ws://host:0/",
        "ws://u:p@host/",
        "ws://h/#x",
        "ws://h/a b",
        "ws://h/\x07",
        "ws://[::1",
        5,
    ],
)
def test_what_is_no_websocket_address_is_refused(url: object) -> None:
    with pytest.raises(ValueError, match="a WebSocket address such as"):
        kinds.web_socket(url, HERE)


@pytest.mark.parametrize("token", ["", "a b", "a\nb", "ü", "x" * 4097, 7])
def test_a_token_that_would_break_a_header_is_refused(token: object) -> None:
    with pytest.raises(ValueError, match="visible ASCII"):
        kinds.secret(token, HERE)


@pytest.mark.parametrize("name", ["", "a/b", "x" * 129, "a b", "ü", None])
def test_an_id_is_what_the_wire_allows(name: object) -> None:
    with pytest.raises(ValueError, match="letters, digits"):
        kinds.toy_id(name, HERE)
    with pytest.raises(ValueError, match="letters, digits"):
        kinds.device_id(name, HERE)


def test_a_hardware_address_serves_as_the_id_of_a_device_but_not_of_a_toy() -> None:
    assert kinds.device_id("b8:27:eb:00:00:01", HERE) == "b8:27:eb:00:00:01"
    with pytest.raises(ValueError, match="letters, digits"):
        kinds.toy_id("b8:27:eb:00:00:01", HERE)


def test_relative_paths_start_at_the_base_and_home_is_known() -> None:
    assert kinds.path("a/b", HERE) == Path("/base/a/b")
    assert kinds.path("/a", HERE) == Path("/a")
    assert kinds.path("~/a", HERE) == Path.home() / "a"
    assert kinds.path_or_none("none", HERE) is None
    assert kinds.path_or_none("a", HERE) == Path("/base/a")
    with pytest.raises(ValueError, match="home folder"):
        kinds.path("~nobody-of-this-name/x", HERE)


def test_a_file_and_a_folder_must_exist(tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    assert kinds.file("f", tmp_path) == tmp_path / "f"
    assert kinds.folder(".", tmp_path) == tmp_path
    with pytest.raises(ValueError, match="a file that exists"):
        kinds.file(".", tmp_path)
    with pytest.raises(ValueError, match="a folder that exists"):
        kinds.folder("f", tmp_path)


def test_a_misspelt_choice_gets_a_hint() -> None:
    colour = kinds.choice("red", "green")
    assert colour("red", HERE) == "red"
    with pytest.raises(ValueError, match=re.escape("one of red, green (did you mean green?)")):
        colour("gren", HERE)
    with pytest.raises(ValueError, match=r"one of red, green$"):
        colour(5, HERE)


def test_a_sound_port_is_a_kind_and_for_wav_a_file() -> None:
    assert kinds.sound_port("auto", HERE) == kinds.SoundPort("auto")
    assert kinds.sound_port("wav:out/a:b.wav", HERE) == kinds.SoundPort("wav", Path("/base/out/a:b.wav"))
    assert str(kinds.sound_port("wav:/a.wav", HERE)) == "wav:/a.wav"
    for wrong in ("wav", "wav:", "wav: ", "auto:x", "alsa", "", None):
        with pytest.raises(ValueError, match="or wav:FILE"):
            kinds.sound_port(wrong, HERE)


def test_a_sound_card_is_named_never_numbered() -> None:
    assert kinds.device_name(" seeed2micvoicec ", HERE) == "seeed2micvoicec"
    with pytest.raises(ValueError, match="numbers change"):
        kinds.device_name("2", HERE)
    with pytest.raises(ValueError, match="text"):
        kinds.device_name("", HERE)


def test_a_whole_number_has_a_range_and_true_is_none() -> None:
    volume = kinds.integer(0, 100)
    assert volume("60", HERE) == 60
    assert volume(100, HERE) == 100
    for wrong in ("101", -1, "6.5", 6.5, True, "", "1e2", "9" * 5000):
        with pytest.raises(ValueError, match=r"a whole number in 0\.\.100"):
            volume(wrong, HERE)


def test_three_pins_are_three_different_ones() -> None:
    assert kinds.three_pins("5, 6,13", HERE) == (5, 6, 13)
    assert kinds.three_pins([1, 2, 3], HERE) == (1, 2, 3)
    with pytest.raises(ValueError, match="different"):
        kinds.three_pins("5,5,6", HERE)
    for wrong in ("5,6", "5,6,7,8", "5,6,28", 5, None, [1, 2, "x"], ""):
        with pytest.raises(ValueError, match="three GPIO pins"):
            kinds.three_pins(wrong, HERE)


def test_a_duration_is_in_seconds_and_within_its_bounds() -> None:
    every = kinds.duration(1.0, 3600.0)
    assert every("1m30s", HERE) == 90.0
    for raw in ("500ms", "2h", "soon", "", 10, None):
        with pytest.raises(ValueError, match="a duration of 1 to 3600 seconds, as 30s"):
            every(raw, HERE)


@pytest.mark.parametrize("url", ["https://a.convex.cloud", "http://127.0.0.1:8766", "https://host/path/"])
def test_web_addresses_are_accepted(url: str) -> None:
    assert kinds.web(url, HERE) == url


@pytest.mark.parametrize(
    "url",
    ["ws://host", "host", "https://", "https://u:p@h", "https://h/?token=x", "https://h/#x", "https://h:0", "", 5],
)
def test_what_is_no_web_address_is_refused(url: object) -> None:
    with pytest.raises(ValueError, match="an address such as https://host"):
        kinds.web(url, HERE)


def test_a_secret_has_a_place_a_name_or_a_handle() -> None:
    assert kinds.secret_place("file:s", HERE) == SecretFile(HERE / "s")
    assert kinds.secret_place("credential:device-secret", HERE) == SystemdCredential("device-secret")
    assert kinds.secret_place("tpm:0x81010001", HERE) == TpmSecret("0x81010001")


@pytest.mark.parametrize(
    "place",
    [
        "",
        "s3cret",
        "file:",
        "credential:../x",
        "credential:a/b",
        "credential:",
        "tpm:",
        "tpm:0x80000000",
        "tpm:-c x",
        7,
    ],
)
def test_a_secret_that_has_none_is_refused(place: object) -> None:
    with pytest.raises(ValueError, match="file:PATH, credential:NAME"):
        kinds.secret_place(place, HERE)
