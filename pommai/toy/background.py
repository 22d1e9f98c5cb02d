"""Tasks beside the chart's: what goes on as long as the toy does, whatever state it is in."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any

logger = logging.getLogger(__name__)


def keep_running(stack: AsyncExitStack, work: Coroutine[Any, Any, None], name: str) -> None:
    """Run something in the background until the stack ends. A fault in it is logged, and the toy goes on without."""

    async def run() -> None:
        try:
            await work
        except Exception:
            logger.exception("background work failed", extra={"work": name})

    task = asyncio.get_running_loop().create_task(run(), name=name)

    async def end() -> None:
        task.cancel()
        await asyncio.wait([task])

    stack.push_async_callback(end)
