"""What is missing on this machine of what gateway.yaml names, and of what personas want; nothing is loaded for it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from pommai.errors import PommaiError, SpeechError
from pommai.gateway.gateway_file import OPENAI, PARROT, Endpoint, EngineSettings, PiperVoice
from pommai.gateway.personas import Persona


def missing_engines(settings: EngineSettings, models: Path) -> Mapping[str, str]:
    """The keys of gateway.yaml (hearing, answering, voice) whose engine is not to be had here, each with why.

    `models` is the folder of models by name.
    """
    found: dict[str, str] = {}
    for key, need in (("hearing", _need_hearing), ("answering", _need_answering), ("voice", _need_voice)):
        try:
            need(settings, models)
        except PommaiError as caught:
            found[key] = str(caught)
    return found


def unanswerable(persona: Persona, *, hears: bool, has_model: bool) -> str | None:
    """Why nobody can answer for a persona, where words are understood (`hears`) and there is a language model; None
    when somebody can.
    """
    if persona.answers.by in (None, PARROT):
        return None
    if not hears:
        return (
            f"'{persona.toy_id}' answers words ({persona.answers.by}), but the gateway understands none: "
            "write hearing: {vosk: {model: ...}} in gateway.yaml"
        )
    if persona.answers.by == OPENAI and not has_model:
        return (
            f"'{persona.toy_id}' answers with openai, but gateway.yaml names no language model: "
            "write answering: {openai: {url: ..., model: ...}} there"
        )
    return None


def _need_hearing(settings: EngineSettings, models: Path) -> None:
    if settings.hearing is not None:
        from pommai.io.models import find_model

        find_model(settings.hearing, models)


def _need_answering(settings: EngineSettings, models: Path) -> None:
    if isinstance(settings.answering, Endpoint):
        _need_endpoint(settings.answering)


def _need_voice(settings: EngineSettings, models: Path) -> None:
    if isinstance(settings.voice, Endpoint):
        _need_endpoint(settings.voice)
    elif isinstance(settings.voice, PiperVoice):
        from pommai.gateway.speech.piper_files import find_voice, need_piper

        need_piper()
        find_voice(settings.voice.model, models)
    if settings.hearing is not None:
        need_espeak()


def need_espeak() -> None:
    """Raise SpeechError when espeak-ng, the spare voice of every gateway that understands, is not installed."""
    if shutil.which("espeak-ng") is None:
        raise SpeechError("espeak-ng is not installed; on Debian and the like: sudo apt-get install espeak-ng")


def _need_endpoint(endpoint: Endpoint) -> None:
    from pommai.gateway.speech.endpoint import need_client

    need_client(endpoint)
