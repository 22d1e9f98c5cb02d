"""A toy in a process of its own takes a bundle, changes at rest, proves the bundle, or is rid of it again."""

from __future__ import annotations

import asyncio
import hashlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from gateway_material import desk as gateway_desk
from test_bundle_fetch import sends, served
from update_material import Desk, Toy, chart, lights

from pommai.bundle.store import Store
from pommai.protocol import messages as m

ENDLESS = {"statechart.yaml": chart(cloud_patience="2m", load_limit="2m", connect_limit="2m")}
"""With a server that is silent, a toy waits for it far longer than its trial lasts."""


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "desk")


@pytest.fixture
def silent_server() -> Iterator[str]:
    """Where somebody listens who never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"ws://127.0.0.1:{server.getsockname()[1]}/audio-stream"


def test_a_light_changes_at_rest_is_tried_and_stays(tmp_path: Path, desk: Desk) -> None:
    toy = Toy(tmp_path / "toy", desk.public)
    with toy.running() as child:
        child.wait(lambda: "lights: orange" in (tmp_path / "toy" / "start-1.out").read_text(), "an amber light")
        code, said, _ = toy.apply(desk.build(12, {"led_patterns.yaml": lights("leaf")}))
        assert (code, said) == (0, "version 12 comes into force when the toy rests, or is started\n")
        toy.ends_to_begin_again(child)
        assert "green" not in (tmp_path / "toy" / "start-1.out").read_text()
    with toy.running() as child:
        child.logs("update on trial")
        child.wait(lambda: "lights: green" in (tmp_path / "toy" / "start-2.out").read_text(), "a green light")
        child.logs("update confirmed")
    assert toy.show().startswith("in force     version 12\nbefore it    what came with the software\n")


def test_a_bundle_with_which_the_toy_does_not_come_to_rest_is_undone_by_the_toy_alone(
    tmp_path: Path, desk: Desk, silent_server: str
) -> None:
    toy = Toy(tmp_path / "toy", desk.public, trial="1s")
    assert toy.apply(desk.build(12, ENDLESS))[0] == 0
    with toy.running(silent_server) as child:
        child.logs("update on trial")
        child.logs("update failed.*does not come to rest")
        toy.ends_to_begin_again(child)
    with toy.running() as child:
        child.logs("update undone")
        child.logs('states="idle')
    assert toy.show().startswith("in force     what came with the software\n")
    assert "taken back   version 12: the toy does not come to rest" in toy.show()
    assert "version 12 did not work on this toy" in toy.apply(tmp_path / "desk" / "12.pommai-bundle")[2]


def test_a_bundle_on_which_the_toy_ends_again_and_again_is_undone_at_a_start(
    tmp_path: Path, desk: Desk, silent_server: str
) -> None:
    toy = Toy(tmp_path / "toy", desk.public, trial="1h")
    assert toy.apply(desk.build(12, ENDLESS))[0] == 0
    for start in (1, 2, 3):
        with toy.running(silent_server) as child:
            child.logs(f"update on trial version=12 start={start}")
        assert "version 12, on trial" in toy.show()
    with toy.running() as child:
        child.logs("update undone .*version 12: the toy ended 3 times before it came to rest")
        child.logs('states="idle')
    assert toy.show().startswith("in force     what came with the software\n")


def test_a_server_offers_a_bundle_and_the_toy_takes_it_changes_and_meets_its_server_again(
    tmp_path: Path, desk: Desk
) -> None:
    bundle = desk.build(12, {"led_patterns.yaml": lights("leaf")}).read_bytes()
    toy = Toy(tmp_path / "toy", desk.public)

    async def story() -> None:
        async with gateway_desk() as gateway:
            with served(sends(bundle)) as url, toy.running(gateway.url) as child:
                await asyncio.to_thread(child.logs, 'states="idle online"')
                (session,) = gateway.sessions
                about = {"url": url, "sha256": hashlib.sha256(bundle).hexdigest(), "size": len(bundle)}
                await session.send(m.Command("update", about))
                await asyncio.to_thread(child.logs, "update taken .*version 12 comes into force")
                await asyncio.to_thread(toy.ends_to_begin_again, child)
            assert Store(toy.updates).read().cloud
            with toy.running(gateway.url) as child:
                await asyncio.to_thread(child.logs, "update confirmed version=12")

    asyncio.run(story())
    assert toy.show().startswith("in force     version 12\n")
