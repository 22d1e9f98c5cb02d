"""What belongs together in `offline_responses.yaml`: everything that only shows when its parts are compared.

Each phrase is said to the toy as it stands there, and each reply is heard by its own filter: so what is found here is
what a child would meet.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from pommai.responses.model import (
    DONE,
    HELP,
    LEVELS,
    NAME_PLACE,
    SAFE_MODE,
    UNKNOWN,
    Harmless,
    Mark,
    Replies,
    Reply,
    Responses,
    Trigger,
)
from pommai.responses.phrases import Phrase
from pommai.responses.sentence import Sentence
from pommai.source import Reader, did_you_mean

Run = tuple[str, ...]
"""Words of a phrase that follow each other."""


def check(
    reader: Reader, responses: Responses, marks: Sequence[tuple[Phrase, Mark]], sounds: Collection[str] | None
) -> None:
    """Note what does not fit together. `marks` are all phrases in the order of the file."""
    _check_triggers(reader, responses, marks)
    _check_exceptions(reader, responses, marks)
    _check_requests(reader, responses)
    for whose, replies, rank in _all_replies(responses):
        for reply in replies:
            _check_reply(reader, responses, whose, reply, max(reply.rank, rank), sounds)
        if rank == 0 and replies and min(reply.rank for reply in replies) > 0:
            message = f"{whose} has no reply for strict"
            reader.problem(replies[0].at, message, "write one without safety_level: a small child would get none")


def _check_triggers(reader: Reader, responses: Responses, marks: Sequence[tuple[Phrase, Mark]]) -> None:
    """No phrase belongs to two commands, and none is out of reach."""
    for phrase, mark in marks:
        if not isinstance(mark, Trigger) or mark.kind == "topic":
            continue
        said = " ".join(phrase.words)
        sentence = Sentence(responses, said)
        for other in sentence.found:
            owner = other.owner
            if (
                isinstance(owner, Trigger)
                and owner.kind == mark.kind
                and (owner.name, owner.case) != (mark.name, mark.case)
                and (owner.at.line, owner.at.column) < (mark.at.line, mark.at.column)
                and len(other.positions) == len(phrase.words)
            ):
                whose = f"{owner.name} has it, too" if owner.name != mark.name else "another case has it, too"
                reader.problem(mark.at, f"two claim the trigger '{said}'", f"{whose}, in line {owner.at.line}")
                break
        if mark.kind == "command":
            _check_reachable(reader, sentence, mark, said)


def _check_reachable(reader: Reader, sentence: Sentence, mark: Trigger, said: str) -> None:
    hint = _goes_first(sentence)
    if hint is not None:
        reader.problem(mark.at, f"{mark.name} is never asked for by '{said}'", hint)
        return
    if not any(match.owner.name == mark.name for match in sentence.of("command")):
        message = f"{mark.name} is never asked for by '{said}'"
        reader.problem(mark.at, message, "one of its own exceptions makes these words harmless")


def _goes_first(sentence: Sentence) -> str | None:
    """What answers a sentence at every level, before any command."""
    helps = sentence.of("help")
    if helps:
        line = helps[0].owner.at.line
        return f"{HELP} hears '{' '.join(sentence.words(helps[0]))}' first, in line {line}"
    always = [match for match in sentence.of("topic") if match.owner.rank == len(LEVELS) - 1]
    if always:
        return f"{always[0].owner.name} blocks '{' '.join(sentence.words(always[0]))}' at every level"
    return None


def _check_requests(reader: Reader, responses: Responses) -> None:
    """No request for somebody else is out of reach."""
    for request in responses.persona_change.requests if responses.persona_change else ():
        for lead in ((), *request.leads):
            said = " ".join((*lead, *request.before, *request.behind))
            hint = _goes_first(Sentence(responses, said))
            if hint is not None:
                reader.problem(request.at, f"nobody is ever asked for by '{said}'", hint)
                break


def _check_exceptions(reader: Reader, responses: Responses, marks: Sequence[tuple[Phrase, Mark]]) -> None:
    """No exception is for nothing: it may share words with a trigger, as `hit ball` with `he hit`."""
    forms = responses.words.forms_of
    places: dict[tuple[str, str], list[tuple[Run, int]]] = {}
    for phrase, mark in marks:
        if isinstance(mark, Trigger):
            for run in phrase.runs:
                for index, word in enumerate(run):
                    for form in forms(word):
                        places.setdefault((mark.name, form), []).append((run, index))

    def meets_a_trigger(phrase: Phrase, name: str) -> bool:
        return any(
            agree(run[max(here - there, 0) :], other[max(there - here, 0) :])
            for run in phrase.runs
            for here, word in enumerate(run)
            for form in forms(word)
            for other, there in places.get((name, form), ())
        )

    def agree(run: Run, other: Run) -> bool:
        return all(not forms(word).isdisjoint(forms(same)) for word, same in zip(run, other, strict=False))

    for phrase, mark in marks:
        if isinstance(mark, Harmless) and not meets_a_trigger(phrase, mark.name):
            message = f"the exception '{' '.join(phrase.words)}' never applies"
            reader.problem(mark.at, message, f"no trigger of {mark.name} is in it, or shares its words")


def _check_reply(
    reader: Reader, responses: Responses, whose: str, reply: Reply, rank: int, sounds: Collection[str] | None
) -> None:
    """`rank` is that of the most careful level at which the reply can be given: what passes there passes further on."""
    for match in Sentence(responses, reply.text).of("topic"):
        if match.owner.rank >= rank:
            words = " ".join(Sentence(responses, reply.text).words(match))
            message = f"a reply of {whose} is blocked by {match.owner.name} at {LEVELS[rank]}: '{words}'"
            reader.problem(reply.at, message, "say it in other words, or give the reply a looser safety_level")
            break
    if sounds is not None and reply.audio is not None and reply.audio not in sounds:
        reader.problem(reply.at, f"no sound is called '{reply.audio}'", did_you_mean(reply.audio, sounds))


def _all_replies(responses: Responses) -> Iterator[tuple[str, Replies, int]]:
    """Whose, the replies, and the rank of the most careful level at which they are asked for."""
    for command in responses.commands.values():
        yield command.name, command.replies, command.rank
    for case in responses.help:
        yield HELP, case.replies, 0
    for topic in responses.topics.values():
        yield topic.name, topic.replies, 0
    limits = responses.limits
    yield "conversations", limits.conversations.replies, 0
    yield "session", limits.session.replies, 0
    yield "not_understood", limits.not_understood.replies, 0
    yield "violations", limits.violations.replies, 0
    yield UNKNOWN, responses.unknown, 0
    yield DONE, responses.done, 0
    yield SAFE_MODE, responses.safe_mode_words, 0
    if responses.persona_change is not None:
        yield "leaving", _nameless(responses.persona_change.leaving), 0
        yield "staying", _nameless(responses.persona_change.staying), 0
    for toy, sections in responses.toys.items():
        for name, replies in sections.items():
            rank = responses.commands[name].rank if name in responses.commands else 0
            yield f"{name} of '{toy}'", replies, rank


def _nameless(replies: Replies) -> Replies:
    return tuple(replace(reply, text=reply.text.replace(NAME_PLACE, "")) for reply in replies)
