"""What the toy says to a sentence, and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal

from msgspec import Struct

from pommai.errors import Problem, ResponsesError
from pommai.hints import did_you_mean
from pommai.responses.counts import Counts
from pommai.responses.listener import Blocked, Filter, Listener
from pommai.responses.model import (
    DONE,
    HELP,
    NAME_PLACE,
    POPULAR,
    SAFE_MODE,
    SEVERITIES,
    UNKNOWN,
    VIOLATIONS,
    Replies,
    Reply,
    Responses,
    Trigger,
)
from pommai.responses.phrases import Match
from pommai.responses.sentence import Sentence

_NOTHING: Mapping[str, str] = MappingProxyType({})
_MOST_REMEMBERED = 256
"""Last replies that are kept: a server may change toys for ever, and memory is small."""
_MOST_FILTERS = 8
"""Listeners whose filter is kept; one with a long list of topics takes a few hundred kilobytes."""


class Answer(Struct, frozen=True):
    """What the toy says, and what follows from it.

    `name` is the command, the blocked category, `popular`, `unknown`, or the limit that was reached (conversations,
    session). `because` holds the words of the child that decided. `alert` is the severity of what a guardian is to be
    told, None for nothing. With `pause_seconds` the toy is to pause for so long once it has said its reply.
    """

    outcome: Literal["command", "help", "blocked", "unknown"]
    name: str
    reply: str
    audio: str | None
    because: tuple[str, ...]
    alert: str | None = None
    pause_seconds: float | None = None


class Answerer:
    """Answers sentences, remembers what it said last and counts against the limits. Not for several threads."""

    def __init__(self, responses: Responses, pick: Callable[[int], int]) -> None:
        """`pick(n)` gives a random number in 0..n-1."""
        self._responses = responses
        self._pick = pick
        self._counts = Counts(responses.limits)
        self._said: dict[tuple[str, str], str] = {}
        self._filters: dict[tuple[str, tuple[str, ...]], Filter] = {}

    def answer(self, text: str, listener: Listener, now: float, popular: Mapping[str, str] = _NOTHING) -> Answer:
        """The answer to a sentence. `now` is in seconds of a clock that never goes back.

        Asked in this order: need_help, blocked topics, commands, `popular` (question to answer, as learnt from the
        server; matched whole), unknown. Help is answered whatever the limits say.
        """
        sentence = Sentence(self._responses, text)
        kept = self._filter(listener)
        helps = sentence.of("help")
        if helps:
            return self._help(sentence, helps, listener)
        blocked = kept.blocked(sentence)
        if blocked is not None:
            return self._redirect(blocked, listener, now)
        found = self._command(sentence, listener, kept) or self._popular(sentence, kept, popular)
        if found is None:
            return self.not_understood(listener, now)
        rest = self._counts.conversation(now)
        if rest is not None:
            reply = self._choose(rest.name, rest.replies, listener)
            return Answer("blocked", rest.name, reply.text, reply.audio, (), pause_seconds=rest.seconds)
        if found.name != POPULAR:
            self._remember(found.name, listener, found.reply)
        return found

    def not_understood(self, listener: Listener, now: float) -> Answer:
        """The answer when nothing (certain enough) was recognised."""
        limit = self._responses.limits.not_understood
        replies = limit.replies if self._counts.not_understood() else self._responses.unknown
        return self._fallback(replies, listener)

    def say(self, command: str, listener: Listener) -> Answer:
        """A reply of a command that nobody asked for, as a greeting. Counts nothing.

        The answer is `unknown` when no reply of the command may be given to this listener. Raises ResponsesError when
        there is no such command.
        """
        responses = self._responses
        if command == HELP:
            reply = self._choose(HELP, self._replies_of(HELP, responses.help[0].replies, listener), listener)
            return Answer("help", HELP, reply.text, reply.audio, ())
        if command not in responses.commands:
            hint = did_you_mean(command, responses.commands)
            raise ResponsesError([Problem(responses.file, 1, 1, f"there is no command '{command}'", hint)])
        found = self._reply_of(command, (), listener, self._filter(listener))
        if found is None:
            return self._fallback(responses.unknown, listener)
        self._remember(command, listener, found.reply)
        return found

    def done(self, listener: Listener) -> Answer:
        """What is said when something was done, and whoever did it says nothing. Counts nothing."""
        reply = self._choose(DONE, self._responses.done, listener)
        return Answer("command", DONE, reply.text, reply.audio, ())

    def enter_safe_mode(self, listener: Listener) -> Answer:
        """What is said on entering safe mode. Counts nothing."""
        reply = self._choose(SAFE_MODE, self._responses.safe_mode_words, listener)
        return Answer("command", SAFE_MODE, reply.text, reply.audio, ())

    def leaving(self, name: str, listener: Listener) -> str:
        """What is said before the toy becomes the one of this name; empty when the file says nothing of it.

        Counts nothing.
        """
        change = self._responses.persona_change
        return "" if change is None else self._of_name("leaving", change.leaving, name, listener)

    def staying(self, name: str, listener: Listener) -> str:
        """What is said when the toy is the one of this name; as `leaving`."""
        change = self._responses.persona_change
        return "" if change is None else self._of_name("staying", change.staying, name, listener)

    def asks_for_help(self, text: str) -> tuple[str, tuple[str, ...]] | None:
        """Severity and deciding words when a child's sentence is a call for help, which is never a violation.

        Counts nothing.
        """
        sentence = Sentence(self._responses, text)
        helps = sentence.of("help")
        if not helps:
            return None
        match = self._most_urgent(helps)
        return self._responses.help[match.owner.case].severity, sentence.words(match)

    def forbids(self, text: str, listener: Listener) -> tuple[str, tuple[str, ...]] | None:
        """Category and deciding words when a text touches what is kept from the listener. Counts nothing.

        A child's sentence that asks for help may touch it, too: ask `asks_for_help` first. Of a text that is longer
        than ten minutes of speech (LONGEST_TEXT) only the beginning is looked at.
        """
        blocked = self._filter(listener).blocked(Sentence(self._responses, text))
        return None if blocked is None else (blocked.topic.name, blocked.words)

    def redirect(self, category: str, listener: Listener) -> Answer:
        """A friendly turn to something else, when it was not the child who touched a category. Counts nothing."""
        topic = self._responses.topics.get(category)
        if topic is None:
            return self._fallback(self._responses.unknown, listener)
        reply = self._choose(category, topic.replies, listener)
        return Answer("blocked", category, reply.text, reply.audio, ())

    def note_violation(self, category: str, now: float) -> float | None:
        """Count what was noticed elsewhere, if the category counts. Seconds to pause when it was one too many."""
        topic = self._responses.topics.get(category)
        counts = topic is not None and topic.violation
        return self._responses.limits.violations.pause if counts and self._counts.violation(now) else None

    def pause_words(self, listener: Listener) -> Answer:
        """What is said when `note_violation` asks for a pause, with its alert and its seconds."""
        limit = self._responses.limits.violations
        reply = self._choose(VIOLATIONS, limit.replies, listener)
        return Answer("blocked", VIOLATIONS, reply.text, reply.audio, (), limit.severity, limit.pause)

    # -- the kinds of answers --------------------------------------------------------------

    def _help(self, sentence: Sentence, helps: list[Match[Trigger]], listener: Listener) -> Answer:
        self._counts.understood()
        match = self._most_urgent(helps)
        case = self._responses.help[match.owner.case]
        replies = case.replies if match.owner.case else self._replies_of(HELP, case.replies, listener)
        reply = self._choose(HELP, replies, listener)
        return Answer("help", HELP, reply.text, reply.audio, sentence.words(match), alert=case.severity)

    def _most_urgent(self, helps: list[Match[Trigger]]) -> Match[Trigger]:
        cases = self._responses.help
        return min(
            helps,
            key=lambda match: (
                -SEVERITIES.index(cases[match.owner.case].severity),
                -len(match.positions),
                match.owner.order,
            ),
        )

    def _redirect(self, blocked: Blocked, listener: Listener, now: float) -> Answer:
        self._counts.understood()
        topic, limit = blocked.topic, self._responses.limits.violations
        alert = topic.severity if topic.alert else None
        if topic.violation and self._counts.violation(now):
            reply = self._choose(VIOLATIONS, limit.replies, listener)
            severity = max(limit.severity, alert or limit.severity, key=SEVERITIES.index)
            return Answer("blocked", topic.name, reply.text, reply.audio, blocked.words, severity, limit.pause)
        reply = self._choose(topic.name, topic.replies, listener)
        return Answer("blocked", topic.name, reply.text, reply.audio, blocked.words, alert)

    def _command(self, sentence: Sentence, listener: Listener, kept: Filter) -> Answer | None:
        """The most specific command that has a reply for this listener: without giving way, longest, first."""
        commands = self._responses.commands
        matches = sorted(
            sentence.of("command"),
            key=lambda match: (commands[match.owner.name].gives_way, -len(match.positions), match.owner.order),
        )
        for match in matches:
            found = self._reply_of(match.owner.name, sentence.words(match), listener, kept)
            if found is not None:
                return found
        return None

    def _popular(self, sentence: Sentence, kept: Filter, popular: Mapping[str, str]) -> Answer | None:
        tokens = sentence.heard.tokens
        if not tokens:
            return None
        for question, answer in popular.items():
            if self._responses.words.hear(question).tokens == tokens:
                if kept.blocked(Sentence(self._responses, answer)) is None and answer.strip():
                    return Answer("command", POPULAR, answer, None, sentence.heard.spoken)
                return None
        return None

    def _fallback(self, replies: Replies, listener: Listener) -> Answer:
        reply = self._choose(UNKNOWN, replies, listener)
        return Answer("unknown", UNKNOWN, reply.text, reply.audio, ())

    # -- replies ---------------------------------------------------------------------------

    def _filter(self, listener: Listener) -> Filter:
        key = (listener.safety_level, tuple(listener.blocked_topics))
        found = self._filters.get(key)
        if found is None:
            if len(self._filters) >= _MOST_FILTERS:
                self._filters.clear()
            found = self._filters[key] = Filter(self._responses, listener)
        return found

    def _replies_of(self, command: str, replies: Replies, listener: Listener) -> Replies:
        return self._responses.toys.get(listener.toy_id, _NO_REPLIES).get(command, replies)

    def _reply_of(self, name: str, because: tuple[str, ...], listener: Listener, kept: Filter) -> Answer | None:
        """A reply of a command, not yet remembered; None when none of them may be given."""
        command = self._responses.commands[name]
        if command.rank > kept.reply_rank:
            return None
        replies = self._replies_of(name, command.replies, listener)
        allowed = [reply for reply in replies if kept.may_say(reply)]
        if not allowed:
            return None
        reply = self._fresh(name, allowed, listener)
        return Answer("command", name, reply.text, reply.audio, because)

    def _choose(self, name: str, replies: Replies, listener: Listener) -> Reply:
        """A reply that has to be given: one that passes the filter where there is any, else any, and not in silence."""
        kept = self._filter(listener)
        allowed = [reply for reply in replies if kept.may_say(reply)]
        reply = self._fresh(name, allowed or list(replies), listener)
        self._remember(name, listener, reply.text)
        return reply

    def _of_name(self, key: str, replies: Replies, name: str, listener: Listener) -> str:
        return self._choose(f"persona_change.{key}", replies, listener).text.replace(NAME_PLACE, name)

    def _fresh(self, name: str, replies: list[Reply], listener: Listener) -> Reply:
        """Any of these but the one that this toy said last."""
        last = self._said.get((listener.toy_id, name))
        others = [reply for reply in replies if reply.text != last] or replies
        return others[self._pick(len(others))]

    def _remember(self, name: str, listener: Listener, text: str) -> None:
        key = (listener.toy_id, name)
        self._said.pop(key, None)
        self._said[key] = text
        if len(self._said) > _MOST_REMEMBERED:
            del self._said[next(iter(self._said))]


_NO_REPLIES: Mapping[str, Replies] = MappingProxyType({})
