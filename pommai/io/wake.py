"""The wake word: one engine at a time, on a thread of its own, changed while the toy rests.

A wake engine may take seconds to load and milliseconds to hear, and may fail at both. Here is what keeps that from the
toy: the event loop never waits for it, a new engine takes over only when it works, and one that fails is made anew.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal, TypeVar

from pommai.errors import ModelError, PommaiError
from pommai.hints import did_you_mean, quote
from pommai.io.ports import FrameStream, WakeEngine, WakeHit, WakeSpec
from pommai.protocol.audio import FRAME_BYTES, SILENCE, frames_in

logger = logging.getLogger(__name__)

NOTHING: Final = "none"
"""The engine of a toy that is not called by a wake word."""
ENGINES: Final = ("vosk", "microwakeword", "openwakeword", NOTHING)
FIRST_PAUSE: Final = 5.0
"""Seconds until an engine that failed is made anew; twice as many after each failure that follows ..."""
LONGEST_PAUSE: Final = 300.0
"""... up to so many. An engine that heard for so long without a failure starts again with FIRST_PAUSE."""
PIECE_BYTES: Final = frames_in(0.5) * FRAME_BYTES
"""Most that an engine gets at once: a toy that is behind can still be pressed in between."""
CLOSING_SECONDS: Final = 5.0
"""How long closing waits for what the engine is at."""

T = TypeVar("T")
Outcome = tuple[Literal["changed", "refused", "superseded"], str]
OnChange = Callable[[WakeSpec, str | None], None]
"""Told what was tried: it listens now (None), or it does not, and why."""


def make_engine_for(model: Path | None, resources: Path, cache: Path | None = None) -> Callable[[WakeSpec], WakeEngine]:
    """Makes the engine a spec names; what it returns is called on the listener's thread.

    `model` is the folder of the Vosk model, None when the toy has none; `resources` the folder where the other engines
    find their files by bare name; `cache` as for `vosk_model.load_model`. What is returned raises ModelError when there
    is no such engine or it cannot listen.
    """

    def make(spec: WakeSpec) -> WakeEngine:
        if spec.engine == "vosk":
            if model is None:
                raise ModelError(
                    "vosk needs a speech model to listen with: fetch one with `pommai models get`, "
                    "and name it in the setting vosk_model"
                )
            from pommai.io.wake_vosk import make_vosk_engine

            return make_vosk_engine(model, spec, cache)
        if spec.engine == "microwakeword":
            from pommai.io.wake_micro import make_micro_engine

            return make_micro_engine(resources, spec)
        if spec.engine == "openwakeword":
            from pommai.io.wake_open import make_open_engine

            return make_open_engine(resources, spec)
        raise ModelError(f"there is no wake engine {quote(spec.engine)} ({did_you_mean(spec.engine, ENGINES)})")

    return make


def _tell_nobody(spec: WakeSpec, reason: str | None) -> None:
    pass


class WakeListener:
    """Implements the port WakeWord over any engine. All of it is called on the event loop's thread.

    One engine is loaded at a time, but for the moment of a change: the old one goes on listening until the new one has
    heard its first frame, so for that moment both are in memory, and a toy that changes between two large models needs
    room for both. Frames that come meanwhile wait in the stream. When the new one does not work the old one stays.
    While there is none, because none could be made or it failed while it listened, what is wanted and what worked last
    are tried in turn, after a pause that grows.
    """

    def __init__(self, make_engine: Callable[[WakeSpec], WakeEngine], *, on_change: OnChange = _tell_nobody) -> None:
        """`make_engine` is called on the worker thread, `on_change` on the event loop's."""
        self._make_engine = make_engine
        self._on_change = on_change
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="wake")
        self._closed = False
        self._wanted = WakeSpec()
        self._last_good: WakeSpec | None = None
        self._refused: set[WakeSpec] = set()  # could not be made, and are left alone for now
        self._failures = 0
        self._retry_at = 0.0
        self._made_at = 0.0
        self._change: asyncio.Future[Outcome] | None = None
        self._stream: FrameStream | None = None  # while somebody listens
        self._due = asyncio.Event()  # something happened that `_keep_engine` should look at
        self._told: tuple[WakeSpec, str | None] | None = None
        # Set by the worker alone, and only looked at here:
        self._engine: WakeEngine | None = None
        self._loaded: WakeSpec | None = None
        self._fault: tuple[WakeSpec, str] | None = None

    @property
    def loaded(self) -> WakeSpec | None:
        """What the toy can be called by now; None when nothing is loaded."""
        return self._loaded

    # -- the port --------------------------------------------------------------------------

    def want(self, spec: WakeSpec) -> None:
        """Be called by this; see the port. What was refused is tried again when it is wanted anew."""
        self._wanted = spec
        self._refused.clear()
        self._failures = 0
        self._retry_at = 0.0
        self._due.set()

    async def listen(self, stream: FrameStream, on_hit: Callable[[WakeHit], None]) -> None:
        """Listen until cancelled or the stream ends, whatever becomes of the engine. RuntimeError when closed."""
        if self._closed:
            raise RuntimeError("this wake word listener was closed")
        changes = asyncio.create_task(self._keep_engine(), name="wake engine")
        try:
            await self._ask(lambda engine: engine.reset())
            self._stream = stream
            self._attend()
            async for frame in stream:
                pcm = b"".join((frame, *stream.drain()))
                for start in range(0, len(pcm), PIECE_BYTES):
                    if not self._hears:
                        break
                    hit = await self._hear(pcm[start : start + PIECE_BYTES])
                    if hit is not None:
                        on_hit(hit)
        finally:
            if self._stream is stream:
                self._stream = None
            changes.cancel()
            await asyncio.wait([changes])

    async def close(self) -> None:
        """Let the engine go and end its thread, within CLOSING_SECONDS. Harmless when called again.

        A thread that is stuck in an engine is left behind, and said in the log: nothing can end it but the process.
        """
        if self._closed:
            return
        self._closed = True
        closing = asyncio.wrap_future(self._worker.submit(self._let_go))
        await asyncio.wait([closing], timeout=CLOSING_SECONDS)
        if not closing.done():
            logger.warning("the wake engine does not end", extra={"waited_seconds": CLOSING_SECONDS})
        self._worker.shutdown(wait=closing.done())

    # -- the engine, on the worker ---------------------------------------------------------

    def _call(self, call: Callable[[WakeEngine], T]) -> T | None:
        if self._engine is None or self._loaded is None:
            return None
        try:
            return call(self._engine)
        except Exception as caught:
            logger.warning("the wake engine failed", exc_info=True, extra={"engine": self._loaded.engine})
            self._fault = (self._loaded, _sentence(caught))
            self._let_go()
            return None

    def _change_to(self, spec: WakeSpec, wanted: WakeSpec) -> Outcome:
        """Load `spec`, because `wanted` is wanted."""
        if spec.engine == NOTHING:
            self._let_go()
            return "changed", ""
        made: WakeEngine | None = None
        try:
            made = self._make_engine(spec)
            made.hear(SILENCE)
        except Exception as caught:
            if not isinstance(caught, PommaiError):
                logger.warning("a wake engine cannot be made", exc_info=True, extra={"engine": spec.engine})
            _close(made)
            return "refused", _sentence(caught)
        if self._closed or self._wanted != wanted:
            _close(made)
            return "superseded", ""
        self._let_go()
        self._engine, self._loaded = made, spec
        return "changed", ""

    def _let_go(self) -> None:
        engine, self._engine, self._loaded = self._engine, None, None
        _close(engine)

    # -- the engine, from the event loop ---------------------------------------------------

    @property
    def _hears(self) -> bool:
        """There is somebody to hear it, now or in a moment."""
        return self._loaded is not None or self._change is not None

    def _attend(self) -> None:
        """Take frames only while there is somebody to hear them: a toy without a wake word sleeps longer."""
        if self._stream is not None:
            self._stream.ignore(not self._hears)

    async def _hear(self, pcm: bytes) -> WakeHit | None:
        return await self._ask(lambda engine: engine.hear(pcm))

    async def _ask(self, call: Callable[[WakeEngine], T]) -> T | None:
        """What the engine answers; None without one, or when it fails. Cancelled: the call ends in the background."""
        answer = asyncio.wrap_future(self._worker.submit(self._call, call))
        answer.add_done_callback(self._look_for_fault)
        return await asyncio.shield(answer)

    def _look_for_fault(self, _: object) -> None:
        fault, self._fault = self._fault, None
        if fault is not None:
            if asyncio.get_running_loop().time() - self._made_at > LONGEST_PAUSE:
                self._failures = 0
            self._pause()
            self._attend()
            self._tell(*fault)

    async def _keep_engine(self) -> None:
        """Change to what is wanted whenever that is something else; make anew what failed, after its pause."""
        loop = asyncio.get_running_loop()
        while True:
            self._due.clear()
            if self._change is None:
                spec = self._next(loop.time())
                if spec is not None:
                    self._begin(spec)
            waiting = self._retry_at if self._loaded is None and self._retry_at > loop.time() else None
            with suppress(TimeoutError):
                async with asyncio.timeout_at(waiting):
                    await self._due.wait()

    def _next(self, now: float) -> WakeSpec | None:
        """What to change to now, if anything."""
        wanted = self._wanted
        if wanted.engine == NOTHING:
            return wanted if self._loaded is not None else None
        if self._loaded is not None:
            return None if wanted == self._loaded or wanted in self._refused else wanted
        return None if now < self._retry_at else self._untried()

    def _untried(self) -> WakeSpec | None:
        """What to load while nothing is: what is wanted, else what worked last."""
        return next((spec for spec in (self._wanted, self._last_good) if spec and spec not in self._refused), None)

    def _begin(self, spec: WakeSpec) -> None:
        """Have the worker change to `spec`. What comes of it counts, even when nobody listens any more."""
        self._change = asyncio.wrap_future(self._worker.submit(self._change_to, spec, self._wanted))
        self._change.add_done_callback(lambda done: self._changed(spec, *done.result()))
        self._attend()

    def _changed(self, spec: WakeSpec, outcome: str, reason: str) -> None:
        self._change = None
        self._attend()
        self._due.set()
        if outcome == "changed":
            self._last_good = None if spec.engine == NOTHING else spec
            self._made_at = asyncio.get_running_loop().time()
            logger.info("wake word", extra={"engine": spec.engine, "phrases": spec.phrases, "models": spec.models})
            self._tell(spec, None)
        elif outcome == "refused":
            stays = self._loaded.engine if self._loaded is not None else NOTHING
            level = logging.DEBUG if self._told == (spec, reason) else logging.WARNING  # each rest may try it again
            logger.log(level, "wake engine refused", extra={"engine": spec.engine, "reason": reason, "stays": stays})
            self._refused.add(spec)
            if self._loaded is None and self._untried() is None:
                self._pause()
            self._tell(spec, reason)

    def _pause(self) -> None:
        """Nothing listens: have what is wanted, and what worked last, tried again in a while."""
        self._retry_at = asyncio.get_running_loop().time() + min(FIRST_PAUSE * 2**self._failures, LONGEST_PAUSE)
        self._failures = min(self._failures + 1, 10)
        self._refused.clear()
        self._due.set()

    def _tell(self, spec: WakeSpec, reason: str | None) -> None:
        if self._told != (spec, reason):
            self._told = (spec, reason)
            self._on_change(spec, reason)


def _close(engine: WakeEngine | None) -> None:
    if engine is not None:
        try:
            engine.close()
        except Exception:
            logger.warning("a wake engine did not close", exc_info=True)


def _sentence(caught: Exception) -> str:
    return str(caught) if isinstance(caught, PommaiError) else f"{type(caught).__name__}: {caught}"
