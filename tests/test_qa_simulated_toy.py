"""The simulated toy holds a conversation as a real one does, and shows what it did."""

from __future__ import annotations

import asyncio

import pytest
from simulated_toy import simulated_toy

from pommai.qa.simulated_toy import SOUND_NAMES, Sounds, settle, tone
from pommai.qa.virtual_time import run


def test_a_child_talks_and_the_toy_answers() -> None:
    async def scene() -> None:
        async with simulated_toy() as toy:
            assert toy.state == "idle"
            await toy.talk(1.0)
            assert toy.state == "processing"
            toy.answer([2000] * 20)
            await asyncio.sleep(1.0)
            assert toy.heard() == [2000]
            assert toy.state == "idle"
            assert toy.operations("start").count("record") == 1
            assert sum(audio.final for audio in toy.link.audio) == 1

    run(scene())


def test_every_sound_can_be_told_from_the_others_and_from_answers() -> None:
    sounds = Sounds()
    frames = {sounds.frames(name)[0] for name in sounds.names()}
    assert len(frames) == len(SOUND_NAMES)
    assert tone(1000) not in frames


def test_settling_takes_no_time() -> None:
    async def scene() -> float:
        await settle()
        return asyncio.get_running_loop().time()

    assert run(scene()) == pytest.approx(0.0)
