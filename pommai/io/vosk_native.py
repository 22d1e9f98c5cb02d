"""Vosk's C library, without the rest of the package.

`import vosk` brings an HTTP client, a subtitle writer and a progress bar, 20 MB of memory that a toy has better uses
for, and its Python classes free handles that were never made. The package also carries the bare declarations of its
C functions (`vosk_cffi.py`) beside the library; these are what is used here.

Nothing in this module checks what it hands on, and Kaldi ends the process over many a thing: see `vosk_model`.
"""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from pommai.errors import ModelError

_SILENT = -2
"""Below Kaldi's level for warnings (-1), which its "quiet" level would still print."""


@functools.cache
def vosk_library() -> SimpleNamespace:
    """The library as `c` (its functions), `NULL`, and `text` (C string to str). Raises ModelError without Vosk."""
    found = importlib.util.find_spec("vosk")
    if found is None or not found.submodule_search_locations:
        raise ModelError("the Python package vosk is not installed; install it with: pip install vosk")
    folder = Path(found.submodule_search_locations[0])
    try:
        spec = importlib.util.spec_from_file_location("vosk_cffi", folder / "vosk_cffi.py")
        assert spec is not None
        assert spec.loader is not None
        declarations = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(declarations)
        ffi: Any = declarations.ffi
        library: Any = ffi.dlopen(str(folder / "libvosk.so"))
    except (OSError, ImportError, AttributeError) as caught:
        raise ModelError(f"Vosk's library in {folder} cannot be loaded: {caught}") from caught
    library.vosk_set_log_level(_SILENT)
    return SimpleNamespace(c=library, NULL=ffi.NULL, text=lambda c_string: ffi.string(c_string).decode("utf-8"))
