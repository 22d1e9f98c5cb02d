"""What comes from the server, and what the toy makes of it."""

import asyncio

import pytest
from simulated_toy import simulated_toy

from pommai.actions.inbox import Inbox
from pommai.protocol import messages as m
from pommai.qa.simulated_toy import settle
from pommai.qa.virtual_time import run


def events(toy, name):
    return [line for line in toy.trace.lines if line["kind"] == "event" and line["name"] == name]


def test_an_answer_that_comes_while_the_child_still_talks_is_spoken_after_the_release():
    async def scene():
        async with simulated_toy() as toy:
            toy.press()
            await toy.say(1.0)
            toy.answer([1000, 2000, 3000])
            await settle()
            assert toy.state == "listening"
            toy.release()
            await settle()
            assert toy.state == "speaking"
            await asyncio.sleep(0.5)
            assert toy.state == "idle"
            assert toy.heard() == [1000, 2000, 3000]

    run(scene())


def test_an_answer_that_is_nothing_but_its_end_leads_back_to_rest():
    async def scene():
        async with simulated_toy() as toy:
            await toy.talk()
            toy.link.deliver_audio(m.DownAudio(1, 0, b"", final=True))
            await asyncio.sleep(0.1)
            assert toy.state == "idle"
            assert toy.heard() == []

    run(scene())


@pytest.mark.parametrize("turn", [0, 1, 3, 2**32 - 1])
def test_pieces_of_any_other_turn_are_dropped(turn):
    async def scene():
        async with simulated_toy() as toy:
            await toy.talk()
            toy.press()
            await toy.say(0.5)
            toy.release()
            await settle()
            toy.link.deliver_audio(m.DownAudio(turn, 0, b"x"))
            await settle()
            assert toy.state == "processing"
            assert not toy.body.turn.reply.begun

    run(scene())


def test_an_error_that_names_an_older_turn_harms_no_newer_one():
    async def scene():
        async with simulated_toy() as toy:
            await toy.talk()
            toy.press()
            await toy.say(0.5)
            toy.link.deliver(m.ErrorMessage("AUDIO_ERROR", "no words in it", {"turn": 1}))
            await settle()
            assert toy.state == "listening"

    run(scene())


def test_an_error_without_a_turn_is_not_of_a_turn_of_which_nothing_was_sent():
    async def scene():
        async with simulated_toy() as toy:
            await toy.talk()
            toy.link.stalled = True
            toy.press()
            toy.link.deliver(m.ErrorMessage("AUDIO_ERROR", "no words in it"))
            await settle()
            assert toy.state == "listening"

    run(scene())


@pytest.mark.parametrize("details", [{}, {"turn": 1}])
@pytest.mark.parametrize("state", ["listening", "processing", "speaking"])
def test_a_turn_that_fails_is_seen_at_once_and_over(state, details):
    async def scene():
        async with simulated_toy() as toy:
            toy.press()
            await toy.say(0.5)
            if state != "listening":
                toy.release()
            await settle()
            if state == "speaking":
                toy.answer([1000] * 50)
                await asyncio.sleep(0.2)
            assert toy.state == state
            toy.link.deliver(m.ErrorMessage("SAFETY_VIOLATION", "not this", details))
            await settle()
            assert toy.state == "error"
            assert toy.body.turn.over
            await asyncio.sleep(3.1)
            assert toy.state == "idle"
            assert toy.heard()[-1] < 1000  # the sorry sound, not the answer

    run(scene())


@pytest.mark.parametrize("code", ["RATE_LIMITED", "BAD_MESSAGE", "AUTH_FAILED", "TOY_NOT_FOUND"])
def test_a_complaint_about_something_else_fails_no_turn(code):
    async def scene():
        async with simulated_toy() as toy:
            await toy.talk()
            toy.link.deliver(m.ErrorMessage(code, "no", {"retry_after": 3}))
            await settle()
            assert toy.state == "processing"

    run(scene())


def test_a_toy_nobody_knows_fails_the_turn_it_is_named_with():
    async def scene():
        async with simulated_toy() as toy:
            await toy.talk()
            toy.link.deliver(m.ErrorMessage("TOY_NOT_FOUND", "who?", {"turn": 1}))
            await settle()
            assert toy.state == "error"

    run(scene())


def test_a_toy_nobody_knows_still_comes_to_rest_and_stays_there():
    async def scene():
        async with simulated_toy(loaded=False) as toy:
            for _ in range(2):
                toy.link.deliver(m.ErrorMessage("TOY_NOT_FOUND", "who?"))
                await settle()
                assert toy.state == "idle"

    run(scene())


def test_words_and_messages_of_later_protocols_move_nothing():
    async def scene():
        async with simulated_toy() as toy:
            await toy.talk()
            for message in (m.TextResponse(0, "old"), m.TextResponse(1, "new"), m.Command("dance"), m.Pong("now")):
                toy.link.deliver(message)
            await settle()
            assert toy.state == "processing"
            assert [line["text"] for line in toy.trace.lines if line["name"] == "reply_text"] == ["old", "new"]

    run(scene())


def test_the_configuration_of_some_other_toy_is_ignored():
    async def scene():
        async with simulated_toy() as toy:
            toy.link.deliver(m.ToyConfig(m.ToyProfile("somebody-else", "Mallory")))
            await settle()
            assert toy.body.profile.toy_id == "pommai-bear"
            assert len(events(toy, "toy.loaded")) == 1

    run(scene())


def test_a_changed_configuration_of_this_toy_is_in_force_at_once_in_every_state():
    async def scene():
        async with simulated_toy() as toy:
            for version, happens in enumerate(("press", "release", "pause", "rest")):
                if happens in ("press", "release"):
                    getattr(toy, happens)()
                elif happens == "pause":
                    toy.link.deliver(m.SafetyOverride("pause_interaction"))
                await settle()
                before = toy.state
                toy.link.deliver(m.ToyConfigUpdate(m.ToyProfile("pommai-bear", f"Bear {version}")))
                await settle()
                assert toy.body.profile.name == f"Bear {version}"
                assert toy.state == before

    run(scene())


def test_bad_words_that_the_server_heard_count_as_those_the_toy_heard_itself():
    async def scene():
        async with simulated_toy() as toy:
            for turn in (1, 2, 3):
                await toy.talk()
                toy.link.deliver(m.TextResponse(turn, "Let us sing a song.", "i will kill you"))
                await settle()
            assert "safe_mode" in toy.states
            (alert,) = [message for message in toy.link.messages if isinstance(message, m.GuardianAlert)]
            assert alert.transcript == "i will kill you"
            assert len([item for item in toy.memory.waiting.values() if item.kind == "safety_events"]) == 4

    run(scene())


def test_a_child_that_tells_the_server_it_is_hurt_is_no_violation_and_the_grown_ups_hear_of_it_each_time():
    async def scene():
        async with simulated_toy() as toy:
            for turn in (1, 2, 3, 4):
                await toy.talk()
                toy.link.deliver(m.TextResponse(turn, "Oh dear. Go and tell a grown up.", "somebody hit me"))
                await settle()
            assert toy.state == "processing"
            assert len([message for message in toy.link.messages if isinstance(message, m.GuardianAlert)]) == 4

    run(scene())


def test_the_servers_time_vouches_for_the_toys_clock():
    async def scene():
        async with simulated_toy() as toy:
            told = []
            toy.clock.hint = told.append
            Inbox(toy.body).on_up("session", "2026-11-21T09:00:00.000Z")
            assert told == ["2026-11-21T09:00:00.000Z"]

    run(scene())


def test_an_offer_of_an_update_goes_past_the_chart_to_whoever_takes_it():
    async def scene():
        async with simulated_toy() as toy:
            offered = []
            toy.body.offer_update = offered.append
            await toy.talk()
            toy.link.deliver(m.Command("update", {"url": "https://toys.example/12"}))
            await settle()
            assert offered == [{"url": "https://toys.example/12"}]
            assert toy.state == "processing"

    run(scene())
