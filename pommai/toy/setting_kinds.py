"""The kinds of value a setting may have: how each is read from text or TOML, and what is allowed.

Each kind is a function of what was written and of the folder relative paths start at. It raises ValueError
whose text completes "must be ...".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from pommai.errors import SettingsError
from pommai.hints import closest, parse_duration
from pommai.io.secret import SecretFile, SecretSource, SystemdCredential, TpmSecret

Parse = Callable[[object, Path], Any]
"""What was written, and the folder relative paths start at, to a value. Raises ValueError with what is allowed."""


_CREDENTIAL = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"


class SoundPort(Struct, frozen=True):
    """Which microphone or speaker. `file` is the WAV of kind `wav`, else None."""

    kind: str
    file: Path | None = None

    def __str__(self) -> str:
        return self.kind if self.file is None else f"{self.kind}:{self.file}"


def _text(raw: object) -> str:
    if not isinstance(raw, str) or not raw.strip():
        raise ValueError("text")
    return raw.strip()


def text(raw: object, _: Path) -> str:
    return _text(raw)


def web_socket(raw: object, _: Path) -> str:
    allowed = "a WebSocket address such as ws://127.0.0.1:8765/audio-stream or wss://host/audio-stream"
    try:
        url = _text(raw)
        parts = urlsplit(url)
        good = parts.scheme in ("ws", "wss") and parts.hostname and parts.port != 0 and url.isprintable()
    except ValueError:
        raise ValueError(allowed) from None
    if not good or " " in url or parts.fragment or parts.username is not None:
        raise ValueError(allowed)
    return url


def web(raw: object, _: Path) -> str:
    allowed = "an address such as https://host, or http://127.0.0.1:8766 on this machine"
    try:
        url = _text(raw)
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and url.isprintable()
    except ValueError:
        raise ValueError(allowed) from None
    if not good or " " in url or parts.fragment or parts.query or parts.username is not None:
        raise ValueError(allowed)
    return url


def secret_place(raw: object, base: Path) -> SecretSource:
    """Where a secret is, never the secret itself: so it may stand on a command line."""
    kind, _, name = raw.strip().partition(":") if isinstance(raw, str) else ("", "", "")
    if kind == "file" and name.strip():
        return SecretFile(path(name, base))
    if kind == "credential" and re.fullmatch(_CREDENTIAL, name):
        return SystemdCredential(name)
    if kind == "tpm" and re.fullmatch(r"0x81[0-9A-Fa-f]{6}", name):
        return TpmSecret(name)
    raise ValueError("file:PATH, credential:NAME (of systemd) or tpm:HANDLE (as tpm:0x81010001); never the secret")


def token_place(raw: object, base: Path) -> SecretSource:
    """As `secret_place`, and a bare path is a file."""
    if isinstance(raw, str) and raw.partition(":")[0] in ("file", "credential", "tpm"):
        return secret_place(raw, base)
    return SecretFile(path(raw, base))


def pins(raw: object, _: Path) -> tuple[str, ...]:
    """Of server_pins: base64 of SHA-256, without what stands before it."""
    parts = raw.split(",") if isinstance(raw, str) else raw
    found = [
        match[1]
        for part in (parts if isinstance(parts, list) else [])
        if isinstance(part, str) and (match := re.fullmatch(r"sha256/([A-Za-z0-9+/]{43}=)", part.strip()))
    ]
    if not isinstance(parts, list) or len(found) != len(parts) or len(set(found)) < 2:
        raise ValueError("two keys or more, the one in force and a spare, each as sha256/BASE64 (RFC 7469)")
    return tuple(dict.fromkeys(found))


def toy_id(raw: object, _: Path) -> str:
    if not isinstance(raw, str) or not re.fullmatch(r"[A-Za-z0-9_-]{1,128}", raw):
        raise ValueError("1 to 128 letters, digits, - and _")
    return raw


def device_id(raw: object, _: Path) -> str:
    # A little wider than a toy's, because hardware addresses serve as ids.
    if not isinstance(raw, str) or not re.fullmatch(r"[A-Za-z0-9_.:-]{1,128}", raw):
        raise ValueError("1 to 128 letters, digits, - _ . and :")
    return raw


def secret(raw: object, _: Path) -> str:
    # It travels in an HTTP header, where a space or a line break would end or split it.
    if not isinstance(raw, str) or not re.fullmatch(r"[\x21-\x7e]{8,4096}", raw):
        raise ValueError("8 to 4096 visible ASCII characters without spaces")
    return raw


def home() -> Path:
    """Raises SettingsError where there is none: a number alone, as containers run programs, is no user with a home."""
    try:
        return Path.home()
    except RuntimeError:
        raise SettingsError(
            "who runs this has no home folder: set HOME, or both XDG_DATA_HOME and XDG_CACHE_HOME, to a folder"
        ) from None


def path(raw: object, base: Path) -> Path:
    try:
        return base / Path(_text(raw)).expanduser()
    except RuntimeError:
        raise ValueError("a path whose ~ names a home folder there is") from None


def file(raw: object, base: Path) -> Path:
    found = path(raw, base)
    try:
        is_there = found.is_file()
    except OSError:
        raise ValueError("the path of a file that may be looked at") from None
    if not is_there:
        raise ValueError("the path of a file that exists")
    return found


def folder(raw: object, base: Path) -> Path:
    found = path(raw, base)
    try:
        is_there = found.is_dir()
    except OSError:
        raise ValueError("the path of a folder that may be looked at") from None
    if not is_there:
        raise ValueError("the path of a folder that exists")
    return found


def path_or_none(raw: object, base: Path) -> Path | None:
    return None if raw == "none" else path(raw, base)


def choice(*choices: str) -> Parse:
    def parse(raw: object, _: Path) -> str:
        if raw not in choices:
            near = closest(raw, choices) if isinstance(raw, str) else None
            raise ValueError(f"one of {', '.join(choices)}{f' (did you mean {near}?)' if near else ''}")
        return str(raw)

    return parse


def sound_port(raw: object, base: Path) -> SoundPort:
    text = raw if isinstance(raw, str) else ""
    kind, _, name = text.partition(":")
    if text in ("auto", "portaudio", "none"):
        return SoundPort(text)
    if kind == "wav" and name.strip():
        return SoundPort("wav", path(name, base))
    raise ValueError("one of auto, portaudio, none, or wav:FILE")


def device_name(raw: object, _: Path) -> str:
    if isinstance(raw, str) and raw.strip().isdigit():
        raise ValueError("a part of the device's name (numbers change from start to start)")
    return _text(raw)


def integer(minimum: int, maximum: int) -> Parse:
    def parse(raw: object, _: Path) -> int:
        allowed = f"a whole number in {minimum}..{maximum}"
        if isinstance(raw, str) and re.fullmatch(r"\s*-?[0-9]{1,9}\s*", raw):
            raw = int(raw)
        if not isinstance(raw, int) or isinstance(raw, bool) or not minimum <= raw <= maximum:
            raise ValueError(allowed)
        return raw

    return parse


def duration(minimum: float, maximum: float) -> Parse:
    """Seconds, written as 250ms, 2s, 10m or 1m30s."""

    def parse(raw: object, _: Path) -> float:
        seconds = parse_duration(raw) if isinstance(raw, str) else None
        if seconds is None or not minimum <= seconds <= maximum:
            raise ValueError(f"a duration of {minimum:g} to {maximum:g} seconds, as 30s, 10m or 1m30s")
        return seconds

    return parse


pin = integer(0, 27)


def three_pins(raw: object, base: Path) -> tuple[int, int, int]:
    parts = raw.split(",") if isinstance(raw, str) else raw
    try:
        red, green, blue = (pin(part, base) for part in parts)  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        raise ValueError("three GPIO pins in 0..27: red, green, blue, as 5,6,13") from None
    if len({red, green, blue}) < 3:
        raise ValueError("three different GPIO pins")
    return red, green, blue
