"""What operators may order, with their words checked: the same on the console, by HTTP and in `pommai persona`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from pommai.errors import PommaiError
from pommai.gateway.personas import load_personas
from pommai.gateway.server import Gateway
from pommai.source import parse_duration

LONGEST_PAUSE: Final = 86_400.0
"""Seconds, the protocol's bound."""
LONGEST_MESSAGE: Final = 300
"""Characters that a toy is to say while it pauses."""


class OrderError(PommaiError):
    """An order makes no sense; nothing was done."""


class Orders:
    """Carries out orders. Each says how many toys were told."""

    def __init__(self, gateway: Gateway, personas: Path) -> None:
        """`personas` is the file that `reload` reads."""
        self.gateway = gateway
        self.personas = personas

    async def switch(self, toy_id: str, device_id: str | None = None) -> int:
        """Who all toys, or the one with this device id, are to be. Raises ProtocolError (TOY_NOT_FOUND)."""
        return await self.gateway.switch_toy(toy_id, device_id)

    async def pause(self, length: str | None = None, message: str = "") -> int:
        """Put every toy into safe mode for a time like 5m, up to 24h; None: until `resume`. A toy that has longer to
        rest does. Raises OrderError."""
        if len(message) > LONGEST_MESSAGE:
            raise OrderError(f"a message has {LONGEST_MESSAGE} characters at most, not {len(message)}")
        if length is None:
            return await self.gateway.pause(message=message)
        seconds = parse_duration(length)
        if seconds is None or not 0 < seconds <= LONGEST_PAUSE:
            raise OrderError(f"{length} is no time to pause for; write 30s or 5m, up to 24h, or leave it out")
        return await self.gateway.pause(seconds, message)

    async def resume(self) -> int:
        """Let every toy out of safe mode."""
        return await self.gateway.resume()

    async def set_volume(self, percent: str, device_id: str | None = None) -> int:
        """How loud all toys, or the one with this device id, are: 0 to 100. Raises OrderError."""
        if not (percent.isascii() and percent.isdigit() and len(percent) <= 9 and int(percent) <= 100):
            raise OrderError(f"{percent} is no volume; write a whole number from 0 to 100")
        return await self.gateway.set_volume(int(percent), device_id)

    async def restart(self, device_id: str) -> int:
        """Have one toy begin again when it rests, at most once in five minutes."""
        return await self.gateway.restart(device_id)

    async def reset(self, device_id: str) -> int:
        """Have one toy forget all that it has kept. It obeys only where this gateway signs, with a key it knows."""
        return await self.gateway.reset(device_id)

    async def reload(self) -> int:
        """Read the personas again. Raises PersonasError, and the toys stay as they were."""
        return await self.gateway.change_personas(await asyncio.to_thread(load_personas, self.personas))
