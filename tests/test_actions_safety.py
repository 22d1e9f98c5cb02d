"""Safe mode and the grown-ups."""

import asyncio
from datetime import datetime

from simulated_toy import simulated_toy

from pommai.protocol.messages import GuardianAlert, SafetyOverride, SyncBatch
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


def test_a_second_pause_that_lasts_longer_counts():
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


def test_a_short_pause_lets_nobody_go_on_sooner():
    async def scene():
        async with simulated_toy() as toy:
            toy.link.deliver(SafetyOverride("pause_interaction", 600.0))
            for _ in range(20):  # a connection that flaps, and a server that says what is left, or less
                await asyncio.sleep(20)
                toy.link.deliver(SafetyOverride("pause_interaction", 0.01))
            await asyncio.sleep(190)
            assert toy.state == "calm"
            await asyncio.sleep(15)
            assert toy.state == "idle"
            toy.press()
            toy.post("button.held", held_s=3.0)
            toy.release()
            await asyncio.sleep(1)
            toy.link.deliver(SafetyOverride("pause_interaction", 0.01))
            await asyncio.sleep(600)
            assert toy.state == "calm", "a grown-up decides"
            memory = toy.memory
        async with simulated_toy(memory=memory, loaded=False) as toy:
            toy.link.deliver(SafetyOverride("pause_interaction", 0.01))
            await asyncio.sleep(600)
            assert toy.state == "calm"
            toy.link.deliver(SafetyOverride("resume"))
            toy.link.deliver(SafetyOverride("pause_interaction", 5.0))
            await asyncio.sleep(6)
            assert toy.state == "idle", "who may let it go on may have it go on sooner"

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


def test_safe_mode_is_still_there_after_a_power_off_and_nobody_listens_for_a_moment():
    async def scene():
        async with simulated_toy() as toy:
            toy.press()
            toy.post("button.held", held_s=3.0)
            await asyncio.sleep(1)
            assert toy.state == "calm"
            memory = toy.memory
        for _ in range(3):  # a child tries it again
            async with simulated_toy(memory=memory, loaded=False) as toy:
                assert toy.state == "calm"
                assert "hear" not in toy.operations("start")
                memory = toy.memory
        async with simulated_toy(memory=memory, loaded=False) as toy:
            toy.link.deliver(SafetyOverride("resume"))
            await settle()
            assert toy.state == "idle"
        async with simulated_toy(memory=memory, loaded=False) as toy:
            assert toy.state == "loading_toy"

    run(scene())


def test_of_a_pause_what_is_left_is_served_after_a_power_off():
    async def scene():
        async with simulated_toy() as toy:
            toy.link.deliver(SafetyOverride("pause_interaction", 600.0))
            await asyncio.sleep(500)
            memory = toy.memory
        async with simulated_toy(memory=memory, loaded=False) as toy:
            await asyncio.sleep(90)
            assert toy.state == "calm"
            await asyncio.sleep(45)
            assert toy.state == "idle"

    run(scene())


def test_what_is_noted_of_safe_mode_and_cannot_be_read_keeps_the_toy_safe():
    async def scene():
        async with simulated_toy() as toy:
            memory = toy.memory
        for noted in ("", "[", "7", '{"seconds": "soon"}', '{"minutes": 1}', '{"seconds": -5}'):
            memory.keep_fact("safe_mode", noted)
            async with simulated_toy(memory=memory, loaded=False) as toy:
                assert toy.state == "calm"

    run(scene())


def test_an_alert_waits_for_the_server_and_goes_out_with_the_same_id():
    async def scene():
        async with simulated_toy() as toy:
            toy.link.go_down("gone")
            toy.press()
            toy.post("button.held", held_s=3.0)
            await asyncio.sleep(60)
            toy.link.go_up()
            await settle()
            (batch,) = [message for message in toy.link.messages if isinstance(message, SyncBatch)]
            alert, began = batch.safety_events
            assert alert["reason"] == "held without a word"
            assert alert["clock_trusted"] is False
            assert (began["severity"], began["reason"]) == ("note", "safe mode began: button.held")

    run(scene())


def test_an_alert_is_told_at_once_and_synced_under_one_id():
    async def scene():
        async with simulated_toy() as toy:
            toy.post("safety.alert", severity="high", reason="a word", transcript="the word")
            await settle()
            (alert,) = [message for message in toy.link.messages if isinstance(message, GuardianAlert)]
            (batch,) = [message for message in toy.link.messages if isinstance(message, SyncBatch)]
            assert alert.id == batch.safety_events[0]["id"]
            assert (alert.severity, alert.transcript) == ("high", "the word")

    run(scene())
