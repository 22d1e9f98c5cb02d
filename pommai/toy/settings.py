"""The toy's settings: `pommai.toml`, over it environment variables, over them the command line.

`Settings` below is the one table of them. A field's name is its key in `pommai.toml`; `--its-name` is its
flag and `POMMAI_ITS_NAME` its environment variable unless the field says otherwise (`CONVEX_URL` and
`DEVICE_ID` are the names of the user's guide). Loading, `--help` and every message come from the table.

A relative path in `pommai.toml` starts at that file's folder, any other at the working directory. An
environment variable that is set to nothing counts as not set.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from msgspec import Struct

from pommai.errors import SettingsError
from pommai.hints import did_you_mean, quote
from pommai.io.secret import SecretSource
from pommai.toy import setting_kinds as kinds
from pommai.toy.setting_kinds import Parse, SoundPort
from pommai.toy.setting_place import line_of

# ruff: noqa: RUF009 (each row of the table below is a dataclass field made by a function)

PACKAGE = Path(__file__).resolve().parent.parent
RESOURCES = PACKAGE / "resources"
CONFIG_NAME = "pommai.toml"
CONFIG_ENVIRONMENT = "POMMAI_CONFIG"

# -- where files are -----------------------------------------------------------------------


def find_project_file(name: str, cwd: Path | None = None) -> Path:
    """The file of this name: in the working directory, else in the source checkout, else as it came installed.

    Raises SettingsError when it is in none of them.
    """
    places = [*_own_places(cwd or Path.cwd()), RESOURCES]
    for place in places:
        if _is_file(place / name):
            return place / name
    raise SettingsError(f"{name} is not to be found; looked in {', '.join(str(place) for place in places)}")


def _is_file(path: Path) -> bool:
    """Whether such a file can be seen: `sudo -u pommai` leaves one in a folder that is closed to the toy's user."""
    try:
        return path.is_file()
    except OSError:
        return False


def _own_places(cwd: Path) -> list[Path]:
    checkout = PACKAGE.parent
    return [cwd, checkout] if (checkout / "pyproject.toml").is_file() else [cwd]


def shipped_file(name: str) -> Path:
    """The file of this name as it came with the software, whatever lies in the working directory or in a bundle."""
    return next(place / name for place in (RESOURCES, PACKAGE.parent) if (place / name).is_file())


def _cache_folder() -> Path:
    # The XDG base directory specification: a relative path in the variable is to be ignored.
    named = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(named) if os.path.isabs(named) else kinds.home() / ".cache") / "pommai"


def _data_folder() -> Path:
    named = os.environ.get("XDG_DATA_HOME", "")
    return (Path(named) if os.path.isabs(named) else kinds.home() / ".local" / "share") / "pommai"


BUNDLED = {
    "chart": "statechart.pommai.json",
    "led_patterns": "led_patterns.yaml",
    "offline_responses": "offline_responses.yaml",
    "personas": "personas.yaml",
    "sounds": "sounds",
}
"""Settings that an update bundle stands in for, and what holds them there. Who names a file has that file."""


def has_bundles(updates: Path) -> bool:
    """Whether this toy was ever given an update bundle. Most were not, and need nothing that deals with them."""
    try:
        return (updates / "state.json").is_file()
    except OSError:
        return False


def _bundle_in_force(updates: Path) -> Path | None:
    if not has_bundles(updates):
        return None
    from pommai.bundle.store import in_force

    return in_force(updates)


# -- the table -----------------------------------------------------------------------------


def _setting(
    parse: Parse,
    default: object,
    about: str,
    *,
    environment: str = "",
    shown_default: str = "",
    hidden_value: bool = False,
) -> Any:
    """A row of the table. `default` may be a function, asked when settings are made.

    `hidden_value`: an error does not show what was given, for it may be a secret by mistake.
    """
    metadata = {
        "parse": parse,
        "about": about,
        "environment": environment,
        "shown_default": shown_default or ("none" if default is None else str(default)),
        "hidden_value": hidden_value,
    }
    if callable(default):
        return field(default_factory=default, metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings of the toy. `auto` means: what this machine has."""

    url: str = _setting(
        kinds.web_socket,
        "ws://127.0.0.1:8765/audio-stream",
        "WebSocket address of the server",
        environment="CONVEX_URL",
    )
    token_file: SecretSource | None = _setting(
        kinds.token_place,
        None,
        "where the token is that the server knows this toy by: a file that its owner alone can read (mode 600), "
        "credential:NAME (systemd's LoadCredential) or tpm:HANDLE (sealed in a TPM 2.0)",
        hidden_value=True,
    )
    cloud_url: str | None = _setting(
        kinds.web, None, "address of the cloud's functions: of a Convex deployment, or of the gateway's HTTP"
    )
    device_secret: SecretSource | None = _setting(
        kinds.secret_place,
        None,
        "where the secret is with which the device asks the cloud for its tokens: file:PATH (mode 600), "
        "credential:NAME (systemd's LoadCredential) or tpm:HANDLE (sealed in a TPM 2.0)",
        hidden_value=True,
    )
    server_pins: tuple[str, ...] = _setting(
        kinds.pins,
        (),
        "keys of the server at url (and at cloud_url on the same host), two or more, as sha256/BASE64, in place of all "
        "that authorities vouch for",
        shown_default="the system's authorities",
    )
    server_keys: Path | None = _setting(
        kinds.path_or_none, None, "file of public keys, a line each, without whose signature nothing changes the toy"
    )
    plaintext: str = _setting(
        kinds.choice("loopback", "anywhere"), "loopback", "where TLS may be missing: loopback, or anywhere (a desk)"
    )
    device_id: str = _setting(kinds.device_id, "default-toy-001", "id of this device", environment="DEVICE_ID")
    toy_id: str = _setting(kinds.toy_id, "pommai-bear", "id of the toy to be, one of the server's")
    chart: Path = _setting(
        kinds.file,
        lambda: find_project_file("statechart.yaml"),
        "the behaviour, as YAML or compiled",
        shown_default="statechart.yaml",
    )
    led_patterns: Path = _setting(
        kinds.file,
        lambda: find_project_file("led_patterns.yaml"),
        "the light patterns",
        shown_default="led_patterns.yaml",
    )
    sounds: Path = _setting(
        kinds.folder,
        lambda: RESOURCES / "sounds",
        "folder of the toy's own sounds",
        shown_default="those that come with it",
    )
    offline_responses: Path = _setting(
        kinds.file,
        lambda: find_project_file("offline_responses.yaml"),
        "what the toy says without a server",
        shown_default="offline_responses.yaml",
    )
    personas: Path = _setting(
        kinds.file,
        lambda: find_project_file("personas.yaml"),
        "the toys it can be without a server",
        shown_default="personas.yaml",
    )
    vosk_model: str = _setting(
        kinds.text,
        "vosk-model-small-en-us-0.15",
        "speech model, for wake words and for understanding without a server: a name of `pommai models list`, or a "
        "folder; none goes without",
    )
    models: Path = _setting(
        kinds.path,
        lambda: _cache_folder() / "models",
        "folder of speech models and wake word models",
        shown_default="~/.cache/pommai/models",
    )
    microphone: SoundPort = _setting(
        kinds.sound_port, SoundPort("auto"), "auto, portaudio, wav:FILE (heard once) or none"
    )
    speaker: SoundPort = _setting(kinds.sound_port, SoundPort("auto"), "auto, portaudio, wav:FILE (written) or none")
    speaker_copy: Path | None = _setting(
        kinds.path_or_none, None, "WAV file that gets a copy of what the speaker plays, or none"
    )
    microphone_device: str | None = _setting(
        kinds.device_name, None, "part of the name of the sound card to hear with", shown_default="the system's"
    )
    speaker_device: str | None = _setting(
        kinds.device_name, None, "part of the name of the sound card to speak with", shown_default="the system's"
    )
    volume: int = _setting(kinds.integer(0, 100), 60, "loudness in percent, 0..100, up to volume_ceiling")
    volume_ceiling: int = _setting(
        kinds.integer(0, 100), 70, "the loudest anybody may make the toy, in percent: mind the child's ears"
    )
    echo: float = _setting(
        kinds.duration(0.1, 3.0),
        0.3,
        "time after its own sound in which the toy does not listen for its name; longer for a Bluetooth speaker, which "
        "plays late",
        shown_default="300ms",
    )
    button: str = _setting(
        kinds.choice("auto", "gpio", "keyboard", "lines", "none"),
        "auto",
        "auto, gpio, keyboard (space bar), lines (press, release, ... on standard input) or none",
    )
    button_pin: int = _setting(kinds.pin, 17, "GPIO pin of the button, 0..27")
    lights: str = _setting(
        kinds.choice("auto", "rgb", "apa102", "terminal", "none"), "auto", "auto, rgb, apa102, terminal or none"
    )
    led_pins: tuple[int, int, int] = _setting(
        kinds.three_pins, (5, 6, 13), "GPIO pins of the RGB LED: red, green, blue", shown_default="5,6,13"
    )
    trace: Path | None = _setting(kinds.path_or_none, None, "file for a line of JSON per event and operation, or none")
    log_level: str = _setting(
        kinds.choice("debug", "info", "warning", "error"),
        "info",
        "debug, info, warning or error; from here up is logged",
    )
    log_format: str = _setting(kinds.choice("text", "json"), "text", "text for people or json for machines")
    memory: Path = _setting(
        kinds.path,
        lambda: _data_folder() / "memory.db",
        "file of what the toy remembers",
        shown_default="~/.local/share/pommai/memory.db",
    )
    memory_key: SecretSource | None = _setting(
        kinds.secret_place, None, "where a secret is that the memory is closed with", hidden_value=True
    )
    memory_copy: Path | None = _setting(
        kinds.path_or_none, None, "file that gets a copy of the memory, where that lies in RAM, or none"
    )
    memory_copy_every: float = _setting(
        kinds.duration(1.0, 86_400.0), 600.0, "time between two copies", shown_default="10m"
    )
    cache_dir: Path = _setting(
        kinds.path, _cache_folder, "folder for what can be made again", shown_default="~/.cache/pommai"
    )
    update_keys: Path | None = _setting(
        kinds.path_or_none, None, "file of public keys, a line each, of those whose update bundles are taken, or none"
    )
    updates: Path = _setting(
        kinds.path,
        lambda: _data_folder() / "updates",
        "folder of update bundles; it must outlive a power-off",
        shown_default="~/.local/share/pommai/updates",
    )
    update_trial: float = _setting(
        kinds.duration(1.0, 86_400.0), 600.0, "time an update has to prove itself in", shown_default="10m"
    )
    device_type: str = _setting(kinds.toy_id, "pommai", "kind of toy this is, as update bundles name it")
    fleet: str = _setting(kinds.toy_id, "home", "fleet of toys it belongs to, as update bundles name it")


_TABLE = {row.name: row for row in fields(Settings)}

_TOKEN_VARIABLES = ("POMMAI_USER_TOKEN", "POMMAI_TOKEN")
_NO_TOKEN_HERE = (
    "a token does not belong here, where other programs and people can read it; write it into a file of its own, close "
    "that with chmod 600, and name it: token_file in pommai.toml, or --token-file"
)


def environment_name(name: str) -> str:
    """The environment variable of a setting."""
    return str(_TABLE[name].metadata["environment"]) or f"POMMAI_{name.upper()}"


def flag(name: str) -> str:
    """The flag of a setting."""
    return "--" + name.replace("_", "-")


# -- the command line ----------------------------------------------------------------------


def add_setting_arguments(parser: argparse.ArgumentParser, only: Collection[str] = ()) -> None:
    """Give a command the settings' flags (all, or `only` these), with their environment names and defaults."""
    group = parser.add_argument_group(
        "settings", f"From {CONFIG_NAME}, over it environment variables, over them these flags."
    )
    group.add_argument(
        "--config",
        metavar="FILE",
        default=argparse.SUPPRESS,
        help=f"the settings file [{CONFIG_ENVIRONMENT}; default: {CONFIG_NAME}, when there is one]",
    )
    for name, row in _TABLE.items():
        if only and name not in only:
            continue
        about = f"{row.metadata['about']} [{environment_name(name)}; default: {row.metadata['shown_default']}]"
        metavar = name.split("_")[-1].upper()
        group.add_argument(flag(name), dest=name, metavar=metavar, default=argparse.SUPPRESS, help=about)


def as_flags(arguments: argparse.Namespace) -> list[str]:
    """The settings' flags a command was given, for another that is to have the same."""
    given = vars(arguments)
    return [f"{flag(name)}={given[name]}" for name in ("config", *_TABLE) if name in given]


# -- loading -------------------------------------------------------------------------------


class _Layer(Struct, frozen=True):
    """One origin of settings: what it holds, and how a message names the place of a key."""

    values: Mapping[str, object]
    base: Path
    place: Callable[[str], str]


def load_settings(
    arguments: argparse.Namespace | None = None,
    *,
    environment: Mapping[str, str] = os.environ,
    cwd: Path | None = None,
    bundle: Callable[[Path], Path | None] = _bundle_in_force,
) -> Settings:
    """The settings in force. `arguments` are those of a parser that had `add_setting_arguments`.

    `bundle` is asked, with the folder of updates, for the folder of the bundle in force: what is in there counts before
    the project's files, and after files that somebody has named.

    Raises SettingsError, with a line for each setting that is wrong. Of a setting that several origins
    give, only the one in force is looked at.
    """
    cwd = cwd or Path.cwd()
    flags = {name: value for name, value in vars(arguments or argparse.Namespace()).items() if name in _TABLE}
    variables = {
        name: environment[environment_name(name)] for name in _TABLE if environment.get(environment_name(name))
    }
    layers = [
        _file_layer(_config_path(arguments, environment, cwd)),
        _Layer(variables, cwd, lambda name: f"environment variable {environment_name(name)}"),
        _Layer(flags, cwd, flag),
    ]
    rank = {name: number for number, layer in enumerate(layers) for name in layer.values}
    wrong: list[str] = []
    values: dict[str, Any] = {}
    for name in [name for name in _TABLE if name in rank]:
        layer = layers[rank[name]]
        metadata = _TABLE[name].metadata
        try:
            values[name] = metadata["parse"](layer.values[name], layer.base)
        except ValueError as caught:
            given = "" if metadata["hidden_value"] else f", not {quote(str(layer.values[name]))}"
            wrong.append(f"{layer.place(name)}: {name} must be {caught}{given}")
    wrong += [f"environment variable {name}: {_NO_TOKEN_HERE}" for name in _TOKEN_VARIABLES if environment.get(name)]
    if wrong:
        raise SettingsError("\n".join(wrong))
    came = bundle(values.get("updates") or _data_folder() / "updates")
    if came is not None:
        values |= {name: came / file for name, file in BUNDLED.items() if name not in rank and (came / file).exists()}
    settings = Settings(**values)
    if (settings.cloud_url is None) != (settings.device_secret is None):
        raise SettingsError("cloud_url and device_secret belong together: give both, or none")
    if settings.button_pin in settings.led_pins:
        raise SettingsError(f"button_pin and led_pins both claim GPIO pin {settings.button_pin}; give each its own")
    return settings


def _config_path(arguments: argparse.Namespace | None, environment: Mapping[str, str], cwd: Path) -> Path | None:
    """The settings file, or None when nobody named one and there is none."""
    flag = getattr(arguments, "config", None)
    named = flag or environment.get(CONFIG_ENVIRONMENT)
    if not named:
        return next((place / CONFIG_NAME for place in _own_places(cwd) if _is_file(place / CONFIG_NAME)), None)
    found = cwd / named
    try:
        is_there = found.is_file()
    except OSError:
        is_there = True  # whoever reads it says what is wrong
    if not is_there:
        place = "--config" if flag else f"environment variable {CONFIG_ENVIRONMENT}"
        raise SettingsError(f"{place}: there is no file {found}")
    return found


def _file_layer(config: Path | None) -> _Layer:
    if config is None:
        return _Layer({}, Path(), str)
    import tomllib

    try:
        text = config.read_text("utf-8")
        values = tomllib.loads(text)
    except OSError as caught:
        raise SettingsError(f"{config}: cannot be read: {caught.strerror}") from caught
    except UnicodeDecodeError as caught:
        raise SettingsError(f"{config}: is not UTF-8 text") from caught
    except tomllib.TOMLDecodeError as caught:
        words, _, where = str(caught).partition(" (at line ")
        line, _, column = where.rstrip(")").partition(", column ")
        place = f"{config}:{line}:{column}" if column else f"{config}"
        raise SettingsError(f"{place}: is not TOML: {words}") from caught

    def place_of(key: str) -> str:
        return f"{config}:{line_of(text, key)}"

    def trouble_with(key: str) -> str:
        if key == "token":
            return _NO_TOKEN_HERE
        return f"there is no setting {quote(key)} ({did_you_mean(key, _TABLE)})"

    unknown = [key for key in values if key not in _TABLE]
    if unknown:
        raise SettingsError("\n".join(f"{place_of(key)}: {trouble_with(key)}" for key in unknown))
    return _Layer(values, config.parent, place_of)
