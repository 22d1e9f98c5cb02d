"""The shipped toy, simulated: its table, and a running one for a test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from pommai.chart.table import DecisionTable
from pommai.io.link_simulated import SimulatedLink
from pommai.io.memory_simulated import SimulatedMemory
from pommai.io.ports import Cloud, ToyFiles
from pommai.io.simulated_audio import RestingSpeaker
from pommai.lights.load import load_patterns
from pommai.lights.patterns import LightPatterns
from pommai.lights.render import FRAME_S
from pommai.qa.assumptions import AssertingMachine
from pommai.qa.busy_toy import LIGHT_FRAME_S
from pommai.qa.simulated_toy import SOUND_NAMES, SimulatedToy, settle
from pommai.toy.charts import compile_file

ROOT = Path(__file__).resolve().parent.parent
PATTERNS = load_patterns(ROOT / "led_patterns.yaml")
TABLE = compile_file(ROOT / "statechart.yaml", frozenset(PATTERNS), SOUND_NAMES)


@asynccontextmanager
async def simulated_toy(
    table: DecisionTable = TABLE,
    *,
    up: bool = True,
    loaded: bool = True,
    patterns: LightPatterns = PATTERNS,
    memory: SimulatedMemory | None = None,
    files: ToyFiles | None = None,
    cloud: Cloud | None = None,
    held: bool = False,
    alone: bool = False,
) -> AsyncIterator[SimulatedToy]:
    """A running toy, idle when `loaded`; ended on the way out. With the `memory` of one before, it is the same toy.

    `held`: its button was down when it was switched on. `alone`: nobody listens, and nobody looks. It hears no sound,
    not even silence, and its lights move seldom; for hours of what goes on within, which otherwise take long.
    """
    toy = SimulatedToy(
        table,
        SimulatedLink(up=up),
        patterns,
        speaker=RestingSpeaker() if alone else None,
        light_frame_s=LIGHT_FRAME_S if alone else FRAME_S,
        memory=memory,
        files=files,
        cloud=cloud,
    )
    if table is TABLE:
        toy.runtime.machine = AssertingMachine(table)
    toy.body.held_at_power_up = held
    running = asyncio.create_task(toy.runtime.run())
    if not alone:
        toy.room.start()
    await settle()
    try:
        if up and loaded:
            await toy.be_loaded()
            await asyncio.sleep(0.5)
            toy.speaker.played.clear()
        yield toy
    finally:
        toy.runtime.stop()
        await running
        toy.room.stop()
