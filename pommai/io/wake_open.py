"""Wake words by openWakeWord: models that can be trained from synthetic speech, at 220 MB of memory. An optional extra.

Beside each wake word's own model the engine needs the two that all of them share, in the same folder. Their makers
publish all three kinds under CC BY-NC-SA, so none comes with Pommai.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from pommai.errors import ModelError
from pommai.io.ports import WakeHit, WakeSpec
from pommai.io.wake_models import Cooldown, check_count, cutoff_of, model_file
from pommai.protocol.audio import SAMPLE_BYTES

ENGINE: Final = "openwakeword"
BLOCK_BYTES: Final = 1280 * SAMPLE_BYTES
"""80 ms: what the models take at a time."""
OWN_CUTOFF: Final = 0.5
"""The probability from which openWakeWord's makers count a hit."""
FEATURE_MODELS: Final = ("melspectrogram", "embedding_model")
"""What all wake words share: NAME.onnx in the folder of the models."""
_VERSION: Final = re.compile(r"_v[0-9.]+$")


def make_open_engine(resources: Path, spec: WakeSpec) -> OpenWakeEngine:
    """An engine that listens for `spec.models`, each NAME.onnx in `resources`; takes a second or two.

    Raises ModelError when a model is missing or damaged, or openwakeword is not installed.
    """
    check_count(spec.models, ENGINE)
    files = dict.fromkeys(model_file(name, resources, ".onnx") for name in spec.models)
    shared = {}
    for name in FEATURE_MODELS:
        if not (resources / f"{name}.onnx").exists():
            raise ModelError(
                f"openwakeword needs {name}.onnx in {resources} beside the wake word's own model; "
                "it is among the files of openWakeWord's releases"
            )
        shared[name] = model_file(name, resources, ".onnx")
    try:
        from openwakeword.model import Model
    except ImportError as caught:
        raise ModelError(
            f"openwakeword cannot listen: {caught}; install it with: pip install 'pommai[openwakeword]'"
        ) from caught
    try:
        model = Model(
            wakeword_models=[str(file) for file in files],
            inference_framework="onnx",
            melspec_model_path=str(shared["melspectrogram"]),
            embedding_model_path=str(shared["embedding_model"]),
        )
        engine = OpenWakeEngine(model, cutoff_of(OWN_CUTOFF, spec))
        engine.hear(bytes(BLOCK_BYTES))  # a model made for something else is found out by its first block
    except Exception as caught:  # onnxruntime has an exception of its own for every fault of a file
        names = ", ".join(file.name for file in files)
        raise ModelError(f"openwakeword cannot listen with {names} of {resources}: {caught}") from caught
    for name, outputs in model.model_outputs.items():
        if outputs != 1:
            raise ModelError(f"{resources / name}.onnx is no wake word: it tells {outputs} things apart, not one")
    return engine


class OpenWakeEngine:
    """Listens with one or several models to one stream. See `make_open_engine`."""

    def __init__(self, model: Any, cutoff: float) -> None:
        """`model` is an openwakeword.model.Model; `cutoff` the probability, 0.0..1.0, from which it counts."""
        self._model = model
        self._cutoff = cutoff
        self._rest = b""
        self._cooldowns = {name: Cooldown() for name in model.models}

    def hear(self, pcm: bytes) -> WakeHit | None:
        """Take the next frames; the surest hit in them, if any. Looks at whole blocks of 80 ms."""
        import numpy

        if self._model is None:
            raise ModelError("this engine was closed")
        self._rest += pcm
        best: WakeHit | None = None
        while len(self._rest) >= BLOCK_BYTES:
            block, self._rest = self._rest[:BLOCK_BYTES], self._rest[BLOCK_BYTES:]
            for name, probability in self._model.predict(numpy.frombuffer(block, numpy.int16)).items():
                cooldown = self._cooldowns[name]
                if cooldown.hear(len(block)) and probability > self._cutoff:
                    cooldown.begin()
                    if best is None or probability > best.score:
                        best = WakeHit(_phrase(name), float(probability))
        return best

    def reset(self) -> None:
        """Forget what was heard so far. The first 0.4 s afterwards give no hit."""
        self._rest = b""
        for cooldown in self._cooldowns.values():
            cooldown.end()
        if self._model is not None:
            self._model.reset()

    def close(self) -> None:
        """Let the models go. Harmless when called again."""
        self._model = None


def _phrase(name: str) -> str:
    """What a model listens for, by its name: hey_jarvis_v0.1 for "hey jarvis"."""
    return " ".join(_VERSION.sub("", name).replace("_", " ").lower().split())
