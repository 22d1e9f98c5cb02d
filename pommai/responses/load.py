"""`offline_responses.yaml` -> Responses, or ResponsesError with every problem the file has."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from pommai.errors import ResponsesError
from pommai.responses.check import check
from pommai.responses.key import Section, Written, read_section
from pommai.responses.keys import BLOCKED_KEYS, DOCUMENT_KEYS
from pommai.responses.model import (
    DONE_REPLIES,
    GUARDIAN_TOPICS,
    HELP,
    LEVELS,
    Command,
    ConversationLimit,
    Harmless,
    HelpCase,
    Kind,
    Limits,
    Mark,
    NotUnderstoodLimit,
    Replies,
    Responses,
    SessionLimit,
    Topic,
    Trigger,
    ViolationLimit,
)
from pommai.responses.persona_change import make_persona_change
from pommai.responses.phrases import MOST_GAPS, MOST_WORDS, Phrase, Tree, phrase_of
from pommai.responses.words import Words, split
from pommai.source import Reader, did_you_mean


def load_responses(path: Path, sounds: Collection[str] | None = None) -> Responses:
    """The responses of a file. `sounds` are the names that `audio:` may use; None: they are not looked up.

    Raises ResponsesError with every problem found.
    """
    return _Loader(Reader.of_file(path, ResponsesError)).load(sounds)


def parse_responses(
    text: str, file: str = "offline_responses.yaml", sounds: Collection[str] | None = None
) -> Responses:
    """The responses of a text; `file` is the name shown in problems. Raises ResponsesError."""
    return _Loader(Reader(text, file, ResponsesError)).load(sounds)


class _Loader:
    """Reads one document: first every key by itself, then, when all of them are well, what belongs together."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.words = Words()
        self.order = 0
        self.marks: list[tuple[Phrase, Mark]] = []

    def load(self, sounds: Collection[str] | None) -> Responses:
        reader = self.reader
        root = read_section(reader, reader.root, "the file", DOCUMENT_KEYS)
        self._read_words(root.get("words"))
        reader.finish()
        responses = self._responses(root)
        check(reader, responses, self.marks, sounds)
        reader.finish()
        return responses

    def _responses(self, root: Section) -> Responses:
        written = root.get("commands")
        commands = {name: self._command(name, section) for name, section in written.items() if name != HELP}
        topics = {name: self._topic(name, section) for name, section in root.get("blocked_topics").values.items()}
        topics[GUARDIAN_TOPICS] = _topic(GUARDIAN_TOPICS, root.get(GUARDIAN_TOPICS))
        help_cases = self._help(written[HELP])
        persona_change = make_persona_change(self.reader, root.get("persona_change"), self.words)
        tree: Tree[Mark] = Tree(self.words)
        for phrase, mark in self.marks:
            tree.add(phrase, mark)
        return Responses(
            file=self.reader.file,
            words=self.words,
            tree=tree,
            help=help_cases,
            commands=MappingProxyType(commands),
            topics=MappingProxyType(topics),
            limits=_limits(root.get("limits")),
            unknown=root.get("unknown").get("replies"),
            safe_mode_words=root.get("safe_mode").get("replies"),
            toys=self._toys(root.get("toys", {}), commands),
            persona_change=persona_change,
            done=DONE_REPLIES if (done := root.get("done")) is None else done.get("replies"),
        )

    # -- words -----------------------------------------------------------------------------

    def _read_words(self, section: Section | None) -> None:
        if section is None:
            return
        fillers = [filler for filler in section.get("fillers", ()) if self._is_one_word(filler, "a filler")]
        variants = {}
        for key, meaning in section.get("variants", {}).values():
            if self._is_one_word(key, "a variant"):
                variants[_spelt(key)] = Words().hear(meaning.text).tokens
                if not variants[_spelt(key)]:
                    self.reader.problem(meaning.at, f"'{meaning.text}' is no word", "what is not heard is a filler")
        forms = {}
        for key, found in section.get("forms", {}).values():
            if self._is_one_word(key, "a word with forms"):
                forms[_spelt(key)] = tuple(_spelt(form) for form in found if self._is_one_word(form, "a form"))
        self.words = Words(frozenset(map(_spelt, fillers)), MappingProxyType(variants), MappingProxyType(forms))

    def _is_one_word(self, word: Written, what: str) -> bool:
        if len(split(word.text)) == 1:
            return True
        self.reader.problem(word.at, f"{what} must be one word, not '{word.text}'")
        return False

    def _phrases(self, texts: Collection[Written]) -> Iterator[tuple[Phrase, Written]]:
        for written in texts:
            phrase = phrase_of(written.text, self.words)
            if phrase.is_usable:
                yield phrase, written
            else:
                self.reader.problem(written.at, *_why_unusable(phrase, written.text))

    def _mark(self, texts: Collection[Written], kind: Kind, name: str, case: int = 0, rank: int = 0) -> None:
        for phrase, written in self._phrases(texts):
            self.marks.append((phrase, Trigger(kind, name, self.order, case, rank, written.at)))

    def _mark_harmless(self, section: Section, name: str) -> None:
        self.marks += [(phrase, Harmless(name, text.at)) for phrase, text in self._phrases(section.get("except", ()))]

    # -- what they belong to ---------------------------------------------------------------

    def _command(self, name: str, section: Section) -> Command:
        self.order += 1
        self._mark(section.get("triggers"), "command", name)
        self._mark_harmless(section, name)
        rank = LEVELS.index(section.get("safety_level", LEVELS[0]))
        return Command(name, section.get("replies"), rank, section.get("gives_way", False))

    def _help(self, section: Section) -> tuple[HelpCase, ...]:
        cases = (section, *section.get("cases", ()))
        for number, case in enumerate(cases):
            self.order += 1
            self._mark(case.get("triggers"), "help", HELP, number)
        self._mark_harmless(section, HELP)
        return tuple(HelpCase(case.get("alert"), case.get("replies")) for case in cases)

    def _topic(self, name: str, section: Section) -> Topic:
        self.order += 1
        words: Section = section.get("words")
        for rank, level in enumerate(LEVELS):
            self._mark(words.get(level, ()), "topic", name, rank=rank)
        self._mark_harmless(section, name)
        if not words.values:
            self.reader.problem(words.at, f"words of {name} is empty", f"name a level: {', '.join(LEVELS)}")
        return _topic(name, section)

    def _toys(
        self, written: dict[str, dict[str, Section]], commands: Collection[str]
    ) -> Mapping[str, Mapping[str, Replies]]:
        known = {*commands, HELP}
        for toy, sections in written.items():
            for name, section in sections.items():
                if name not in known:
                    self.reader.problem(section.at, f"'{toy}' has no command '{name}'", did_you_mean(name, known))
        return MappingProxyType(
            {
                toy: MappingProxyType({name: section.get("replies") for name, section in sections.items()})
                for toy, sections in written.items()
            }
        )


def _topic(name: str, section: Section) -> Topic:
    return Topic(name, **{key: section.get(key) for key in BLOCKED_KEYS if key not in ("words", "except")})


def _limits(section: Section) -> Limits:
    values = {name: dict(part.values) for name, part in section.values.items()}
    violations = values["violations"]
    violations["severity"] = violations.pop("alert")
    return Limits(
        ConversationLimit(**values["conversations"]),
        SessionLimit(**values["session"]),
        NotUnderstoodLimit(**values["not_understood"]),
        ViolationLimit(**violations),
    )


def _spelt(word: Written) -> str:
    """A single word as `hear` meets it."""
    (spelt,) = split(word.text)
    return spelt


def _why_unusable(phrase: Phrase, text: str) -> tuple[str, str]:
    if not phrase.words:
        said = any(letter.isalnum() for letter in text)
        return f"'{text}' says nothing", "fillers are not listened to" if said else "there is no word in it"
    if len(phrase.words) > MOST_WORDS:
        return f"'{text}' has more than {MOST_WORDS} words", "nobody says it the same way twice"
    if not all(phrase.runs):
        return f"'{text}' has nothing on one side of its ...", "a phrase may stand anywhere in a sentence as it is"
    return f"'{text}' has more than {MOST_GAPS} times ...", "make two phrases of it"
