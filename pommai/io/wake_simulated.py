"""A wake word without an engine: tests and campaigns say when the toy is called."""

from __future__ import annotations

from collections.abc import Callable

from pommai.io.ports import FrameStream, WakeHit, WakeSpec


class SimulatedWake:
    """The WakeWord in memory. `wanted` holds every spec that was wanted, in order."""

    def __init__(self) -> None:
        self.wanted: list[WakeSpec] = []
        self._on_hit: Callable[[WakeHit], None] | None = None

    # -- the port --------------------------------------------------------------------------

    def want(self, spec: WakeSpec) -> None:
        self.wanted.append(spec)

    async def listen(self, stream: FrameStream, on_hit: Callable[[WakeHit], None]) -> None:
        self._on_hit = on_hit
        try:
            async for _ in stream:
                stream.drain()
        finally:
            self._on_hit = None

    async def close(self) -> None:
        """There is nothing to let go."""

    # -- the child's part ------------------------------------------------------------------

    @property
    def listening(self) -> bool:
        """Whether the toy can be called now."""
        return self._on_hit is not None

    def call(self, phrase: str = "hey pommai", score: float = 1.0) -> None:
        """Somebody calls the toy. Nothing happens while it does not listen."""
        if self._on_hit is not None:
            self._on_hit(WakeHit(phrase, score))
