"""Figures are kept every ten minutes, beside whatever the toy does."""

import asyncio

from simulated_toy import simulated_toy

from pommai.io.memory_items import METRICS
from pommai.io.vitals import Vitals
from pommai.qa.virtual_time import run
from pommai.toy.vitals import SAMPLE_SECONDS, SAMPLES, keep_vitals


def figures(toy) -> dict[str, float]:
    found = [item.for_server() for item in toy.memory.waiting.values() if item.kind == METRICS]
    return {item["name"]: item["value"] for item in found}


def test_figures_are_kept_in_tens_with_what_waits_and_how_often_link_and_sound_were_lost(tmp_path, monkeypatch):
    async def at_once(function, *arguments):  # virtual time knows no threads
        return function(*arguments)

    monkeypatch.setattr(asyncio, "to_thread", at_once)
    (tmp_path / "sys/class/thermal/thermal_zone0").mkdir(parents=True)
    (tmp_path / "sys/class/thermal/thermal_zone0/temp").write_text("50000")

    async def scene():
        async with simulated_toy() as toy:
            toy.link.go_down("gone")
            toy.link.go_down("still not there")
            toy.memory.keep_safety_event({"id": "s1", "reason": "x", "timestamp": ""})
            gaps = iter((3, 3))
            keeping = asyncio.create_task(keep_vitals(lambda: toy.body, Vitals(tmp_path), lambda: next(gaps)))
            await asyncio.sleep(SAMPLE_SECONDS * (SAMPLES - 1) - 1)
            assert figures(toy) == {}
            await asyncio.sleep(2)
            assert figures(toy) == {
                "temperature_c": 50.0,
                "waiting_items": 1.0,
                "link_drops": 1.0,
                "sound_gaps": 3.0,
            }
            await asyncio.sleep(SAMPLE_SECONDS * SAMPLES)
            assert figures(toy)["link_drops"] == figures(toy)["sound_gaps"] == 0.0
            keeping.cancel()
            await asyncio.wait([keeping])

    run(scene())
