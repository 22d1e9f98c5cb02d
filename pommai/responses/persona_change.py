"""The section `persona_change` of `offline_responses.yaml`: its keys, and what is made of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from pommai.responses.key import (
    LONGEST_REPLY,
    TEXT,
    Section,
    Written,
    check_length,
    sections_key,
    texts_key,
)
from pommai.responses.model import NAME_PLACE, PersonaChange, Replies, Reply, Request
from pommai.responses.phrases import MOST_WORDS, phrase_of
from pommai.responses.words import Words, split
from pommai.source import Fragment, Key, Reader

_ANY: Final = r"[^<>{}]"
_WORD: Final = r"[^<>{}\s]"
_AROUND: Final = rf"({_WORD}{_ANY}*{NAME_PLACE}|{NAME_PLACE}{_ANY}*{_WORD})"
_PHRASE: Final[Fragment] = {"type": "string", "pattern": f"^{_ANY}*{_AROUND}{_ANY}*$"}
_LEAD: Final[Fragment] = {"type": "string", "pattern": f"^{_ANY}*{_WORD}{_ANY}*$"}
_LINE: Final[Fragment] = {
    **TEXT,
    "pattern": rf"^\s*({_WORD}|{NAME_PLACE})({_ANY}|{NAME_PLACE})*$",
    "maxLength": LONGEST_REPLY,
}
_PLACE: Final = re.compile(r"[<>{}]")
_WHOLE_PLACE: Final = re.compile(r"<[^<>{}]*>|\{[^<>{}]*\}")
_SET_KEYS: Final = ("calls", "before_name", "after_name", "unless")

REQUEST_KEYS: Final[Mapping[str, Key]] = {
    "phrases": texts_key(
        f"What asks for somebody, with {NAME_PLACE} where the name stands: be {NAME_PLACE}. The sentence ends with it.",
        "phrase",
        _PHRASE,
        required=True,
    ),
    "after": texts_key(
        "What it may follow anywhere in a sentence: can you. After nothing of the kind, it begins the sentence.",
        "phrase",
        _LEAD,
    ),
}


PERSONA_CHANGE_KEYS: Final[Mapping[str, Key]] = {
    "requests": sections_key(
        "How a child asks. A name alone is no request.", "request", "persona_change", REQUEST_KEYS, required=True
    ),
    "calls": texts_key("Words that may stand before a request that begins a sentence, besides names: hey.", "word"),
    "before_name": texts_key("Words that may stand before a name: my.", "word"),
    "after_name": texts_key("Words that may stand after a name, to the end of the sentence: again.", "word"),
    "unless": texts_key("Words with which a sentence asks for nobody: not.", "word"),
    "leaving": texts_key(
        f"What the toy says before it becomes another, {NAME_PLACE} for whose name; the other greets the child itself.",
        "reply",
        _LINE,
        required=True,
    ),
    "staying": texts_key(
        f"What it says when it is the one that was asked for, {NAME_PLACE} for its name.", "reply", _LINE, required=True
    ),
}


def make_persona_change(reader: Reader, section: Section | None, words: Words) -> PersonaChange | None:
    """What the section says, as the toy hears it; None when there is none. Notes what is wrong in its words."""
    if section is None:
        return None
    maker = _Maker(reader, words)
    sets = {key: maker.heard_words(section, key) for key in _SET_KEYS}
    return PersonaChange(
        requests=tuple(made for one in section.get("requests") for made in maker.requests(one, sets["unless"])),
        **{key: frozenset(found) for key, found in sets.items()},
        leaving=maker.lines(section, "leaving"),
        staying=maker.lines(section, "staying"),
    )


class _Maker:
    """Hears the words of the section, and notes what is wrong with them."""

    def __init__(self, reader: Reader, words: Words) -> None:
        self._reader = reader
        self._words = words

    def heard_words(self, section: Section, key: str) -> dict[str, Written]:
        """The words at a key as they are heard, each with where it stands. Fillers are not heard; they may be there."""
        found: dict[str, Written] = {}
        for written in section.get(key, ()):
            heard = self._words.hear(written.text).tokens
            if len(split(written.text)) != 1:
                self._reader.problem(written.at, f"a word of {key} must be one word, not '{written.text}'")
            elif len(heard) > 1:
                message = f"'{written.text}' in {key} is heard as '{' '.join(heard)}'"
                self._reader.problem(written.at, message, "write the one of these words that counts")
            found.update(dict.fromkeys(heard, written))
        return found

    def requests(self, section: Section, unless: Mapping[str, Written]) -> Iterator[Request]:
        """Each phrase of a request, with what it may follow."""
        leads = tuple(lead for written in section.get("after", ()) if (lead := self._lead(written, unless)))
        for written in section.get("phrases"):
            if (parts := self._around_name(written)) is None:
                continue
            before, behind = (self._words.hear(part).tokens for part in parts)
            if not before and not behind:
                hint = "a name alone is no request, and fillers are not listened to"
                self._reader.problem(written.at, f"'{written.text}' asks for nothing", hint)
            elif self._is_of_use(written, " ".join(parts), unless):
                yield Request(before, behind, leads, written.at)

    def lines(self, section: Section, key: str) -> Replies:
        """What is said, each with nothing to be filled in but the name."""
        for written in section.get(key):
            self._check_places(written, f"a reply in {key} of persona_change")
            check_length(self._reader, written, f"a reply in {key} of persona_change")
        return tuple(Reply(" ".join(written.text.split()), at=written.at) for written in section.get(key))

    def _lead(self, written: Written, unless: Mapping[str, Written]) -> tuple[str, ...]:
        heard = self._words.hear(written.text).tokens
        if not heard:
            self._reader.problem(written.at, f"'{written.text}' says nothing", "fillers are not listened to")
        elif _PLACE.search(written.text):
            message = f"'{written.text}' has a place for a name"
            self._reader.problem(written.at, message, f"{NAME_PLACE} stands in phrases alone")
        elif self._is_of_use(written, written.text, unless):
            return heard
        return ()

    def _around_name(self, written: Written) -> tuple[str, str] | None:
        text = " ".join(written.text.split())
        if not self._check_places(written, f"'{text}'"):
            return None
        before, name, behind = text.partition(NAME_PLACE)
        if not name:
            self._reader.problem(
                written.at, f"'{text}' has no place for the name", f"write it as {NAME_PLACE}: {text} {NAME_PLACE}"
            )
        elif NAME_PLACE in behind:
            self._reader.problem(written.at, f"'{text}' has two names in it", "one is asked for at a time")
        else:
            return before, behind
        return None

    def _check_places(self, written: Written, what: str) -> bool:
        """Note a place that is not that of the name."""
        rest = written.text.replace(NAME_PLACE, "")
        if _PLACE.search(rest) is None:
            return True
        wrong = _WHOLE_PLACE.search(rest)
        message = f"{what} has '{wrong[0]}' in it" if wrong else f"{what} has one of < > {{ }} in it"
        self._reader.problem(written.at, message, f"the only place to fill is {NAME_PLACE}")
        return False

    def _is_of_use(self, written: Written, text: str, unless: Mapping[str, Written]) -> bool:
        phrase = phrase_of(text, self._words)
        never = next((word for word in phrase.words if word in unless), None)
        if len(phrase.runs) > 1:
            message, hint = (
                f"'{written.text}' has ... in it",
                "in a request every word is said; write a phrase for each way",
            )
        elif len(phrase.words) > MOST_WORDS:
            message, hint = f"'{written.text}' has more than {MOST_WORDS} words", "nobody says it the same way twice"
        elif never is not None:
            message = f"nobody is ever asked for by '{written.text}'"
            hint = f"unless has '{unless[never].text}', in line {unless[never].at.line}"
        else:
            return True
        self._reader.problem(written.at, message, hint)
        return False
