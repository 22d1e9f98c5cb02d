"""A link that leads nowhere: that of a toy which nobody has told where its server is and who it is."""

from __future__ import annotations

import asyncio

from pommai.io.ports import LinkListener
from pommai.protocol.messages import Message


class NoLink:
    """The Link of a toy without identity. It never calls anybody, and takes nothing to be sent."""

    def __init__(self, toy_id: str) -> None:
        self.toy_id = toy_id

    async def run(self, listener: LinkListener) -> None:
        await asyncio.get_running_loop().create_future()  # until cancelled

    def send(self, message: Message) -> bool:
        return False

    def send_audio(self, turn: int, sequence: int, packet: bytes, *, final: bool) -> bool:
        return False

    @property
    def is_up(self) -> bool:
        return False

    @property
    def backlog(self) -> int:
        return 0
