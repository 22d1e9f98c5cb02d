"""Wake words by Vosk: any phrase in words the model knows, with no training.

Vosk tells the words of an utterance half a second or more after it has ended, which is long for somebody who was
called. Its partial results are sooner, but guesses that alarm falsely. So a guess is only the occasion to ask: once
the words so far are the phrase, and the speaker pauses or the guess has stood a while, the utterance is ended here and
its words are weighed as final ones. When they are not the phrase, what was heard is told to Vosk anew, and it listens
on as if nothing had been.

What counts as a call: the phrase is all of an utterance, or its beginning ("hey pommai, tell me a story"), each of its
words as sure as the sensitivity asks for. A phrase after other words is talk about the toy. An utterance begins after
a pause, so a toy in front of a television without pauses is not woken by phrase.
"""

from __future__ import annotations

import array
import logging
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pommai.errors import ModelError
from pommai.io.ports import Transcript, WakeHit, WakeSpec
from pommai.io.vosk_model import VoskModel, load_model
from pommai.io.wake_models import Cooldown, cutoff_at
from pommai.protocol.audio import SAMPLE_BYTES, SAMPLE_RATE

logger = logging.getLogger(__name__)

OWN_CUTOFF: Final = 0.7
"""The confidence each word of the phrase needs at sensitivity 0.5; `cutoff_at` scales it for others. Confidences of
true calls bunch at 1.0, but fall to 0.7 when speech follows at once; those of near misses spread below 0.9."""
DECOYS: Final = ("hi", "hey", "mommy", "daddy", "tommy", "bobby", "poppy", "pony", "buddy")
"""What is said in a nursery and sounds like a call, listened for so that it is not taken for one: Vosk forces speech
onto the nearest phrase it was given. With the tests' model this takes the false alarms from "hi" and "hey polly", which
is not in the list, from 14 of 48 to none."""
STEP: Final = SAMPLE_RATE * 40 // 1000 * SAMPLE_BYTES
"""Bytes that are heard at a time, whatever pieces they come in: 40 ms."""
STANDS_S: Final = 0.12
"""A guess that has stood so long is asked about though the speaker goes on."""
PAUSE_S: Final = 0.06
"""After so long a pause, one that is the phrase; a stop consonant closes the mouth for no longer."""
EAGER_PAUSE_S: Final = 0.1
"""After so long a pause, one that is still on the way to it: guesses lag 0.2 s behind the sound ..."""
EAGER_SPEECH_S: Final = 0.2
"""... when so much has been said."""
MOST_QUESTIONS: Final = 3
"""Times that one utterance is asked about: each costs hearing it again."""
BEGINS_ANEW_S: Final = 0.5
"""A pause after which speech is a new utterance."""
GOES_ON_S: Final = 0.2
"""An utterance that Vosk ends with less of a pause goes on: Vosk cuts what is longer than 20 s."""
RENEWED_S: Final = 60.0
"""A listener is replaced after so long, in a pause: what Vosk keeps of the sound grows by 16 MB in ten minutes."""
KEPT_S: Final = 3.0
"""How much of an utterance can be told anew; the phrase at its beginning takes less ..."""
LEAD_S: Final = 1.0
"""... and so much before there is a sign of speech."""


def make_vosk_engine(folder: Path, spec: WakeSpec, cache: Path | None = None) -> VoskWakeEngine:
    """An engine that listens for those of `spec.phrases` whose words the model in `folder` knows.

    A phrase with a word it does not know is logged with that word and left out. Blocks; `cache` as for `load_model`.
    Raises ModelError when no phrase is left, or the model cannot be used.
    """
    model = load_model(folder, cache)
    try:
        known, refused = [], []
        for phrase in dict.fromkeys(spec.phrases):
            try:
                known.append(model.check_phrase(phrase))
            except ModelError as caught:
                logger.warning("wake phrase refused", extra={"phrase": phrase, "reason": str(caught)})
                refused.append(str(caught))
        if not known:
            raise ModelError("; ".join(refused) or "no phrase is given for vosk to listen for; name a wake word")
        return VoskWakeEngine(model, known, spec.sensitivity)
    except BaseException:
        model.close()
        raise


class VoskWakeEngine:
    """Listens for phrases in one stream."""

    def __init__(self, model: VoskModel, phrases: Sequence[str], sensitivity: float) -> None:
        """`sensitivity` is 0.0..1.0. The engine closes the model. Raises ModelError: see `VoskModel.grammar`."""
        self._phrases = [model.check_phrase(phrase).split() for phrase in phrases]
        decoys = [word for word in DECOYS if model.knows(word) and not any(word in p[1:] for p in self._phrases)]
        self._listened_for = [*phrases, *decoys]
        self._listener = model.listener(self._listened_for)
        self._listener_heard = 0
        self._model = model
        self._cutoff = cutoff_at(OWN_CUTOFF, sensitivity)
        self._cooldown = Cooldown()
        self._counts = True
        self._unheard = bytearray()
        self._level = _Level()
        self._utterance = _Utterance()

    def hear(self, pcm: bytes) -> WakeHit | None:
        """Take the next frames; a hit when somebody has called. Up to 40 ms of it wait for the next call."""
        hit = None
        self._unheard += pcm
        while len(self._unheard) >= STEP:
            piece = bytes(self._unheard[:STEP])
            del self._unheard[:STEP]
            hit = self._step(piece) or hit
        return hit

    def reset(self) -> None:
        """Forget what was heard so far."""
        self._unheard.clear()
        self._cooldown.end()
        self._level = _Level()
        self._begin()

    def close(self) -> None:
        """Let the model go. Harmless when called again."""
        self._listener.close()
        self._model.close()

    def _begin(self, *, heard_out: bool = False) -> None:
        self._listener.reset()
        self._utterance = _Utterance(heard_out)

    def _renew(self) -> None:
        self._listener.close()
        self._listener = self._model.listener(self._listened_for)
        self._listener_heard = 0

    def _step(self, piece: bytes) -> WakeHit | None:
        self._counts = self._cooldown.hear(len(piece))
        self._listener_heard += len(piece)
        pause = self._level.hear(piece)
        utterance = self._utterance
        utterance.hear(piece, speech=pause == 0.0)
        if self._listener.hear(piece):
            hit = None if utterance.heard_out else self._weigh(self._listener.result())
            self._utterance = _Utterance(heard_out=pause < GOES_ON_S)
            if pause >= GOES_ON_S and self._listener_heard >= RENEWED_S * SAMPLE_RATE * SAMPLE_BYTES:
                self._renew()
            return hit
        if utterance.heard_out:
            if pause >= BEGINS_ANEW_S:
                self._begin()
            return None
        utterance.guess(self._listener.partial())
        if not self._is_worth_asking(utterance, pause):
            return None
        utterance.ask(pause)
        hit = self._weigh(self._listener.finish())
        if hit is None:
            if self._utterance is utterance:  # no call, not even one too soon after another
                self._listener.hear(bytes(utterance.kept))
            return None
        return hit

    def _is_worth_asking(self, utterance: _Utterance, pause: float) -> bool:
        if not utterance.may_ask(pause):
            return False
        words = utterance.words
        for phrase in self._phrases:
            if words[: len(phrase)] == phrase:
                if pause >= PAUSE_S or utterance.stood >= STANDS_S:
                    return True
            elif words == phrase[: len(words)] and pause >= EAGER_PAUSE_S and utterance.speech >= EAGER_SPEECH_S:
                return True
        return False

    def _weigh(self, said: Transcript) -> WakeHit | None:
        """A hit when final words are a call. What follows it up to the next pause is not listened to."""
        words = [word.text for word in said.words]
        for phrase in self._phrases:
            if words[: len(phrase)] != phrase:
                continue
            score = min(word.confidence for word in said.words[: len(phrase)])
            if score >= self._cutoff:
                self._begin(heard_out=True)
                if not self._counts:
                    return None
                self._cooldown.begin()
                return WakeHit(" ".join(phrase), score)
        return None


class _Utterance:
    """What is known of the words since the last pause."""

    def __init__(self, heard_out: bool = False) -> None:
        self.heard_out = heard_out
        """Whether nothing in it can be a call any more."""
        self.kept = bytearray()
        self.speech = 0.0
        self.words: list[str] = []
        self.stood = 0.0
        """Seconds since the guess last changed."""
        self._questions: list[tuple[list[str], bool]] = []

    def hear(self, piece: bytes, *, speech: bool) -> None:
        seconds = len(piece) / (SAMPLE_RATE * SAMPLE_BYTES)
        self.stood += seconds
        if speech:
            self.speech += seconds
        self.kept += piece
        most = round((KEPT_S if self.speech or self.words else LEAD_S) * SAMPLE_RATE) * SAMPLE_BYTES
        del self.kept[: max(0, len(self.kept) - most)]

    def guess(self, text: str) -> None:
        words = text.split()
        if words != self.words:
            self.words = words
            self.stood = 0.0

    def may_ask(self, pause: float) -> bool:
        return len(self._questions) < MOST_QUESTIONS and (self.words, pause > 0.0) not in self._questions

    def ask(self, pause: float) -> None:
        self._questions.append((self.words, pause > 0.0))


class _Level:
    """Tells pauses from speech by loudness alone: good enough to ask Vosk sooner, and asked for nothing else."""

    def __init__(self) -> None:
        self._room: deque[float] = deque(maxlen=50)  # 2 s; speech has pauses within it
        self._peak = 0.0
        self._pause = 0.0

    def hear(self, piece: bytes) -> float:
        """Take the next piece; seconds since anything loud, 0.0 while it is."""
        some = array.array("h", piece)[::4]
        power = sum(sample * sample for sample in some) / len(some)
        self._room.append(power)
        self._peak = max(self._peak * 0.97, power)
        if power > max(100.0, 4 * min(self._room), self._peak / 316):  # 6 dB above the room, 25 dB below the voice
            self._pause = 0.0
        else:
            self._pause += len(piece) / (SAMPLE_RATE * SAMPLE_BYTES)
        return self._pause
