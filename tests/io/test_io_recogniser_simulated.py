from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from audio_material import run_virtually

from pommai.errors import RecognitionError
from pommai.io.ports import Recogniser, Transcript, Word
from pommai.io.recogniser_simulated import SimulatedRecogniser


def test_it_hears_what_it_is_told_to() -> None:
    async def main() -> None:
        recogniser: Recogniser = SimulatedRecogniser("Tell me  a joke")
        said = await recogniser.transcribe([])
        assert said == Transcript("tell me a joke", tuple(Word(word, 1.0) for word in ("tell", "me", "a", "joke")))

    asyncio.run(main())


def test_what_it_hears_may_depend_on_the_recording_and_change() -> None:
    def length(recording: Sequence[bytes]) -> str:
        return f"{len(recording)} frames"

    async def main() -> None:
        recogniser = SimulatedRecogniser(length)
        assert (await recogniser.transcribe([b"", b""])).text == "2 frames"
        recogniser.says = ""
        assert await recogniser.transcribe([b""]) == Transcript("")
        assert recogniser.heard == 2

    asyncio.run(main())


def test_it_takes_its_time() -> None:
    async def main() -> float:
        recogniser = SimulatedRecogniser("hi", seconds=0.7)
        await recogniser.transcribe([])
        return asyncio.get_running_loop().time()

    assert run_virtually(main()) == pytest.approx(0.7)


def test_it_can_be_broken_and_mended() -> None:
    async def main() -> None:
        recogniser = SimulatedRecogniser("hi", broken="no model here")
        with pytest.raises(RecognitionError, match="no model here"):
            await recogniser.transcribe([])
        recogniser.broken = None
        assert (await recogniser.transcribe([])).text == "hi"

    asyncio.run(main())


def test_once_closed_it_understands_nothing() -> None:
    async def main() -> None:
        recogniser = SimulatedRecogniser("hi")
        await recogniser.close()
        await recogniser.close()
        with pytest.raises(RecognitionError, match="closed"):
            await recogniser.transcribe([])

    asyncio.run(main())
