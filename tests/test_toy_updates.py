"""Updates of a running toy: when it changes, what it makes of an offer, and how a trial ends."""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bundle_material import KEY, bundle_bytes, public, settled, take
from test_bundle_fetch import sends, served
from update_material import lights

from pommai.bundle.state import MOST_STARTS, Kept
from pommai.bundle.store import Store
from pommai.toy.settings import as_flags, load_settings
from pommai.toy.updates import Updates


class Toy:
    """What a toy tells its updates, without a toy."""

    def __init__(self, folder: Path, *, keys: bool = True, trial: str = "1h") -> None:
        (folder / "keys").write_text(f"{public(KEY)}\n")
        flags = {"updates": folder / "updates", "update_trial": trial, "cache_dir": folder / "cache"}
        arguments = argparse.Namespace(**{name: str(value) for name, value in flags.items()})
        if keys:
            arguments.update_keys = str(folder / "keys")
        settings = load_settings(arguments, environment={}, cwd=folder)
        self.stopped = asyncio.Event()
        self.connections = 0
        self.updates = Updates(
            settings,
            stop=self.stopped.set,
            reached=lambda: self.connections,
            flags=as_flags(arguments),
            root=folder / "root",
            look=0.01,
            quiet=0.05,
        )


def live(folder: Path, story: Callable[[Toy], Any], **more: Any) -> Toy:
    """Let a story happen to a toy whose updates are watched."""

    async def day() -> Toy:
        toy = Toy(folder, **more)
        watching = asyncio.create_task(toy.updates.run())
        try:
            async with asyncio.timeout(60):
                await story(toy)
        finally:
            watching.cancel()
            await asyncio.wait([watching])
        return toy

    return asyncio.run(day())


async def until(found: Callable[[], object]) -> None:
    while not found():
        await asyncio.sleep(0.01)


def on_trial(folder: Path, *, cloud: bool = False) -> Store:
    store = settled(folder, 11)
    take(store, folder, 12)
    store.change(lambda state: replace(state, cloud=cloud))
    store.begin()
    return store


def version(store: Store) -> int:
    current = store.read().current
    return 0 if current is None else current.version


def test_a_bundle_that_waits_comes_at_rest_and_not_in_a_conversation(tmp_path: Path) -> None:
    store = settled(tmp_path, 11)

    async def story(toy: Toy) -> None:
        toy.updates.on_configuration(False)
        take(store, tmp_path, 12)
        await asyncio.sleep(0.2)  # many looks
        assert not toy.stopped.is_set()
        toy.connections = 1
        toy.updates.on_configuration(True)
        await toy.stopped.wait()

    toy = live(tmp_path, story)
    assert toy.updates.wants_start
    assert store.read().cloud
    assert store.begin() is not None
    assert version(store) == 12


def test_a_toy_that_goes_back_by_hand_does_so_at_rest(tmp_path: Path) -> None:
    store = settled(tmp_path, 11)

    async def story(toy: Toy) -> None:
        toy.updates.on_configuration(True)
        await asyncio.sleep(0.05)
        store.go_back()
        await toy.stopped.wait()

    live(tmp_path, story)
    assert version(store) == 0


def test_a_toy_that_rests_and_reaches_its_server_keeps_the_bundle(tmp_path: Path, caplog: Any) -> None:
    store = on_trial(tmp_path, cloud=True)

    async def story(toy: Toy) -> None:
        toy.connections = 1
        toy.updates.on_configuration(True)
        await until(lambda: "update confirmed" in caplog.text)

    toy = live(tmp_path, story, trial="1s")
    assert not toy.updates.wants_start
    assert (version(store), store.read().highest) == (12, 12)
    assert [record.message for record in caplog.records] == ["update on trial", "update confirmed"]


def test_rest_is_noted_so_that_later_starts_are_not_held_against_the_bundle(tmp_path: Path) -> None:
    store = on_trial(tmp_path)

    async def story(toy: Toy) -> None:
        toy.updates.on_configuration(True)
        await until(lambda: (trial := store.read().trial) is not None and not trial.fruitless)

    for _ in range(MOST_STARTS - 1):
        live(tmp_path, story)
        store.begin()
    assert version(store) == 12


@pytest.mark.parametrize(("rests", "again"), [(False, False), (True, True)])
def test_without_rest_or_without_the_server_it_had_the_toy_goes_back(
    tmp_path: Path, caplog: Any, rests: bool, again: bool
) -> None:
    store = on_trial(tmp_path, cloud=True)

    async def story(toy: Toy) -> None:
        toy.updates.on_configuration(rests)
        await toy.stopped.wait()

    assert live(tmp_path, story, trial="1s").updates.wants_start
    state = store.read()
    assert (version(store), state.failed) == (11, () if again else (12,))
    why = "the toy does not reach its server any more" if rests else "the toy does not come to rest"
    assert state.undone == (12, why)

    caplog.set_level("INFO")

    async def a_start(toy: Toy) -> None:
        await until(lambda: "update in force" in caplog.text)

    for logged in ([f"version 12: {why}"], []):  # once is enough
        caplog.clear()
        live(tmp_path, a_start)
        assert [vars(entry)["reason"] for entry in caplog.records if entry.message == "update undone"] == logged
    assert store.read().undone == (12, why)  # for whoever asks
    take(store, tmp_path, 13)
    assert store.read().undone == (0, "")


def test_the_time_of_a_trial_is_that_of_all_its_starts(tmp_path: Path, caplog: Any) -> None:
    store = on_trial(tmp_path)
    store.change(lambda state: state.lived(3600))

    async def story(toy: Toy) -> None:
        toy.updates.on_configuration(True)
        await until(lambda: "update confirmed" in caplog.text)

    live(tmp_path, story, trial="1h")


def test_a_toy_notes_how_long_it_has_lived_with_a_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pommai.toy.updates.NOTE", 1.0)
    store = on_trial(tmp_path)

    async def story(toy: Toy) -> None:
        await until(lambda: (trial := store.read().trial) is not None and trial.seconds >= 1)

    live(tmp_path, story)


def test_a_start_late_in_a_trial_has_a_fair_chance_to_come_to_rest(tmp_path: Path) -> None:
    store = on_trial(tmp_path)
    store.change(lambda state: state.lived(3600))

    async def story(toy: Toy) -> None:
        await asyncio.sleep(0.2)  # many looks

    live(tmp_path, story, trial="1h")
    assert store.read().trial is not None


def test_software_that_waits_comes_at_rest_and_the_toy_ends_for_it_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pommai.toy.software.running", lambda: "installed")
    root = Store(tmp_path / "root")
    root.prepare()
    root.change(lambda state: replace(state, waiting=Kept(2, 0, "ab" * 32)))

    async def story(toy: Toy) -> None:
        toy.updates.on_configuration(False)
        await asyncio.sleep(0.2)  # many looks
        assert not toy.stopped.is_set()
        toy.updates.on_configuration(True)
        await toy.stopped.wait()

    assert live(tmp_path, story).updates.wants_start

    async def another(toy: Toy) -> None:
        toy.updates.on_configuration(True)
        await asyncio.sleep(0.3)  # as long as it would take

    assert not live(tmp_path, another).updates.wants_start


def test_who_had_no_server_need_not_reach_one(tmp_path: Path) -> None:
    store = on_trial(tmp_path, cloud=False)

    async def story(toy: Toy) -> None:
        toy.updates.on_configuration(True)
        await until(lambda: store.read().trial is None)

    live(tmp_path, story, trial="1s")
    assert version(store) == 12


# -- offers ----------------------------------------------------------------------------------


def offered(folder: Path, args: Mapping[str, object], caplog: Any, **more: Any) -> str:
    """What comes of an offer, in the toy's log."""

    async def story(toy: Toy) -> None:
        toy.updates.offer(args)
        await until(lambda: "update refused" in caplog.text or "update taken" in caplog.text)

    live(folder, story, **more)
    (record,) = [record for record in caplog.records if record.message in ("update refused", "update taken")]
    return f"{record.message}: {getattr(record, 'reason', '') or record.words}"


def test_an_offer_is_fetched_looked_at_and_waits(tmp_path: Path, caplog: Any) -> None:
    data = bundle_bytes({"led_patterns.yaml": lights("leaf").encode()})
    with served(sends(data)) as url:
        args = {"url": url, "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
        words = offered(tmp_path, args, caplog)
    assert words == "update taken: version 12 comes into force when the toy rests, or is started"
    waiting = Store(tmp_path / "updates").read().waiting
    assert waiting is not None
    assert waiting.version == 12


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({}, "a bundle comes from an address such as"),
        ({"url": "http://toys.example/12", "sha256": "0" * 64, "size": 1}, "a bundle comes from an address such as"),
        ({"url": "https://toys.example/12", "sha256": 7, "size": 1}, "the hash of a bundle"),
        ({"url": "https://toys.example/12", "sha256": "0" * 64, "size": 1 << 60}, "the size of a bundle"),
        ({"url": "http://127.0.0.1:9/12", "sha256": "0" * 64, "size": 100}, "cannot be reached"),
    ],
)
def test_an_offer_that_makes_no_sense_is_refused_and_logged(
    tmp_path: Path, caplog: Any, args: dict[str, object], words: str
) -> None:
    assert f"update refused: {words}" in offered(tmp_path, args, caplog).replace("http://127.0.0.1:9/12 ", "")


def test_a_toy_that_trusts_nobody_does_not_even_look(tmp_path: Path, caplog: Any) -> None:
    assert "names nobody" in offered(tmp_path, {}, caplog, keys=False)


def test_offers_one_upon_the_other_are_not_looked_at(tmp_path: Path, caplog: Any) -> None:
    async def story(toy: Toy) -> None:
        for _ in range(5):
            toy.updates.offer({})
            await asyncio.sleep(0)
        await until(lambda: any("such as https://host" in record.reason for record in caplog.records))
        toy.updates.offer({})

    live(tmp_path, story)
    reasons = [record.reason for record in caplog.records]
    assert reasons.count("another was offered a moment ago") == 5


def test_a_toy_that_ends_while_it_fetches_leaves_no_process_behind(tmp_path: Path) -> None:
    asked = threading.Event()

    def waits(handler: Any) -> None:
        asked.set()
        handler.rfile.read(1)  # until the other end is gone

    async def story(toy: Toy) -> None:
        toy.updates.offer({"url": url, "sha256": "0" * 64, "size": 100})
        await until(asked.is_set)

    with served(waits) as url:
        live(tmp_path, story)
    assert Store(tmp_path / "updates").begin() is None
