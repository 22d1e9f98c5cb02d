from __future__ import annotations

import asyncio
import resource
import socket
from contextlib import ExitStack

import pytest
from gateway_material import run

from pommai.gateway import porch
from pommai.gateway.porch import Porch


def opened(most_waiting: int = 4, most_from_one: int = 3) -> Porch:
    made = Porch(socket.AF_INET, socket.SOCK_STREAM, most_waiting=most_waiting, most_from_one=most_from_one)
    made.bind(("127.0.0.1", 0))
    made.settimeout(5)
    made.listen(1)
    return made


def visitor(to: Porch, host: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection(to.getsockname(), source_address=(host, 0))


def test_who_is_too_many_from_one_address_is_turned_away_and_others_are_not() -> None:
    with opened() as made, ExitStack() as guests:
        for _ in range(3):
            guests.enter_context(visitor(made))
            guests.enter_context(made.accept()[0])
        fourth = guests.enter_context(visitor(made))
        other = guests.enter_context(visitor(made, "127.0.0.2"))
        accepted, address = made.accept()
        guests.enter_context(accepted)
        assert address == other.getsockname()
        assert (made.waiting, made.turned_away) == (4, 1)
        with pytest.raises(ConnectionResetError):
            fourth.recv(1)


def test_who_is_too_many_together_is_turned_away() -> None:
    with opened(most_waiting=2, most_from_one=2) as made, ExitStack() as guests:
        for number in range(2):
            guests.enter_context(visitor(made, f"127.0.0.{number + 1}"))
            guests.enter_context(made.accept()[0])
        third = guests.enter_context(visitor(made, "127.0.0.3"))
        made.setblocking(False)
        with pytest.raises(BlockingIOError):
            made.accept()
        with pytest.raises(ConnectionResetError):
            third.recv(1)


def test_who_is_let_in_or_leaves_makes_room() -> None:
    with opened(most_from_one=1) as made, ExitStack() as guests:
        first = guests.enter_context(visitor(made))
        inside = guests.enter_context(made.accept()[0])
        made.let_in(first.getsockname())
        assert made.waiting == 0
        guests.enter_context(visitor(made))
        made.accept()[0].close()
        assert made.waiting == 0
        guests.enter_context(visitor(made))
        guests.enter_context(made.accept()[0])
        inside.close()
        assert made.waiting == 1, "who was let in does not count a second time when it goes"
        made.let_in(None)
        made.let_in(("10.0.0.1", 5))
        assert (made.waiting, made.turned_away) == (1, 0)


def test_turning_many_away_leaves_the_toys_inside_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(porch, "TURNED_AWAY_AT_ONCE", 3)
    with opened(most_waiting=0) as made, ExitStack() as guests:
        for _ in range(5):
            guests.enter_context(visitor(made))
        with pytest.raises(BlockingIOError):
            made.accept()
        assert made.turned_away == 3


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
    ],
)
def test_one_household_counts_as_one(one: str, other: str, same: bool) -> None:
    assert (porch._house((one, 1)) == porch._house((other, 2))) is same


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_it_listens_on_addresses_and_names(host: str) -> None:
    async def test() -> None:
        with await Porch.open(host, 0) as made:
            made.listen()
            address = made.getsockname()
            with socket.create_connection(address[:2]):
                while True:
                    try:
                        made.accept()[0].close()
                        break
                    except BlockingIOError:
                        await asyncio.sleep(0)

    run(test())


def test_a_port_that_is_taken_leaves_no_socket_open() -> None:
    async def test() -> None:
        with await Porch.open("127.0.0.1", 0) as made:
            made.listen()
            with pytest.raises(OSError, match="in use"):
                await Porch.open("127.0.0.1", made.getsockname()[1])

    run(test())


def test_the_process_may_have_as_many_files_open_as_its_toys_need() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    few = porch.MOST_WAITING
    if before[1] != resource.RLIM_INFINITY:
        few = min(few, before[1])
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (few, before[1]))
        enough = porch.allow_files(10)
        assert enough is (resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= 10 + porch.MOST_WAITING + porch.OTHER_FILES)
        assert porch.allow_files(1) is enough
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_system_that_allows_too_few_files_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 1000))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: asked.append(limits))
    assert not porch.allow_files(300)
    assert asked == [(1000, 1000)]
