"""What the first turn needs and a start does not."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
from pathlib import Path

import pytest

from pommai.toy.first_turn import MODULES, FirstTurn


def test_it_is_imported_when_the_toy_rests_and_not_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "needed_at_the_first_turn.py").write_text("import threading\nwhere = threading.current_thread()\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    async def story() -> None:
        first = FirstTurn(["needed_at_the_first_turn"])
        preparing = asyncio.create_task(first.prepare())
        first.on_configuration(False)
        await asyncio.sleep(0)
        assert "needed_at_the_first_turn" not in sys.modules
        first.on_configuration(True)
        await preparing

    asyncio.run(story())
    assert sys.modules.pop("needed_at_the_first_turn").where is not threading.main_thread()


def test_what_is_there_at_the_first_rest_is_set_aside_from_the_search_for_garbage() -> None:
    made_before = [[number] for number in range(1000)]

    async def story() -> None:
        first = FirstTurn(())
        first.on_configuration(True)
        await first.prepare()

    asyncio.run(story())
    looked_through = {id(each) for each in gc.get_objects()}
    assert looked_through.isdisjoint(map(id, made_before))
    made_later = [[number] for number in range(1000)]
    assert {*map(id, made_later)} <= {id(each) for each in gc.get_objects()}


def test_what_is_imported_exists() -> None:
    async def story() -> None:
        first = FirstTurn()
        first.on_configuration(True)
        await first.prepare()

    asyncio.run(story())
    assert set(MODULES) <= sys.modules.keys()
