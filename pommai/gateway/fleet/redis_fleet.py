"""Many gateways that tell each other through Redis.

A gateway serves its toys from what it knows itself; Redis only spreads it. So a Redis that is slow or gone changes
nothing for a child. What operators ask meanwhile is refused when toys elsewhere would have to hear of it: half a change
is worse than none, and whoever asked is there to ask again. Two things are not refused. What concerns only a toy that
is connected here is done here, and told later; and a pause, which is for safety, is obeyed by the toys of this gateway.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import math
import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from random import Random
from typing import Any, Final

from pommai.errors import FleetError
from pommai.gateway.archive import Alert
from pommai.gateway.fleet import news as n
from pommai.gateway.fleet import scripts
from pommai.gateway.fleet.embedded import EmbeddedFleet, Notes
from pommai.gateway.fleet.port import Hands, Order, Seat
from pommai.gateway.fleet.redis_server import RedisServer
from pommai.gateway.fleet.untold import Untold
from pommai.gateway.fleet.wanted import ALL, MOST, Entry
from pommai.io.link_retry import Backoff

BEAT_SECONDS: Final = 1.0
"""How often a gateway says that it lives, and looks whether it has missed something."""
LEASE_SECONDS: Final = 5.0
"""How long after its last beat a gateway still counts as alive, and its toys as connected."""
LATE_SECONDS: Final = 1.0
"""A change that Redis gets to after this was refused meanwhile: it is not made."""
ANSWER_SECONDS: Final = 1.0
"""How long to wait for the other gateways to say how many toys they have told."""
LONGEST_WAIT: Final = 5.0
"""Seconds between two attempts to reach Redis, at most."""
LATEST_SECONDS: Final = 60.0
"""An order to restart or to reset a toy that is older than this is none any more."""
AT_ONCE: Final = 100
"""News that are read in one go."""
MOST_SEEN: Final = 2_000
"""Entries of streams that are remembered, so that none counts twice."""
MOST_SEATS: Final = 10_000
"""Toys of one gateway that are listed."""

_log = logging.getLogger(__name__)


class RedisFleet(EmbeddedFleet):
    """A gateway's place in a fleet whose gateways share a Redis."""

    def __init__(self, url: str, name: str, notes: Notes | None = None, fleet: str = "toys") -> None:
        """`url` as RedisServer takes it; `fleet` keeps several fleets apart. Raises SettingsError."""
        super().__init__(name, notes)
        self._redis = RedisServer(url)
        self._me = f"{name}#{secrets.token_hex(4)}"  # one that was started anew under its old name is another one
        self._prefix = f"pommai:{{{fleet}}}:"
        self._untold = Untold(self._me, round(1000 * LEASE_SECONDS), self._key("seats:"))
        self._something = asyncio.Event()
        self._troubles: dict[str, str] = {}
        self._next_beat = -math.inf
        self._offset = 0.0  # from our monotonic clock to Redis's, in milliseconds
        self._epoch = b""
        self._changes = b""
        self._after: dict[str, str] = {}
        self._seen: dict[tuple[str, str], None] = {}
        self._answers: dict[str, _Answers] = {}
        self._pulled = (0, 0)

    @property
    def trouble(self) -> str:
        return next(iter(self._troubles.values()), "")

    # -- what the gateway asks -------------------------------------------------------------

    async def join(self, hands: Hands) -> None:
        await super().join(hands)
        try:
            await self._know_where_to_begin()
            await self._exchange()
        except FleetError as caught:
            self._note("exchange", str(caught))
        self._tasks.append(asyncio.create_task(self._work(), name="fleet exchange"))
        self._tasks.append(asyncio.create_task(self._listen(), name="fleet news"))

    async def leave(self) -> None:
        await super().leave()
        try:
            if not self.trouble:
                await self._untold.tell(self, self.wanted.seen)
                await self.call("DEL", f"seats:{self._me}")
                await self.call("ZREM", "gateways", self._me)
        except FleetError as caught:
            _log.warning("fleet left without a word", extra={"reason": str(caught)})
        finally:
            await self._redis.close()

    def seated(self, seat: Seat) -> None:
        super().seated(seat)
        self._untold.seated(seat)
        self._something.set()

    def became(self, device_id: str, toy_id: str) -> None:
        super().became(device_id, toy_id)
        seat = self.seat_of(device_id)
        if seat is not None:
            self._untold.seated(seat)
            self._something.set()

    def _forget(self, session_id: str) -> Seat | None:
        seat = super()._forget(session_id)
        if seat is not None:
            self._untold.left(seat)
            self._something.set()
        return seat

    def _say(self, where: str, toy_id: str) -> Entry:
        entry = super()._say(where, toy_id)
        self._untold.set(where, entry)
        self._something.set()
        return entry

    async def set(self, toy_id: str, device_id: str | None) -> int:
        if device_id is not None and self.seat_of(device_id) is not None:
            return await super().set(toy_id, device_id)
        where = device_id or ALL
        with _Answers(self._answers) as answers:
            keys = ("clock", "wanted", "changes", "news", "gateways")
            entry = await self._ask_all(answers, scripts.PUT, keys, where, toy_id, self.wanted.seen)
            found = n.read_entry(where.encode(), entry)
            if found is None:
                raise FleetError("Redis holds what makes no sense; is it another program's? Nothing was changed")
            self.learn(*found)
            return await self.hands.follow() + await answers.sum()

    async def order(self, order: Order) -> int:
        if order.device_id is not None and self.seat_of(order.device_id) is not None:
            return await super().order(order)
        here = await super().order(order) if order.kind == "pause" else 0
        with _Answers(self._answers) as answers:
            try:
                await self._ask_all(answers, scripts.ORDER, ("news", "gateways"), n.order_text(order))
            except FleetError as caught:
                if order.kind != "pause":
                    raise
                words = f"of the toys only those of this gateway ({here}) were asked to pause"
                raise FleetError(f"{words}: {caught}") from caught
            if order.kind != "pause":
                here = await super().order(order)
            return here + await answers.sum()

    def alert(self, alert: Alert) -> None:
        self._untold.alert(alert)
        self._something.set()

    async def alerts(self) -> tuple[Alert, ...]:
        self._must_be_in_touch()
        rows = await self.call("XREVRANGE", "alerts", "+", "-", "COUNT", scripts.MOST_ALERTS)
        found = [alarm for _, fields in reversed(rows) if (alarm := n.read_alert(fields or {})) is not None]
        once = {id_: alert for gateway, id_, alert in found if gateway != self._me}  # one may have been sent again
        return tuple(once.values())

    async def seats(self) -> tuple[Seat, ...]:
        self._must_be_in_touch()
        found = list(self.seats_here)
        known = {seat.device_id for seat in found}
        for text in await self._redis.call("ZRANGEBYSCORE", self._key("gateways"), round(self._redis_now()), "+inf"):
            gateway = n.read_gateway(text)
            if gateway is None or gateway[0] == self._me:
                continue
            for row in await self._redis.scan(self._key(f"seats:{gateway[0]}"), MOST_SEATS):
                seat = n.read_seat(*row)
                if seat is not None and seat[0] not in known:
                    device_id, session_id, toy_id = seat
                    found.append(Seat(device_id, toy_id, session_id, gateway[1]))
        return tuple(found)

    async def _ask_all(self, answers: _Answers, script: str, keys: tuple[str, ...], *arguments: str | int) -> bytes:
        """Give all gateways something to do, in time or not at all. What Redis says. Raises FleetError."""
        self._must_be_in_touch()
        deadline = round(self._redis_now() + 1000 * LATE_SECONDS)
        reply: Any = await self.run(script, keys, self._me, *arguments, deadline, answers.id)
        if reply is None:
            raise FleetError(f"Redis at {self._redis.where} is too slow now, so nothing was changed; ask again")
        text, gateways = reply
        live = {gateway[0] for each in gateways if (gateway := n.read_gateway(each)) is not None}
        answers.expect(live - {self._me})
        return bytes(text)

    def _must_be_in_touch(self) -> None:
        if self.trouble:
            raise FleetError(f"the other gateways cannot be told now, so nothing was changed: {self.trouble}")

    # -- telling ---------------------------------------------------------------------------

    async def run(self, script: str, keys: tuple[str, ...], *arguments: str | int) -> Any:
        """What a script answers; keys without their common beginning. Raises FleetError."""
        return await self._redis.run(script, [self._key(key) for key in keys], *arguments)

    async def call(self, command: str, key: str, *arguments: str | int | bytes) -> Any:
        """What a command on one key answers. Raises FleetError."""
        return await self._redis.call(command, self._key(key), *arguments)

    async def _work(self) -> None:
        """Keep in touch with Redis, until cancelled."""
        backoff = Backoff(Random(), first=0.5, limit=LONGEST_WAIT)
        while True:
            try:
                await self._exchange()
            except FleetError as caught:
                self._note("exchange", str(caught))
            except Exception as caught:  # a fault here is not to be the end of the fleet
                _log.exception("fleet broken")
                self._note("exchange", f"a fault: {caught}")
            else:
                self._note("exchange", "")
                backoff.succeeded()
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(self._next_beat):
                        await self._something.wait()
                continue
            self._next_beat = -math.inf
            await asyncio.sleep(0.05 + backoff.failed())

    async def _exchange(self) -> None:
        """Tell Redis what is new, and at every beat that this gateway lives; see what was missed. Raises FleetError."""
        self._something.clear()
        now = asyncio.get_running_loop().time()
        if now >= self._next_beat:
            await self._beat()
            self._next_beat = now + BEAT_SECONDS
        for session_id in await self._untold.tell(self, self.wanted.seen):
            self.drop(session_id)

    async def _beat(self) -> None:
        keys = ("epoch", "gateways", f"seats:{self._me}", "changes")
        arguments = (self._me, round(1000 * LEASE_SECONDS), secrets.token_hex(8))
        was_in_trouble = self._next_beat == -math.inf
        expected = None if self._untold else self._untold.seats_told
        epoch, changes, seats, now = await self.run(scripts.BEAT, keys, *arguments)
        self._offset = float(now) - 1000 * time.monotonic()
        if epoch != self._epoch and self._epoch:  # it has lost everything, its streams too
            self._after = dict.fromkeys(self._after, "0-0")
        at_rest = expected == self._untold.seats_told and not self._untold
        if epoch != self._epoch or was_in_trouble or (at_rest and seats != expected):
            self._untold.start_over(self._seats.values())
        if epoch != self._epoch or changes != self._changes or was_in_trouble:
            await self._pull()
        self._epoch, self._changes = epoch, changes

    async def _pull(self) -> None:
        """Learn what others have set, and have Redis learn what it does not know, or has forgotten."""
        there: dict[str, Entry] = {}
        for row in await self._redis.scan(self._key("wanted"), MOST):
            found = n.read_entry(*row)
            if found is not None:
                there[found[0]] = found[1]
        learned = [self.learn(where, entry) for where, entry in there.items()]
        if any(learned):
            self._pulled = (self.wanted.seen, await self.hands.follow())
        for where, entry in self.wanted:
            if where not in there or there[where] < entry:
                self._untold.set(where, entry)

    # -- hearing ---------------------------------------------------------------------------

    async def _listen(self) -> None:
        """Hear what the others tell, until cancelled."""
        backoff = Backoff(Random(), first=0.5, limit=LONGEST_WAIT)
        most = AT_ONCE
        while True:
            try:
                await self._know_where_to_begin()
                after = {self._key(name): id_ for name, id_ in self._after.items()}
                streams = await self._redis.listen(after, most)
            except FleetError as caught:
                if most == 1 and not self._troubles.keys() - {"news"}:
                    _log.error("news passed over", extra={"reason": "Redis answers, but cannot tell what comes next"})
                    self._after.clear()  # something huge is there that is not ours; the state is known all the same
                most = 1
                self._note("news", str(caught))
                await asyncio.sleep(0.05 + backoff.failed())
                continue
            self._note("news", "")
            most = AT_ONCE
            backoff.succeeded()
            for key, entries in streams:
                name = key.removeprefix(self._prefix)
                for id_, fields in entries:
                    self._after[name] = id_
                    try:
                        await self._hear(name, id_, fields)
                    except FleetError as caught:
                        _log.warning("gateway not answered", extra={"reason": str(caught)})
                    except Exception:  # one that makes a fault is not to keep us from the others
                        _log.exception("news not understood")

    async def _know_where_to_begin(self) -> None:
        """Whatever was told before is in the state, and is no news."""
        for name in ("news", "alerts"):
            if name not in self._after:
                self._after[name] = await self._redis.newest(self._key(name))

    async def _hear(self, stream: str, id_: str, fields: Mapping[object, object]) -> None:
        if (stream, id_) in self._seen:
            return
        self._seen[stream, id_] = None
        if len(self._seen) > MOST_SEEN:
            del self._seen[next(iter(self._seen))]
        if stream == "alerts":
            alarm = n.read_alert(fields)
            if alarm is not None and alarm[0] != self._me and ("alert", alarm[1]) not in self._seen:
                self._seen["alert", alarm[1]] = None
                self.hands.alarm(alarm[2])
            return
        found = n.read_news(fields)
        if found is None:
            _log.warning("news not understood", extra={"id": id_})
            return
        gateway, news = found
        if gateway == self._me:
            return
        match news:
            case n.Set(asked, where, entry):
                told = self._pulled[1] if self._pulled[0] == entry.revision else 0
                if self.learn(where, entry):
                    told = await self.hands.follow()
                await self._done(asked, told)
            case n.Ordered(asked, order):
                order_here = self._still(order, id_)
                await self._done(asked, 0 if order_here is None else await self.hands.obey(order_here))
            case n.Moved(session_id):
                self.drop(session_id)
            case n.Done(asked, told):
                if asked in self._answers:
                    self._answers[asked].done(gateway, told)

    async def _done(self, asked: str, told: int) -> None:
        """Say to the one who asked how many toys were told."""
        if asked:
            words = ("kind", "done", "from", self._me, "id", asked, "told", told)
            await self.call("XADD", "news", "MAXLEN", "~", scripts.MOST_NEWS, "*", *words)

    def _still(self, order: Order, id_: str) -> Order | None:
        """What is left of an order that may come late: a pause is over when it would have been, and nothing is
        forgotten, nor any toy started again, long after somebody wanted it."""
        age = max(0.0, self._redis_now() - float(id_.partition("-")[0])) / 1000
        if order.kind in ("restart", "reset"):
            return order if age <= LATEST_SECONDS else None
        if order.kind != "pause" or order.seconds == 0:
            return order
        left = order.seconds - age
        return dataclasses.replace(order, seconds=min(left, order.seconds)) if left > 0 else None

    def _note(self, part: str, trouble: str) -> None:
        """Know, and say once, that Redis is away or back."""
        before = self.trouble
        self._troubles.pop(part, None)
        if trouble:
            self._troubles[part] = trouble
        if self.trouble and not before:
            _log.error("fleet out of touch", extra={"reason": self.trouble})
        elif before and not self.trouble:
            _log.info("fleet in touch again")

    def _redis_now(self) -> float:
        """Milliseconds since 1970, as Redis sees it."""
        return 1000 * time.monotonic() + self._offset

    def _key(self, name: str) -> str:
        return self._prefix + name


class _Answers:
    """Waits for the other gateways to say how many toys they have told; may be answered while it is entered."""

    def __init__(self, waiting: dict[str, _Answers]) -> None:
        self.id = secrets.token_hex(8)
        self._waiting = waiting
        self._missing: set[str] = set()
        self._told: dict[str, int] = {}
        self._more = asyncio.Event()

    def __enter__(self) -> _Answers:
        self._waiting[self.id] = self
        return self

    def __exit__(self, *_: object) -> None:
        del self._waiting[self.id]

    def expect(self, gateways: set[str]) -> None:
        """From whom an answer will come, or has come already."""
        self._missing = gateways - self._told.keys()

    def done(self, gateway: str, told: int) -> None:
        """An answer."""
        self._told[gateway] = told
        self._missing.discard(gateway)
        self._more.set()

    async def sum(self) -> int:
        """How many toys were told, by those who have said so within ANSWER_SECONDS."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                while self._missing:
                    self._more.clear()
                    await self._more.wait()
        except TimeoutError:
            _log.warning("gateways did not answer", extra={"gateways": ",".join(sorted(self._missing))})
        return sum(self._told.values())
