"""How the board itself is: heat, throttling and power, memory, disks."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from pathlib import Path
from typing import Final, NamedTuple

from pommai.doctor.finding import Finding, blocking, broken, listed, note, ok, wrong
from pommai.doctor.surroundings import Surroundings

THROTTLED_BITS: Final = {
    0: "the supply gives too little voltage",
    1: "the processor is held back",
    2: "the processor is slowed down",
    3: "it is near its limit of heat",
}
"""What `vcgencmd get_throttled` says of now; 16 bits higher stands whether it was so since power-up."""
HOT_C: Final = 80.0
"""A Raspberry Pi slows down from here on; at 85 °C by half."""
WARM_C: Final = 70.0
LEAST_MEMORY_MB: Final = 40
LITTLE_MEMORY_MB: Final = 100
"""A toy without a large model takes some 60 MB."""
LEAST_DISK_MB: Final = 10
LITTLE_DISK_MB: Final = 100


# -- heat and power ------------------------------------------------------------------------


async def power(surroundings: Surroundings) -> Finding:
    """What the firmware says of the supply and of being slowed down; and the temperature."""
    temperature = _temperature(surroundings)
    heat = "" if temperature is None else f"{temperature:.0f} °C"
    told = await surroundings.command("vcgencmd", "get_throttled")
    found = re.search(r"throttled=0x([0-9a-fA-F]+)", told.text) if told is not None else None
    figures: dict[str, object] = {"temperature_c": temperature}
    if found is None:
        reason = "vcgencmd is not installed" if told is None else (told.errors or told.text).strip().split("\n")[0]
        if temperature is not None and temperature >= HOT_C:
            return _too_hot(heat, figures)
        also = "" if not surroundings.computer.is_pi else f"; of the supply nothing can be told: {reason}"
        what = heat or "this machine has no thermometer"
        step = "put this user into the group video" if also and told is not None else ""
        return note(what + also, step, **figures) if also or not heat else ok(what, **figures)
    bits = int(found.group(1), 16)
    now = [words for bit, words in THROTTLED_BITS.items() if bits >> bit & 1]
    before = [words for bit, words in THROTTLED_BITS.items() if bits >> (bit + 16) & 1 and words not in now]
    figures |= {"throttled": f"0x{bits:x}", "now": now, "since_power_up": before}
    supply = "use a supply of 5 V and 2.5 A, on a short thick cable, and nothing else on it"
    if bits & 1:
        return wrong(f"{listed(now)}: the toy may stop at any moment{f' ({heat})' if heat else ''}", supply, **figures)
    if temperature is not None and temperature >= HOT_C:
        return _too_hot(heat, figures)
    if now:
        return wrong(f"{listed(now)}{f' at {heat}' if heat else ''}", "give the board air", **figures)
    if before:
        step = supply if bits >> 16 & 1 else "give the board air"
        return wrong(f"{heat}; since power-up it happened that {listed(before)}".lstrip("; "), step, **figures)
    if temperature is not None and temperature >= WARM_C:
        return note(f"{heat}, which is warm for a toy at rest", "", **figures)
    return ok(f"{heat}, power as it should be".lstrip(", "), **figures)


def _too_hot(heat: str, figures: dict[str, object]) -> Finding:
    return wrong(f"{heat}: the board slows itself down", "give the board air; a toy's stuffing is a blanket", **figures)


def _temperature(surroundings: Surroundings) -> float | None:
    """Of the hottest place that has a thermometer."""
    zones = (surroundings.root / "sys/class/thermal").glob("thermal_zone*/temp")
    values = [surroundings.text(str(zone.relative_to(surroundings.root))).strip() for zone in zones]
    return max((int(value) / 1000 for value in values if re.fullmatch(r"-?\d{1,7}", value)), default=None)


# -- memory --------------------------------------------------------------------------------


def memory(surroundings: Surroundings) -> Finding:
    """RAM that is free for a toy."""
    lines = [line.split() for line in surroundings.text("/proc/meminfo").splitlines()]
    sizes = {words[0].rstrip(":"): int(words[1]) // 1024 for words in lines if len(words) > 1 and words[1].isdigit()}
    total, free = sizes.get("MemTotal"), sizes.get("MemAvailable")
    if total is None or free is None:
        return note("the system does not tell how much memory it has")
    words, figures = f"{free:,} of {total:,} MB free", {"total_mb": total, "available_mb": free}
    if surroundings.holder:
        return ok(f"{words} while the toy runs", **figures)
    step = "end what else runs (`systemd-cgtop -m` shows it); a desktop has no place on a toy: take the Lite system"
    if free < LEAST_MEMORY_MB:
        return broken(f"{words}: the toy would be ended by the system", step, **figures)
    if free < LITTLE_MEMORY_MB:
        return wrong(f"{words}: too little for a speech model", step, **figures)
    return ok(words, **figures)


# -- disks ---------------------------------------------------------------------------------


class _Place(NamedTuple):
    what: str
    path: Path
    mount: str
    kind: str
    """Of the file system: ext4, tmpfs, ..."""
    free_mb: int
    read_only: bool
    writable: bool
    owner: str
    """Who has the folder, or the nearest one there is."""


def disk(surroundings: Surroundings) -> Finding:
    """Room and leave to write where the toy writes; and whether the memory wears the card out, or is lost in RAM."""
    settings = surroundings.settings
    wanted = [("memory", settings.memory.parent), ("cache", settings.cache_dir)]
    if settings.memory_copy is not None:
        wanted.append(("memory copy", settings.memory_copy.parent))
    mounts = _mounts(surroundings)
    places = [_look(what, path, mounts) for what, path in wanted]
    figures = {
        place.what: {
            "path": str(place.path),
            "mount": place.mount,
            "file_system": place.kind,
            "free_mb": place.free_mb,
            "read_only": place.read_only,
        }
        for place in places
    }
    least = min(places, key=lambda place: place.free_mb)
    words = f"{least.free_mb:,} MB free at {least.mount}"
    for place in places:
        if place.read_only and place.what != "cache":
            step = "set memory to a file below /run (a tmpfs) and memory_copy to one on a disk that can be written to"
            return broken(f"the {place.what} is on {place.mount}, which is read-only", step, **figures)
    if least.free_mb < LEAST_DISK_MB:
        return broken(words, f"make room: sudo du -xh {least.mount} | sort -h | tail", **figures)
    denied = [place for place in places if not place.writable and not place.read_only]
    if denied:
        paths = [str(place.path) for place in denied]
        owners = {place.owner for place in denied} - {surroundings.computer.user, "root"}
        as_owner = f"sudo -u {min(owners)} {sys.executable} -m pommai doctor" if owners else ""
        if other := surroundings.as_toy or as_owner:
            words = f"{words}; whether the toy may write to {listed(paths)} is its own user's to say"
            return note(words, f"{other} --only disk", **figures)
        tell = broken if any(place.what != "cache" for place in denied) else wrong
        step = f"sudo chown {surroundings.computer.user} {shlex.join(paths)}"
        return tell(f"{listed(paths)} may not be written to", step, **figures)
    if least.free_mb < LITTLE_DISK_MB:
        return wrong(words, f"make room: sudo du -xh {least.mount} | sort -h | tail", **figures)
    kept = places[0]
    if kept.kind in ("tmpfs", "ramfs") and settings.memory_copy is None:
        step = 'set memory_copy to a file on the card: memory_copy = "/var/lib/pommai/memory.db"'
        return wrong(
            f"{words}; the memory is in RAM ({kept.mount}) and has no copy: power off, all lost", step, **figures
        )
    if surroundings.computer.is_pi and kept.kind not in ("tmpfs", "ramfs"):
        step = "set memory below /run, and memory_copy to a file on the card"
        return note(f"{words}; every talk is written to the card at once, which wears it", step, **figures)
    return ok(f"{words}; memory on {kept.kind}{' with a copy' if settings.memory_copy else ''}", **figures)


def _mounts(surroundings: Surroundings) -> list[tuple[str, str, bool]]:
    """Where what is mounted, and whether read-only; the longest paths first."""
    found = []
    for line in surroundings.text("/proc/mounts").splitlines():
        words = line.split()
        if len(words) > 3:
            found.append((words[1].replace("\\040", " "), words[2], "ro" in words[3].split(",")))
    return sorted(found, key=lambda mount: len(mount[0]), reverse=True)


def _look(what: str, path: Path, mounts: list[tuple[str, str, bool]]) -> _Place:
    there = path
    while True:
        try:
            if there.exists():
                break
        except OSError:  # a folder on the way is closed to this user
            pass
        there = there.parent
    real = there.resolve()
    mount, kind, read_only = next(
        (m for m in mounts if real == Path(m[0]) or Path(m[0]) in real.parents), ("/", "unknown", False)
    )
    try:
        owner = real.owner()
    except (KeyError, OSError):  # a number without a name
        owner = ""
    free = shutil.disk_usage(real).free // 1_000_000
    return _Place(what, path, mount, kind, free, read_only, os.access(real, os.W_OK), owner)


check_memory = blocking(memory)
check_disk = blocking(disk)
