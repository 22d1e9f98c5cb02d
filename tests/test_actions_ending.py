"""Held at power-up, asked by its server, told to begin again: whether a toy forgets, and when it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
from simulated_toy import simulated_toy

from pommai.actions.safety import FACT as SAFE
from pommai.errors import StoreError
from pommai.events import Event
from pommai.io.button import SimulatedButton
from pommai.protocol.messages import Command, GuardianAlert, SafetyOverride
from pommai.qa.simulated_toy import SimulatedToy, settle
from pommai.qa.virtual_time import run

FORGET = Command("reset")
PAUSE = SafetyOverride("pause_interaction", 0.0)


@asynccontextmanager
async def held(disk: str = "", **more: Any) -> AsyncIterator[tuple[SimulatedToy, SimulatedButton]]:
    """A toy that was switched on with its button down, and the button. `disk`: what is wrong with it."""
    async with simulated_toy(held=True, loaded=False, **more) as toy, watched(toy, disk):
        button = SimulatedButton(down=True)
        button.start(toy.runtime.post)
        await settle()
        yield toy, button
        button.close()


@asynccontextmanager
async def watched(toy: SimulatedToy, disk: str = "") -> AsyncIterator[None]:
    toy.forgot, toy.ended = [], []  # type: ignore[attr-defined]

    async def forget() -> None:
        if disk:
            raise StoreError(disk)
        toy.forgot.append(asyncio.get_running_loop().time())  # type: ignore[attr-defined]

    toy.body.forget = forget
    toy.body.end = lambda: toy.ended.append(asyncio.get_running_loop().time())  # type: ignore[attr-defined]
    yield


def said(toy: SimulatedToy, command: str) -> bool:
    words = {toy.body.answerer.say(command, toy.body.listener).reply for _ in range(4)}  # none comes twice running
    return not words.isdisjoint(text for text, _ in toy.speech.spoken)


def incidents(toy: SimulatedToy) -> str:
    return str([*toy.memory.waiting.values(), *toy.memory.sent.values()])


# -- by hand -------------------------------------------------------------------------------


def test_the_button_held_from_power_up_until_the_light_has_counted_and_let_go_has_the_toy_forget():
    async def scene():
        async with held() as (toy, button):
            assert (toy.state, toy.show.pattern) == ("counting", "counting_down")
            assert not toy.microphone.is_open
            await asyncio.sleep(9.9)
            assert toy.state == "counting"
            await asyncio.sleep(0.2)
            assert (toy.state, toy.show.pattern) == ("ready_to_forget", "let_go")
            assert toy.forgot == []
            button.release()
            await settle()
            assert (toy.state, toy.show.pattern) == ("forgetting", "forgetting")
            assert len(toy.forgot) == 1
            assert toy.ended == []  # it says so first
            await asyncio.sleep(5.1)
            assert len(toy.ended) == 1
            assert toy.operations("call").count("alert_guardian") == 0

    run(scene())


@pytest.mark.parametrize("seconds", [0.06, 1.0, 3.5, 9.8])
def test_whoever_lets_go_before_has_done_nothing(seconds):
    async def scene():
        async with held() as (toy, button):
            await asyncio.sleep(seconds)
            button.release()
            await asyncio.sleep(0.1)
            assert toy.state == "loading_toy"
            await asyncio.sleep(30)
            assert toy.state == "idle"
            assert (toy.forgot, toy.ended) == ([], [])
            assert not any(isinstance(message, GuardianAlert) for message in toy.link.messages)

    run(scene())


def test_a_toy_that_lies_on_its_button_when_the_power_comes_back_forgets_nothing_and_plays():
    async def scene():
        async with held() as (toy, button):
            await asyncio.sleep(16)
            assert toy.state == "loading_toy"
            await asyncio.sleep(30)
            assert toy.state == "idle"
            button.release()  # somebody has picked it up
            await asyncio.sleep(1)
            assert toy.state == "idle"
            button.press()
            await settle()
            assert toy.state == "listening"
            assert (toy.forgot, toy.ended) == ([], [])

    run(scene())


def test_who_keeps_the_button_down_is_told_what_will_happen():
    async def scene():
        async with held() as (toy, _):
            await asyncio.sleep(1)
            assert said(toy, "about_to_forget")
            await asyncio.sleep(10)
            assert said(toy, "let_go_to_forget")

    run(scene())


def test_a_toy_in_safe_mode_is_in_safe_mode_again_when_the_button_is_let_go_or_never():
    async def scene():
        async with simulated_toy() as toy:
            toy.link.deliver(PAUSE)
            await settle()
            memory = toy.memory
        for seconds in (2.0, 9.0, None):
            async with held(memory=memory) as (toy, button):
                assert toy.state == "counting"
                await asyncio.sleep(20.0 if seconds is None else seconds)
                if seconds is not None:
                    button.release()
                await asyncio.sleep(0.1)
                assert toy.state == "calm"
                assert toy.forgot == []

    run(scene())


def test_a_grown_up_far_away_who_ends_safe_mode_meanwhile_is_heard():
    async def scene():
        async with simulated_toy() as toy:
            toy.link.deliver(PAUSE)
            await settle()
            memory = toy.memory
        async with held(memory=memory) as (toy, button):
            toy.link.deliver(SafetyOverride("resume"))
            await asyncio.sleep(1)
            button.release()
            await asyncio.sleep(0.1)
            assert toy.state == "loading_toy"
            assert memory.fact(SAFE) is None

    run(scene())


def test_a_pause_from_the_server_ends_the_count():
    async def scene():
        async with held() as (toy, button):
            await asyncio.sleep(9)
            toy.link.deliver(PAUSE)
            await asyncio.sleep(5)
            button.release()
            await asyncio.sleep(1)
            assert toy.state == "calm"
            assert toy.forgot == []

    run(scene())


def test_a_disk_that_takes_no_mark_is_told_by_light_and_word_and_the_toy_goes_on():
    async def scene():
        async with held("the card is full") as (toy, button):
            await asyncio.sleep(11)
            button.release()
            await asyncio.sleep(0.5)
            assert toy.state == "error"
            await asyncio.sleep(3)
            assert said(toy, "not_forgotten")
            assert toy.state == "idle"
            assert toy.ended == []
            assert "could not: the card is full" in incidents(toy)

    run(scene())


def test_a_card_that_never_answers_does_not_keep_the_toy():
    async def scene():
        async with held() as (toy, button):

            async def forget() -> None:
                await asyncio.get_running_loop().create_future()

            toy.body.forget = forget
            await asyncio.sleep(11)
            button.release()
            await asyncio.sleep(29)
            assert toy.state == "forgetting"
            await asyncio.sleep(2)
            assert toy.state == "error"

    run(scene())


# -- by command ----------------------------------------------------------------------------


def test_a_reset_by_command_is_done_in_play_in_a_turn_and_in_safe_mode():
    async def scene(before):
        async with simulated_toy() as toy, watched(toy):
            await before(toy)
            toy.link.deliver(FORGET)
            await asyncio.sleep(6)
            assert toy.state == "forgetting"
            assert len(toy.forgot) == len(toy.ended) == 1
            assert toy.body.turn.over
            toy.link.deliver(FORGET)  # an impatient one
            await settle()
            assert len(toy.forgot) == 1

    async def rests(toy):
        pass

    async def talks(toy):
        toy.press()
        await toy.say(0.5)

    async def is_quiet(toy):
        toy.link.deliver(PAUSE)
        await settle()
        assert toy.state == "calm"

    for before in (rests, talks, is_quiet):
        run(scene(before))


def test_a_reset_that_fails_in_safe_mode_leaves_it_in_safe_mode_for_the_rest_of_the_pause():
    async def scene():
        async with simulated_toy() as toy, watched(toy, "the card is gone"):
            toy.link.deliver(SafetyOverride("pause_interaction", 100.0))
            await asyncio.sleep(61)
            toy.link.deliver(FORGET)
            await settle()
            assert toy.state == "calm"
            await asyncio.sleep(35)
            assert toy.state == "calm"
            await asyncio.sleep(10)
            assert toy.state == "idle"

    run(scene())


def test_a_reset_that_fails_in_safe_mode_is_told_aloud_and_the_calm_words_come_after_that():
    async def scene():
        async with simulated_toy() as toy, watched(toy, "the card is gone"):
            toy.link.deliver(SafetyOverride("pause_interaction", 0.0, "Supper is ready."))
            await asyncio.sleep(20)
            toy.link.deliver(FORGET)
            await asyncio.sleep(5)
            assert toy.state == "calm"
            last, _ = toy.speech.spoken[-1]
            replies = {toy.body.answerer.say("not_forgotten", toy.body.listener).reply for _ in range(4)}
            calm = {toy.body.answerer.enter_safe_mode(toy.body.listener).reply for _ in range(9)}
            assert [words for words in replies if last.startswith(f"{words} ")], last
            assert [words for words in calm if last.endswith(f" {words}")], last

    run(scene())


def test_a_card_that_never_answers_in_safe_mode_is_told_aloud_too():
    async def scene():
        async with simulated_toy() as toy, watched(toy):

            async def forget() -> None:
                await asyncio.get_running_loop().create_future()

            toy.body.forget = forget
            toy.link.deliver(PAUSE)
            await asyncio.sleep(20)
            toy.link.deliver(FORGET)
            await asyncio.sleep(35)
            assert toy.state == "calm"
            assert "I could not forget" in toy.speech.spoken[-1][0] or "sorry" in toy.speech.spoken[-1][0]

    run(scene())


def test_a_pause_that_comes_while_the_toy_forgets_holds_when_it_cannot():
    async def scene():
        async with simulated_toy() as toy, watched(toy):
            waits = asyncio.get_running_loop().create_future()

            async def forget() -> None:
                await waits
                raise StoreError("the card is gone")

            toy.body.forget = forget
            toy.link.deliver(FORGET)
            await settle()
            toy.link.deliver(PAUSE)
            await settle()
            assert toy.state == "forgetting"
            assert toy.memory.fact(SAFE)
            waits.set_result(None)
            await settle()
            assert toy.state == "calm"

    run(scene())


# -- a new start ---------------------------------------------------------------------------


@contextmanager
def counted(toy: SimulatedToy) -> Iterator[list[str]]:
    starts: list[str] = []
    toy.body.begin_again = lambda: starts.append(toy.state)
    yield starts


def test_a_new_start_that_is_asked_for_at_rest_begins_at_once():
    async def scene():
        async with simulated_toy() as toy:
            with counted(toy) as starts:
                toy.link.deliver(Command("restart"))
                await settle()
                toy.link.deliver(PAUSE)
                await settle()
                toy.link.deliver(Command("restart"))
                await settle()
            assert starts == ["idle", "calm"]

    run(scene())


def test_a_new_start_that_is_asked_for_in_a_turn_waits_for_its_end_and_is_one():
    async def scene():
        async with simulated_toy() as toy:
            with counted(toy) as starts:
                toy.press()
                await toy.say(1.0)
                toy.link.deliver(Command("restart"))
                toy.link.deliver(Command("restart"))
                await settle()
                toy.release()
                await settle()
                toy.answer([700] * 5)
                await settle()
                assert (toy.state, starts) == ("speaking", [])
                await toy.rest()
                await settle()
                assert starts == ["idle"]
                await toy.talk()
                toy.answer([700] * 5)
                await toy.rest()
                assert starts == ["idle"]

    run(scene())


# -- holds ---------------------------------------------------------------------------------


def test_who_presses_in_safe_mode_and_is_let_go_from_far_away_has_not_asked_for_safe_mode():
    async def scene():
        async with simulated_toy() as toy:
            toy.link.deliver(PAUSE)
            await settle()
            button = SimulatedButton()
            button.start(toy.runtime.post)
            button.press()
            await asyncio.sleep(1)
            toy.link.deliver(SafetyOverride("resume"))
            await asyncio.sleep(10)
            assert toy.state == "idle"
            assert not any(isinstance(message, GuardianAlert) for message in toy.link.messages)
            button.release()
            await asyncio.sleep(1)
            button.press()  # and this is a hold again
            await asyncio.sleep(3.1)
            assert toy.state == "calm"
            button.close()

    run(scene())


def test_a_hold_that_began_in_play_counts_when_the_press_was_too_much_for_the_queue():
    async def scene():
        async with simulated_toy() as toy:
            toy.runtime.post(Event("button.held", {"held_s": 3.0}))
            await settle()
            assert toy.state == "calm"

    run(scene())
