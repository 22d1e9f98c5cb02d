"""Piper's voices on this machine: a model, NAME.onnx, and what is to be known of it, NAME.onnx.json."""

from __future__ import annotations

import importlib.util
import json
import os
import re
from pathlib import Path
from typing import Any, Final

from pommai.errors import ModelError, SpeechError
from pommai.source import did_you_mean, quote

LOWEST_RATE, HIGHEST_RATE = 8_000, 48_000
"""Samples a second of a voice."""
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_LARGEST_CONFIG: Final = 4 << 20


def need_piper() -> None:
    """Raise SpeechError when Piper is not installed. It is not imported."""
    if importlib.util.find_spec("piper") is None:
        raise SpeechError("gateway.yaml names piper, which is not installed: pip install 'piper-tts>=1.3'")


def find_voice(name_or_path: str, folder: Path) -> Path:
    """The .onnx file of a voice, by its name in `folder` or by any path. What belongs to it has been looked at.

    Raises ModelError: there is none (and how to get it), or a file of it is missing or is none of Piper's.
    """
    path = Path(os.path.expanduser(name_or_path))
    if _NAME.fullmatch(name_or_path) and (folder / f"{name_or_path.removesuffix('.onnx')}.onnx").is_file():
        path = folder / f"{name_or_path.removesuffix('.onnx')}.onnx"
    elif path.suffix != ".onnx" or not path.is_file():
        hint = did_you_mean(name_or_path, [each.stem for each in folder.glob("*.onnx")])
        get = f"python -m piper.download_voices --download-dir {folder} {name_or_path}"
        if not _NAME.fullmatch(name_or_path):
            get = f"python -m piper.download_voices --download-dir {folder} en_US-amy-low"
        known = f" ({hint})" if hint else ""
        raise ModelError(f"there is no voice of piper {quote(name_or_path)}{known}; Piper's own are got with: {get}")
    _check(path.with_name(f"{path.name}.json"))
    return path


def _check(config: Path) -> None:
    try:
        with config.open("rb") as file:
            found: Any = json.loads(file.read(_LARGEST_CONFIG))
        rate = found["audio"]["sample_rate"]
        whole = isinstance(found["phoneme_id_map"], dict) and isinstance(found["espeak"]["voice"], str)
    except OSError as caught:
        raise ModelError(f"{config}, which belongs to the voice, cannot be read: {caught.strerror or caught}") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ModelError(f"{config} is no description of a voice of piper") from None
    if not whole or not isinstance(rate, int) or isinstance(rate, bool) or not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise ModelError(f"{config} describes no voice that can be played: see sample_rate")
