"""The files of the toy that a server may name, in the folders they belong in."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

from pommai.errors import ModelError, SoundError
from pommai.io import wake_micro, wake_open
from pommai.io.sound_files import READERS
from pommai.io.sounds import SoundFolder
from pommai.io.wake_models import model_file


class ToyFolders:
    """Implements the port ToyFiles: models of a folder and those built in, sounds of a folder.

    Looking for a model asks the disk for a file or two; sounds were read before.
    """

    def __init__(self, models: Path, sounds: SoundFolder) -> None:
        self._models = models
        self._sounds = sounds
        self._built_in = wake_micro.builtin_models()
        self._has_open = find_spec("openwakeword") is not None

    def wake_engine(self, model: str) -> str:
        """The engine that listens with this model, by its suffix; one built in has none. Raises ModelError."""
        if re.sub(r"[ -]+", "_", model.strip().lower()) in self._built_in:
            return wake_micro.ENGINE
        if model.endswith(".onnx"):
            model_file(model, self._models, ".onnx")
            for name in wake_open.FEATURE_MODELS:
                model_file(name, self._models, ".onnx")
            if not self._has_open:
                raise ModelError(f"{model} needs openwakeword, which is not installed on this toy")
            return wake_open.ENGINE
        found = model_file(model, self._models, ".tflite", others=self._built_in)
        model_file(found.stem, self._models, ".json")  # microWakeWord's trainer writes it beside the model
        return wake_micro.ENGINE

    def sound(self, file: str) -> str:
        """The bare name of the sound that is in this file; the bare name itself will do. Raises SoundError."""
        suffix = next((suffix for suffix in READERS if file.endswith(suffix)), "")
        name = file.removesuffix(suffix)
        self._sounds.frames(name)  # raises for one that cannot be played
        there = self._sounds.file(name).name
        if suffix and there != file:
            raise SoundError(f"there is no sound file {file}; the sound '{name}' is in {there}")
        return name
