"""What may be spoken of a text: words and their punctuation, and nothing that steers the voice.

Texts come from a server, from files people edit, or are what a child said. A synthesiser understands more than words:
`[[...]]` is phonemes to it, `<...>` markup; and it reads emoji and asterisks aloud.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

MAX_CHARACTERS: Final = 500
"""Longest text: half a minute and more of speech; a toy that talks longer is not listened to."""
_TAG: Final = re.compile(r"<(?:[/?]?[A-Za-z]|!)[^<>]*>")
_PHONEMES: Final = re.compile(r"\[\[.*?\]\]", re.DOTALL)
_SENTENCE_END: Final = re.compile(r"[.!?…]['\")\u2019\u201d]*(?=\s|$)")
_NOT_SPOKEN: Final = re.compile(r"[\[\]{}<>|\\^~_*#`]")
_KINDS: Final = frozenset("LMNPZ")
"""Letters, marks, numbers, punctuation, spaces: first letters of their Unicode categories."""
_SYMBOLS: Final = frozenset("+=%$£€°")
"""Symbols that have a name in every child's language."""


def spoken_text(text: str) -> str:
    """The text as it may be spoken, one line of at most MAX_CHARACTERS; empty when nothing of it is words.

    >>> spoken_text("Hi *waves* [[h@l@U]] <b>friend</b> \U0001f43b!")
    'Hi waves friend!'
    """
    text = unicodedata.normalize("NFKC", text[: 4 * MAX_CHARACTERS])  # wide and fancy brackets are plain ones now
    text = "".join(character for character in text if unicodedata.category(character) != "Cf")  # what nobody sees
    text = _NOT_SPOKEN.sub(" ", _TAG.sub(" ", _PHONEMES.sub(" ", text)))
    text = "".join(character if _is_spoken(character) else " " for character in text)
    text = re.sub(r"\s+([.,!?;:…])", r"\1", " ".join(text.split()))
    text = _cut(text)
    return text if any(character.isalnum() or character in _SYMBOLS for character in text) else ""


def _is_spoken(character: str) -> bool:
    category = unicodedata.category(character)
    return category != "Me" and (category[0] in _KINDS or character in _SYMBOLS) and not _is_selector(character)


def _is_selector(character: str) -> bool:
    """Whether it says how the character before it looks: what is left of an emoji."""
    return "\ufe00" <= character <= "\ufe0f"


def _cut(text: str) -> str:
    """At most MAX_CHARACTERS, ending with a sentence, else with a word, of those that fit."""
    if len(text) <= MAX_CHARACTERS:
        return text
    head = text[: MAX_CHARACTERS + 1]
    ends = [match.end() for match in _SENTENCE_END.finditer(head) if match.end() <= MAX_CHARACTERS]
    if ends:
        return head[: ends[-1]]
    space = head.rfind(" ")
    return head[:space] if space > 0 else head[:MAX_CHARACTERS]
