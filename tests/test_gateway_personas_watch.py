"""An edit of the personas' file is noticed while the gateway runs."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path

import pytest
from gateway_material import PERSONAS, desk, run

from pommai.gateway import personas_watch
from pommai.gateway.personas import Personas
from pommai.gateway.personas_watch import PersonasWatch
from pommai.gateway.speech.talker import Deaf

GOOD = (Path(__file__).parents[1] / "personas.yaml").read_text()


def put(file: Path, text: str) -> None:
    """Write a file as editors do: all of it at once."""
    new = file.with_suffix(".new")
    new.write_text(text)
    os.replace(new, file)


def test_each_edit_is_told_a_mistake_is_logged_with_its_place_and_a_file_that_is_gone_may_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(personas_watch, "EVERY", 0.01)
    caplog.set_level(logging.WARNING)
    file = tmp_path / "personas.yaml"
    file.write_text(GOOD)

    async def test() -> None:
        told: asyncio.Queue[Personas] = asyncio.Queue()
        warned = asyncio.Event()
        handler = logging.Handler()
        handler.emit = lambda record: loop.call_soon_threadsafe(warned.set)  # type: ignore[method-assign]
        loop = asyncio.get_running_loop()
        logging.getLogger("pommai.gateway.personas_watch").addHandler(handler)
        watch = PersonasWatch(file)
        put(file, GOOD.replace("name: Pommai Bear", "name: Pommai the Bear"))  # before anybody watches
        watching = asyncio.create_task(watch.run(told.put))
        try:
            assert (await told.get())["pommai-bear"].profile.name == "Pommai the Bear"
            for break_it in (lambda: put(file, GOOD.replace("pitch: 1.1", "pitch: 11")), file.unlink):
                warned.clear()
                break_it()
                await warned.wait()
            put(file, GOOD)
            assert (await told.get())["pommai-bear"].profile.name == "Pommai Bear"
            assert told.empty()
        finally:
            watching.cancel()
            await asyncio.wait([watching])
            logging.getLogger("pommai.gateway.personas_watch").removeHandler(handler)

    run(test())
    reasons = [record.__dict__["reason"] for record in caplog.records]
    line = 1 + GOOD[: GOOD.index("pitch: 1.1")].count("\n")
    assert f"personas.yaml:{line}:" in reasons[0]
    assert "cannot be read" in reasons[-1]


def test_personas_that_are_refused_are_logged_and_the_next_edit_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(personas_watch, "EVERY", 0.01)
    file = tmp_path / "personas.yaml"
    file.write_text(GOOD)
    wants_a_model = GOOD.replace("answers: {parrot: {semitones: -5}}", "answers: openai")

    async def test() -> None:
        async with desk(responder=Deaf()) as gateway:
            watching = asyncio.create_task(PersonasWatch(file).run(gateway.change_personas))
            try:
                put(file, wants_a_model)
                while not caplog.records:
                    await asyncio.sleep(0.01)
                assert gateway.active.personas == PERSONAS
                put(file, GOOD.replace("name: Pommai Bear", "name: Pommai the Bear"))
                while gateway.active.persona("pommai-bear").profile.name != "Pommai the Bear":
                    await asyncio.sleep(0.01)
            finally:
                watching.cancel()
                await asyncio.wait([watching])

    caplog.set_level(logging.WARNING)
    run(test())
    (record,) = caplog.records
    assert record.message == "personas refused, the last good ones stay"
    line = 1 + wants_a_model[: wants_a_model.index("answers: openai")].count("\n")
    assert f"personas.yaml:{line}:5: error: 'robo-rex' answers words (openai)" in record.__dict__["reason"]
