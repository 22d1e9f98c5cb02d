"""Hearing and speaking on board: the speech model, every toy's wake words, and espeak-ng's voice."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from pommai.actions.identity import wake_spec
from pommai.doctor.finding import Finding, blocking, note, ok, wrong
from pommai.doctor.kept import NothingKeptError, UnseenError, opened, seal_of
from pommai.doctor.surroundings import Surroundings
from pommai.errors import ModelError, PersonasError, ProtocolError, SpeechError
from pommai.io.memory_lock import TOY
from pommai.io.memory_schema import ForeignFileError
from pommai.io.seal import SealBrokenError
from pommai.io.vosk_model import VoskModel, load_model
from pommai.protocol.messages import ToyProfile, VoiceSettings
from pommai.protocol.schema import Shape

SENTENCE = "Hello, here I am."
_PROFILE = Shape(ToyProfile)


def model(surroundings: Surroundings) -> Finding:
    """Whether the speech model is there, loads, and how large it is."""
    from pommai.io.models import DEFAULT, find_model, size_of

    settings = surroundings.settings
    name = settings.vosk_model
    if name == "none":
        return note("the settings want none: without its server the toy understands nothing")
    try:
        folder = find_model(name, settings.models)
        loaded = load_model(folder)  # no cache: what this user finds good, the toy tries for itself
    except ModelError as caught:
        why = str(caught).partition("; ")[0]
        step = f"pommai models get {'' if name == DEFAULT else name}".strip()
        return wrong(f"{why}: without its server the toy understands nothing", step)
    try:
        words = len(loaded.vocabulary())
    finally:
        loaded.close()
    size = size_of(folder) / 1e6
    figures = {"model": str(folder), "words": words, "size_mb": round(size, 1)}
    return ok(f"{folder.name} loads: {words:,} words, {size:.0f} MB", **figures)


# -- wake words ----------------------------------------------------------------------------


def wake_words(surroundings: Surroundings) -> Finding:
    """By what each toy can be called: those that came with this one, and those its memory knows."""
    toys, remarks = known_toys(surroundings)
    remark = "".join(f" ({words})" for words in remarks)
    if not toys:
        return note(f"no toys are known here{remark}")
    vosk: VoskModel | None = None
    without_vosk = ""
    if any(wake_spec(toy).engine == "vosk" for toy in toys.values()):
        try:
            vosk = load_model(_folder(surroundings))
        except ModelError as caught:
            without_vosk = str(caught).partition("; ")[0]
    try:
        told = {name: _called_by(toy, vosk, without_vosk, surroundings.settings.models) for name, toy in toys.items()}
    finally:
        if vosk is not None:
            vosk.close()
    figures = {
        "toys": {
            name: {
                "engine": toys[name].wake_engine,
                "called_by": phrases,
                "not_by": _others(toys[name], phrases),
                "cannot": why or None,
            }
            for name, (phrases, why) in told.items()
        }
    }
    mute = {name: why for name, (phrases, why) in told.items() if why and not phrases}
    if mute:
        reasons: dict[str, list[str]] = {}
        for name, why in mute.items():
            reasons.setdefault(why, []).append(name)
        words = "; ".join(f"{', '.join(names)} cannot be called, only pressed: {why}" for why, names in reasons.items())
        step = (
            "pommai models get" if without_vosk else "pommai models check; then say it in known words, in alternatives"
        )
        return wrong(words + remark, step, **figures)
    said = "; ".join(_named(name, toys[name], phrases) for name, (phrases, _) in told.items() if phrases)
    return ok((said or "no toy has a wake word") + remark, **figures)


def _named(name: str, toy: ToyProfile, phrases: list[str]) -> str:
    """A toy with what it can be called by, and what nobody need try."""
    more = f" and {len(phrases) - 1} more" if len(phrases) > 1 else ""
    others = "".join(f", not by “{phrase}”" for phrase in _others(toy, phrases))
    return f"{name} by “{phrases[0]}”{more}{others}"


def _others(toy: ToyProfile, known: list[str]) -> list[str]:
    """Phrases of a toy that the model does not know."""
    spec = wake_spec(toy)
    return [phrase for phrase in spec.phrases if phrase not in known] if spec.engine == "vosk" else []


def known_toys(surroundings: Surroundings) -> tuple[dict[str, ToyProfile], list[str]]:
    """Toys by id, what the memory knows over what came with this one; and remarks on what could not be seen."""
    from pommai.gateway.personas import load_personas

    toys: dict[str, ToyProfile] = {}
    remarks = []
    try:
        toys = {name: each.profile for name, each in load_personas(surroundings.settings.personas).items()}
    except PersonasError:
        remarks.append("personas.yaml cannot be used: pommai check")
    try:
        with opened(surroundings) as database:
            seal = seal_of(surroundings)
            for name, body in database.execute("SELECT toy_id, body FROM toys ORDER BY seen").fetchall():
                try:
                    toys[name] = _PROFILE.read(json.loads(seal.open(body, TOY.format(name))), "toy")
                except (ProtocolError, ValueError, SealBrokenError):
                    remarks.append(f"what is remembered of {name} cannot be understood")
    except NothingKeptError:
        pass
    except UnseenError:
        remarks.append("what the toy remembers is closed to this user")
    except (ForeignFileError, sqlite3.Error):
        remarks.append("what the toy remembers cannot be read")
    return toys, remarks


def _called_by(toy: ToyProfile, vosk: VoskModel | None, without_vosk: str, models: Path) -> tuple[list[str], str]:
    """The phrases or models a toy can be called by, and why there are none."""
    from pommai.io.wake import make_engine_for

    spec = wake_spec(toy)
    if spec.engine == "none":
        return [], ""
    if spec.engine == "vosk":
        if vosk is None:
            return [], without_vosk
        known = [phrase for phrase in spec.phrases if phrase.split() and not vosk.missing(phrase)]
        if known or not spec.phrases:
            return known, ""
        lacking = dict.fromkeys(word for phrase in spec.phrases for word in vosk.missing(phrase))
        return [], f"the model does not know {', '.join(f'“{word}”' for word in lacking)}"
    try:
        make_engine_for(None, models)(spec).close()
    except ModelError as caught:
        return [], str(caught)
    return list(spec.models), ""


def _folder(surroundings: Surroundings) -> Path:
    from pommai.io.models import find_model

    if surroundings.settings.vosk_model == "none":
        raise ModelError("the settings want no speech model (vosk_model = none)")
    return find_model(surroundings.settings.vosk_model, surroundings.settings.models)


# -- speaking ------------------------------------------------------------------------------


async def voice(surroundings: Surroundings, program: str = "espeak-ng") -> Finding:
    """Whether espeak-ng says a sentence; it is not played."""
    from pommai.io.speech import EspeakSpeech
    from pommai.protocol.audio import FRAME_SECONDS

    try:
        frames = await EspeakSpeech(program).speak(SENTENCE, VoiceSettings())
    except SpeechError as caught:
        words, _, step = str(caught).partition(": sudo ")
        return wrong(words, f"sudo {step}" if step else "sudo apt-get install espeak-ng libsoxr0")
    seconds = len(frames) * FRAME_SECONDS
    if not frames:
        return wrong("espeak-ng says nothing", "sudo apt-get install --reinstall espeak-ng espeak-ng-data")
    return ok(f"espeak-ng says “{SENTENCE}” in {seconds:.1f} s", seconds=round(seconds, 2))


check_model = blocking(model)
check_wake_words = blocking(wake_words)
