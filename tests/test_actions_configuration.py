"""What the server sets while the toy runs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from live_material import build_house, files_of, nested, payloads
from simulated_toy import simulated_toy

from pommai.actions.configuration import FACT
from pommai.errors import ProtocolError
from pommai.io.ports import WakeSpec
from pommai.protocol.messages import PiConfigReport, PiConfigUpdate, RefusedSetting, SwitchToy
from pommai.protocol.pi_config import ACKNOWLEDGEMENTS, MODELS, THRESHOLD
from pommai.protocol.wire import decode_text, encode_message
from pommai.qa.simulated_toy import SOUND_NAMES, SimulatedToy, settle
from pommai.qa.virtual_time import run

GOOD = {MODELS: ["okay_nabu"], THRESHOLD: 0.7, ACKNOWLEDGEMENTS: [f"{SOUND_NAMES[0]}.wav"]}
CALLED = WakeSpec("microwakeword", models=("okay_nabu",), threshold=0.7)


def reports(toy: SimulatedToy) -> list[PiConfigReport]:
    return [message for message in toy.link.messages if isinstance(message, PiConfigReport)]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_house(tmp_path_factory.mktemp("house"))


async def offer(toy: SimulatedToy, payload: Any) -> None:
    toy.link.deliver(PiConfigUpdate(payload))
    await settle()


def test_what_the_server_sets_is_in_force_and_the_server_hears_of_it():
    async def scene():
        async with simulated_toy() as toy:
            await offer(toy, GOOD)
            assert toy.wake.wanted[-1] == CALLED
            assert toy.body.acknowledgements == (SOUND_NAMES[0],)
            assert reports(toy) == [PiConfigReport(GOOD)]
            toy.speaker.played.clear()
            toy.wake.call()
            await asyncio.sleep(0.2)
            assert toy.heard() == [100]

    run(scene())


def test_what_is_wrong_is_refused_by_its_key_and_changes_nothing():
    async def scene():
        async with simulated_toy() as toy:
            await offer(toy, GOOD)
            known = len(toy.wake.wanted)
            await offer(toy, {**GOOD, THRESHOLD: 2.0, MODELS: ["gone.onnx"]})
            assert toy.wake.wanted[known:] == []
            report = reports(toy)[-1]
            assert report.applied == GOOD
            assert RefusedSetting(THRESHOLD, "must be a number in 0.0..1.0, not 2.0") in report.refused
            assert RefusedSetting(MODELS, "there is no wake model 'gone.onnx'") in report.refused

    run(scene())


def test_nothing_set_is_back_to_the_profile():
    async def scene():
        async with simulated_toy() as toy:
            own = toy.wake.wanted[-1]
            await offer(toy, GOOD)
            await offer(toy, {})
            assert toy.wake.wanted[-1] == own
            assert toy.body.acknowledgements == ()
            assert toy.memory.fact(FACT) is None

    run(scene())


def test_it_survives_a_restart_without_a_server():
    async def scene():
        async with simulated_toy() as toy:
            await offer(toy, GOOD)
            memory = toy.memory
        async with simulated_toy(memory=memory, up=False) as toy:
            await asyncio.sleep(10)
            assert toy.state == "idle"
            assert toy.wake.wanted[-1] == CALLED
            assert toy.body.acknowledgements == (SOUND_NAMES[0],)

    run(scene())


def test_the_next_toy_gets_its_own_settings_though_they_come_before_it_has_become_that_toy():
    async def scene():
        async with simulated_toy() as toy:
            await offer(toy, GOOD)
            toy.link.deliver(SwitchToy("robo-rex"))
            await offer(toy, {MODELS: ["hey_jarvis"]})
            assert toy.wake.wanted[-1] == CALLED
            await toy.be_loaded("robo-rex")
            assert toy.wake.wanted[-1] == WakeSpec("microwakeword", models=("hey_jarvis",))
            assert toy.body.acknowledgements == ()

    run(scene())


def test_a_toy_that_becomes_another_one_by_itself_does_not_keep_the_name_it_had():
    async def scene():
        async with simulated_toy() as toy:
            await offer(toy, GOOD)
            toy.link.go_down("gone")
            toy.post("toy.switch", toy_id="robo-rex", reason="the child asks for it")
            await asyncio.sleep(5)
            assert (toy.state, toy.body.toy_id) == ("idle", "robo-rex")
            assert toy.wake.wanted[-1].models == ()
            toy.link.go_up()
            await offer(toy, GOOD)  # which is what was set before, and for another toy
            assert toy.wake.wanted[-1] == CALLED

    run(scene())


def test_models_that_do_not_work_are_given_up_for_what_called_the_toy_before():
    async def scene():
        async with simulated_toy() as toy:
            own = toy.wake.wanted[-1]
            await offer(toy, GOOD)
            await offer(toy, {**GOOD, MODELS: ["hey_jarvis"]})
            toy.post("wake.refused", reason="damaged\x1b", models="hey_jarvis")
            await settle()
            assert toy.wake.wanted[-1] == CALLED
            assert reports(toy)[-1] == PiConfigReport(GOOD, (RefusedSetting(MODELS, "damaged?"),))
            assert "okay_nabu" in toy.memory.fact(FACT)
            toy.post("wake.refused", reason="damaged", models="hey_jarvis")  # said twice
            await settle()
            assert toy.wake.wanted[-1] == CALLED
            toy.post("wake.refused", reason="damaged", models="okay_nabu")
            await settle()
            assert toy.wake.wanted[-1].models == own.models
            assert reports(toy)[-1].applied == {key: GOOD[key] for key in (THRESHOLD, ACKNOWLEDGEMENTS)}
            known = len(toy.link.messages)
            toy.post("wake.refused", reason="no model", models="")
            await settle()
            assert len(toy.link.messages) == known

    run(scene())


def test_safe_mode_takes_settings_and_tells_of_them_when_it_is_over():
    async def scene():
        async with simulated_toy() as toy:
            toy.post("safety.pause", seconds=0.0, message="")
            await offer(toy, GOOD)
            assert toy.wake.wanted[-1] == CALLED
            assert reports(toy) == []
            toy.post("safety.resume")
            await settle()
            assert reports(toy) == [PiConfigReport(GOOD)]

    run(scene())


def test_a_press_at_the_same_moment_is_not_lost():
    async def scene():
        async with simulated_toy() as toy:
            for number in range(20):
                toy.link.deliver(PiConfigUpdate({THRESHOLD: number / 20}))
                toy.press()
                toy.link.deliver(PiConfigUpdate(GOOD))
                await settle()
                assert toy.state == "listening"
                toy.release()
                await settle()
            assert toy.wake.wanted[-1] == CALLED

    run(scene())


@settings(max_examples=200, deadline=None)
@given(st.lists(payloads, min_size=1, max_size=3))
def test_whatever_a_server_sets_the_toy_goes_on_and_keeps_what_was_good(house: Path, sent: list[Any]) -> None:
    async def scene():
        async with simulated_toy(files=files_of(house)) as toy:
            own = toy.wake.wanted[-1]
            for payload in sent:
                # What a link does: what cannot be a message is refused at the wire, and whoever gets past is looked at.
                try:
                    message = decode_text(encode_message(PiConfigUpdate(payload)))
                except ProtocolError:
                    message = PiConfigUpdate(payload)
                toy.link.deliver(message)
                await settle()
                assert toy.state == "idle"
                assert set(toy.wake.wanted[-1].models) <= {"mine", "mine.tflite", "okay_nabu"}
                assert set(toy.body.acknowledgements) <= {"huh"}
                assert len(toy.memory.fact(FACT) or "") <= 4096
            assert len(reports(toy)) == len(sent)
            assert toy.operations("error") == []
            await offer(toy, {})
            assert toy.wake.wanted[-1] == own
            toy.press()
            await settle()
            assert toy.state == "listening"

    run(scene())


def test_a_payload_as_deep_as_a_well_is_looked_at(house: Path) -> None:
    async def scene():
        async with simulated_toy(files=files_of(house)) as toy:
            await offer(toy, {MODELS: nested(100_000)})
            assert toy.state == "idle"
            assert len(reports(toy)[-1].refused) == 1

    run(scene())
