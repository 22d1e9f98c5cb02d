"""What grown-ups order from far away: quiet, a sound, another look at who the toy is."""

from __future__ import annotations

import asyncio

import pytest
from simulated_toy import simulated_toy

from pommai.protocol.messages import Abort, Command, GetToyConfig
from pommai.qa.simulated_toy import SimulatedToy, settle
from pommai.qa.virtual_time import run


def sent(toy: SimulatedToy, kind: type) -> int:
    return sum(isinstance(message, kind) for message in toy.link.messages)


def test_a_toy_that_talks_is_quiet_when_the_server_wants_it() -> None:
    async def scene() -> None:
        async with simulated_toy() as toy:
            await toy.talk()
            toy.answer([1000] * 200)
            await settle()
            assert toy.state == "speaking"
            toy.link.deliver(Command("stop"))
            await settle()
            assert toy.state == "idle"
            assert sent(toy, Abort) == 1
            heard = len(toy.heard())
            await asyncio.sleep(2)
            assert len(toy.heard()) == heard < 200

    run(scene())


def test_a_toy_that_thinks_need_not_answer() -> None:
    async def scene() -> None:
        async with simulated_toy() as toy:
            await toy.talk()
            toy.link.deliver(Command("stop"))
            await settle()
            assert toy.state == "idle"
            assert sent(toy, Abort) == 1

    run(scene())


def test_a_child_who_talks_is_not_interrupted() -> None:
    async def scene() -> None:
        async with simulated_toy() as toy:
            toy.press()
            await toy.say(1.0)
            toy.link.deliver(Command("stop"))
            toy.link.deliver(Command("play", {"sound": "hello"}))
            await settle()
            assert toy.state == "listening"
            assert sent(toy, Abort) == 0

    run(scene())


def test_one_of_its_sounds_is_played_when_it_rests() -> None:
    async def scene() -> None:
        async with simulated_toy() as toy:
            played: list[object] = []
            toy.body.voice.play = played.append  # type: ignore[method-assign]
            toy.link.deliver(Command("play", {"sound": "hello"}))
            await settle()
            assert played == [toy.body.sounds.frames("hello")]

    run(scene())


@pytest.mark.parametrize("sound", [None, "", "nothing_like_it", "../hello", "/etc/passwd", 7, ["hello"], {}])
def test_what_is_no_sound_of_its_own_is_not_played(sound: object) -> None:
    async def scene() -> None:
        async with simulated_toy() as toy:
            played: list[object] = []
            toy.body.voice.play = played.append  # type: ignore[method-assign]
            toy.link.deliver(Command("play", {"sound": sound}))
            await settle()
            assert played == []
            assert toy.state == "idle"

    run(scene())


def test_the_toy_asks_anew_who_it_is() -> None:
    async def scene() -> None:
        async with simulated_toy() as toy:
            asked = sent(toy, GetToyConfig)
            toy.link.deliver(Command("reload"))
            await settle()
            assert sent(toy, GetToyConfig) == asked + 1

    run(scene())


def test_in_safe_mode_nothing_is_ordered() -> None:
    async def scene() -> None:
        async with simulated_toy() as toy:
            toy.runtime.body.turn.heard_speech = False
            toy.post("safety.pause", seconds=3600.0, message="")
            await settle()
            asked, said = sent(toy, GetToyConfig), len(toy.link.messages)
            for command in (Command("stop"), Command("play", {"sound": "hello"}), Command("reload")):
                toy.link.deliver(command)
            await settle()
            assert toy.state != "idle"
            assert (sent(toy, GetToyConfig), len(toy.link.messages)) == (asked, said)

    run(scene())
