from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from gateway_material import run
from speech_material import VOICES, VOSK_TINY, frames, say

from pommai.errors import RecognitionError
from pommai.gateway.speech.hearing import Hearing
from pommai.io.ports import Transcript
from pommai.io.recogniser import VoskRecogniser


class Slow:
    """Understands nothing until it may go on."""

    def __init__(self) -> None:
        self.asked, self.closed, self.go_on = 0, 0, asyncio.Event()

    async def transcribe(self, frames: Sequence[bytes]) -> Transcript:
        self.asked += 1
        await self.go_on.wait()
        return Transcript("")

    async def close(self) -> None:
        self.closed += 1


def test_who_has_least_to_do_is_asked_and_the_first_when_nobody_has() -> None:
    async def test() -> None:
        one, two = Slow(), Slow()
        hearing = Hearing([one, two])
        tasks = []
        for _ in range(3):
            tasks.append(asyncio.create_task(hearing.transcribe(())))
            await asyncio.sleep(0)
        assert (one.asked, two.asked) == (2, 1)
        two.go_on.set()
        await tasks[1]
        tasks.append(asyncio.create_task(hearing.transcribe(())))
        await asyncio.sleep(0)
        assert (one.asked, two.asked) == (2, 2)
        one.go_on.set()
        await asyncio.gather(*tasks)
        await hearing.transcribe(())
        assert one.asked == 3
        await hearing.close()
        assert (one.closed, two.closed) == (1, 1)

    run(test())


def test_who_was_given_up_has_nothing_to_do_any_more() -> None:
    async def test() -> None:
        one, two = Slow(), Slow()
        hearing = Hearing([one, two])
        task = asyncio.create_task(hearing.transcribe(()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        one.go_on.set()
        await hearing.transcribe(())
        assert (one.asked, two.asked) == (2, 0)

    run(test())


def test_real_recognisers_understand_at_the_same_time_with_one_model() -> None:
    async def test() -> None:
        hearing = Hearing([VoskRecogniser(VOSK_TINY), VoskRecogniser(VOSK_TINY)])
        recordings = [frames(say("tell me a joke", voice)) for voice in VOICES]
        found = await asyncio.gather(*map(hearing.transcribe, recordings))
        assert [transcript.text for transcript in found] == ["tell me a joke"] * len(VOICES)
        await hearing.close()
        await hearing.close()

    run(test())


def test_it_says_what_troubles_it_until_it_has_understood_something() -> None:
    class Fragile(Slow):
        """Cannot be loaded at first."""

        is_broken = True

        async def transcribe(self, frames: Sequence[bytes]) -> Transcript:
            if self.is_broken:
                raise RecognitionError("the model is damaged")
            return await super().transcribe(frames)

    async def test() -> None:
        recogniser = Fragile()
        hearing = Hearing([recogniser])
        assert await hearing.trouble() == "the speech model is not loaded yet"
        with pytest.raises(RecognitionError):
            await hearing.transcribe([b""])
        assert await hearing.trouble() == "the model is damaged"
        recogniser.is_broken = False
        recogniser.go_on.set()
        await hearing.transcribe([b""])
        assert await hearing.trouble() == ""

    run(test())
