"""Safe mode and the grown-ups."""

import asyncio
from datetime import datetime

from simulated_toy import simulated_toy

from pommai.protocol.messages import GuardianAlert, SafetyOverride
from pommai.qa.simulated_toy import settle
from pommai.qa.virtual_time import run


def test_a_pause_of_no_length_lasts_until_somebody_resumes():
    async def scene():
        async with simulated_toy() as toy:
            toy.link.deliver(SafetyOverride("pause_interaction", 0.0))
            await asyncio.sleep(600)
            assert toy.state == "calm"
            toy.link.deliver(SafetyOverride("resume"))
            await settle()
            assert toy.state == "idle"

    run(scene())


def test_a_second_pause_replaces_the_first():
    async def scene():
        async with simulated_toy() as toy:
            toy.link.deliver(SafetyOverride("pause_interaction", 10.0))
            await asyncio.sleep(8)
            toy.link.deliver(SafetyOverride("pause_interaction", 60.0))
            await asyncio.sleep(59)
            assert toy.state == "calm"
            await asyncio.sleep(2)
            assert toy.state == "idle"

    run(scene())


def test_two_pauses_at_once_are_as_one():
    async def scene():
        async with simulated_toy() as toy:
            for seconds in (5.0, 20.0):
                toy.link.deliver(SafetyOverride("pause_interaction", seconds))
            await asyncio.sleep(19)
            assert toy.state == "calm"
            await asyncio.sleep(2)
            assert toy.state == "idle"

    run(scene())


def test_the_length_of_an_older_pause_does_not_end_a_later_safe_mode():
    async def scene():
        async with simulated_toy() as toy:
            toy.link.deliver(SafetyOverride("pause_interaction", 10.0))
            await settle()
            toy.link.deliver(SafetyOverride("resume"))
            await settle()
            toy.press()
            await asyncio.sleep(3)
            toy.post("button.held", held_s=3.0)
            toy.release()
            await asyncio.sleep(60)
            assert toy.state == "calm"

    run(scene())


def test_in_safe_mode_the_microphone_is_off_and_afterwards_on_again():
    async def scene():
        async with simulated_toy() as toy:
            for _ in range(3):
                toy.link.deliver(SafetyOverride("pause_interaction", 0.0))
                await settle()
                assert not toy.microphone.is_open
                toy.link.deliver(SafetyOverride("resume"))
                await settle()
                assert toy.microphone.is_open
            toy.press()
            await toy.say(0.5)
            toy.release()
            await settle()
            assert toy.state == "processing"

    run(scene())


def test_an_alert_carries_its_reason_and_the_time_in_utc():
    async def scene():
        async with simulated_toy() as toy:
            toy.press()
            toy.post("button.held", held_s=3.0)
            await settle()
            (alert,) = [message for message in toy.link.messages if isinstance(message, GuardianAlert)]
            assert (alert.severity, alert.reason) == ("medium", "held without a word")
            assert datetime.fromisoformat(alert.timestamp).utcoffset().total_seconds() == 0

    run(scene())


def test_an_alert_that_cannot_be_sent_is_in_the_log(caplog):
    async def scene():
        async with simulated_toy(up=False) as toy:
            toy.post("button.held", held_s=3.0)
            await settle()
            assert "safe_mode" in toy.states

    run(scene())
    (record,) = [record for record in caplog.records if record.message == "guardian alert"]
    assert record.sent is False
