"""Update bundles: which one the toy runs, and whether it is still on trial."""

from __future__ import annotations

from pommai.bundle import state as states
from pommai.bundle.store import STATE, Store
from pommai.doctor.finding import Finding, blocking, note, ok, wrong
from pommai.doctor.surroundings import Surroundings
from pommai.errors import BundleError


def updates(surroundings: Surroundings) -> Finding:
    """What is in force, whole or not; what waits; what did not work."""
    folder = surroundings.settings.updates
    try:
        raw = (folder / STATE).read_bytes()
    except FileNotFoundError:
        return ok("none was ever taken: the toy is as it came")
    except OSError as caught:
        step = surroundings.as_toy and f"{surroundings.as_toy} --only updates"
        return note(f"{folder} is closed to the user {surroundings.computer.user}: {caught.strerror}", step)
    try:
        state = states.decode(raw)
    except BundleError as caught:
        step = "the toy runs as it came; take the update again (pommai bundle apply)"
        return wrong(f"what was noted of updates cannot be read: {caught}", step)
    store, current = Store(folder), state.current
    figures = {
        "version": current and current.version,
        "previous": state.previous and state.previous.version,
        "waiting": state.waiting and state.waiting.version,
        "trial_starts": state.trial and state.trial.starts,
        "failed": list(state.failed),
    }
    words = "the toy is as it came" if current is None else f"version {current.version}"
    if current is not None and not store.is_whole(current):
        step = "pommai bundle rollback; then take the update again. Does the card still keep what is written?"
        return wrong(f"{words} is damaged: its files are not as they were signed", step, **figures)
    if state.trial is not None:
        starts = f"{state.trial.starts} start{'' if state.trial.starts == 1 else 's'} so far"
        return note(f"{words} is on trial, {starts}; the toy goes back alone when it fails", "", **figures)
    if state.word:
        step = "pommai bundle show says what it has; build a newer one"
        return wrong(f"{words}, gone back to by the toy itself, for {state.word}", step, **figures)
    if state.waiting is not None:
        return note(f"{words}; version {state.waiting.version} comes with the next start", "", **figures)
    return ok(f"{words}, proved" if current is not None else words, **figures)


check_updates = blocking(updates)
