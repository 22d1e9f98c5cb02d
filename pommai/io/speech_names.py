"""Names of voices that only espeak-ng can have, held against those it has on this machine.

A variant that it does not have it leaves out without a word, and the toy speaks as somebody else than was meant.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import Final

from pommai.hints import did_you_mean, quote

SECONDS: Final = 10.0
"""Longest that espeak-ng may take to answer, which is a hundred times what it takes."""
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(-[a-z0-9]{1,8}){0,3}", re.IGNORECASE)
_VARIANT: Final = re.compile(r"!v/(\S+)")
_NONE_SUCH: Final = "voice does not exist"


def voice_problem(voice_id: str, program: str = "espeak-ng") -> tuple[str, str] | None:
    """What is surely wrong with a `voice_id`, and how to put it right. None: nothing is, or it cannot be known.

    Only of a name such as "en-us+f3", a language and a variant, it is known that espeak-ng's voice is meant. Any other
    may be that of a voice which another engine has. Waits for a process.
    """
    language, plus, variant = voice_id.partition("+")
    if not plus or _LANGUAGE.fullmatch(language) is None or shutil.which(program) is None:
        return None
    variants = set(_VARIANT.findall(_ask(program, "--voices=variant").stdout))
    if variants and variant not in variants and not variant.isdigit():
        return f"espeak-ng on this machine has no variant {quote(variant)}", did_you_mean(variant, variants)
    if language != language.lower():
        return f"{quote(voice_id)} is not how espeak-ng's voices are written", f"write {language.lower()}+{variant}"
    if _NONE_SUCH in _ask(program, "-q", "--stdin", "-v", voice_id).stderr:
        languages = {line.split()[1] for line in _ask(program, "--voices").stdout.splitlines()[1:]}
        return f"espeak-ng on this machine has no voice {quote(language)}", did_you_mean(language, languages)
    return None


def _ask(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What it says; nothing when it does not answer."""
    try:
        return subprocess.run(
            (program, *arguments),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=SECONDS,
            check=False,
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return subprocess.CompletedProcess((), 1, "", "")
