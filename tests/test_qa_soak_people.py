"""Who lives with a toy in a soak; with a real toy: see test_qa_soak_run."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web

from pommai.errors import PersonasError
from pommai.gateway.personas import load_personas
from pommai.qa import soak_people
from pommai.qa.soak_people import SENTENCES, Child, Designer, Operator, Spoken, speak
from pommai.qa.soak_watch import ToyWatch
from pommai.toy.settings import find_project_file

SPOKEN = (Spoken("hey pommai", [b"call"]), [Spoken("tell me a joke", [b"joke"])])


@pytest.fixture(autouse=True)
def in_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    """All wait a thousandth of their time."""
    sleep = asyncio.sleep

    async def doze(seconds: float) -> None:
        await sleep(seconds / 1000)

    monkeypatch.setattr(soak_people, "asyncio", SimpleNamespace(sleep=doze, timeout=asyncio.timeout))


@asynccontextmanager
async def busy() -> AsyncIterator[None]:
    yield


async def live_until(life: Coroutine[Any, Any, None], enough: Callable[[], bool]) -> None:
    task = asyncio.create_task(life)
    async with asyncio.timeout(30):
        while not enough():
            assert not task.done(), task
            await asyncio.sleep(0.001)
    task.cancel()
    await asyncio.wait([task])


class Nursery:
    """A toy that listens when its button is pressed or it is called, and rests again at once."""

    def __init__(self) -> None:
        self.watch = ToyWatch({"idle"})
        self.told: list[str] = []
        self.said: Counter[bytes] = Counter()
        self.toy = SimpleNamespace(tell=self.tell)
        self.card = SimpleNamespace(say=self.say, said=self.wait)
        self.safe = False

    async def tell(self, line: str) -> None:
        self.told.append(line)
        self.be("listening" if line == "press" and not self.safe else "idle")

    def say(self, frames: list[bytes]) -> None:
        self.said.update(frames)
        self.be("listening" if frames == [b"call"] else "idle")

    async def wait(self) -> None:
        pass

    def be(self, state: str) -> None:
        self.watch.take({"kind": "configuration", "states": [state, "online"]})


def test_a_child_does_everything_and_lets_the_button_go_in_the_end() -> None:
    house: Any = Nursery()
    child = Child(house, busy, SPOKEN, Random(1))
    wanted = {"talked", "called", "was heard", "pressed for nothing", "interrupted"}
    asyncio.run(live_until(child.play(), lambda: wanted <= child.did.keys()))
    assert house.told[-1] == "release"
    assert house.said[b"call"] >= 1
    assert house.said[b"joke"] >= 2
    pressed = [line for line in house.told if line == "press"]
    assert len(pressed) >= child.did["talked"]


def test_a_child_does_not_talk_to_a_toy_that_does_not_listen(monkeypatch: pytest.MonkeyPatch) -> None:
    house: Any = Nursery()
    house.safe = True
    child = Child(house, busy, SPOKEN, Random(1))
    monkeypatch.setattr(child, "_within", lambda seconds, what: SimpleNamespace(close=what.close) and _nothing(what))
    asyncio.run(live_until(child._talk(), lambda: len(house.told) == 2))
    assert house.told == ["press", "release"]
    assert not house.said


async def _nothing(what: Any) -> None:
    what.close()


def test_the_sentences_can_be_spoken() -> None:
    call, sentences = asyncio.run(speak())
    assert call.words == "hey pommai"
    assert [spoken.words for spoken in sentences] == list(SENTENCES)
    assert all(len(spoken.frames) > 30 for spoken in (call, *sentences))


def test_an_operator_gives_every_order_and_bears_that_nobody_is_there() -> None:
    asked: Counter[str] = Counter()

    async def take(request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer only-for-tests"
        asked[f"{request.method} {request.path}"] += 1
        return web.json_response({})

    async def test() -> None:
        app = web.Application()
        app.router.add_route("*", "/{page:.*}", take)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        house: Any = SimpleNamespace(
            operator_token="only-for-tests", operators=f"http://127.0.0.1:{runner.addresses[0][1]}"
        )
        operator = Operator(house, busy, Random(1))
        wanted = {"POST /toys/pause", "POST /toys/resume", "PUT /personas/active", "POST /toys/volume", "GET /metrics"}
        await live_until(operator.work(), lambda: wanted <= asked.keys())
        await runner.cleanup()
        await live_until(operator.work(), lambda: operator.did["found nobody"] >= 3)
        assert operator.did["POST /toys/pause: 200"] >= 1

    asyncio.run(test())


def test_a_designer_saves_what_is_right_and_at_times_what_is_wrong_and_mends_it(tmp_path: Path) -> None:
    came = find_project_file("personas.yaml").read_text()
    file = tmp_path / "personas.yaml"
    file.write_text(came)
    seen: set[str] = set()

    async def test() -> None:
        house: Any = SimpleNamespace(personas=file, personas_lock=asyncio.Lock())
        designer = Designer(house, Random(1))

        def enough() -> bool:
            seen.add(file.read_text())
            return len(seen) >= 5 and len(designer.did) == 4

        await live_until(designer.work(), enough)

    asyncio.run(test())
    assert file.read_text() == came
    right = 0
    for number, text in enumerate(seen):
        one = tmp_path / f"{number}.yaml"
        one.write_text(text)
        try:
            load_personas(one)
            right += 1
        except PersonasError:
            pass
    assert right == len(seen) - 1
