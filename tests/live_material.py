"""What a stranger may send as settings: payloads of every kind, and a house with traps for those that lead out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from pommai.io.sounds import SoundFolder
from pommai.io.toy_files import ToyFolders
from pommai.io.wav import write_wav
from pommai.protocol.audio import SILENCE
from pommai.protocol.pi_config import ACKNOWLEDGEMENTS, MODELS, THRESHOLD


def build_house(home: Path) -> Path:
    """Make folders of models and sounds with links that lead out, beside files that nobody is to reach."""
    for folder in ("models", "sounds", "models/deeper"):
        (home / folder).mkdir()
    for place in ("secret", "models/mine", "models/deeper/inner"):
        (home / f"{place}.tflite").write_bytes(b"model")
        (home / f"{place}.json").write_text("{}")
    for place in ("secret", "sounds/huh"):
        write_wav(home / f"{place}.wav", [SILENCE])
    for suffix in ("tflite", "json"):
        (home / f"models/out.{suffix}").symlink_to(home / f"secret.{suffix}")
    (home / "models/round.tflite").symlink_to(home / "models/round.tflite")
    (home / "models/folder.tflite").mkdir()
    (home / "sounds/out.wav").symlink_to(home / "secret.wav")
    return home


def files_of(house: Path) -> ToyFolders:
    """What a toy that lives there can find."""
    return ToyFolders(house / "models", SoundFolder(house / "sounds"))


TRICKS = (
    "../secret", "../secret.tflite", "..", ".", "", "/etc/passwd", "./mine", "deeper/inner", "deeper\\inner",
    "..\\x", "mine\0", "mine\n", " mine", "mine ", "ｍｉｎｅ", "mіne", "mine\u202e", "．．／secret", "%2e%2e%2fsecret",
    "~", "~/x", "$HOME", "mine.tflite/", "out", "out.tflite", "out.wav", "round", "folder", "secret", "C:mine", "-",
    "con", "a" * 101, "huh.raw", "file:///etc/passwd", "\ud800", "mine.tflite.tflite",
)  # fmt: skip
HARMLESS = ("mine", "mine.tflite", "okay_nabu", "huh", "huh.wav")

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.sampled_from(TRICKS),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner),
    max_leaves=30,
)
names = st.lists(st.sampled_from(TRICKS + HARMLESS) | anything, max_size=20)
payloads = st.fixed_dictionaries(
    {},
    optional={
        MODELS: names | anything,
        THRESHOLD: st.floats() | st.integers() | anything,
        ACKNOWLEDGEMENTS: names | anything,
        "../../etc/passwd": anything,
    },
)


def nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = {MODELS: [value]}
    return value
