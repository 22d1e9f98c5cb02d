"""Being asked to be somebody else: "be robo now", "can you be my bear", "switch to robo rex".

How that is asked stands in `persona_change` of the file. A name alone is no request, and a name inside a sentence that
goes on is none: better asked twice than to be somebody a child does not want.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping

from pommai.responses.model import PersonaChange, Request, Responses
from pommai.responses.words import Words

Tokens = tuple[str, ...]


def asked_to_be(text: str, names: Mapping[str, str], responses: Responses) -> str | None:
    """Whom a sentence asks the toy to be: an id of `names` (id to name); None when it asks for nobody.

    Somebody goes by the name, by the id, or by any word of the name that nobody else has. Of several names that fit,
    the longest counts.
    """
    change = responses.persona_change
    tokens = responses.words.hear(text).tokens
    if change is None or not change.unless.isdisjoint(tokens):
        return None
    said = set(tokens)
    requests = [each for each in change.requests if said.issuperset((*each.before, *each.behind))]
    if not requests:
        return None
    called = _called(names, responses.words, change)
    sentence = _Sentence(tokens, change, called)
    found = [asked for each in requests if (asked := sentence.asked_by(each)) is not None]
    return called[max(found, key=len)] if found else None


def _called(names: Mapping[str, str], words: Words, change: PersonaChange) -> dict[Tokens, str]:
    """By what everybody goes."""
    heard = {toy_id: words.hear(name).tokens for toy_id, name in names.items()}
    shared = Counter(token for tokens in heard.values() for token in set(tokens))
    called: dict[Tokens, str] = {}
    for toy_id, tokens in heard.items():
        called.setdefault(tokens, toy_id)
    for toy_id in names:
        called.setdefault(words.hear(toy_id.replace("-", " ").replace("_", " ")).tokens, toy_id)
    small = change.before_name | change.after_name | change.calls
    for toy_id, tokens in heard.items():
        for token in tokens:
            if shared[token] == 1 and len(token) > 2 and token not in small:
                called.setdefault((token,), toy_id)
    called.pop((), None)
    return called


class _Sentence:
    """A sentence that may ask for one of those who are called so."""

    def __init__(self, tokens: Tokens, change: PersonaChange, called: Collection[Tokens]) -> None:
        self._tokens = tokens
        self._change = change
        self._called = called
        self._anybody = {token for name in called for token in name}
        self._longest = max(map(len, called), default=0)

    def asked_by(self, request: Request) -> Tokens | None:
        """The longest name that is asked for in this way."""
        found: Tokens | None = None
        for end in self._ends(request.behind):
            for start in range(max(0, end - self._longest), end):  # the longest name first
                name = self._tokens[start:end]
                if name in self._called and self._asks(start, request):
                    found = name if found is None else max(found, name, key=len)
                    break
        return found

    def _ends(self, behind: Tokens) -> Iterator[int]:
        """Where a name may end: before what stands behind it, and before words that may stand there as well."""
        last = len(self._tokens)
        if not behind:
            yield self._without_last(last)
            return
        for end in range(last, self._without_last(last) - 1, -1):
            if self._tokens[max(0, end - len(behind)) : end] == behind:
                yield self._without_last(end - len(behind))

    def _without_last(self, end: int) -> int:
        """The end, without the words that may stand after a name; a whole sentence that is a name is left alone."""
        while end and self._tokens[end - 1] in self._change.after_name and not self._is_name(end):
            end -= 1
        return end

    def _is_name(self, end: int) -> bool:
        return end <= self._longest and self._tokens[:end] in self._called

    def _asks(self, end: int, request: Request) -> bool:
        """Whether what stands before a name is this request."""
        tokens, before = self._tokens, request.before
        while end >= len(before):
            first = end - len(before)
            if tokens[first:end] == before and self._may_begin(tokens[:first], request):
                return True
            if not end or tokens[end - 1] not in self._change.before_name:
                return False
            end -= 1
        return False

    def _may_begin(self, rest: Tokens, request: Request) -> bool:
        """Whether a request may stand after these words: after what leads to it, or after calls and names alone."""
        if any(rest[-len(lead) :] == lead for lead in request.leads):
            return True
        return all(token in self._change.calls or token in self._anybody for token in rest)
