"""Settings from the boot partition: a person writes them there with a card reader, the toy takes them at its start.

The boot partition is the one part of the card that every computer shows, so that is where a toy is told who it is:

    device_id = "bear-7"
    url = "wss://gateway.example/audio-stream"
    token = "..."

The file is read as from a stranger: it may be huge, binary, a link or nonsense. It is taken whole or not at all; either
way the toy leaves a text beside it that says what came of it. Secrets go into files of their own, that the toy's user
alone can read, all else into the settings file. Then the boot file is overwritten and deleted. A flash card may keep
copies of what was overwritten, which nobody gets to without taking the card apart; who fears that burns the card.

A power cut at any moment is harmless: the boot file is there until everything is written, and is taken again.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pommai.errors import SettingsError
from pommai.hints import did_you_mean, quote
from pommai.toy import setting_kinds as kinds
from pommai.toy.setting_kinds import Parse

FILE: Final = "pommai.toml"
ANSWER: Final = "pommai-says.txt"
"""What came of it, in words, beside the boot file."""
_TAKEN: Final = FILE + ".taken"
"""The boot file from when all is written until it is wiped. Never read."""
MAX_BYTES: Final = 16_384
BOOT_FOLDERS: Final = (Path("/boot/firmware"), Path("/boot"))


_PLAIN: Mapping[str, Parse] = {
    "device_id": kinds.device_id,
    "toy_id": kinds.toy_id,
    "url": kinds.web_socket,
    "cloud_url": kinds.web,
    "server_pins": lambda raw, base: [f"sha256/{pin}" for pin in kinds.pins(raw, base)],
    "volume": kinds.integer(0, 100),
    "volume_ceiling": kinds.integer(0, 100),
}
_SECRET: Mapping[str, Parse] = {"token": kinds.secret, "secret": kinds.secret}
KEYS: Final = (*_PLAIN, *_SECRET)
"""What the boot file may hold. No paths: it decides about the toy, not about its machine."""

_CREDENTIALS = ("token", "token_file", "cloud_url", "device_secret")
"""What becomes of settings that are there already: new credentials replace all old ones."""


@dataclass(frozen=True, slots=True)
class Provision:
    """What a boot file says. `secrets` by the name of the file that holds each."""

    plain: Mapping[str, str | int | list[str]]
    secrets: Mapping[str, str]

    def __repr__(self) -> str:
        return f"Provision({dict(self.plain)}, secrets of {sorted(self.secrets)})"


def read_boot_file(path: Path) -> Provision:
    """What the file says. Raises SettingsError with a line for each thing that is wrong, and never a secret in it."""
    import tomllib

    try:
        text = _read(path).decode("utf-8-sig")  # editors on Windows begin a file with a mark
        values = tomllib.loads(text.replace("\r\n", "\n"))
    except UnicodeDecodeError:
        raise SettingsError(f"{path.name} is no text: write it with a text editor, not a word processor") from None
    except tomllib.TOMLDecodeError as caught:
        raise SettingsError(f'{path.name}: {caught}; a line is like: device_id = "bear-7"') from None
    except RecursionError:
        raise SettingsError(f'{path.name}: is too deep; a line is like: device_id = "bear-7"') from None
    except ValueError:  # Python's own bound
        raise SettingsError(f"{path.name}: a number in it is far too long") from None
    wrong = []
    good: dict[str, Any] = {}
    for key, value in values.items():
        kind = _PLAIN.get(key) or _SECRET.get(key)
        if kind is None:
            wrong.append(f"there is no {quote(key[:60])} here ({did_you_mean(key[:60], KEYS)})")
            continue
        try:
            good[key] = kind(value, path.parent)
        except ValueError as caught:
            given = "" if key in _SECRET else f", not {quote(str(value)[:100])}"
            wrong.append(f"{key} must be {caught}{given}")
    if not values:
        wrong.append("it is empty")
    if ("cloud_url" in values) != ("secret" in values):
        wrong.append("cloud_url and secret belong together: give both, or none")
    if "token" in values and "secret" in values:
        wrong.append("token and secret are both given: keep the secret, or the token of a server without a cloud")
    if wrong:
        raise SettingsError("\n".join(f"{path.name}: {line}" for line in wrong))
    return Provision(
        {key: value for key, value in good.items() if key in _PLAIN},
        {key: value for key, value in good.items() if key in _SECRET},
    )


def _read(path: Path) -> bytes:
    try:
        # A link would have root read any file; a pipe that nobody writes to would hold it for ever.
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK)) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise SettingsError(f"{path.name} is no file")
            content = file.read(MAX_BYTES + 1)
    except OSError as caught:
        raise SettingsError(f"{path.name} cannot be read: {caught.strerror}") from None
    if len(content) > MAX_BYTES:
        raise SettingsError(f"{path.name} is too big: a dozen lines are enough, and {MAX_BYTES} bytes the most")
    return content


def boot_folder() -> Path | None:
    """Where this machine's boot partition has a file for the toy, or the rest of one; None when nowhere."""
    for folder in BOOT_FOLDERS:
        if any(os.path.lexists(folder / name) for name in (FILE, _TAKEN)):
            return folder
    return None


def take(boot: Path, settings: Path, owner: tuple[int, int] | None = None) -> bool:
    """Take the boot file in the folder `boot` into the settings file `settings`; whether there was one.

    Secrets become files beside the settings file, of `owner` (user and group; None: who runs this). Raises
    SettingsError when the file is not good, or cannot be taken: then nothing has changed, but for the text beside it.
    """
    settings = settings.absolute()  # its own paths begin at its folder, not where this runs
    try:
        if os.path.lexists(boot / _TAKEN):  # a power cut came while it was wiped
            _wipe(boot / _TAKEN)
    except OSError as caught:  # no toy has made what is there
        _answer(boot, f"The toy could not delete {_TAKEN}: {caught.strerror}. Delete it, and start the toy again.\n")
        raise SettingsError(f"{boot / _TAKEN} cannot be deleted: {caught.strerror}") from caught
    if not os.path.lexists(boot / FILE):
        return False
    try:
        said = read_boot_file(boot / FILE)
    except SettingsError as caught:
        lines = "\n".join(f"  {line}" for line in str(caught).splitlines())
        _answer(boot, f"The toy has not taken {FILE}. Put this right, and start the toy again:\n{lines}\n")
        raise
    try:
        _apply(said, settings, owner)
        os.replace(boot / FILE, boot / _TAKEN)
        _sync_folder(boot)
        _wipe(boot / _TAKEN)
    except OSError as caught:
        _answer(boot, f"The toy could not take {FILE}: {caught.strerror}. It tries again at its next start.\n")
        raise SettingsError(f"{caught.filename or settings} cannot be written: {caught.strerror}") from caught
    lines = "".join(f"  {key} = {value}\n" for key, value in said.plain.items())
    kept = "".join(f"  {name}: kept where the toy alone can read it\n" for name in said.secrets)
    _answer(boot, f"The toy has taken {FILE} and deleted it:\n{lines}{kept}")
    return True


def _apply(said: Provision, settings: Path, owner: tuple[int, int] | None) -> None:
    new: dict[str, str | int | list[str]] = dict(said.plain)
    for name, secret in said.secrets.items():
        file = settings.parent / name
        _write(file, secret + "\n", 0o600, owner)
        new |= {"token_file": str(file)} if name == "token" else {"device_secret": f"file:{file}"}
    gone = {*new, *(_CREDENTIALS if said.secrets else ())}
    _write(settings, _amended(_text_of(settings), new, gone), 0o644, None)
    if said.secrets:
        for name in _SECRET.keys() - said.secrets.keys():  # those of whoever it was before
            if (settings.parent / name).is_file():
                _wipe(settings.parent / name)


def _text_of(settings: Path) -> str:
    """The settings there are; none when they cannot be understood, for then the toy does not start with them."""
    import tomllib

    try:
        text = settings.read_text("utf-8")
        tomllib.loads(text)
    except FileNotFoundError:
        return ""
    except (UnicodeDecodeError, tomllib.TOMLDecodeError):
        os.replace(settings, settings.with_name(settings.name + ".unreadable"))
        return ""
    return text


def _amended(text: str, new: Mapping[str, str | int | list[str]], gone: set[str]) -> str:
    """The text with the settings `gone` taken out and the `new` ones added; comments and all else stay."""
    import json
    import tomllib

    was = tomllib.loads(text)
    keys = "|".join(map(re.escape, sorted(gone)))
    kept = [line for line in text.splitlines() if not re.match(rf"""\s*(["']?)({keys})\1\s*=""", line)]
    added = [f"{key} = {json.dumps(value)}" for key, value in new.items()]
    expected = {key: value for key, value in was.items() if key not in gone} | dict(new)
    for lines in ([*kept, *added], [f"{key} = {json.dumps(value)}" for key, value in expected.items()]):
        result = "\n".join(lines) + "\n"
        try:
            if tomllib.loads(result) == expected:
                return result
        except tomllib.TOMLDecodeError:
            pass  # such as a text of several lines, of which one line was taken out
    raise SettingsError("the settings there are cannot be amended; write them anew")


# -- writing ------------------------------------------------------------------------------


def _write(path: Path, text: str, mode: int, owner: tuple[int, int] | None) -> None:
    """At once or not at all, and so that a power cut right after it leaves it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with _new_file(part, mode) as descriptor:
        os.fchmod(descriptor, mode)  # the service's umask is that of secrets, and the toy's user must read its settings
        if owner is not None:
            os.fchown(descriptor, *owner)
        data = text.encode()
        while data:
            data = data[os.write(descriptor, data) :]
        os.fsync(descriptor)
    os.replace(part, path)
    _sync_folder(path.parent)


@contextmanager
def _new_file(path: Path, mode: int) -> Iterator[int]:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _wipe(path: Path) -> None:
    """Overwrite and delete. A link is deleted, and what it points to left alone."""
    if path.is_file() and not path.is_symlink():
        descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW)
        try:
            left = os.fstat(descriptor).st_size
            while left > 0:
                left -= os.write(descriptor, bytes(min(left, MAX_BYTES)))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    path.unlink()
    _sync_folder(path.parent)


def _answer(boot: Path, text: str) -> None:
    with suppress(OSError):  # a boot partition that cannot be written: the journal has the same words
        _write(boot / ANSWER, text, 0o644, None)
