"""A link that calls nobody while the toy cannot read what it would show its server, be that from the start or since a
file was removed, or a TPM failed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from pommai.errors import SecretError
from pommai.io.ports import Link, LinkListener
from pommai.io.secret import SecretSource
from pommai.protocol.messages import Message

logger = logging.getLogger(__name__)

LOOK_SECONDS: Final = 60.0
"""Somebody may put the file right, or a TPM answer again, while the toy runs."""


class WaitingLink:
    """The Link `link`, while `secret` can be read."""

    def __init__(
        self,
        link: Link,
        secret: SecretSource,
        *,
        readable: bool,
        on_change: Callable[[bool], None] = lambda readable: None,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        """`readable`: whether it can be read now; `on_change` is told when that changes. `link` raises SecretError from
        its `run` when it finds that it cannot."""
        self._link = link
        self._secret = secret
        self._readable = readable
        self._on_change = on_change
        self._look_seconds = look_seconds

    @property
    def toy_id(self) -> str:
        """The toy to be at the next connect."""
        return self._link.toy_id

    @toy_id.setter
    def toy_id(self, toy_id: str) -> None:
        self._link.toy_id = toy_id

    async def run(self, listener: LinkListener) -> None:
        while True:
            while not self._readable:
                # A while even where it is back at once: one that comes and goes would be told of all the time.
                await asyncio.sleep(self._look_seconds)
                if await self._can_be_read():
                    logger.info("set up")
                    self._change(True)
            try:
                return await self._link.run(listener)
            except SecretError as caught:
                logger.error("secret not read", extra={"reason": str(caught)})
                self._change(False)

    def _change(self, readable: bool) -> None:
        self._readable = readable
        self._on_change(readable)

    def send(self, message: Message) -> bool:
        return self._link.send(message)

    def send_audio(self, turn: int, sequence: int, packet: bytes, *, final: bool) -> bool:
        return self._link.send_audio(turn, sequence, packet, final=final)

    @property
    def is_up(self) -> bool:
        return self._link.is_up

    @property
    def backlog(self) -> int:
        return self._link.backlog

    async def _can_be_read(self) -> bool:
        try:
            await self._secret.read()
        except SecretError:
            return False
        return True
