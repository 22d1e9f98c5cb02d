"""A text that comes in small pieces, made into sentences that can be said: the first one as soon as it is whole.

What a language model writes is a stranger's text. Markup, scripts, a model's thoughts, what stands in braces (calls of
tools that have gone astray) and emoji are left out, and no answer, however long, is more than MOST_SENTENCES of LONGEST
characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from pommai.io.speech_text import spoken_text

LONGEST: Final = 240
"""Characters of a sentence; a longer one is said in parts."""
MOST_SENTENCES: Final = 8
"""Of an answer: a child who is told more than that has stopped listening."""
LONGEST_TAG: Final = 200
"""Characters: a `<` that is not closed within so many begins no tag."""

_SILENT: Final = re.compile(r"<(script|style|think|thinking|reasoning|tool_call|function_call)\b[^<>]*>", re.IGNORECASE)
"""What stands between these and their ends is not for people."""
_TAG: Final = re.compile(r"<[^<>]*>")
_END: Final = re.compile(r"[.!?…]+['\")\u2019\u201d*_]*(?=\s)|\n")
_NO_END: Final = re.compile(r"(?:^|\s)(?:mr|mrs|ms|dr|st|prof|vs|\d{1,3})\.$", re.IGNORECASE)
_PART_END: Final = re.compile(r"[,;:)\u2013\u2014]\s|\s")


class Sentences:
    """Takes text, gives sentences: as they may be spoken, each of at most LONGEST characters."""

    def __init__(self) -> None:
        self.count = 0
        """Sentences given."""
        self._raw = ""  # not yet looked at for tags
        self._text = ""  # of the sentence that is not whole yet
        self._silent = ""  # the tag within which nothing counts
        self._braces = 0  # within so many nothing counts either

    @property
    def is_full(self) -> bool:
        """Whether no more sentences come, whatever is fed."""
        return self.count >= MOST_SENTENCES

    def feed(self, text: str) -> Iterator[str]:
        """The sentences that are whole now."""
        self._raw += text
        self._text += self._without_braces(self._without_tags(at_end=False))
        yield from self._whole()

    def finish(self) -> Iterator[str]:
        """What is left when nothing more comes."""
        self._text += self._without_braces(self._without_tags(at_end=True))
        yield from self._whole()
        rest, self._text = self._text, ""
        yield from self._said(rest)

    def _without_braces(self, text: str) -> str:
        plain = []
        for letter in text:
            if letter == "{":
                self._braces += 1
            elif letter == "}":
                self._braces = max(0, self._braces - 1)
                plain.append(" ")
            elif not self._braces:
                plain.append(letter)
        return "".join(plain)

    def _without_tags(self, *, at_end: bool) -> str:
        plain = []
        while self._raw:
            if self._silent:
                end = re.search(rf"</{self._silent}\s*>", self._raw, re.IGNORECASE)
                if end is None:
                    self._raw = "" if at_end else self._raw[-LONGEST_TAG:]
                    break
                self._raw, self._silent = self._raw[end.end() :], ""
                continue
            before, tag, after = self._raw.partition("<")
            plain.append(before)
            self._raw = tag + after
            if not tag:
                break
            if silent := _SILENT.match(self._raw):
                self._silent, self._raw = silent[1], self._raw[silent.end() :]
            elif whole := _TAG.match(self._raw):
                plain.append(" ")
                self._raw = self._raw[whole.end() :]
            elif at_end or "<" in after or len(after) >= LONGEST_TAG:
                plain.append(" ")
                self._raw = after
            else:
                break  # the rest of the tag is still to come
        return "".join(plain)

    def _whole(self) -> Iterator[str]:
        at = 0
        while (end := _END.search(self._text, at)) is not None:
            head = self._text[: end.end()]
            if _NO_END.search(head.rstrip()):
                at = end.end()
                continue
            self._text, at = self._text[end.end() :], 0
            yield from self._said(head)
        while len(self._text) > LONGEST and not self.is_full:
            cut = _cut(self._text)
            head, self._text = self._text[:cut], self._text[cut:]
            yield from self._said(head)
        if self.is_full:
            self._text = self._raw = ""

    def _said(self, text: str) -> Iterator[str]:
        while text and not self.is_full:
            cut = _cut(text)
            said, text = spoken_text(text[:cut]), text[cut:]
            if any(character.isalnum() for character in said):
                self.count += 1
                yield said


def _cut(text: str) -> int:
    """Where a text that is too long for one sentence is parted: after a comma or the like, else between words."""
    if len(text) <= LONGEST:
        return len(text)
    ends = [match for match in _PART_END.finditer(text, 0, LONGEST) if match.end() > LONGEST // 3]
    marks = [match.end() for match in ends if len(match[0]) > 1]
    return marks[-1] if marks else ends[-1].end() if ends else LONGEST


def sentences_of(text: str) -> list[str]:
    """The sentences of a text that is all there."""
    sentences = Sentences()
    return [*sentences.feed(text), *sentences.finish()]
