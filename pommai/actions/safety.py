"""Safe mode and the grown-ups."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime

from pommai.actions.body import Body
from pommai.actions.registry import action, activity, sends_to_cloud
from pommai.events import Event
from pommai.protocol.messages import GuardianAlert

logger = logging.getLogger(__name__)


@action
@sends_to_cloud
def alert_guardian(toy: Body, reason: str, severity: str = "medium") -> None:
    """Tell the grown-ups, through the server; without one, only the log keeps it."""
    alert = GuardianAlert(severity, reason, datetime.now(UTC).isoformat(timespec="milliseconds"))
    sent = toy.link.send(alert)
    logger.warning("guardian alert", extra={"severity": severity, "reason": reason, "sent": sent})


@action
def note_pause(toy: Body) -> None:
    """Keep in mind how long the pause is to last."""
    seconds = toy.event.data.get("seconds")
    toy.pause_seconds = float(seconds) if isinstance(seconds, int | float) and seconds > 0 else None


@activity
async def wait_for_resume(toy: Body) -> None:
    """Let the toy go on when the pause is over; without one, wait for somebody."""
    seconds, toy.pause_seconds = toy.pause_seconds, None
    if seconds is None:
        await asyncio.get_running_loop().create_future()
    else:
        await asyncio.sleep(seconds)
        toy.post(Event("safety.resume"))
