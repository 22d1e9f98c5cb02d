"""A recording is held when a guardian agrees, for the toy in force, and for no longer than that holds."""

import asyncio

from msgspec.structs import replace
from simulated_toy import simulated_toy

from pommai.actions.voices import HeldVoices
from pommai.io.cloud_simulated import SimulatedCloud
from pommai.protocol.messages import (
    GuardianSettings,
    SafetyOverride,
    SwitchToy,
    SyncBatch,
    TextResponse,
    ToyConfigUpdate,
    ToyProfile,
)
from pommai.qa.simulated_toy import settle
from pommai.qa.virtual_time import run

YES = ToyProfile("pommai-bear", "Bear", guardian_settings=GuardianSettings(allow_uploads=True))
NO = replace(YES, guardian_settings=GuardianSettings())


class Taking(SimulatedCloud):
    """Takes the recording of every conversation it is brought."""

    def __init__(self):
        super().__init__()
        self.recordings = {}
        self.voices = None

    async def deliver(self, batch: SyncBatch, seconds, go_on):
        for item in batch.conversations:
            if self.there and (found := self.voices.take(str(item["id"]))):
                self.recordings[str(item["id"])] = found
        return await super().deliver(batch, seconds, go_on)


def play(scene, profile=YES):
    async def act():
        cloud = Taking()
        async with simulated_toy(cloud=cloud) as toy:
            cloud.voices = HeldVoices(lambda: toy.body)
            await become(toy, profile)
            await scene(toy, cloud)

    run(act())


async def become(toy, profile):
    toy.link.deliver(ToyConfigUpdate(profile))
    await asyncio.sleep(0.5)


async def talk(toy):
    """One turn, answered by the server with words and sound."""
    await toy.talk(1.0)
    toy.link.deliver(TextResponse(toy.body.turn.id, "hi", "hello"))
    toy.answer([500] * 5)
    await settle()
    await toy.rest()
    await asyncio.sleep(5)


def test_with_consent_the_conversation_takes_the_childs_turn_along():
    async def scene(toy, cloud):
        await talk(toy)
        sent = [audio.packet for audio in toy.link.audio if audio.packet]
        assert len(sent) > 40
        (found,) = cloud.recordings.values()
        assert list(found) == sent
        assert toy.body.recordings.take(*cloud.recordings) is None

    play(scene)


def test_without_consent_nothing_is_held():
    async def scene(toy, cloud):
        await talk(toy)
        assert cloud.brought
        assert cloud.recordings == {}
        assert toy.body.turn.packets == []

    play(scene, NO)


def test_without_a_cloud_nothing_is_held():
    async def scene():
        async with simulated_toy() as toy:
            await become(toy, YES)
            await talk(toy)
            assert vars(toy.body.recordings)["_held"] == {}
            assert toy.body.turn.packets == []

    run(scene())


def test_consent_that_is_withdrawn_takes_what_is_held_with_it():
    async def scene(toy, cloud):
        cloud.there = False
        await talk(toy)
        await become(toy, NO)
        await become(toy, YES)
        cloud.there = True
        await asyncio.sleep(200)
        assert cloud.brought
        assert cloud.recordings == {}

    play(scene)


def test_consent_that_is_withdrawn_in_the_middle_of_a_turn_counts_for_all_of_it():
    async def scene(toy, cloud):
        toy.press()
        await toy.say(0.5)
        await become(toy, NO)
        toy.release()
        await settle()
        toy.link.deliver(TextResponse(toy.body.turn.id, "hi", "hello"))
        toy.answer([500] * 5)
        await toy.rest()
        await asyncio.sleep(5)
        assert cloud.brought
        assert cloud.recordings == {}

    play(scene)


def test_another_toy_has_a_consent_of_its_own():
    async def scene(toy, cloud):
        cloud.there = False
        await talk(toy)
        toy.link.deliver(SwitchToy("robo-rex"))
        await settle()
        await become(toy, ToyProfile("robo-rex", "Rex"))
        assert toy.body.toy_id == "robo-rex"
        await talk(toy)
        cloud.there = True
        await asyncio.sleep(200)
        assert len([name for name in cloud.brought if len(name) == 16]) >= 2
        assert cloud.recordings == {}

    play(scene)


def test_safe_mode_forgets_what_was_recorded():
    async def scene(toy, cloud):
        cloud.there = False
        await talk(toy)
        await toy.talk(1.0)
        toy.link.deliver(TextResponse(toy.body.turn.id, "hi", "hello"))
        toy.answer([500] * 50, final=False)
        await asyncio.sleep(0.3)
        toy.link.deliver(SafetyOverride("pause_interaction"))
        await settle()
        assert toy.state == "calm"
        assert vars(toy.body.recordings)["_held"] == {}
        toy.link.deliver(SafetyOverride("resume"))
        cloud.there = True
        await asyncio.sleep(200)
        assert cloud.brought
        assert cloud.recordings == {}

    play(scene)


def test_a_turn_that_was_answered_from_on_board_is_not_held():
    async def scene(toy, cloud):
        toy.press()
        await toy.say(0.5)
        toy.link.go_down("gone")
        await toy.say(0.5)
        toy.release()
        await settle()
        await toy.rest()
        await asyncio.sleep(5)
        assert cloud.brought
        assert cloud.recordings == {}

    play(scene)
