from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest

from pommai.errors import RegistryError, StoreError
from pommai.gateway.data_file import DataFile
from pommai.gateway.devices import MOST_TOKENS, OLD_SECRET_MS, Devices, Tokens
from pommai.gateway.server_clock import DAY, HOUR, MINUTE, ServerClock

T = TypeVar("T")
NOW = 1_800_000_000_000


class Machine:
    """Its clocks."""

    def __init__(self) -> None:
        self.wall = NOW
        self.monotonic = 0

    def clock(self) -> ServerClock:
        return ServerClock(lambda: self.wall, lambda: self.monotonic)

    def pass_(self, milliseconds: int) -> None:
        self.wall += milliseconds
        self.monotonic += milliseconds


def run(test: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(test)


async def opened(machine: Machine, path: Path | None = None) -> Devices:
    return Devices(await DataFile.open(path, machine.clock()))


async def tokens_for(devices: Devices, device_id: str, secret: str) -> Tokens:
    tokens = await devices.authenticate(device_id, secret)
    assert tokens is not None
    return tokens


# -- tokens --------------------------------------------------------------------------------


def test_a_secret_gives_two_tokens_for_an_hour_each_for_its_own_purpose() -> None:
    async def test() -> None:
        machine = Machine()
        devices = await opened(machine)
        async with devices.data:
            secret = await devices.register("bear")
            tokens = await tokens_for(devices, "bear", secret)
            assert (tokens.server_time, tokens.expires_at) == (NOW, NOW + HOUR)
            assert len({secret, tokens.convex, tokens.websocket}) == 3
            assert all(len(text) == 43 for text in (secret, tokens.convex, tokens.websocket))
            assert await devices.admits("bear", tokens.websocket)
            assert await devices.check_websocket("bear", tokens.websocket) == NOW + HOUR
            assert not await devices.admits("bear", tokens.convex)
            assert await devices.who(tokens.convex) == ("bear", True)
            assert await devices.who(tokens.websocket) is None
            machine.pass_(HOUR)
            assert not await devices.admits("bear", tokens.websocket)
            assert await devices.who(tokens.convex) is None

    run(test())


def test_neither_another_devices_secret_nor_its_token_will_do() -> None:
    async def test() -> None:
        devices = await opened(Machine())
        async with devices.data:
            bear, rex = await devices.register("bear"), await devices.register("rex")
            for device_id, secret in (("bear", rex), ("nobody", bear), ("bear", ""), ("", bear), ("bear", "\ud800")):
                assert await devices.authenticate(device_id, secret) is None
            tokens = await tokens_for(devices, "bear", bear)
            for device_id, token in (("rex", tokens.websocket), ("", tokens.websocket), ("bear", bear), ("bear", "")):
                assert not await devices.admits(device_id, token)

    run(test())


def test_a_device_has_a_bounded_number_of_tokens_the_newest_ones() -> None:
    async def test() -> None:
        devices = await opened(Machine())
        async with devices.data:
            secret = await devices.register("bear")
            other = await tokens_for(devices, "rex", await devices.register("rex"))
            given = [await tokens_for(devices, "bear", secret) for _ in range(MOST_TOKENS + 3)]
            assert [await devices.admits("bear", tokens.websocket) for tokens in given] == [False] * 3 + [True] * 4
            assert [await devices.who(tokens.convex) is not None for tokens in given] == [False] * 3 + [True] * 4
            assert await devices.admits("rex", other.websocket)

    run(test())


def test_what_has_ended_is_swept() -> None:
    async def test() -> None:
        machine = Machine()
        devices = await opened(machine)
        async with devices.data:
            secret = await devices.register("bear")
            await tokens_for(devices, "bear", secret)
            await devices.rotate("bear")
            await devices.register("rex")
            await devices.revoke("rex")
            machine.pass_(OLD_SECRET_MS)
            await devices.sweep()
            async with devices.data.reading() as database:
                for table, left in (("tokens", 0), ("secrets", 1), ("revocations", 0)):
                    assert list(await database.execute_fetchall(f"SELECT count(*) FROM {table}")) == [(left,)]

    run(test())


def test_nothing_in_the_file_opens_anything(tmp_path: Path) -> None:
    async def test() -> list[str]:
        devices = await opened(Machine(), tmp_path / "toys.db")
        async with devices.data:
            secret = await devices.register("bear")
            tokens = await tokens_for(devices, "bear", secret)
            return [secret, tokens.convex, tokens.websocket, await devices.new_service_key()]

    hidden = run(test())
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"bear" in written
    assert not [text for text in hidden if text.encode() in written]


# -- clocks --------------------------------------------------------------------------------


def test_a_server_in_1970_gives_tokens_that_live_an_hour_of_its_time() -> None:
    async def test() -> None:
        machine = Machine()
        machine.wall = 7_000
        devices = await opened(machine)
        async with devices.data:
            tokens = await tokens_for(devices, "bear", await devices.register("bear"))
            assert (tokens.server_time, tokens.expires_at) == (7_000, 7_000 + HOUR)
            machine.pass_(HOUR - 1)
            assert await devices.admits("bear", tokens.websocket)
            machine.wall = NOW  # the time comes over the network
            assert not await devices.admits("bear", tokens.websocket)

    run(test())


def test_a_clock_that_is_set_back_makes_no_token_eternal_not_even_across_restarts(tmp_path: Path) -> None:
    async def test() -> None:
        machine = Machine()
        devices = await opened(machine, tmp_path / "toys.db")
        secret = await devices.register("bear")
        tokens = await tokens_for(devices, "bear", secret)
        machine.wall -= 10 * 365 * DAY
        for _ in range(3):
            machine.pass_(20 * MINUTE - 1)
            assert await devices.admits("bear", tokens.websocket)
            await devices.note_seen()
            await devices.data.close()
            devices = await opened(machine, tmp_path / "toys.db")
        machine.pass_(3)
        assert not await devices.admits("bear", tokens.websocket)
        assert (await tokens_for(devices, "bear", secret)).server_time == NOW + HOUR
        await devices.data.close()

    run(test())


# -- what operators do ---------------------------------------------------------------------


def test_a_new_secret_ends_the_old_one_and_its_tokens_when_it_is_first_used() -> None:
    async def test() -> None:
        devices = await opened(Machine())
        async with devices.data:
            old = await devices.register("bear")
            before = await tokens_for(devices, "bear", old)
            since, _ = await devices.revocations()
            new = await devices.rotate("bear")
            between = await tokens_for(devices, "bear", old)
            assert await devices.admits("bear", before.websocket)
            assert await devices.revocations(since) == (since, ())
            after = await tokens_for(devices, "bear", new)
            assert await devices.authenticate("bear", old) is None
            assert [await devices.admits("bear", each.websocket) for each in (before, between, after)] == [0, 0, 1]
            assert await devices.who(before.convex) is None
            assert (await devices.revocations(since))[1] == ("bear",), "its connections are from before"
            again = await tokens_for(devices, "bear", new)
            assert await devices.admits("bear", after.websocket)
            assert await devices.admits("bear", again.websocket)

    run(test())


def test_an_old_secret_waits_a_week_for_the_new_one_and_no_longer() -> None:
    async def test() -> None:
        machine = Machine()
        devices = await opened(machine)
        async with devices.data:
            old = await devices.register("bear")
            new = await devices.rotate("bear")
            machine.pass_(OLD_SECRET_MS - 1)
            await tokens_for(devices, "bear", old)
            machine.pass_(1)
            assert await devices.authenticate("bear", old) is None
            await tokens_for(devices, "bear", new)

    run(test())


def test_a_new_secret_that_was_never_used_ends_with_the_next_and_the_old_one_goes_on_waiting() -> None:
    async def test() -> None:
        machine = Machine()
        devices = await opened(machine)
        async with devices.data:
            old = await devices.register("bear")
            lost = await devices.rotate("bear")
            machine.pass_(DAY)
            new = await devices.rotate("bear")
            assert await devices.authenticate("bear", lost) is None
            await tokens_for(devices, "bear", old)
            machine.pass_(OLD_SECRET_MS - DAY)
            assert await devices.authenticate("bear", old) is None
            await tokens_for(devices, "bear", new)

    run(test())


@pytest.mark.parametrize("how", ["revoke", "remove"])
def test_a_device_that_is_revoked_is_out_at_once_and_what_it_had_never_counts_again(how: str) -> None:
    async def test() -> None:
        devices = await opened(Machine())
        async with devices.data:
            secret = await devices.register("bear")
            tokens = await tokens_for(devices, "bear", secret)
            since, _ = await devices.revocations()
            await getattr(devices, how)("bear")
            assert devices.changed.is_set()
            assert await devices.authenticate("bear", secret) is None
            assert not await devices.admits("bear", tokens.websocket)
            assert await devices.who(tokens.convex) == ("bear", False)
            assert not await devices.is_registered("bear")
            new = await devices.register("bear")
            assert await devices.authenticate("bear", secret) is None
            assert not await devices.admits("bear", tokens.websocket)
            assert await devices.who(tokens.convex) is None
            await tokens_for(devices, "bear", new)
            assert (await devices.revocations(since))[1] == ("bear",), "though it is registered again meanwhile"

    run(test())


def test_the_list_shows_when_each_was_registered_and_seen_and_what_it_has() -> None:
    async def test() -> None:
        machine = Machine()
        devices = await opened(machine)
        async with devices.data:
            await devices.register("rex")
            secret = await devices.register("bear")
            machine.pass_(MINUTE)
            tokens = await tokens_for(devices, "bear", secret)
            await devices.rotate("bear")
            machine.pass_(MINUTE)
            await devices.admits("bear", tokens.websocket)
            await devices.note_seen()
            await devices.revoke("rex")
            bear, rex = await devices.devices()
            assert (bear.device_id, bear.registered, bear.seen, bear.revoked) == ("bear", NOW, NOW + 2 * MINUTE, None)
            assert (bear.tokens, bear.token_made, bear.secret_made) == (1, NOW + MINUTE, NOW + MINUTE)
            assert bear.old_secret_until == NOW + MINUTE + OLD_SECRET_MS
            assert (rex.device_id, rex.seen, rex.revoked, rex.secret_made) == ("rex", None, NOW + 2 * MINUTE, None)

    run(test())


@pytest.mark.parametrize(
    ("order", "device_id", "words"),
    [
        ("register", "bear", "'bear' is registered already; `rotate` gives it a new secret"),
        ("register", "", "id is 1 to 128 letters"),
        ("register", "be ar", "id is 1 to 128 letters"),
        ("register", "b" * 129, "id is 1 to 128 letters"),
        ("rotate", "rex", "no device 'rex' is registered; `list` shows"),
        ("rotate", "gone", "'gone' is revoked; `add` registers it anew"),
        ("revoke", "rex", "no device 'rex' is registered"),
        ("remove", "rex", "no device 'rex' is registered"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused_in_words(order: str, device_id: str, words: str) -> None:
    async def test() -> None:
        devices = await opened(Machine())
        async with devices.data:
            await devices.register("bear")
            await devices.register("gone")
            await devices.revoke("gone")
            await devices.revoke("gone")
            with pytest.raises(RegistryError, match=words):
                await getattr(devices, order)(device_id)

    run(test())


def test_the_two_newest_service_keys_are_good() -> None:
    async def test() -> None:
        devices = await opened(Machine())
        async with devices.data:
            assert not await devices.is_service_key("")
            keys = [await devices.new_service_key() for _ in range(3)]
            assert [await devices.is_service_key(key) for key in keys] == [False, True, True]

    run(test())


# -- the file ------------------------------------------------------------------------------


def test_two_gateways_on_one_file_know_the_same_devices_and_hear_of_each_others_revocations(tmp_path: Path) -> None:
    async def test() -> None:
        machine = Machine()
        one, other = await opened(machine, tmp_path / "toys.db"), await opened(machine, tmp_path / "toys.db")
        async with one.data, other.data:
            secrets = [await one.register(f"toy-{number}") for number in range(10)]
            tokens = await asyncio.gather(
                *(tokens_for((one, other)[n % 2], f"toy-{n}", secret) for n, secret in enumerate(secrets))
            )
            for n, each in enumerate(tokens):
                assert await (other, one)[n % 2].admits(f"toy-{n}", each.websocket)
            since, _ = await other.revocations()
            await one.revoke("toy-3")
            await one.revoke("toy-5")
            assert await other.revocations(since) == (since + 2, ("toy-3", "toy-5"))
            assert not await other.admits("toy-3", tokens[3].websocket)

    run(test())


KILLED = """
import asyncio, sys
from pathlib import Path
from pommai.gateway.data_file import DataFile
from pommai.gateway.devices import Devices

async def main():
    devices = Devices(await DataFile.open(Path(sys.argv[1])))
    for number in range(10**9):
        name = f"{sys.argv[2]}-{number}"
        print(name, await devices.register(name), flush=True)

asyncio.run(main())
"""


def test_a_secret_that_was_shown_is_good_though_the_process_is_killed(tmp_path: Path) -> None:
    shown: list[str] = []
    for name, lines in (("a", 1), ("b", 9), ("c", 3)):
        command = [sys.executable, "-c", KILLED, str(tmp_path / "toys.db"), name]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            shown += [process.stdout.readline() for _ in range(lines)]
            process.kill()
            shown += [line for line in process.stdout if line.endswith("\n")]

    async def test() -> None:
        async with await DataFile.open(tmp_path / "toys.db") as data:
            devices = Devices(data)
            for line in shown:
                name, secret = line.split()
                await tokens_for(devices, name, secret)

    run(test())


def test_a_full_disk_gives_no_token_that_would_not_be_known_and_keeps_nobody_out(tmp_path: Path) -> None:
    async def test() -> None:
        devices = await opened(Machine(), tmp_path / "toys.db")
        async with devices.data:
            secret = await devices.register("bear")
            tokens = await tokens_for(devices, "bear", secret)
            async with devices.data.reading() as database:
                ((pages,),) = await database.execute_fetchall("PRAGMA page_count")
                await database.execute(f"PRAGMA max_page_count = {pages}")
            with pytest.raises(StoreError, match="database or disk is full"):
                await _register_many(devices)
            assert await devices.admits("bear", tokens.websocket)
            async with devices.data.reading() as database:
                await database.execute("PRAGMA max_page_count = 100000")
            await tokens_for(devices, "bear", secret)

    run(test())


async def _register_many(devices: Devices) -> None:
    for number in range(1000):
        await devices.register(f"toy-{number}")


def test_another_program_that_holds_the_file_keeps_nobody_from_connecting(tmp_path: Path) -> None:
    async def test() -> None:
        devices = await opened(Machine(), tmp_path / "toys.db")
        async with devices.data:
            tokens = await tokens_for(devices, "bear", await devices.register("bear"))
            other = sqlite3.connect(tmp_path / "toys.db", isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            assert await devices.admits("bear", tokens.websocket)
            assert await devices.authenticate("bear", "a guess") is None
            other.execute("COMMIT")
            other.close()

    run(test())
