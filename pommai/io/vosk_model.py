"""Speech models of Vosk: loaded once for all who use them, asked for words before they are to be heard.

Kaldi, which does the work below, ends the process over an empty grammar, over a mark such as `<eps>` in one, and over
many kinds of damage to a model. So the toy talks to it through this module alone, which lets nothing of that through:
files are looked at, a model new to the toy is tried in a process of its own (`vosk_trial`), and grammars are made
here, of words the model says it knows.

All of this blocks, for seconds with a large model on a small board: call it on a worker thread.
"""

from __future__ import annotations

import ctypes
import difflib
import json
import logging
import os
import threading
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from pommai.errors import ModelError
from pommai.io.ports import Transcript, Word
from pommai.io.vosk_files import check_files, check_words, fingerprint, read_vocabulary
from pommai.io.vosk_native import vosk_library
from pommai.io.vosk_trial import try_model
from pommai.protocol.audio import SAMPLE_BYTES, SAMPLE_RATE

logger = logging.getLogger(__name__)

UNKNOWN: Final = "[unk]"
"""What Vosk calls speech in none of a grammar's words. A grammar without it forces all that is said onto its words."""
LONGEST_PHRASE: Final = 200
"""Characters: a phrase of more is a mistake."""
NEAR: Final = 4
"""Known words offered in place of an unknown one."""
_MARKS: Final = "'’-."
"""What a word may hold besides letters and digits, as in o'clock, well-known, mr."""


def load_model(folder: Path, cache: Path | None = None) -> VoskModel:
    """The model in a folder; who asks for the same one again shares it. The caller closes it.

    A model never seen before is first tried in another process, which takes as long as loading it. That it worked is
    remembered in the folder `cache`, until the model's files change; without one, while this process lives.
    Raises ModelError: no model there, one that is damaged or of a kind the toy cannot use, no Vosk.
    """
    with _lock:
        check_files(folder)
        key = fingerprint(folder)
        loaded = _loaded.get(key)
        if loaded is None:
            _try_once(folder, key, cache)
            loaded = _loaded[key] = _Loaded(folder, key)
        loaded.users += 1
        return VoskModel(loaded)


class VoskModel:
    """One user's hold on a loaded model. Its methods raise ModelError once it is closed."""

    def __init__(self, loaded: _Loaded) -> None:
        """Use `load_model`."""
        self._loaded: _Loaded | None = loaded
        self.folder = loaded.folder

    def knows(self, word: str) -> bool:
        """Whether the model can hear this word, in whatever case it is written. Its own marks are no words."""
        loaded = self._in_use()
        plain = _plain(word)
        return _is_word(plain) and loaded.library.c.vosk_model_find_word(loaded.handle, plain.encode()) > 0

    def missing(self, phrase: str) -> tuple[str, ...]:
        """The words of a phrase that the model does not know, each once, in their order."""
        return tuple(dict.fromkeys(word for word in _plain(phrase).split() if not self.knows(word)))

    def vocabulary(self) -> tuple[str, ...]:
        """The words the model knows: 700 in the tests' own, 200,000 in a small model for English. Reads a file."""
        return read_vocabulary(self._in_use().folder)

    def near(self, word: str) -> tuple[str, ...]:
        """Up to NEAR known words spelled much like this one, the likest first. Takes a second with a large model."""
        plain = _plain(word)
        pool = [known for known in self.vocabulary() if known[:1] == plain[:1] and abs(len(known) - len(plain)) <= 2]
        return tuple(known for known in difflib.get_close_matches(plain, pool, NEAR) if self.knows(known))

    def check_phrase(self, phrase: str) -> str:
        """The phrase as the model wants it: lower case, words apart by one space.

        Raises ModelError when it is empty or longer than LONGEST_PHRASE, or has a word the model does not know.
        """
        words = _plain(phrase).split()
        if not words:
            raise ModelError("an empty phrase cannot be listened for; write the words to be heard")
        if len(phrase) > LONGEST_PHRASE:
            raise ModelError(
                f"'{phrase[:40]}…' is too long to be listened for: the most is {LONGEST_PHRASE} characters"
            )
        for word in self.missing(phrase):
            near = self.near(word)
            like = f"; spelled alike are {', '.join(near)}" if near else ""
            raise ModelError(
                f"the speech model in {self.folder} does not know the word '{word}' of '{phrase}'{like}. Say it in "
                "words it knows: for a toy's wake word these go into wake_word_alternatives"
            )
        return " ".join(words)

    def grammar(self, phrases: Sequence[str]) -> str:
        """What Vosk wants to be given to listen for these phrases: a JSON list, with UNKNOWN for all other speech.

        A phrase may be UNKNOWN itself. Raises ModelError as `check_phrase` does, and when there are no phrases.
        """
        checked = dict.fromkeys(self.check_phrase(phrase) for phrase in phrases if phrase != UNKNOWN)
        if not checked:
            raise ModelError("there are no phrases to listen for")
        return json.dumps([*checked, UNKNOWN], ensure_ascii=False)

    def listener(self, phrases: Sequence[str] | None = None) -> VoskListener:
        """Someone to listen for these phrases, or for all the model knows. The caller closes it. Raises ModelError."""
        loaded = self._in_use()
        grammar = None if phrases is None else self.grammar(phrases).encode()
        with _making:  # one at a time: under a heavy load, Kaldi was once seen to end the process in here
            if grammar is None:
                handle = loaded.library.c.vosk_recognizer_new(loaded.handle, SAMPLE_RATE)
            else:
                handle = loaded.library.c.vosk_recognizer_new_grm(loaded.handle, SAMPLE_RATE, grammar)
        if handle == loaded.library.NULL:
            raise ModelError(f"Vosk cannot listen with the model in {self.folder}")
        return VoskListener(loaded.library, handle)

    def close(self) -> None:
        """Let go; the last user's close frees the memory. Harmless when called again."""
        with _lock:
            loaded, self._loaded = self._loaded, None
            if loaded is not None:
                loaded.users -= 1
                if not loaded.users:
                    del _loaded[loaded.key]
                    loaded.free()

    def _in_use(self) -> _Loaded:
        if self._loaded is None:
            raise ModelError(f"the speech model in {self.folder} has been closed")
        return self._loaded


class VoskListener:
    """One stream of sound, 16 kHz mono s16le, made into words. For one thread at a time.

    It may outlive the model it came from, and keeps that in memory. Its methods raise ModelError once it is closed.
    """

    def __init__(self, library: Any, handle: Any) -> None:
        """Use `VoskModel.listener`."""
        self._library = library
        self._handle = handle
        library.c.vosk_recognizer_set_words(handle, 1)

    def hear(self, pcm: bytes) -> bool:
        """Take the next sound, whole samples of it; true when an utterance has ended: its words are in `result`."""
        handle = self._in_use()
        length = len(pcm) - len(pcm) % SAMPLE_BYTES
        if not length:
            return False
        ended = self._library.c.vosk_recognizer_accept_waveform(handle, bytes(pcm), length)
        if ended < 0:
            raise ModelError("Vosk failed over a piece of sound")
        return bool(ended)

    def partial(self) -> str:
        """The words of the utterance so far. They may change as it goes on, and lag some 0.2 s behind the sound."""
        return str(
            json.loads(self._library.text(self._library.c.vosk_recognizer_partial_result(self._in_use()))).get(
                "partial", ""
            )
        )

    def result(self) -> Transcript:
        """The words of the utterance that has ended. UNKNOWN is among `words`, and not in `text`."""
        return _transcript(self._library.text(self._library.c.vosk_recognizer_result(self._in_use())))

    def finish(self) -> Transcript:
        """End the utterance here; its words. What is heard next begins a new one."""
        return _transcript(self._library.text(self._library.c.vosk_recognizer_final_result(self._in_use())))

    def reset(self) -> None:
        """Forget the utterance so far."""
        self._library.c.vosk_recognizer_reset(self._in_use())

    def close(self) -> None:
        """Free it. Harmless when called again."""
        handle, self._handle = self._handle, None
        if handle is not None:
            self._library.c.vosk_recognizer_free(handle)

    def _in_use(self) -> Any:
        if self._handle is None:
            raise ModelError("this Vosk listener has been closed")
        return self._handle


class _Loaded:
    """A model in memory, and how many use it."""

    def __init__(self, folder: Path, key: str) -> None:
        self.folder = folder
        self.key = key
        self.users = 0
        self.library = vosk_library()
        self.handle = self.library.c.vosk_model_new(os.fsencode(folder))
        if self.handle == self.library.NULL:
            raise ModelError(f"Vosk cannot load the model in {folder}; get it again with: pommai models get")

    def free(self) -> None:
        self.library.c.vosk_model_free(self.handle)
        _give_memory_back()


_lock = threading.Lock()
_making = threading.Lock()
_loaded: dict[str, _Loaded] = {}
_tried: set[str] = set()


def _try_once(folder: Path, key: str, cache: Path | None) -> None:
    """Try a model, unless one of these very files has been found good before. Raises ModelError."""
    note = None if cache is None else cache / "models" / f"{key}.tried"
    if key in _tried or (note is not None and note.is_file()):
        return
    check_words(folder)
    try_model(folder)
    _tried.add(key)
    if note is not None:
        try:
            note.parent.mkdir(parents=True, exist_ok=True)
            note.write_text(f"{folder}\n")
        except OSError as caught:
            logger.warning("not remembered that a speech model works", extra={"file": str(note), "reason": str(caught)})


def _give_memory_back() -> None:
    """Hand what was freed to the system: glibc keeps it otherwise, hundreds of MB after a model. Elsewhere: nothing."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _transcript(told: str) -> Transcript:
    words = tuple(Word(entry["word"], min(1.0, entry["conf"])) for entry in json.loads(told).get("result", ()))
    return Transcript(" ".join(word.text for word in words if word.text != UNKNOWN), words)


def _plain(words: str) -> str:
    return unicodedata.normalize("NFC", words).lower()


def _is_word(word: str) -> bool:
    """Whether it may be said to Vosk: letters, digits and little else; so no mark, no control character."""
    return 0 < len(word) <= LONGEST_PHRASE and all(sign.isalnum() or sign in _MARKS for sign in word)
