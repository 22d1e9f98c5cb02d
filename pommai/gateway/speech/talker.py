"""The responder that understands words and speaks: it hears, asks the rules, answers sentence by sentence."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Final

from pommai.errors import ChatError, SettingsError, SpeechError
from pommai.gateway.gateway_file import OPENAI, PARROT, SCRIPTED
from pommai.gateway.personas import Persona, Personas
from pommai.gateway.responder import Alarm, Become, Heard, Piece, Rest, Said
from pommai.gateway.speech.ahead import ahead
from pommai.gateway.speech.becoming import others, wanted
from pommai.gateway.speech.chat import FIRST_SECONDS, Chat, Message, Tool
from pommai.gateway.speech.chat_stream import ToolCall
from pommai.gateway.speech.kept import Kept
from pommai.gateway.speech.parrot import Parrot
from pommai.gateway.speech.present import unanswerable
from pommai.gateway.speech.prompt import messages_for
from pommai.gateway.speech.rules import Talk, Talks
from pommai.gateway.speech.sentences import Sentences, sentences_of
from pommai.gateway.speech.tools import Outcome, obey, told, tools_for
from pommai.io.ports import Recogniser, Speech
from pommai.protocol.audio import FRAME_BYTES
from pommai.protocol.messages import VoiceSettings
from pommai.responses import Answer

SURE: Final = 0.6
"""Words of which recognition is less sure count as not understood: as on board."""
MADE_AHEAD: Final = 4
"""Pieces of an answer, two sentences, that are made before they are sent."""
MOUTHS: Final = 16
"""Sentences spoken at a time, over all toys: each is a process, or a connection."""
PAUSE: Final = bytes(10 * FRAME_BYTES)
"""Between sentences, 200 ms: what speaks a sentence begins and ends with its words."""

_log = logging.getLogger(__name__)


class Talker:
    """Answers by the file, by a language model, or as a parrot, and keeps the rules whoever answers."""

    def __init__(
        self, default: str, hearing: Recogniser, talks: Talks, voice: Speech, spare: Speech, chat: Chat | None = None
    ) -> None:
        """`default` (parrot, scripted, openai) answers for personas that do not say it; `spare` speaks when `voice`
        cannot.
        """
        self._default = default
        self._hearing = hearing
        self._talks = talks
        self._voice = voice
        self._spare = spare
        self._chat = chat
        self._parrot = Parrot()
        self._mouths = asyncio.Semaphore(MOUTHS)
        self._kept = Kept()

    def refuse(self, personas: Personas) -> None:
        """Raise SettingsError when a persona wants to be answered for by what is not there."""
        for persona in personas.values():
            if caught := _unanswerable(persona, hears=True, has_model=self._chat is not None):
                raise caught
            if persona.answers.by == PARROT != self._default:
                _log.info("stays a parrot", extra={"toy": persona.toy_id, "reason": "its `answers` says so"})

    async def answer(self, heard: Heard, persona: Persona) -> AsyncGenerator[Piece, None]:
        """The answer; each sentence's words, then its sound. What comes next is made while one piece is used.

        Raises RecognitionError, SpeechError, SettingsError.
        """
        async with aclosing(ahead(self._answer(heard, persona), MADE_AHEAD)) as pieces:
            async for piece in pieces:
                yield piece

    async def _answer(self, heard: Heard, persona: Persona) -> AsyncGenerator[Piece, None]:
        by = persona.answers.by or self._default
        if caught := _unanswerable(persona, hears=True, has_model=self._chat is not None):
            raise caught
        talk = self._talks.of(heard.device_id)
        words = await self._understand(heard)
        now = asyncio.get_running_loop().time()
        names = others(persona, heard.personas)
        asked_for = wanted(words, persona, names, self._talks.responses)
        answer = None
        if by == OPENAI or asked_for is not None or (by == PARROT and words):
            answer = talk.refused(words, persona, now)
        elif by == SCRIPTED:
            answer = talk.scripted(words, persona, now)
        if answer is not None:
            fact = {"turn": heard.turn, "toy": persona.toy_id, "outcome": answer.outcome, "answer": answer.name}
            _log.info("answered by the file", extra=fact)
            pieces = self._say(answer, words, persona)
        elif asked_for is not None:
            pieces = self._become(talk, asked_for, words, persona, names)
        elif by == OPENAI:
            pieces = self._ask(talk, words, persona, names)
        else:
            pieces = self._parrots(heard, words, persona)
        async with aclosing(pieces):
            async for piece in pieces:
                yield piece

    async def _understand(self, heard: Heard) -> str:
        """What was said; empty when that is not certain enough."""
        pcm = heard.pcm
        frames = [pcm[at : at + FRAME_BYTES] for at in range(0, len(pcm), FRAME_BYTES)]
        found = await self._hearing.transcribe(frames)
        return found.text if found.confidence >= SURE else ""

    # -- who answers -----------------------------------------------------------------------

    async def _parrots(self, heard: Heard, words: str, persona: Persona) -> AsyncGenerator[Piece, None]:
        if words:
            yield Said(words, words)
        async with aclosing(self._parrot.answer(heard, persona)) as pieces:
            async for piece in pieces:
                yield piece

    async def _say(self, answer: Answer, words: str, persona: Persona) -> AsyncGenerator[Piece, None]:
        """An answer of the file; it has passed the rules."""
        if answer.pause_seconds is not None:
            # The toy is not told the words as well: it would count them itself, pause and alarm a second time.
            if answer.alert is not None:
                yield Alarm(answer.alert, f"{answer.name}: {', '.join(answer.because)}", words)
            yield Rest(answer.pause_seconds, answer.reply)
            return
        for number, sentence in enumerate(sentences_of(answer.reply)):
            user_text = words if number == 0 else ""
            async for piece in self._sentence(sentence, persona, user_text, first=number == 0, of_file=True):
                yield piece

    async def _become(
        self, talk: Talk, toy_id: str, words: str, persona: Persona, names: Mapping[str, str]
    ) -> AsyncGenerator[Piece, None]:
        """Let the child have whom it asks for, without asking a language model."""
        if toy_id == persona.toy_id:
            line = talk.staying(persona)
        else:
            _log.info("asked to become another", extra={"toy": persona.toy_id, "wanted": toy_id})
            yield Become(toy_id)
            line = talk.leaving(names[toy_id], persona)
        for number, sentence in enumerate(sentences_of(line)):
            async for piece in self._sentence(sentence, persona, words if number == 0 else "", first=number == 0):
                yield piece

    async def _ask(
        self, talk: Talk, words: str, persona: Persona, names: Mapping[str, str]
    ) -> AsyncGenerator[Piece, None]:
        """An answer of the language model, each sentence of it asked after before it is said.

        Tools that it calls are obeyed when its answer is whole and nothing of it was held back. If it has called some
        and said nothing, it is told what became of them and asked once more.
        """
        assert self._chat is not None
        loop = asyncio.get_running_loop()
        until = loop.time() + FIRST_SECONDS
        tools = tools_for(names) if self._chat.takes_tools else []
        question = messages_for(persona, talk.turns(persona, loop.time()), words, list(names.values()) if tools else ())
        said: list[str] = []
        outcomes: list[Outcome] = []
        then: Answer | None = None
        try:
            for asked_again in (False, True):
                calls: list[ToolCall] = []
                async with aclosing(_sentences(self._chat, question, tools, until, calls)) as sentences:
                    async for sentence in sentences:
                        held_back = talk.holds_back(sentence, said[-1] if said else "", persona)
                        if held_back is not None:
                            why = f"an answer was held back: {held_back.category}: {', '.join(held_back.because)}"
                            yield Alarm("medium", why, sentence)
                            then = talk.redirect(held_back, persona)
                            break
                        said.append(sentence)
                        user_text = words if len(said) == 1 else ""
                        async for piece in self._sentence(sentence, persona, user_text, first=len(said) == 1):
                            yield piece
                if then is not None or asked_again or not calls:
                    break
                outcomes = obey(calls, names)
                for call, outcome in zip(calls, outcomes, strict=True):
                    _log.info("tool called", extra={"toy": persona.toy_id, "tool": call.name, "outcome": outcome.told})
                    if outcome.piece is not None:
                        yield outcome.piece
                if said:
                    break
                question = [*question, *told("", calls, outcomes)]
            if not said and then is None:
                raise ChatError("the language model has written nothing that can be said")
        except ChatError as caught:
            _log.warning("no answer", extra={"toy": persona.toy_id, "reason": str(caught)})
            then = _done(outcomes, names, talk, persona) or talk.sorry(persona, loop.time())
        finally:
            if said:
                talk.remember(words, " ".join(said), persona, loop.time())
        if then is not None:
            if said:
                yield PAUSE
            async for piece in self._say(then, "" if said else words, persona):
                yield piece

    # -- speaking --------------------------------------------------------------------------

    async def _sentence(
        self, sentence: str, persona: Persona, user_text: str, *, first: bool, of_file: bool = False
    ) -> AsyncGenerator[Piece, None]:
        """The words and then the sound. That of a sentence `of_file` is kept: it will be said again."""
        yield Said(sentence, user_text or None)
        voice = persona.profile.voice_settings
        sound = self._kept.get(sentence, voice) if of_file else None
        if sound is None:
            async with self._mouths:
                sound, is_spare = await self._speak(sentence, voice)
            if of_file and not is_spare:
                self._kept.keep(sentence, voice, sound)
        yield sound if first else PAUSE + sound

    async def _speak(self, sentence: str, voice: VoiceSettings) -> tuple[bytes, bool]:
        """The sound, and whether it is the spare voice's in place of another's."""
        try:
            return b"".join(await self._voice.speak(sentence, voice)), False
        except SpeechError as caught:
            if self._voice is self._spare:
                raise
            _log.warning("the spare voice speaks", extra={"reason": str(caught)})
            return b"".join(await self._spare.speak(sentence, voice)), True


class Deaf:
    """The parrot alone: what answers when nothing is understood."""

    def __init__(self) -> None:
        self._parrot = Parrot()

    def refuse(self, personas: Personas) -> None:
        """Raise SettingsError when a persona wants to be answered for with words."""
        for persona in personas.values():
            if caught := _unanswerable(persona, hears=False, has_model=False):
                raise caught

    async def answer(self, heard: Heard, persona: Persona) -> AsyncGenerator[Piece, None]:
        """As Parrot.answer. Raises SettingsError when the persona answers words."""
        if caught := _unanswerable(persona, hears=False, has_model=False):
            raise caught
        async with aclosing(self._parrot.answer(heard, persona)) as pieces:
            async for piece in pieces:
                yield piece


async def _sentences(
    chat: Chat, question: Sequence[Message], tools: Sequence[Tool], until: float, calls: list[ToolCall]
) -> AsyncGenerator[str, None]:
    """The sentences of an answer; the tools it calls are put into `calls`."""
    sentences = Sentences()
    async with aclosing(chat.answer(question, tools, until)) as pieces:
        async for piece in pieces:
            if isinstance(piece, ToolCall):
                calls.append(piece)
                continue
            for sentence in sentences.feed(piece):
                yield sentence
            if sentences.is_full:
                return
    for sentence in sentences.finish():
        yield sentence


def _done(outcomes: Sequence[Outcome], names: Mapping[str, str], talk: Talk, persona: Persona) -> Answer | None:
    """What is said when a language model has done something and says nothing; None when it has done nothing."""
    for outcome in outcomes:
        if isinstance(outcome.piece, Become):
            leaving = talk.leaving(names[outcome.piece.toy_id], persona)
            return Answer("command", "become", leaving, None, ()) if leaving else talk.done(persona)
    return talk.done(persona) if any(outcome.piece for outcome in outcomes) else None


def _unanswerable(persona: Persona, *, hears: bool, has_model: bool) -> SettingsError | None:
    """What is wrong when nobody can answer for a persona, with its place in the file."""
    why = unanswerable(persona, hears=hears, has_model=has_model)
    return None if why is None else SettingsError(f"{persona.where}: error: {why}" if persona.where else why)
