"""The ground: Python and the system, the packages, the native libraries."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable, Iterable
from importlib import metadata
from typing import Final, NamedTuple

from pommai.doctor.finding import Finding, blocking, broken, listed, note, ok, wrong
from pommai.doctor.surroundings import Surroundings

OLDEST_PYTHON: Final = (3, 11)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_EXTRA = re.compile(r"""extra\s*==\s*['"]([^'"]+)""")


def system(surroundings: Surroundings) -> Finding:
    """Whether the toy's packages are to be had for this machine at all."""
    computer = surroundings.computer
    version = ".".join(map(str, computer.python))
    told = dict(line.partition("=")[::2] for line in surroundings.text("/etc/os-release").splitlines() if "=" in line)
    name = told.get("PRETTY_NAME", "").strip('"') or "an unknown system"
    model = surroundings.text("/proc/device-tree/model").strip("\0\n ")
    figures = {"python": version, "bits": computer.bits, "machine": computer.machine, "system": name, "model": model}
    words = f"Python {version}, {computer.bits} bit, {name}{f', {model}' if model else f', {computer.machine}'}"
    if computer.python < OLDEST_PYTHON:
        least = ".".join(map(str, OLDEST_PYTHON))
        return broken(
            f"{words}: the toy needs Python {least}",
            "take Raspberry Pi OS from Bookworm on, or DietPi, and install anew",
            **figures,
        )
    if computer.bits < 64:
        return broken(
            f"{words}: there are no packages for 32 bit",
            "write the 64-bit Raspberry Pi OS Lite onto the card (every Zero 2 W can run it), and install anew",
            **figures,
        )
    return ok(words, **figures)


# -- packages ------------------------------------------------------------------------------


def packages(
    surroundings: Surroundings,
    requires: Callable[[str], Iterable[str] | None] = metadata.requires,
    version: Callable[[str], str] = metadata.version,
) -> Finding:
    """The Python packages that this toy, with these settings, has use for; whatever pommai's own metadata says."""
    try:
        wanted = [_requirement(line) for line in requires("pommai") or ()]
    except metadata.PackageNotFoundError:
        return note("pommai itself is not installed as a package, so nobody knows what it needs", "pip install -e .")
    needed = {""} | _extras(surroundings)
    found: dict[str, str] = {}
    missing: dict[str, list[str]] = {}
    for name, extra in wanted:
        if extra not in needed:
            continue
        try:
            found[name] = version(name)
        except metadata.PackageNotFoundError:
            missing.setdefault(extra, []).append(name)
    if missing:
        gone = [name for names in missing.values() for name in names]
        what = ",".join(sorted(filter(None, missing)))
        return broken(
            f"{listed(gone)} {'is' if len(gone) == 1 else 'are'} not installed",
            f"pip install 'pommai{f'[{what}]' if what else ''}'",
            missing=gone,
            versions=found,
        )
    return ok(f"all {len(found)} that this toy needs", versions=found)


def _requirement(line: str) -> tuple[str, str]:
    """The name, and the extra it belongs to: empty for what every toy needs."""
    name, extra = _NAME.match(line), _EXTRA.search(line)
    return name.group() if name else line, extra.group(1) if extra else ""


def _extras(surroundings: Surroundings) -> set[str]:
    settings, on_pi = surroundings.settings, surroundings.computer.is_pi
    wanted = set()
    if any(port.kind == "portaudio" or (port.kind == "auto") for port in (settings.microphone, settings.speaker)):
        wanted.add("audio")
    if settings.button == "gpio" or settings.lights in ("rgb", "apa102") or (on_pi and settings.button == "auto"):
        wanted.add("pi")
    if settings.cloud_url is not None:
        wanted.add("cloud")
    return wanted


# -- native libraries ----------------------------------------------------------------------


class _Library(NamedTuple):
    name: str
    file: str
    asked: str
    """The function that gives its version; empty when it has none."""
    package: str
    without: str
    """What becomes of a toy without it; begins with ! when the toy would not work."""


LIBRARIES: Final = (
    _Library("Opus", "libopus.so.0", "opus_get_version_string", "libopus0", "!nothing is heard or said over the wire"),
    _Library("PortAudio", "libportaudio.so.2", "Pa_GetVersionText", "libportaudio2", "!no microphone and no speaker"),
    _Library("soxr", "libsoxr.so.0", "soxr_version", "libsoxr0", "sound of other rates is not played"),
    _Library("speexdsp", "libspeexdsp.so.1", "", "libspeexdsp1", "a card without 16 kHz of its own is not used"),
    _Library("opusfile", "libopusfile.so.0", "", "libopusfile0", "sound files that are Opus are not played"),
)


def load_version(file: str, function: str) -> str:
    """The version a library gives of itself, empty when it gives none. Raises OSError when it is not there."""
    library = ctypes.CDLL(file)
    if not function:
        return ""
    ask = getattr(library, function)
    ask.restype = ctypes.c_char_p
    told = (ask() or b"").decode("ascii", "replace")
    number = re.search(r"\d+(\.\d+)+", told)
    return number.group() if number else told


async def libraries(surroundings: Surroundings, load: Callable[[str, str], str] = load_version) -> Finding:
    """Opus, PortAudio, soxr, opusfile, and the program espeak-ng."""
    versions: dict[str, str | None] = {}
    gone: list[_Library] = []
    for library in LIBRARIES:
        try:
            versions[library.name] = load(library.file, library.asked)
        except (OSError, AttributeError):
            versions[library.name] = None
            gone.append(library)
    voice = await surroundings.command("espeak-ng", "--version")
    if voice is None or voice.status:
        versions["espeak-ng"] = None
        gone.append(_Library("espeak-ng", "", "", "espeak-ng", "the toy has no voice without its server"))
    else:
        number = re.search(r"\d+(\.\d+)+", voice.text)
        versions["espeak-ng"] = number.group() if number else ""
    if not gone:
        return ok(", ".join(f"{name} {number}".strip() for name, number in versions.items()), versions=versions)
    words = "; ".join(f"{library.name} is not installed: {library.without.lstrip('!')}" for library in gone)
    tell = broken if any(library.without.startswith("!") for library in gone) else wrong
    return tell(words, f"sudo apt-get install {' '.join(library.package for library in gone)}", versions=versions)


check_system = blocking(system)
check_packages = blocking(packages)
