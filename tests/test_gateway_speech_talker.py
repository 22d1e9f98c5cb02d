from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from gateway_material import PERSONAS, TOKEN, ScriptedToy, decode_all, encode_all, level_of, run, toy_at
from msgspec import structs
from openai_stand_in import Behaviour, Reply, StandIn, calling, refusing, sending, stand_in, telling
from responses_material import GERMAN, parsed, small
from speech_material import VOSK_TINY, frames, say

from pommai.errors import SettingsError, SpeechError
from pommai.gateway.archive import Alert
from pommai.gateway.gateway_file import EngineSettings
from pommai.gateway.personas import Answers, Persona
from pommai.gateway.responder import Alarm, Become, Do, Heard, Piece, Rest, Said
from pommai.gateway.server import Gateway, GatewaySettings
from pommai.gateway.speech.chat import Chat
from pommai.gateway.speech.engines import open_engines
from pommai.gateway.speech.rules import Talks
from pommai.gateway.speech.talker import Deaf, Talker
from pommai.io.ports import Transcript, Word
from pommai.protocol import messages as m
from pommai.protocol.messages import VoiceSettings
from pommai.responses import Responses, load_responses

RESPONSES = Path(__file__).parents[1] / "offline_responses.yaml"
BEAR = replace(PERSONAS["pommai-bear"], answers=Answers())
SOUND = b"\1\0" * 320


class Ears:
    """Understands what the test says."""

    def __init__(self, text: str, sure: float = 1.0) -> None:
        self.text, self.sure = text, sure

    async def transcribe(self, frames: Sequence[bytes]) -> Transcript:
        return Transcript(self.text, tuple(Word(word, self.sure) for word in self.text.split()))

    async def close(self) -> None: ...


class Mouth:
    """Says everything in one frame, and remembers what."""

    def __init__(self, error: SpeechError | None = None) -> None:
        self.said: list[str] = []
        self.error = error

    async def speak(self, text: str, voice: VoiceSettings) -> Sequence[bytes]:
        if self.error is not None:
            raise self.error
        self.said.append(text)
        return (SOUND,)


class Told(NamedTuple):
    """An answer, by what it is made of."""

    said: list[str]
    user_texts: list[str | None]
    alarms: list[Alarm]
    rests: list[Rest]
    done: list[Become | Do]
    sound: bytes


@pytest.fixture(scope="module")
def responses() -> Responses:
    return load_responses(RESPONSES)


def told(pieces: list[Piece]) -> Told:
    said = [piece for piece in pieces if isinstance(piece, Said)]
    return Told(
        [piece.text for piece in said],
        [piece.user_text for piece in said],
        [piece for piece in pieces if isinstance(piece, Alarm)],
        [piece for piece in pieces if isinstance(piece, Rest)],
        [piece for piece in pieces if isinstance(piece, Become | Do)],
        b"".join(piece for piece in pieces if isinstance(piece, bytes)),
    )


async def answer_of(talker: Talker, persona: Persona = BEAR, pcm: bytes = bytes(640)) -> Told:
    return told([piece async for piece in talker.answer(Heard(1, pcm, "desk-1", PERSONAS), persona)])


@asynccontextmanager
async def talking(
    responses: Responses, heard: str, *behaviours: Behaviour, mouth: Mouth | None = None
) -> AsyncIterator[tuple[Talker, StandIn, Mouth]]:
    """A talker that hears this, with a language model that behaves like that."""
    async with stand_in(*behaviours) as service:
        chat = Chat(service.endpoint())
        spoken = mouth or Mouth()
        try:
            yield Talker("openai", Ears(heard), Talks(responses), spoken, Mouth(), chat), service, spoken
        finally:
            await chat.close()


def asked(responses: Responses, heard: str, *behaviours: Behaviour) -> tuple[Told, StandIn]:
    async def test() -> tuple[Told, StandIn]:
        async with talking(responses, heard, *behaviours) as (talker, service, _):
            return await answer_of(talker), service

    return run(test())


def unknown(responses: Responses) -> set[str]:
    return {reply.text for reply in responses.unknown}


# -- a language model ----------------------------------------------------------------------


def test_the_models_sentences_are_said_each_before_its_sound(responses: Responses) -> None:
    async def test() -> None:
        async with talking(responses, "why is the sky blue", telling("The sun ", "paints it. Look up!")) as (
            talker,
            *_,
        ):
            pieces = [piece async for piece in talker.answer(Heard(1, bytes(640)), BEAR)]
            assert [piece for piece in pieces if not isinstance(piece, bytes)] == [
                Said("The sun paints it.", "why is the sky blue"),
                Said("Look up!"),
            ]
            assert [isinstance(piece, bytes) for piece in pieces] == [False, True, False, True]

    run(test())


def test_the_first_sentence_is_heard_while_the_next_is_still_being_written(responses: Responses) -> None:
    async def test() -> None:
        go_on = asyncio.Event()

        async def slowly(reply: Reply) -> None:
            await reply.head()
            await reply.words("The sun paints it. ", "Look")
            await go_on.wait()
            await reply.words(" up!")
            await reply.done()

        async with talking(responses, "why is the sky blue", slowly) as (talker, *_):
            pieces = talker.answer(Heard(1, bytes(640)), BEAR)
            assert await anext(pieces) == Said("The sun paints it.", "why is the sky blue")
            assert await anext(pieces) == SOUND
            go_on.set()
            assert await anext(pieces) == Said("Look up!")
            await pieces.aclose()

    run(test())


def test_closed_in_the_middle_nothing_is_written_any_more(responses: Responses) -> None:
    async def goes_on(reply: Reply) -> None:
        await reply.head()
        await reply.words("The sun paints it. ")
        await reply.until_hung_up()

    async def test() -> None:
        async with talking(responses, "why is the sky blue", goes_on) as (talker, service, _):
            pieces = talker.answer(Heard(1, bytes(640)), BEAR)
            await anext(pieces)
            await pieces.aclose()
            await service.hung_up.wait()

    run(test())


class Stuck:
    """Ears and mouth that never come to an end, and tell when they were made to."""

    def __init__(self) -> None:
        self.began, self.stopped = asyncio.Event(), asyncio.Event()

    async def transcribe(self, frames: Sequence[bytes]) -> Transcript:
        await self._wait()
        return Transcript("")

    async def speak(self, text: str, voice: VoiceSettings) -> Sequence[bytes]:
        await self._wait()
        return ()

    async def close(self) -> None: ...

    async def _wait(self) -> None:
        self.began.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.stopped.set()


@pytest.mark.parametrize("part", ["ears", "mouth"])
def test_an_abort_stops_whoever_is_at_work(part: str, responses: Responses) -> None:
    async def test() -> None:
        stuck = Stuck()
        ears = stuck if part == "ears" else Ears("tell me a joke")
        mouth = stuck if part == "mouth" else Mouth()
        talker = Talker("scripted", ears, Talks(responses), mouth, mouth)
        task = asyncio.create_task(answer_of(talker))
        await stuck.began.wait()
        task.cancel()
        await asyncio.wait([task])
        assert stuck.stopped.is_set()

    run(test())


def test_what_was_said_before_is_told_to_the_model_but_not_to_another_device(responses: Responses) -> None:
    async def test() -> None:
        async with talking(responses, "why is the sky blue", telling("The sun paints it.")) as (talker, service, _):
            for device in ("one", "one", "two"):
                assert [piece async for piece in talker.answer(Heard(1, bytes(640), device), BEAR)]
            lengths = [len(question["messages"]) for question in service.questions]
            assert lengths == [2, 4, 2]
            assert service.questions[1]["messages"][2] == {"role": "assistant", "content": "The sun paints it."}

    run(test())


@pytest.mark.parametrize("heard", ["my tummy hurts", "tell me about guns", ""])
def test_help_and_blocked_words_and_nothing_never_reach_the_model(heard: str, responses: Responses) -> None:
    answer, service = asked(responses, heard, telling("Whatever."))
    assert service.questions == []
    assert answer.said
    assert "Whatever." not in answer.said
    assert answer.user_texts[0] == (heard or None)
    assert answer.sound


def test_words_that_were_not_heard_well_count_as_not_understood(responses: Responses) -> None:
    async def test() -> None:
        talker = Talker("scripted", Ears("tell me a joke", 0.5), Talks(responses), Mouth(), Mouth())
        answer = await answer_of(talker)
        assert " ".join(answer.said) in unknown(responses)
        assert answer.user_texts[0] is None

    run(test())


def test_a_sentence_that_is_not_for_this_child_is_held_back_before_a_sample_of_it(responses: Responses) -> None:
    async def test() -> None:
        model = telling("Once there was a bear. He took his gun and shot everybody. The end.")
        async with talking(responses, "tell me about bears", model) as (talker, _, mouth):
            answer = await answer_of(talker)
            assert answer.said[0] == "Once there was a bear."
            assert not any("gun" in sentence or sentence == "The end." for sentence in [*answer.said, *mouth.said])
            (alarm,) = answer.alarms
            assert alarm.severity == "medium"
            assert "gun" in alarm.reason
            assert alarm.transcript == "He took his gun and shot everybody."
            topic = responses.topics["violence"]
            assert " ".join(answer.said[1:]) in {reply.text for reply in topic.replies}

    run(test())


@pytest.mark.parametrize("hidden", ["g\u200bun", "*gun*", "<b>gun</b>", "ｇｕｎ", "GUN", "<i>g</i>un. gun"])
def test_words_that_are_dressed_up_are_held_back_all_the_same(hidden: str, responses: Responses) -> None:
    answer, _ = asked(responses, "tell me about bears", telling(f"He took his {hidden} and left."))
    assert answer.alarms
    assert not any("gun" in sentence.lower() for sentence in answer.said)


@pytest.mark.parametrize(
    "behaviour",
    [
        refusing(429, Retry_After="100"),
        refusing(401),
        refusing(404),
        sending(b"data: rubbish\n\n"),
        sending(b""),
        telling("<script>alert('hello. you')</script>"),
        telling("\U0001f43b" * 250),
        telling('{"name": "become_persona", ', '"parameters": {"toy": "robo-rex"}}'),
        telling("   \n\n "),
    ],
)
def test_a_model_that_cannot_answer_is_made_up_for_by_friendly_words(
    behaviour: Behaviour, responses: Responses
) -> None:
    answer, _ = asked(responses, "why is the sky blue", behaviour)
    assert " ".join(answer.said) in unknown(responses)
    assert answer.user_texts[0] == "why is the sky blue"
    assert answer.sound
    assert answer.alarms == []


def test_an_answer_that_breaks_off_is_what_was_said_of_it(responses: Responses) -> None:
    async def breaks_off(reply: Reply) -> None:
        await reply.head(Content_Length="9999")
        await reply.words("The sun paints it. It is")

    answer, _ = asked(responses, "why is the sky blue", breaks_off)
    assert answer.said == ["The sun paints it.", "It is"]


def test_a_persona_may_say_who_answers_for_it(responses: Responses) -> None:
    async def test() -> None:
        async with talking(responses, "tell me a joke", telling("Ha.")) as (talker, service, _):
            scripted = await answer_of(talker, replace(BEAR, answers=Answers(by="scripted")))
            parrot = await answer_of(talker, replace(BEAR, answers=Answers(by="parrot")), pcm=b"\x00\x20" * 16000)
            assert service.questions == []
            assert scripted.said
            assert parrot.said == parrot.user_texts == ["tell me a joke"]
            assert len(parrot.sound) == 32000

    run(test())


def test_a_parrot_does_not_say_everything_back(responses: Responses) -> None:
    async def test() -> None:
        talker = Talker("parrot", Ears("tell me about guns"), Talks(responses), Mouth(), Mouth())
        answer = await answer_of(talker, pcm=b"\x00\x20" * 16000)
        assert "tell me about guns" not in answer.said
        assert answer.user_texts[0] == "tell me about guns"

    run(test())


def test_one_violation_too_many_makes_the_toy_rest_and_alarms_once(responses: Responses) -> None:
    async def test() -> None:
        talker = Talker("scripted", Ears("tell me about guns"), Talks(responses), Mouth(), Mouth())
        for _ in range(responses.limits.violations.count - 1):
            before = await answer_of(talker)
            assert before.user_texts[0] == "tell me about guns"
            assert before.rests == []
            assert before.alarms == []
        last = await answer_of(talker)
        assert [rest.seconds for rest in last.rests] == [responses.limits.violations.pause]
        assert [alarm.severity for alarm in last.alarms] == [responses.limits.violations.severity]
        assert last.alarms[0].transcript == "tell me about guns"
        assert last.said == []
        assert last.sound == b""

    run(test())


def test_when_the_voice_fails_the_spare_one_speaks_and_when_there_is_none_it_is_said(responses: Responses) -> None:
    async def test() -> None:
        broken, spare = Mouth(SpeechError("hoarse")), Mouth()
        talker = Talker("scripted", Ears("tell me a joke"), Talks(responses), broken, spare)
        assert (await answer_of(talker)).sound
        assert spare.said
        with pytest.raises(SpeechError, match="hoarse"):
            await answer_of(Talker("scripted", Ears("tell me a joke"), Talks(responses), broken, broken))

    run(test())


def test_what_is_not_there_is_refused_at_the_start_and_when_it_is_wanted(responses: Responses) -> None:
    async def test() -> None:
        persona = replace(BEAR, answers=Answers(by="openai"))
        talker = Talker("scripted", Ears("hello"), Talks(responses), Mouth(), Mouth())
        with pytest.raises(SettingsError, match="names no language model"):
            talker.refuse({"pommai-bear": persona})
        with pytest.raises(SettingsError, match="names no language model"):
            await answer_of(talker, persona)
        deaf = Deaf()
        deaf.refuse(PERSONAS)
        with pytest.raises(SettingsError, match="understands none"):
            deaf.refuse({"pommai-bear": persona})
        with pytest.raises(SettingsError, match="understands none"):
            await anext(deaf.answer(Heard(1, bytes(640)), persona))

    run(test())


# -- being somebody else, and other things a toy can do --------------------------------------------

REX = ("become_persona", {"toy": "robo-rex"})


@pytest.mark.parametrize("by", ["parrot", "scripted", "openai"])
def test_whoever_answers_a_child_gets_whom_it_asks_for(by: str, responses: Responses) -> None:
    async def test() -> None:
        async with talking(responses, "can you be robo rex now", telling("Whatever.")) as (talker, service, _):
            answer = await answer_of(talker, replace(BEAR, answers=Answers(by=by)))
            assert answer.done == [Become("robo-rex")]
            assert "Robo Rex" in " ".join(answer.said)
            assert answer.user_texts[0] == "can you be robo rex now"
            assert answer.sound
            assert service.questions == []

    run(test())


def test_a_child_who_asks_for_who_is_here_is_told(responses: Responses) -> None:
    async def test() -> None:
        talker = Talker("scripted", Ears("be the bear"), Talks(responses), Mouth(), Mouth())
        answer = await answer_of(talker)
        assert answer.done == []
        assert "Pommai Bear" in answer.said[0] + answer.said[-1]

    run(test())


@pytest.mark.parametrize(
    ("heard", "done", "said"),
    [
        ("kannst du mein robo sein", [Become("robo-rex")], {"Gleich kommt Robo Rex.", "Ich hole Robo Rex."}),
        ("sei pommai", [], {"Ich bin doch Pommai Bear!"}),
        ("be robo rex", [], {"Once more?", "I did not catch that."}),
    ],
)
def test_a_designer_says_in_which_words_somebody_is_asked_for(heard: str, done: list[Become], said: set[str]) -> None:
    async def test() -> None:
        talks = Talks(parsed(small(persona_change=GERMAN)))
        answer = await answer_of(Talker("scripted", Ears(heard), talks, Mouth(), Mouth()))
        assert answer.done == done
        assert " ".join(answer.said) in said

    run(test())


def test_without_requests_in_the_file_a_model_may_still_call_another_and_the_toy_says_so() -> None:
    answer, _ = asked(parsed(small(persona_change=None)), "be robo rex", calling(REX), telling(""))
    assert answer.done == [Become("robo-rex")]
    assert answer.said == ["All right."]


def test_a_designer_says_what_is_said_of_something_done() -> None:
    quieter = calling(("set_volume", {"percent": 20}))
    answer, _ = asked(parsed(small(done={"replies": ["Gut."]})), "be quieter", quieter, telling(""))
    assert answer.said == ["Gut."]


def test_somebody_who_is_not_for_this_child_does_not_come(responses: Responses) -> None:
    async def test() -> None:
        rex = PERSONAS["robo-rex"]
        grown = {**PERSONAS, "robo-rex": replace(rex, profile=structs.replace(rex.profile, is_for_kids=False))}
        async with talking(responses, "be robo rex", calling(REX), telling("Not now.")) as (talker, service, _):
            answer = told([piece async for piece in talker.answer(Heard(1, bytes(640), "desk-1", grown), BEAR)])
            assert answer.done == []
            assert answer.said == ["Not now."]
            assert "robo-rex" not in str(service.questions[0])
            assert "refused" in service.questions[1]["messages"][-1]["content"]

    run(test())


def test_a_limit_that_is_reached_holds_for_those_who_ask_for_others_too(responses: Responses) -> None:
    async def test() -> None:
        talker = Talker("scripted", Ears("be robo rex"), Talks(responses), Mouth(), Mouth())
        for _ in range(responses.limits.conversations.count):
            assert (await answer_of(talker)).done
        answer = await answer_of(talker)
        assert answer.done == []
        assert answer.rests

    run(test())


def test_a_model_that_says_goodbye_and_calls_another_is_obeyed_after_its_words(responses: Responses) -> None:
    answer, service = asked(responses, "i would love your friend the dinosaur", calling(REX, saying="Bye, my friend!"))
    assert answer.said == ["Bye, my friend!"]
    assert answer.done == [Become("robo-rex")]
    (question,) = service.questions
    assert question["tools"][0]["function"]["parameters"]["properties"]["toy"]["enum"] == ["robo-rex"]


def test_a_model_that_only_calls_is_told_what_became_of_it_and_says_something_then(responses: Responses) -> None:
    louder = ("set_volume", {"percent": 80})
    answer, service = asked(responses, "i can hardly hear you", calling(louder), telling("Now I am louder!"))
    assert answer.done == [Do("volume", {"percent": 80})]
    assert answer.said == ["Now I am louder!"]
    assert answer.user_texts == ["i can hardly hear you"]
    assert [message["role"] for message in service.questions[1]["messages"][-2:]] == ["assistant", "tool"]


@pytest.mark.parametrize(
    "then", [calling(("set_volume", {"percent": 20})), telling(""), refusing(401), sending(b"data: rubbish\n\n")]
)
def test_a_model_that_says_nothing_even_then_has_done_it_and_the_toy_says_so(
    then: Behaviour, responses: Responses
) -> None:
    answer, service = asked(responses, "i would love your friend the dinosaur", calling(REX), then)
    assert answer.done == [Become("robo-rex")]
    assert "Robo Rex" in " ".join(answer.said)
    assert len(service.questions) == 2
    quieter, _ = asked(responses, "i am not deaf", calling(("set_volume", {"percent": 20})), then)
    assert quieter.done == [Do("volume", {"percent": 20})]
    assert quieter.said[0] in {reply.text for reply in responses.done}
    assert len(quieter.said) == 1


def test_calls_that_do_not_hold_are_told_back_and_nothing_is_done(responses: Responses) -> None:
    wild = calling(("restart", {}), ("become_persona", {"toy": "../../etc"}), ("set_volume", '{"percent": 9'))
    answer, service = asked(responses, "why is the sky blue", wild, telling("The sun paints it."))
    assert answer.done == []
    assert answer.said == ["The sun paints it."]
    assert sum("refused" in str(message["content"]) for message in service.questions[1]["messages"]) == 3


def test_what_a_model_calls_beside_a_sentence_that_is_held_back_is_not_done(responses: Responses) -> None:
    answer, _ = asked(responses, "tell me about bears", calling(REX, saying="He took his gun and shot everybody. "))
    assert answer.done == []
    assert answer.alarms


@pytest.mark.parametrize("heard", ["be robo rex and tell me about guns", "my tummy hurts be robo rex"])
def test_words_that_do_not_pass_the_rules_make_nobody_come(heard: str, responses: Responses) -> None:
    answer, service = asked(responses, heard, calling(REX))
    assert answer.done == []
    assert service.questions == []


def test_a_model_that_takes_no_tools_answers_all_the_same(responses: Responses) -> None:
    async def test() -> None:
        async with talking(responses, "why is the sky blue", refusing(400), telling("The sun.")) as (
            talker,
            service,
            _,
        ):
            for _ in range(2):
                assert (await answer_of(talker)).said == ["The sun."]
            assert ["tools" in question for question in service.questions] == [True, False, False]
            assert "become_persona" not in str(service.questions[-1])

    run(test())


# -- whole turns: a real socket, real Vosk, the real file, real espeak-ng ------------------------


@asynccontextmanager
async def real_gateway(settings: EngineSettings) -> AsyncIterator[tuple[Gateway, list[Alert]]]:
    async with AsyncExitStack() as stack:
        responder = open_engines(settings, stack, RESPONSES)
        personas = {name: replace(persona, answers=Answers()) for name, persona in PERSONAS.items()}
        gateway = Gateway(GatewaySettings(personas, TOKEN, port=0), responder)
        await stack.enter_async_context(gateway)
        alerts: list[Alert] = []
        gateway.archive.on_alert = alerts.append
        yield gateway, alerts


def packets_of(words: str) -> list[bytes]:
    return encode_all(b"".join(frames(say(words))))


async def whole_answer(toy: ScriptedToy) -> list[Any]:
    received: list[Any] = []
    while True:
        received.append(await toy.receive())
        if isinstance(received[-1], m.ErrorMessage) or (isinstance(received[-1], m.DownAudio) and received[-1].final):
            return received


def test_a_child_is_understood_and_answered_by_the_file_in_the_personas_voice(responses: Responses) -> None:
    async def test() -> None:
        async with real_gateway(EngineSettings(str(VOSK_TINY), "scripted")) as (gateway, _), toy_at(gateway) as toy:
            await toy.say(1, packets_of("please sing me a song"))
            received = await whole_answer(toy)
            first = received[0]
            assert isinstance(first, m.TextResponse)
            assert (first.turn, first.user_text) == (1, "please sing me a song")
            words = " ".join(each.text for each in received if isinstance(each, m.TextResponse))
            assert words in {reply.text for each in responses.commands.values() for reply in each.replies}
            audio = [each for each in received if isinstance(each, m.DownAudio)]
            assert [frame.sequence for frame in audio] == list(range(len(audio)))
            sound = decode_all(audio)
            assert len(sound) > 16_000
            assert level_of(sound[np.abs(sound) > 0.01]) > 0.05

    run(test())


def test_an_answer_under_way_stops_at_once_when_it_is_aborted() -> None:
    async def test() -> None:
        async def goes_on(reply: Reply) -> None:
            await reply.head()
            await reply.words("Once there was a bear who went to the sea. ")
            await reply.until_hung_up()

        async with stand_in(goes_on) as service:
            settings = EngineSettings(str(VOSK_TINY), service.endpoint())
            async with real_gateway(settings) as (gateway, _), toy_at(gateway) as toy:
                await toy.say(1, packets_of("tell me a story"))
                assert isinstance(await toy.receive(), m.TextResponse)
                assert isinstance(await toy.receive(), m.DownAudio)
                await toy.send(m.Abort(1, "barge-in"))
                await service.hung_up.wait()
                await toy.send(m.Ping("now"))
                while isinstance(message := await toy.receive(), m.DownAudio):
                    assert not message.final
                assert isinstance(message, m.Pong)

    run(test())


def test_an_answer_that_is_held_back_is_an_alert_in_the_archive() -> None:
    async def test() -> None:
        async with stand_in(telling("He took his gun and left.")) as service:
            settings = EngineSettings(str(VOSK_TINY), service.endpoint())
            async with real_gateway(settings) as (gateway, alerts), toy_at(gateway) as toy:
                await toy.say(1, packets_of("tell me a story"))
                received = await whole_answer(toy)
                assert not any("gun" in each.text for each in received if isinstance(each, m.TextResponse))
                assert isinstance(received[-1], m.DownAudio)
                (kept,) = await gateway.archive.alerts()
                assert (kept.device_id, kept.severity) == ("desk-1", "medium")
                assert "held back: violence: gun" in kept.reason
                assert [alert[1:] for alert in alerts] == [kept[1:]]

    run(test())


def test_a_toy_that_has_to_rest_is_told_so(responses: Responses) -> None:
    async def test() -> None:
        async with real_gateway(EngineSettings(str(VOSK_TINY), "scripted")) as (gateway, _), toy_at(gateway) as toy:
            count = responses.limits.conversations.count
            packets = packets_of("tell me a joke")
            for turn in range(1, count + 1):
                await toy.say(turn, packets)
                assert (await toy.expect(m.TextResponse)).turn == turn
                await toy.send(m.Abort(turn, "enough"))
                await toy.send(m.Ping("now"))
                while not isinstance(await toy.receive(), m.Pong):
                    pass
            await toy.say(count + 1, packets)
            rest = await toy.expect(m.SafetyOverride)
            assert (rest.action, rest.duration) == ("pause_interaction", responses.limits.conversations.rest)

    run(test())


def heard(number: int = 1) -> Heard:
    return Heard(1, SOUND, f"desk-{number}")


def test_a_sentence_of_the_file_is_spoken_once_and_one_of_a_language_model_every_time(responses: Responses) -> None:
    async def test() -> None:
        mouth = Mouth()
        talker = Talker("scripted", Ears("tell me a joke"), Talks(responses), mouth, mouth)
        persona = replace(BEAR)
        sentences: list[str] = []
        for number in range(30):  # a device each: one is told to rest after so many turns
            answer = told([piece async for piece in talker.answer(heard(number), persona)])
            sentences += answer.said
            assert answer.sound
        assert len(mouth.said) == len(set(mouth.said)) == len(set(sentences)) < len(sentences)

        async def again(reply: Reply) -> None:
            await reply.head()
            await reply.words("The sun paints it.")

        async with stand_in(again, again) as service:
            chat = Chat(service.endpoint())
            mouth.said.clear()
            talker = Talker("openai", Ears("why is the sky blue"), Talks(responses), mouth, mouth, chat)
            for _ in range(2):
                [piece async for piece in talker.answer(heard(), persona)]
            await chat.close()
        assert mouth.said == ["The sun paints it."] * 2

    run(test())


def test_what_the_spare_voice_said_in_need_is_not_kept(responses: Responses) -> None:
    async def test() -> None:
        voice, spare = Mouth(SpeechError("hoarse")), Mouth()
        talker = Talker("scripted", Ears("xylophone quark"), Talks(responses), voice, spare)
        first = told([piece async for piece in talker.answer(heard(), BEAR)])
        assert spare.said == first.said
        voice.error = None
        for number in range(40):
            [piece async for piece in talker.answer(heard(number), BEAR)]
        assert set(first.said) & set(voice.said)

    run(test())
