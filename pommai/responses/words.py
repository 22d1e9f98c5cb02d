"""What a child says -> plain words that can be compared, and the forms an English word may take.

A speech recogniser writes lower-case words without punctuation, a server writes sentences, a designer writes
triggers: all three go through `Words.hear`, so that they meet as the same words.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping
from functools import cached_property, lru_cache

from msgspec import Struct, field

_UNKNOWN = re.compile(r"\[unk\]|<unk>")
"""What recognisers write for a word they do not know."""
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*'?")
_APOSTROPHES = str.maketrans(dict.fromkeys("’‘ʼ`´＇", "'"))

LONGEST_TEXT = 10_000
"""Characters that are listened to: ten minutes of speech. A server may send far more, and time is short."""
MOST_REMEMBERED = 4096
"""Words whose spelling out is kept."""
LONGEST_REMEMBERED = 40
"""Letters of such a word: what is longer was not said by a person."""

_ENDINGS = (("n't", "not"), ("'ll", "will"), ("'re", "are"), ("'ve", "have"), ("'m", "am"), ("'d", "would"))
_IRREGULAR = {"can't": ("can", "not"), "won't": ("will", "not"), "shan't": ("shall", "not"), "let's": ("let", "us")}
# fmt: off
_IS = frozenset((
    "he", "she", "it", "that", "this", "what", "who", "where", "when", "how", "why", "there", "here", "everybody",
    "everyone", "somebody", "someone", "nobody", "something", "everything", "nothing",
))
"""After these, 's stands for *is*; after any other word for *'s own*, and says nothing here."""
_FIXED = frozenset((
    "all", "and", "any", "are", "because", "but", "can", "could", "did", "does", "each", "every", "for", "from", "had",
    "has", "have", "her", "here", "hey", "him", "his", "how", "into", "its", "more", "most", "must", "not", "off",
    "our", "out", "over", "shall", "she", "should", "some", "than", "that", "the", "their", "them", "then", "there",
    "these", "they", "this", "those", "too", "very", "was", "were", "what", "when", "where", "which", "who", "why",
    "will", "with", "would", "you", "your",
))
"""Words that have one form: otherwise *thing* would be *the*, and *herring* would be *her*."""
# fmt: on


class Heard(Struct, frozen=True):
    """A sentence as words: `tokens` to compare, and for each of them, in `spoken`, the word it was made of."""

    tokens: tuple[str, ...]
    spoken: tuple[str, ...]

    def words(self, positions: Collection[int]) -> tuple[str, ...]:
        """The words that were spoken at these positions, in order, none of them twice."""
        return tuple(dict.fromkeys(self.spoken[position] for position in sorted(positions)))


class Words(Struct, frozen=True, dict=True):
    """How speech is folded.

    `fillers` are left out. `variants` are said otherwise, one word as one or more: `wanna` as `want to`. `forms` are
    those of irregular words, which no rule makes: of `fall`, `fell` and `fallen`.
    """

    fillers: frozenset[str] = frozenset()
    variants: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    forms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @cached_property
    def _spelt_out(self) -> dict[str, tuple[str, ...]]:
        """What words were made of before: speech has few of them."""
        return {}

    def hear(self, text: str) -> Heard:
        """The words of a text: no case, no punctuation, no fillers, contractions spelt out."""
        tokens: list[str] = []
        spoken: list[str] = []
        for word in split(text):
            made = self._spelt_out.get(word)
            if made is None:
                made = self._spell_out(word)
                if len(self._spelt_out) >= MOST_REMEMBERED:
                    self._spelt_out.clear()
                if len(word) <= LONGEST_REMEMBERED:
                    self._spelt_out[word] = made
            tokens += made
            spoken += [word] * len(made)
        return Heard(tuple(tokens), tuple(spoken))

    def forms_of(self, word: str) -> frozenset[str]:
        """The word, with the endings it may take and what is irregular of it."""
        return inflections(word).union(self.forms.get(word, ()))

    def _spell_out(self, word: str) -> tuple[str, ...]:
        found: list[str] = []
        for part in (word,) if word in self.variants else _uncontracted(word):
            found += self.variants.get(part, (part,))
        return tuple(token for token in found if token not in self.fillers)


def split(text: str) -> list[str]:
    """The words of a text as they are spelt, in lower case; `[unk]` is none. What is beyond LONGEST_TEXT is not heard.

    >>> split("I'm HURT, [unk] Papa!")
    ["i'm", 'hurt', 'papa']
    """
    text = text[:LONGEST_TEXT]
    if text.isascii():
        folded = text.lower()
    else:
        folded = unicodedata.normalize("NFKD", text.translate(_APOSTROPHES)).casefold()
        folded = "".join(letter for letter in folded if not unicodedata.combining(letter))
    return [word.rstrip("'") for word in _WORD.findall(_UNKNOWN.sub(" ", folded.replace("`", "'")))]


def _uncontracted(word: str) -> tuple[str, ...]:
    """`i'm` as `i am`; what else follows an apostrophe is dropped or joined."""
    if "'" not in word:
        return (word,)
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    for ending, meaning in _ENDINGS:
        if word.endswith(ending) and len(word) > len(ending):
            return (*_uncontracted(word.removesuffix(ending)), meaning)
    if word.endswith("'s"):
        stem = word.removesuffix("'s").replace("'", "")
        return (stem, "is") if stem in _IS else (stem,)
    return (word.replace("'", ""),)


@lru_cache(maxsize=MOST_REMEMBERED)
def inflections(word: str) -> frozenset[str]:
    """The word with the endings -s, -ing and -ed as English spells them; short and small words stand alone.

    Forms are made of the trigger, instead of stems of the speech: a stemmer takes *hating* for *hat* and *being* for
    *be*, and what it takes for what cannot be listed.

    >>> sorted(inflections("hit")), sorted(inflections("story")), sorted(inflections("hi"))
    (['hit', 'hits', 'hitted', 'hitting'], ['storied', 'stories', 'story', 'storying'], ['hi'])
    """
    if len(word) < 3 or word in _FIXED or not (word.isascii() and word.isalpha()):
        return frozenset((word,))
    return frozenset((word, *_plurals(word), *_with_ing(word), *_with_ed(word)))


def singulars(word: str) -> frozenset[str]:
    """What a plural may be the plural of: of `weapons`, `weapon`; nothing when it does not look like a plural."""
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return frozenset()
    if word.endswith("ies") and len(word) > 4:
        return frozenset((word[:-3] + "y",))
    if word.endswith(("sses", "xes", "zes", "ches", "shes")):
        return frozenset((word[:-2],))
    return frozenset((word[:-1],))


def _ends_in_consonant_y(word: str) -> bool:
    return word.endswith("y") and word[-2] not in "aeiou"


def _plurals(word: str) -> tuple[str, ...]:
    if word.endswith(("s", "x", "z", "ch", "sh")):
        return (word + "es",)
    if _ends_in_consonant_y(word):
        return (word[:-1] + "ies",)
    return (word + "s", word + "es") if word.endswith("o") else (word + "s",)


def _with_ing(word: str) -> tuple[str, ...]:
    if word.endswith("ie"):
        return (word[:-2] + "ying",)
    if word.endswith("e") and not word.endswith(("ee", "oe", "ye")):
        return (word[:-1] + "ing",)
    return (_doubled(word) + "ing",)


def _with_ed(word: str) -> tuple[str, ...]:
    if word.endswith("ee"):
        return ()  # *seed* is not *see*
    if word.endswith("e"):
        return (word + "d",)
    if _ends_in_consonant_y(word):
        return (word[:-1] + "ied",)
    return (_doubled(word) + "ed",)


def _doubled(word: str) -> str:
    """`hit` as `hitt`: the last consonant doubles after a single short vowel."""
    short = re.fullmatch(r"[^aeiou]*[aeiou][^aeiouwxy]", word)
    return word + word[-1] if short else word
