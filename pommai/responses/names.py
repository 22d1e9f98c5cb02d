"""Being asked to be somebody else: "be robo now", "can you be my bear", "switch to robo rex".

A name counts only where a request ends with it. "Be nice to bear", "I want to be a bear" and "do not be robo" are none:
better asked twice than to be somebody a child does not want.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from pommai.responses.words import Words

_NEGATIONS: Final = frozenset(("not", "never", "stop"))
_BEFORE: Final = frozenset(("the", "my", "our", "that", "this", "dear", "old", "little", "friend", "mister", "missus"))
"""Words that may stand before a name."""
_AFTER: Final = frozenset(("again", "instead", "now", "please", "today", "then", "okay", "ok", "for", "me", "us"))
"""Words that may stand after one, to the end of the sentence."""
_CALLS: Final = frozenset(("hey", "hello", "hi", "ok", "okay", "now", "please", "and", "then", "dear"))
"""Words that may stand before a request, besides names."""
_OF_YOU: Final = (("be",), ("become",), ("turn", "into"), ("change", "into"))
"""What the toy is asked to do: at the beginning of a sentence, or after one of _YOU."""
_YOU: Final = (
    *(("can", "you"), ("could", "you"), ("will", "you"), ("would", "you"), ("want", "you", "to")),
    *(("like", "you", "to"), ("you", "can"), ("you", "should"), ("you", "must"), ("you", "have", "to"), ("time", "to")),
)
_OF_US: Final = (
    *(("switch", "to"), ("change", "to"), ("go", "to"), ("go", "back", "to"), ("bring", "back")),
    *(("talk", "to"), ("talk", "with"), ("speak", "to"), ("speak", "with")),
)
"""What both do: at the beginning of a sentence, or after one of _YOU or _WE."""
_WE: Final = (
    *(("want", "to"), ("like", "to"), ("can", "i"), ("can", "we"), ("could", "i"), ("could", "we"), ("may", "i")),
    *(("let", "me"), ("let", "us"), ("may", "we")),
)

_VERBS: Final = frozenset(verb[0] for verb in (*_OF_YOU, *_OF_US))

Tokens = tuple[str, ...]


def asked_to_be(text: str, names: Mapping[str, str], words: Words) -> str | None:
    """Whom a sentence asks the toy to be: an id of `names` (id to name); None when it asks for nobody.

    Somebody goes by the name, by the id, or by any word of the name that nobody else has. Of several names that fit,
    the longest counts.
    """
    tokens = words.hear(text).tokens
    if _VERBS.isdisjoint(tokens) or not _NEGATIONS.isdisjoint(tokens):
        return None
    called = _called(names, words)
    anybody = {token for name in called for token in name}
    while tokens and tokens[-1] in _AFTER and tokens not in called:
        tokens = tokens[:-1]
    for start in range(len(tokens)):  # the longest name first
        toy_id = called.get(tokens[start:])
        if toy_id is not None and _asks(tokens[:start], anybody):
            return toy_id
    return None


def _called(names: Mapping[str, str], words: Words) -> dict[Tokens, str]:
    """By what everybody goes."""
    heard = {toy_id: words.hear(name).tokens for toy_id, name in names.items()}
    shared = Counter(token for tokens in heard.values() for token in set(tokens))
    called: dict[Tokens, str] = {}
    for toy_id, tokens in heard.items():
        called.setdefault(tokens, toy_id)
    for toy_id in names:
        called.setdefault(words.hear(toy_id.replace("-", " ").replace("_", " ")).tokens, toy_id)
    for toy_id, tokens in heard.items():
        for token in tokens:
            if shared[token] == 1 and len(token) > 2 and token not in _BEFORE | _AFTER | _CALLS:
                called.setdefault((token,), toy_id)
    called.pop((), None)
    return called


def _asks(tokens: Tokens, anybody: set[str]) -> bool:
    """Whether what stands before a name is a request."""
    while tokens and tokens[-1] in _BEFORE:
        tokens = tokens[:-1]
    for verbs, before in ((_OF_YOU, _YOU), (_OF_US, (*_YOU, *_WE))):
        for verb in verbs:
            if tokens[-len(verb) :] == verb:
                rest = tokens[: -len(verb)]
                alone = all(token in _CALLS or token in anybody for token in rest)
                return alone or any(rest[-len(words) :] == words for words in before)
    return False
