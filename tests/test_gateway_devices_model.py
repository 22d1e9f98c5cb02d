"""The registry against a few lines that say what it is to do, over random days of operators, toys and clocks."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from pommai.errors import RegistryError
from pommai.gateway.data_file import DataFile
from pommai.gateway.devices import MOST_TOKENS, OLD_SECRET_MS, TOKEN_MS, Devices, Tokens
from pommai.gateway.server_clock import DAY, MINUTE, ServerClock


@dataclass
class Model:
    """One device. `secrets`: what opens, with its end (None: none); `tokens`: those given, the newest last."""

    active: bool = False
    secrets: dict[str, int | None] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    tokens: list[tuple[Tokens, int]] = field(default_factory=list)

    def opens(self, secret: str, now: int) -> bool:
        end = self.secrets.get(secret)
        return self.active and secret in self.secrets and (end is None or now < end)

    def rotated(self, secret: str, now: int) -> None:
        good = {old: end for old, end in self.secrets.items() if end is None or now < end}
        if len(good) > 1:  # the newest was never used
            good = {old: end for old, end in good.items() if end is not None}
        self.secrets = {old: now + OLD_SECRET_MS if end is None else end for old, end in good.items()}
        self.secrets[secret] = None

    def authenticated(self, secret: str, tokens: Tokens, now: int) -> None:
        if self.secrets[secret] is None and secret not in self.used:
            self.secrets = {secret: None}
            self.tokens = []
        self.used.add(secret)
        self.tokens = [*self.tokens, (tokens, now + TOKEN_MS)][-MOST_TOKENS:]


ORDERS = st.sampled_from(["register", "rotate", "revoke", "remove", "newest", "older", "oldest", "wrong", "sweep"])
PASSES = st.sampled_from([0, 1, MINUTE, TOKEN_MS - 1, TOKEN_MS, 3 * DAY, OLD_SECRET_MS])
DAYS = st.lists(st.tuples(ORDERS, PASSES, st.sampled_from([0, 0, -(10**12), 10**6])), max_size=25)


@given(DAYS)
@settings(max_examples=100, deadline=None)
def test_over_any_days_the_registry_lets_in_whom_it_should_and_nobody_else(days: list[tuple[str, int, int]]) -> None:
    asyncio.run(_live(days))


async def _live(days: list[tuple[str, int, int]]) -> None:
    machine = {"wall": 1_800_000_000_000, "monotonic": 0}
    clock = ServerClock(lambda: machine["wall"], lambda: machine["monotonic"])
    model, given_out, all_tokens = Model(), [], []
    async with await DataFile.open(clock=clock) as data:
        devices = Devices(data)
        for order, passes, leap in days:
            machine["wall"] += passes + leap
            machine["monotonic"] += passes
            now = clock.now()
            match order:
                case "register" | "rotate":
                    try:
                        secret = await getattr(devices, order)("bear")
                    except RegistryError:
                        assert model.active == (order == "register")
                        continue
                    assert model.active == (order == "rotate")
                    given_out.append(secret)
                    if order == "register":
                        model = Model(active=True, secrets={secret: None})
                    else:
                        model.rotated(secret, now)
                case "revoke" | "remove":
                    try:
                        await getattr(devices, order)("bear")
                    except RegistryError:
                        assert not model.active
                    model = Model()
                case "sweep":
                    await devices.sweep()
                case _:
                    place = {"newest": -1, "older": -2, "oldest": 0, "wrong": -1}[order]
                    secret = given_out[place] if len(given_out) >= abs(place) and given_out else "none yet"
                    secret += "x" if order == "wrong" else ""
                    tokens = await devices.authenticate("bear", secret)
                    assert (tokens is not None) == model.opens(secret, now), order
                    if tokens is not None:
                        model.authenticated(secret, tokens, now)
                        all_tokens.append(tokens)
            good = {tokens.websocket for tokens, end in model.tokens if now < end and model.active}
            for tokens in all_tokens:
                assert await devices.admits("bear", tokens.websocket) == (tokens.websocket in good)
                found = await devices.who(tokens.convex)
                assert (found == ("bear", True)) == (tokens.websocket in good)
                assert not await devices.admits("rex", tokens.websocket)
