"""What the toy says without a network: `offline_responses.yaml` and a sentence -> an answer.

Pure: no device, no clock, no event loop, no chance; time and randomness are handed in.

    words.py     speech as plain words; the forms of an English word
    phrases.py   phrases, and all of them found in a sentence in one go
    model.py     what the file says, as data
    sentence.py  a sentence and the phrases in it that count
    names.py     being asked to be somebody else
    listener.py  who listens, and what is kept from them
    counts.py    limits
    answer.py    sentence, listener, time -> answer
    key.py       a key: its JSON Schema, and how what stands there is read
    keys.py      the keys of the file
    persona_change.py  its section of requests for somebody else
    load.py      offline_responses.yaml -> Responses, or every problem it has
    check.py     what belongs together in the file
    schema.py    the JSON Schema for editors
"""

from collections.abc import Collection
from pathlib import Path

from pommai.responses.answer import Answer, Answerer
from pommai.responses.listener import Listener
from pommai.responses.model import Responses

__all__ = ["Answer", "Answerer", "Listener", "Responses", "load_responses"]


def load_responses(path: Path, sounds: Collection[str] | None = None) -> Responses:
    """The responses of a file. `sounds` are the names that `audio:` may use; None: they are not looked up.

    Raises ResponsesError with every problem found.
    """
    from pommai.responses import load  # late: a toy that has read its file before brings no reader

    return load.load_responses(path, sounds)
