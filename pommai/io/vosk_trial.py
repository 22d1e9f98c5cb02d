"""Tries a Vosk model in a process of its own: a damaged one would take the toy with it.

Kaldi checks little of what it reads. A language graph cut short, a bit turned in the network, an emptied
configuration: some raise, some end the process with SIGSEGV or SIGABRT, while loading or with the first sound. So
this is run once for every model that is new to the toy, as `python vosk_trial.py FOLDER`; it ends with 0 when the
model loads and both kinds of recogniser have listened to something.
"""

from __future__ import annotations

import array
import json
import math
import os
import random
import subprocess
import sys
from pathlib import Path

from pommai.errors import ModelError
from pommai.protocol.audio import SAMPLE_RATE

LONGEST_TRIAL = 120.0
"""Seconds until a trial counts as failed. The largest models for boards like the toy's load in under 10."""


def try_model(folder: Path) -> None:
    """Load a model in another process and let it listen for a second. Raises ModelError when that fails. Blocks."""
    command = [sys.executable, "-P", "-m", "pommai.io.vosk_trial", str(folder)]
    try:
        ended = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=LONGEST_TRIAL,
            check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )
    except OSError as caught:
        raise ModelError(f"the speech model in {folder} cannot be tried: {caught}") from caught
    except subprocess.TimeoutExpired:
        raise ModelError(f"the speech model in {folder} is damaged: Vosk hangs when it loads it") from None
    if ended.returncode:
        said = ended.stderr.decode("utf-8", "replace").strip().splitlines()
        why = said[-1] if said else f"Vosk ended with {ended.returncode}"
        raise ModelError(
            f"the speech model in {folder} is damaged: {why[-200:]}; delete the folder and get the model again with: "
            "pommai models get"
        )


def main(folder: Path) -> int:
    """The trial itself."""
    from pommai.io.vosk_files import read_vocabulary
    from pommai.io.vosk_native import vosk_library

    library = vosk_library()
    model = library.c.vosk_model_new(os.fsencode(folder))
    if model == library.NULL:
        return _refused("Vosk does not load it")
    grammar = json.dumps([*read_vocabulary(folder)[:1], "[unk]"], ensure_ascii=False)
    sound = _babble()
    for recogniser in (
        library.c.vosk_recognizer_new_grm(model, SAMPLE_RATE, grammar.encode()),
        library.c.vosk_recognizer_new(model, SAMPLE_RATE),
    ):
        if recogniser == library.NULL:
            return _refused("Vosk makes no recogniser of it")
        library.c.vosk_recognizer_set_words(recogniser, 1)
        if library.c.vosk_recognizer_accept_waveform(recogniser, sound, len(sound)) < 0:
            return _refused("Vosk cannot listen with it")
        library.c.vosk_recognizer_final_result(recogniser)
    return 0


def _babble(seconds: float = 1.5) -> bytes:
    """Something speech-like, which leads Kaldi through more of a model than noise: vowels that glide, and hisses."""
    chance = random.Random(1)
    samples = array.array("h")
    low, high, first, second = [0.0, 0.0], [0.0, 0.0], 0, 0
    for piece in range(round(seconds / 0.01)):  # 10 ms; 20 of them are a syllable, which begins with a hiss
        if piece % 20 == 0:
            first, second = chance.choice(((300, 2300), (700, 1200), (500, 1800), (350, 800), (600, 1000)))
        formants = (first, second + piece % 20 * 20)
        turns = [2 * 0.97 * math.cos(2 * math.pi * formant / SAMPLE_RATE) for formant in formants]
        for index in range(SAMPLE_RATE // 100):
            source = chance.gauss(0, 300) if piece % 20 < 5 else 4000.0 * (index in (0, 80))
            low[:] = source + turns[0] * low[0] - 0.94 * low[1], low[0]
            high[:] = source + turns[1] * high[0] - 0.94 * high[1], high[0]
            samples.append(max(-32768, min(32767, round(low[0] + high[0]))))
    return samples.tobytes()


def _refused(why: str) -> int:
    print(why, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
