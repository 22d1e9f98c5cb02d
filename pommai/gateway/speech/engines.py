"""Engines by name: what gateway.yaml says, made into a responder. What it does not name is not even imported."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pommai.errors import RecognitionError
from pommai.gateway.gateway_file import OPENAI, Endpoint, EngineSettings, PiperVoice
from pommai.gateway.speech.talker import Deaf
from pommai.protocol.audio import FRAME_BYTES

if TYPE_CHECKING:
    from pommai.gateway.speech.talker import Talker
    from pommai.io.ports import Recogniser

KEEP_SECONDS: Final = 86_400.0
"""How long a speech model stays loaded when nobody talks: a gateway has the memory."""

_log = logging.getLogger(__name__)


def open_engines(
    settings: EngineSettings,
    stack: AsyncExitStack,
    responses: Path,
    models: Path | None = None,
    cache: Path | None = None,
    checks: dict[str, Callable[[], Awaitable[str]]] | None = None,
) -> Talker | Deaf:
    """A responder with these engines; the stack closes them.

    `responses` is the offline_responses.yaml, `models` the folder of models by name, `cache` where it is noted that one
    works. The speech model is loaded meanwhile, and whoever speaks first waits for it; `checks` gets what says how that
    is. Raises PommaiError when an engine cannot be had: no model, no espeak-ng, no piper, no httpx, no key, a broken
    file.
    """
    if settings.hearing is None:
        return Deaf()
    from pommai.gateway.speech.hearing import Hearing
    from pommai.gateway.speech.present import need_espeak
    from pommai.gateway.speech.rules import Talks
    from pommai.gateway.speech.talker import Talker
    from pommai.io.models import find_model
    from pommai.io.ports import Speech
    from pommai.io.recogniser import VoskRecogniser
    from pommai.io.speech import EspeakSpeech
    from pommai.responses import load_responses

    model = find_model(settings.hearing, models or Path())
    talks = Talks(load_responses(responses))
    if talks.responses.persona_change is None:
        _log.info("no words ask for another persona", extra={"reason": f"{responses} has no persona_change"})
    need_espeak()
    cores = os.cpu_count() or 1
    hearing = Hearing([VoskRecogniser(model, keep_seconds=KEEP_SECONDS, cache=cache) for _ in range(cores)])
    if checks is not None:
        checks["hearing"] = hearing.trouble
    stack.push_async_callback(hearing.close)
    stack.push_async_callback(_cancel, asyncio.create_task(_load(hearing), name="speech model"))
    spare = EspeakSpeech(cache_bytes=0)  # the talker keeps what may be kept
    voice: Speech = spare
    if isinstance(settings.voice, Endpoint):
        from pommai.gateway.speech.voice import OpenAiSpeech

        voice = speaker = OpenAiSpeech(settings.voice)
        stack.push_async_callback(speaker.close)
    elif isinstance(settings.voice, PiperVoice):
        from pommai.gateway.speech.piper import PiperSpeech
        from pommai.gateway.speech.piper_files import find_voice, need_piper

        need_piper()
        voice = piper = PiperSpeech(find_voice(settings.voice.model, models or Path()))
        stack.push_async_callback(piper.close)
    chat = None
    if isinstance(settings.answering, Endpoint):
        from pommai.gateway.speech.chat import Chat

        chat = Chat(settings.answering)
        stack.push_async_callback(chat.close)
    default = OPENAI if isinstance(settings.answering, Endpoint) else settings.answering
    return Talker(default, hearing, talks, voice, spare, chat)


async def _load(hearing: Recogniser) -> None:
    """Have the model loaded before the first child speaks."""
    try:
        await hearing.transcribe([bytes(FRAME_BYTES)])
    except RecognitionError as caught:
        _log.error("no hearing", extra={"reason": str(caught)})


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
