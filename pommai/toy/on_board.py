"""What a toy has on board for when there is no server: its memory, its ears for its name, understanding and a voice."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from msgspec import Struct

from pommai.actions.identity import FACT as TOY_FACT
from pommai.actions.playback import VOLUME_FACT
from pommai.errors import ModelError, PersonasError, SecretError
from pommai.events import Event
from pommai.io.clock import SystemClock
from pommai.io.memory import SqliteMemory
from pommai.io.models import find_model
from pommai.io.ports import Clock, Emit, Memory, Recogniser, Speech, WakeSpec, WakeWord
from pommai.io.recogniser import VoskRecogniser
from pommai.io.seal import KEY_BYTES, KeySeal, Seal
from pommai.io.seal_key import key_file_of, open_seal
from pommai.io.sent import NoteSent
from pommai.io.speech import EspeakSpeech
from pommai.io.wake import OnChange, WakeListener, make_engine_for
from pommai.protocol.messages import ToyProfile
from pommai.toy.forget import finish_reset
from pommai.toy.kept import kept
from pommai.toy.settings import Settings

logger = logging.getLogger(__name__)

CONFIGURED: Final = "configured_toy"
"""What the toy remembers of its settings: the toy_id they named when it was last started."""


class OnBoard(Struct, frozen=True):
    """The parts."""

    memory: Memory
    note_sent: NoteSent
    """Notes in the memory what leaves the toy."""
    clock: Clock
    fresh: bool
    """A reset has just been finished: all that was kept is gone."""
    wake: WakeWord
    recogniser: Recogniser
    speech: Speech


async def on_board(settings: Settings, stack: AsyncExitStack, post: Emit) -> OnBoard:
    """Make the parts; the stack closes them. A speech model that is missing is logged, and gone without.

    `post` takes their events, once the toy runs.
    """
    fresh = await asyncio.to_thread(finish_reset, settings)
    clock = SystemClock()
    seal, locked = await _seal(settings)
    memory = await SqliteMemory.open(
        settings.memory,
        clock,
        persistent=settings.memory_copy,
        copy_every=settings.memory_copy_every,
        seal=seal,
        locked=locked,
    )
    stack.push_async_callback(memory.close)
    model = speech_model(settings.vosk_model, settings.models)
    wake = WakeListener(make_engine_for(model, settings.models, settings.cache_dir), on_change=_refusals(post))
    stack.push_async_callback(wake.close)
    recogniser = VoskRecogniser(model or settings.models / settings.vosk_model, cache=settings.cache_dir)
    stack.push_async_callback(recogniser.close)
    return OnBoard(memory, memory.note_sent, clock, fresh, wake, recogniser, EspeakSpeech())


async def _seal(settings: Settings) -> tuple[Seal, str]:
    """What the memory is closed with; where its key cannot be had, one for this run alone, and why."""
    try:
        return await open_seal(key_file_of(settings.memory_copy or settings.memory), settings.memory_key), ""
    except SecretError as caught:
        return await asyncio.to_thread(KeySeal, secrets.token_bytes(KEY_BYTES)), str(caught)


def _refusals(post: Emit) -> OnChange:
    """Turns what becomes of wake engines into events: one is refused that has never worked. Faults are made good."""
    worked: set[WakeSpec] = set()

    def changed(spec: WakeSpec, reason: str | None) -> None:
        if reason is None:
            worked.clear()
            worked.add(spec)
        elif spec not in worked:
            post(Event("wake.refused", {"reason": reason, "models": " ".join(spec.models)}))

    return changed


def speech_model(name: str, models: Path) -> Path | None:
    """The folder of the Vosk model; None when the settings want none, or it is not there."""
    if name == "none":
        return None
    try:
        return find_model(name, models)
    except ModelError as caught:
        logger.warning("no speech model", extra={"reason": str(caught)})
        return None


def built_in_toys(file: Path, cache: Path) -> Mapping[str, ToyProfile]:
    """The toys that came with this one, by id: those of personas.yaml, and none when it is missing or wrong."""

    def read() -> Mapping[str, ToyProfile]:
        from pommai.gateway.personas import load_personas

        return {toy_id: persona.profile for toy_id, persona in load_personas(file).items()}

    try:
        return kept(cache, "toys", file, read, code=("gateway/personas.py", "gateway/keys.py", "protocol"))
    except PersonasError as caught:
        logger.warning("no toys built in", extra={"reason": str(caught)})
        return {}


def who_it_was(settings: Settings, memory: Memory) -> str:
    """The toy to be: the one it was when it was switched off, unless the settings name another since then."""
    was = memory.fact(TOY_FACT) if memory.fact(CONFIGURED) == settings.toy_id else None
    memory.keep_fact(CONFIGURED, settings.toy_id)
    return was or settings.toy_id


def loudness(settings: Settings, memory: Memory) -> float:
    """The volume to begin with, as a factor: what was last asked for, else the setting."""
    kept = memory.fact(VOLUME_FACT)
    percent = float(kept) if kept is not None and kept.isdigit() else settings.volume
    return min(percent, 100) / 100
