"""Speech to text on board, by Vosk: for the answers a toy gives when there is no server to ask.

A model is heavy (a small one for English takes some 300 MB of a toy's 512), and needed for a second now and then. So
it is loaded when something was said, and let go when nothing has been for a while. All of it happens on one thread of
its own: the event loop never waits. A recording is in memory while it is understood, and nowhere else.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

from pommai.errors import ModelError, RecognitionError
from pommai.io.ports import Transcript, Word
from pommai.io.vosk_model import UNKNOWN, VoskModel, load_model
from pommai.protocol.audio import SAMPLE_BYTES, SAMPLE_RATE

T = TypeVar("T")

logger = logging.getLogger(__name__)

KEEP_S: Final = 120.0
"""How long a model stays after it was last needed: the pause within a game, not the afternoon."""
LONGEST_S: Final = 30.0
"""Of a longer recording the beginning is understood: nobody tells a toy what to do for half a minute."""
_PIECE: Final = round(0.2 * SAMPLE_RATE) * SAMPLE_BYTES
"""Bytes Vosk gets at a time: between two of them it can be told to stop."""


class VoskRecogniser:
    """Understands recordings with the model in a folder. For one event loop; the owner closes it."""

    def __init__(
        self, folder: Path, phrases: Sequence[str] = (), *, keep_seconds: float = KEEP_S, cache: Path | None = None
    ) -> None:
        """With `phrases`, only these are understood, and all else is UNKNOWN; phrases with words the model lacks are
        left out, which is logged. `keep_seconds` after it was last needed the model is let go. `cache` is as for
        `load_model`.
        """
        self._folder = folder
        self._phrases = tuple(phrases)
        self._keep_seconds = keep_seconds
        self._cache = cache
        self._thread = ThreadPoolExecutor(1, "recogniser")
        self._closing = threading.Event()
        self._under_way: set[asyncio.Future[Any]] = set()
        self._release: asyncio.TimerHandle | None = None
        # Both for the thread alone:
        self._model: VoskModel | None = None
        self._usable: tuple[str, ...] | None = None

    async def transcribe(self, frames: Sequence[bytes]) -> Transcript:
        """The words in a recording, of which LONGEST_S count. What no word was made of is UNKNOWN, in `words` alone.

        Recordings are understood one after the other. Raises RecognitionError when there is no model, it cannot be
        loaded, or the recogniser is closed. May be cancelled: Vosk then stops within a moment.
        """
        pcm = b"".join(frames)[: round(LONGEST_S * SAMPLE_RATE) * SAMPLE_BYTES]
        if self._closing.is_set():
            raise RecognitionError("speech is not understood on board any more: the recogniser was closed")
        given_up = threading.Event()
        work = self._submit(lambda: self._understand(pcm, given_up))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            given_up.set()
            raise
        except ModelError as caught:
            raise RecognitionError(f"speech cannot be understood on board: {caught}") from caught

    async def close(self) -> None:
        """Let the model go, once Vosk has stopped what it is at. Harmless when called again."""
        if not self._closing.is_set():
            self._closing.set()
            self._submit(self._let_go)
            self._thread.shutdown(wait=False)
        while self._under_way:
            await asyncio.wait(self._under_way)

    # -- on the event loop's thread --------------------------------------------------------

    def _submit(self, work: Callable[[], T]) -> asyncio.Future[T]:
        if self._release is not None:
            self._release.cancel()
            self._release = None
        future = asyncio.get_running_loop().run_in_executor(self._thread, work)
        self._under_way.add(future)
        future.add_done_callback(self._ended)
        return future

    def _ended(self, work: asyncio.Future[Any]) -> None:
        """Something is done, and perhaps nobody waits for it any more."""
        self._under_way.discard(work)
        if not work.cancelled():
            work.exception()  # looked at, so that asyncio does not complain of it
        if not self._under_way and not self._closing.is_set():
            self._release = work.get_loop().call_later(self._keep_seconds, self._release_model)

    def _release_model(self) -> None:
        self._release = None
        future = asyncio.get_running_loop().run_in_executor(self._thread, self._let_go)
        self._under_way.add(future)
        future.add_done_callback(self._under_way.discard)

    # -- on the worker thread --------------------------------------------------------------

    def _understand(self, pcm: bytes, given_up: threading.Event) -> Transcript:
        if not pcm or given_up.is_set() or self._closing.is_set():
            return Transcript("")
        if self._model is None:
            self._model = load_model(self._folder, self._cache)
        listener = self._model.listener(self._vocabulary(self._model))
        try:
            words: list[Word] = []
            for start in range(0, len(pcm), _PIECE):
                if given_up.is_set() or self._closing.is_set():
                    return Transcript("")
                if listener.hear(pcm[start : start + _PIECE]):  # an utterance ended: the final result will not have it
                    words += listener.result().words
            words += listener.finish().words
        finally:
            listener.close()
        return Transcript(" ".join(word.text for word in words if word.text != UNKNOWN), tuple(words))

    def _vocabulary(self, model: VoskModel) -> tuple[str, ...] | None:
        """The phrases that can be heard, None for all words. Raises ModelError when there are phrases, but none can."""
        if not self._phrases:
            return None
        if self._usable is None:
            missing = {phrase: model.missing(phrase) for phrase in self._phrases}
            lost = sorted({word for words in missing.values() for word in words})
            if lost:
                logger.warning("words the speech model does not know", extra={"words": ", ".join(lost)})
            self._usable = tuple(phrase for phrase, words in missing.items() if not words and phrase.strip())
        if not self._usable:
            raise ModelError(f"the speech model in {self._folder} knows none of the phrases it is to understand")
        return self._usable

    def _let_go(self) -> None:
        model, self._model = self._model, None
        if model is not None:
            model.close()
