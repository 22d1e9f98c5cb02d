"""What becomes of a mistake of ours in a session: the toy is told, and so is the log."""

from __future__ import annotations

import logging

import pytest
from gateway_material import desk, knock, run

from pommai.gateway.session import Session
from pommai.protocol import messages as m
from pommai.protocol.wire import encode_message


def test_a_session_that_fails_is_in_the_log_with_its_traceback(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(session: Session) -> None:
        raise ZeroDivisionError("a mistake of ours")

    async def test() -> None:
        async with desk() as gateway, knock(gateway) as toy:
            await toy.send(encode_message(m.Handshake("desk-1", "pommai-bear")))
            await toy.wait_closed()
            assert toy.close_code == 1011

    monkeypatch.setattr(Session, "run", fail)
    logging.getLogger("websockets").setLevel(logging.CRITICAL)  # as `pommai gateway` does
    try:
        run(test())
    finally:
        logging.getLogger("websockets").setLevel(logging.NOTSET)
    (record,) = [record for record in caplog.records if record.message == "session failed"]
    assert record.name == "pommai.gateway.server"
    assert record.exc_info is not None
    assert record.exc_info[0] is ZeroDivisionError
