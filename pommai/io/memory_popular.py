"""Questions that are often asked: what counts as the same question, and as often."""

from __future__ import annotations

import re
import unicodedata

from pommai.io.memory_items import cut
from pommai.protocol.messages import Conversation

WINDOW_DAYS = 7
MORE_THAN = 5
"""A question is popular when it was asked more often than this in the window."""
MOST = 20
"""Popular questions at a time: those asked most, then those asked last."""
ASKS = 2000
"""Askings remembered: a week of a toy that is asked 285 things a day."""

_QUESTION_BYTES = 400


def normalise_question(text: str) -> str:
    """What two askings of one question have in common: lower case, without punctuation, words apart by one space.

    >>> normalise_question("  Why is the SKY blue?! ")
    'why is the sky blue'
    """
    text = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
    return cut(" ".join(re.findall(r"\w+(?:'\w+)*", text)), _QUESTION_BYTES)


def asked(conversation: Conversation) -> tuple[str, str | None] | None:
    """The question of an exchange and the answer to be given again, or None when nothing was asked.

    Without the server the toy says what its file of replies holds, and it will again: that is counted as asked, but it
    is no answer to remember.
    """
    question = normalise_question(conversation.user_input)
    if not question:
        return None
    answer = conversation.toy_response.strip()
    return question, answer if answer and not conversation.was_offline else None
