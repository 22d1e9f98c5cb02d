"""Keeps what a toy sends to be kept, and tells it what became of it."""

from __future__ import annotations

import logging
from typing import Final

from pommai.errors import ProtocolError, StoreError
from pommai.gateway.answering import Toy
from pommai.gateway.archive import Archive
from pommai.protocol import messages as m

LATER: Final = 30.0
"""Seconds after which a toy may try again to have something kept, when the disk did not take it."""

_log = logging.getLogger(__name__)


async def keep(toy: Toy, archive: Archive, message: m.SyncBatch | m.SaveConversation | m.GuardianAlert) -> None:
    """Keep what the toy sends. A batch is acknowledged once it is kept, and not at all when it cannot be.

    Raises ConnectionClosed when the toy is gone.
    """
    try:
        match message:
            case m.SyncBatch():
                ack = await archive.take(toy.device_id, toy.toy_id, message)
                fact = toy.fact(batch=ack.batch, accepted=len(ack.accepted), rejected=len(ack.rejected))
                _log.info("batch kept", extra=fact)
                await toy.send(ack)
            case m.SaveConversation(conversation):
                await archive.save(toy.device_id, conversation)
            case m.GuardianAlert(severity, reason):
                _log.warning("guardian alert", extra=toy.fact(severity=severity, reason=reason))
                await archive.alert(toy.device_id, toy.toy_id, message)
    except StoreError as caught:
        _log.error("nothing kept", extra=toy.fact(reason=str(caught)))
        # Of the wire's codes the one that says *later*, and by which no turn fails.
        words = f"this cannot be kept now; try again in {LATER:g} s"
        await toy.send(m.ErrorMessage("RATE_LIMITED", words, {"retry_after": LATER}))
    except ProtocolError as caught:
        _log.warning("not kept", extra=toy.fact(code=caught.code, reason=str(caught)))
        await toy.send(m.ErrorMessage(caught.code, str(caught)))
