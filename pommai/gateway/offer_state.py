"""How a toy stands to a bundle: decided from what is known of both, and nothing else."""

from __future__ import annotations

from typing import Final, NamedTuple

from pommai.gateway.offers import Kept, Told
from pommai.protocol.messages import UpdateReport

RETRY_MS: Final = (120_000, 600_000, 3_600_000, 6 * 3_600_000, 24 * 3_600_000)
"""After a toy was told once, twice, ...: how long until it is told again, when it has refused or has not answered. What
it refuses today it may take tomorrow: its card was full, its network too slow, its settings wrong."""

WAITING: Final = ("waits", "told", "taking", "refused", "unreachable")
"""Of these, a toy may still take the bundle."""


class Standing(NamedTuple):
    """In a word, and why.

    in force, on trial, newer (it has a newer one), taken (in force when it next rests), taking, told (and has not
    answered), refused, waits (it was not told yet), unreachable (there is no address that it could be told), undone (it
    did not work on this toy), silent (it has never said that it takes bundles), other (the bundle is not for it)
    """

    word: str
    reason: str = ""


def standing(kept: Kept, told: Told | None, report: UpdateReport | None) -> Standing:
    """How a toy stands to a bundle that it is offered."""
    told = told or Told()
    if report is None:
        return Standing("silent", "it takes no bundles, or has not been here")
    if report.device_type != kept.device_type:
        return Standing("other", f"it is a {report.device_type}")
    if kept.fleet not in ("", report.fleet):
        return Standing("other", f"it is of the fleet {report.fleet}")
    has = report.software if kept.is_software else report
    if has is not None:
        newest = max(has.version, has.waiting)
        if newest > kept.version:
            return Standing("newer", f"it has version {newest}")
        if has.version == kept.version:
            return Standing("on trial" if has.trial else "in force")
        why = _why_undone(kept, report)
        if kept.version in has.failed:
            return Standing("undone", why or "it did not work on this toy")
        if has.waiting == kept.version:
            return Standing("taken", "" if _is_installed(kept, report) else "it is not installed yet")
        if told.outcome == "taken":
            return Standing("undone", why or "it was taken, and then gone back from")
    return Standing(told.outcome or "waits", told.reason)


def version_in_force(kept: Kept, report: UpdateReport | None) -> int | None:
    """Of what a bundle is a newer version of: the software, or all else; None: it is not known."""
    has = report.software if kept.is_software and report is not None else report
    return None if has is None else has.version


def _is_installed(kept: Kept, report: UpdateReport) -> bool:
    """Whether what waits waits for the toy's rest alone: software is installed first, by other hands."""
    return not kept.is_software or report.software is None or report.software.installed


def _why_undone(kept: Kept, report: UpdateReport) -> str:
    """What the toy says of it; empty: nothing, or it has taken another since, or somebody went back by hand."""
    if not kept.is_software:
        return report.why if report.undone == kept.version else ""
    has = report.software
    return has.reason if has is not None and has.undone == kept.version else ""


def is_due(kept: Kept, told: Told | None, report: UpdateReport | None, now: int) -> bool:
    """Whether a toy is to be told of a bundle now, in ms since 1970."""
    if standing(kept, told, report).word not in WAITING:
        return False
    if told is None or told.at is None:
        return True
    return now - told.at >= RETRY_MS[min(told.times, len(RETRY_MS)) - 1]
