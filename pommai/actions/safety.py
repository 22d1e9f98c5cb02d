"""Safe mode and the grown-ups."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import secrets
from typing import Final

from pommai.actions.body import Body
from pommai.actions.registry import action, activity, sends_to_cloud
from pommai.actions.voices import drop_recordings
from pommai.events import Event
from pommai.io.ports import Stamp
from pommai.protocol.messages import NOTE, GuardianAlert

logger = logging.getLogger(__name__)

FACT: Final = "safe_mode"
"""What the toy remembers of safe mode: {"seconds": what is left of it, or null for until somebody lets it go on}."""
_START: Final = "start"
LONGEST: Final = 86_400.0
"""Seconds of a pause, the protocol's bound."""
NOTE_EVERY: Final = 30.0
"""Seconds of a pause after which it is noted how much of it is left: so much may be served twice by a power-off."""


@action
@sends_to_cloud
def alert_guardian(toy: Body, reason: str, severity: str = "medium") -> None:
    """Tell the grown-ups: at once when the server is there, and in any case with the incidents that are synced."""
    _alert(toy, severity, reason, "")


@action
@sends_to_cloud
def pass_on_alert(toy: Body) -> None:
    """Tell the grown-ups what the event safety.alert says."""
    told = {name: str(toy.event.data.get(name, "")) for name in ("severity", "reason", "transcript")}
    _alert(toy, told["severity"] or "medium", told["reason"], told["transcript"])


def _alert(toy: Body, severity: str, reason: str, transcript: str) -> None:
    id_, stamp = record_incident(toy, severity, reason, transcript)
    sent = toy.link.send(GuardianAlert(severity, reason, stamp.text, transcript or None, id_))
    logger.warning("guardian alert", extra={"severity": severity, "reason": reason, "sent": sent})


def record_incident(toy: Body, severity: str, reason: str, transcript: str = "") -> tuple[str, Stamp]:
    """Keep something for the grown-ups to read. Its id, and when it was."""
    stamp = toy.clock.now()
    id_ = secrets.token_hex(8)
    toy.memory.keep_safety_event(
        {
            "id": id_,
            "severity": severity,
            "reason": reason,
            "transcript": transcript,
            "timestamp": stamp.text,
            "clock_trusted": stamp.trusted,
            "toy_id": toy.toy_id,
        }
    )
    return id_, stamp


def raise_alarm(toy: Body, severity: str, reason: str, transcript: str) -> None:
    """Tell the chart that a grown-up should know of something; it passes that on in every state."""
    toy.post(Event("safety.alert", {"severity": severity, "reason": reason, "transcript": transcript}))


@action
def note_press_in_play(toy: Body) -> None:
    """This press becomes a hold when it lasts."""
    toy.press_began_elsewhere = False


@action
def note_press_elsewhere(toy: Body) -> None:
    """This press is none of play: should it last until the toy plays again, it is no hold."""
    toy.press_began_elsewhere = True


@action
def note_pause(toy: Body) -> None:
    """Keep in mind how long the pause is to last, and what is to be said.

    A pause that goes on ends no sooner for another: anybody who speaks as the server may pause the toy, and by a short
    one would let it go on. Who may do that says so.
    """
    seconds = toy.event.data.get("seconds")
    asked = float(seconds) if isinstance(seconds, int | float) and seconds > 0 else math.inf
    longest = max(asked, _left(toy))
    toy.pause_seconds = longest if longest < math.inf else None
    toy.pause_words = str(toy.event.data.get("message", ""))


def _left(toy: Body) -> float:
    """Seconds of the pause that goes on; 0 when none does."""
    if not toy.kept_safe:
        return 0.0
    if toy.pause_seconds is None:
        return math.inf
    served = 0.0 if toy.pause_noted is None else asyncio.get_running_loop().time() - toy.pause_noted
    return max(0.0, toy.pause_seconds - served)


@action
def stay_safe(toy: Body) -> None:
    """Remember safe mode, so that switching the toy off and on again does not end it; forget what was recorded."""
    drop_recordings(toy)
    toy.kept_safe = True
    _note(toy, toy.pause_seconds)
    why = "power-up" if toy.event.name == _START else toy.event.name
    record_incident(toy, NOTE, f"safe mode began: {why}", toy.pause_words)


@action
def remember_pause(toy: Body) -> None:
    """Be in safe mode as soon as there is time for it, and also when the toy is started again."""
    toy.kept_safe = True
    _note(toy, toy.pause_seconds)


@action
def end_safe_mode(toy: Body) -> None:
    """Safe mode need not be remembered any more."""
    toy.kept_safe = False
    toy.pause_seconds = toy.pause_noted = None
    toy.memory.keep_fact(FACT, None)
    record_incident(toy, NOTE, f"safe mode ended: {toy.event.name}")


@activity
async def wait_for_resume(toy: Body) -> None:
    """Let the toy go on when the pause is over; without one, wait for somebody."""
    seconds = toy.pause_seconds
    if seconds is None:
        await asyncio.get_running_loop().create_future()
        return
    while seconds > 0:
        toy.pause_noted = asyncio.get_running_loop().time()
        step = min(seconds, NOTE_EVERY)
        await asyncio.sleep(step)
        seconds -= step
        toy.pause_seconds = seconds
        if seconds > 0:
            _note(toy, seconds)
    toy.pause_seconds = None
    toy.post(Event("safety.resume"))


def _note(toy: Body, seconds: float | None) -> None:
    toy.memory.keep_fact(FACT, json.dumps({"seconds": seconds}))


def recall_safe_mode(toy: Body) -> None:
    """Know whether the toy was in safe mode when it was switched off. Called before the chart begins."""
    noted = toy.memory.fact(FACT)
    if noted is None:
        return
    toy.kept_safe = True
    try:
        seconds = json.loads(noted)["seconds"]
    except (ValueError, KeyError, TypeError):
        seconds = None  # whatever it was, a grown-up decides
    known = isinstance(seconds, int | float) and 0 < seconds <= LONGEST
    toy.pause_seconds = float(seconds) if known else None
