"""Wake words by microWakeWord: the small models of Home Assistant's own devices, 1 % of a core and 17 MB with numpy.

Several models share one front end, which is half of the work. The runtime below, TensorFlow Lite's C library, is called
by pymicro-wakeword without looking at what it returns: **a damaged model file would end the whole process**. So every
model is tried here first, through the same library, with each answer looked at. Of 2,100 models with random bytes in
them none got past that and ended the process.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pommai.errors import ModelError
from pommai.io.ports import WakeHit, WakeSpec
from pommai.io.wake_models import Cooldown, check_count, cutoff_of, model_file

ENGINE: Final = "microwakeword"
FEATURES: Final = 40
"""Figures the front end makes of each 10 ms."""
_BYTE_TYPES: Final = (3, 9)
"""TensorFlow Lite's numbers for uint8 and int8: what pymicro-wakeword can feed."""


def builtin_folder() -> Path | None:
    """Where pymicro-wakeword keeps the models that come with it; None when it is not installed. Imports nothing."""
    from importlib.util import find_spec

    found = find_spec("pymicro_wakeword")
    return None if found is None or found.origin is None else Path(found.origin).parent / "models"


def builtin_models() -> Mapping[str, Path]:
    """The models that come with pymicro-wakeword: name to .tflite file. None of them is loaded."""
    folder = builtin_folder()
    return {} if folder is None else {path.stem: path for path in sorted(folder.glob("*.tflite"))}


def make_micro_engine(resources: Path, spec: WakeSpec) -> MicroWakeEngine:
    """An engine that listens for `spec.models`: built in (`okay_nabu`, `okay nabu`), else NAME.tflite in `resources`
    with its NAME.json beside it, as microWakeWord's trainer writes them.

    Raises ModelError when a model is missing or damaged, or pymicro-wakeword is not installed.
    """
    check_count(spec.models, ENGINE)
    files = dict.fromkeys(_file(name, resources) for name in spec.models)
    try:
        import pymicro_wakeword
        from pymicro_wakeword.wakeword import TfLiteWakeWord
    except ImportError as caught:
        raise ModelError(
            f"microwakeword cannot listen: {caught}; install it with: pip install pymicro-wakeword"
        ) from caught
    libraries = sorted((Path(pymicro_wakeword.__file__).parent / "lib").glob("*tensorflowlite_c.*"))
    if not libraries:
        raise ModelError("pymicro-wakeword came without TensorFlow Lite for this machine; toys need a 64-bit system")
    try:
        library = TfLiteWakeWord(libraries[0]).lib
    except OSError as caught:
        raise ModelError(f"TensorFlow Lite cannot be loaded from {libraries[0]}: {caught}") from caught
    models: list[_Model] = []
    for file in files:
        _try(library, file)
        settings = _settings(file.with_suffix(".json"))
        word = pymicro_wakeword.MicroWakeWord(
            id=file.stem,
            tflite_model=file,
            trained_languages=[],
            libtensorflowlite_c_path=libraries[0],
            **settings,
        )
        models.append(_Model(word, cutoff_of(settings["probability_cutoff"], spec)))
    return MicroWakeEngine(pymicro_wakeword.MicroWakeWordFeatures(), models)


class _Model:
    """A model that was loaded, and the probability from which it counts."""

    def __init__(self, word: Any, cutoff: float) -> None:
        self.word = word
        self.phrase = " ".join(word.wake_word.lower().split())
        self.cutoff = cutoff
        self.cooldown = Cooldown()


class MicroWakeEngine:
    """Listens with one or several models to one stream. See `make_micro_engine`."""

    def __init__(self, features: Any, models: list[_Model]) -> None:
        self._features = features
        self._models = models

    def hear(self, pcm: bytes) -> WakeHit | None:
        """Take the next frames; the surest hit in them, if any."""
        best: WakeHit | None = None
        counting = [model for model in self._models if model.cooldown.hear(len(pcm))]
        for features in self._features.process_streaming(pcm):
            for model in self._models:
                probability = model.word.process_streaming_prob(features)
                if probability is None:
                    raise ModelError("this engine was closed")
                if probability > model.cutoff and model in counting:
                    counting.remove(model)
                    model.cooldown.begin()
                    if best is None or probability > best.score:
                        best = WakeHit(model.phrase, float(probability))
        return best

    def reset(self) -> None:
        """Forget what was heard so far; 0.3 ms a model, which is loaded anew."""
        self._features.reset()
        for model in self._models:
            model.word.reset()
            model.cooldown.end()

    def close(self) -> None:
        """Let the models go. Harmless when called again."""
        for model in self._models:
            model.word.close()


def _file(name: str, resources: Path) -> Path:
    """The .tflite file of a model's name. Raises ModelError."""
    builtin = builtin_models()
    spoken = re.sub(r"[ -]+", "_", name.strip().lower())
    return builtin.get(spoken) or model_file(name, resources, ".tflite", others=builtin)


def _settings(path: Path) -> dict[str, Any]:
    """Wake word, cutoff and window, from the file beside a model. Raises ModelError."""
    if not path.exists():
        raise ModelError(f"{path} is missing: microWakeWord's trainer writes it beside the model")
    model_file(path.name, path.parent, ".json")
    try:
        document = json.loads(path.read_text("utf-8"))
    except OSError as caught:
        raise ModelError(f"{path} cannot be read: {caught.strerror or caught}") from caught
    except (ValueError, RecursionError) as caught:
        raise ModelError(f"{path} is not JSON: {caught}") from caught
    micro = document.get("micro") if isinstance(document, dict) else None
    if not isinstance(micro, dict):
        raise ModelError(f"{path} does not describe a microWakeWord model: it has no section 'micro'")
    word, cutoff, window = document.get("wake_word"), micro.get("probability_cutoff"), micro.get("sliding_window_size")
    if not isinstance(word, str) or not word.strip() or len(word) > 100:
        raise ModelError(f"{path}: wake_word must be a text of 1 to 100 characters")
    if not isinstance(cutoff, float) or not 0 < cutoff < 1:
        raise ModelError(f"{path}: probability_cutoff must be a number between 0 and 1")
    if isinstance(window, bool) or not isinstance(window, int) or not 1 <= window <= 100:
        raise ModelError(f"{path}: sliding_window_size must be a whole number from 1 to 100")
    return {"wake_word": word, "probability_cutoff": cutoff, "sliding_window_size": window}


def _try(library: Any, path: Path) -> None:
    """Load a model and let it go again. Raises ModelError when pymicro-wakeword could not work with it."""
    model = library.TfLiteModelCreateFromFile(str(path.resolve()).encode())
    if not model:
        raise ModelError(f"{path} is damaged or no TensorFlow Lite model; copy it anew")
    interpreter = library.TfLiteInterpreterCreate(model, None)
    try:
        if not interpreter or library.TfLiteInterpreterAllocateTensors(interpreter) != 0:
            raise ModelError(f"{path} is a model that this TensorFlow Lite cannot run")
        try:
            taken = library.TfLiteInterpreterGetInputTensor(interpreter, 0)
            given = library.TfLiteInterpreterGetOutputTensor(interpreter, 0)
        except RuntimeError as caught:
            raise ModelError(f"{path} is no wake model: it takes or gives nothing") from caught
        shape = [library.TfLiteTensorDim(taken, i) for i in range(library.TfLiteTensorNumDims(taken))]
        types = (library.TfLiteTensorType(taken), library.TfLiteTensorType(given))
        fits = len(shape) == 3 and shape[0] == 1 and 1 <= shape[1] <= 100 and shape[2] == FEATURES
        if not fits or types[0] not in _BYTE_TYPES or types[1] not in _BYTE_TYPES:
            raise ModelError(f"{path} is no microWakeWord model: it takes {shape}, not [1, strides, {FEATURES}] bytes")
        if library.TfLiteTensorByteSize(given) != 1:
            raise ModelError(f"{path} is no microWakeWord model: it gives more than one probability")
    finally:
        if interpreter:
            library.TfLiteInterpreterDelete(interpreter)
        library.TfLiteModelDelete(model)
