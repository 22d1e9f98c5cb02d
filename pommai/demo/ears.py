"""Which speech model the toy of a demo understands with."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pommai.errors import ModelError
from pommai.io.models import find_model
from pommai.toy.settings import PACKAGE, Settings

TINY: Final = Path("tests/data/vosk-tiny/model")
"""In a source checkout: it understands voices of espeak-ng, which children in scripts have, and no others."""


def speech_model_for(settings: Settings, *, a_person_speaks: bool, checkout: Path = PACKAGE.parent) -> Path | None:
    """The folder of the model; None when there is none.

    What the settings name has the first word, then the tiny model unless a person speaks, then the usual one.
    """
    tiny = checkout / TINY
    usual = settings.vosk_model == Settings().vosk_model
    if usual and not a_person_speaks and tiny.is_dir():
        return tiny
    if settings.vosk_model == "none":
        return None
    try:
        return find_model(settings.vosk_model, settings.models)
    except ModelError:
        return None
