from __future__ import annotations

import subprocess
import sys

import pytest

from pommai.errors import ModelError
from pommai.io.vosk_native import vosk_library


def test_the_library_is_loaded_once_and_answers() -> None:
    library = vosk_library()
    assert vosk_library() is library
    assert library.c.vosk_model_new(b"/nowhere") == library.NULL


def test_none_of_what_the_package_brings_along_is_imported() -> None:
    code = (
        "import sys; from pommai.io.vosk_native import vosk_library; vosk_library(); "
        "print(sorted({'vosk', 'requests', 'tqdm', 'srt'} & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"


def test_without_the_package_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModelError, match="pip install vosk"):
        vosk_library.__wrapped__()
