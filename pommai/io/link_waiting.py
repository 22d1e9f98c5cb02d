"""The link of a toy that cannot read what it would show its server: it calls nobody, until it can."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from pommai.errors import SecretError
from pommai.io.ports import Link, LinkListener
from pommai.io.secret import SecretSource
from pommai.protocol.messages import Message

logger = logging.getLogger(__name__)

LOOK_SECONDS: Final = 60.0
"""Somebody may put the file right, or a TPM answer again, while the toy runs."""


class WaitingLink:
    """The Link `link`, from when `secret` can be read."""

    def __init__(self, link: Link, secret: SecretSource, look_seconds: float = LOOK_SECONDS) -> None:
        self._link = link
        self._secret = secret
        self._look_seconds = look_seconds

    @property
    def toy_id(self) -> str:
        """The toy to be at the next connect."""
        return self._link.toy_id

    @toy_id.setter
    def toy_id(self, toy_id: str) -> None:
        self._link.toy_id = toy_id

    async def run(self, listener: LinkListener) -> None:
        while not await self._can_be_read():  # noqa: ASYNC110 (a file tells nobody that it has changed)
            await asyncio.sleep(self._look_seconds)
        logger.info("set up")
        await self._link.run(listener)

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
