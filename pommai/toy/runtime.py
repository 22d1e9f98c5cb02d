"""The running toy: one task takes one event after the other, steps the chart, and carries out what it says."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Container, Mapping

from pommai.actions.body import Body
from pommai.actions.registry import Action, Activity
from pommai.chart.machine import ChartMachine
from pommai.chart.table import DecisionTable, Operation, Step
from pommai.errors import TableError
from pommai.events import Event
from pommai.guards import Guard
from pommai.io.lights_show import LightShow
from pommai.toy.activities import Activities
from pommai.toy.queue import EventQueue
from pommai.toy.timers import Timers
from pommai.toy.trace import NoTrace, Trace

logger = logging.getLogger(__name__)

CLOSE_LIMIT = 0.3
"""Seconds activities may take to end when the toy is switched off."""


class Runtime:
    """Owns the machine and everything it starts.

    `make_body` gets the function that posts events, and gives the body actions work on. `trace` stays the caller's to
    close. `on_configuration` is called with each step that led into another configuration.
    Raises TableError when the table names actions, activities, guards or light patterns this toy does not have.
    """

    def __init__(
        self,
        table: DecisionTable,
        make_body: Callable[[Callable[[Event], None]], Body],
        lights: LightShow,
        *,
        actions: Mapping[str, Action],
        activities: Mapping[str, Activity],
        guards: Mapping[str, Guard],
        patterns: frozenset[str],
        trace: Trace | None = None,
        on_configuration: Callable[[Step], None] | None = None,
    ) -> None:
        _check_names(table, {"call": actions, "start": activities, "led": patterns}, guards)
        self.queue = EventQueue()
        self.body = make_body(self.post)
        self.machine = ChartMachine(table)
        self.lights = lights
        self.timers = Timers(self.post)
        self.activities = Activities(self.body, activities)
        self._actions = actions
        self._guards = guards
        self._trace = trace or NoTrace()
        self._on_configuration = on_configuration
        self._told: tuple[str, ...] = ()
        self._answers: dict[str, bool] = {}  # of the guards the latest step asked
        self._carry_out: dict[str, Callable[[Operation], None]] = {
            "call": self._call,
            "start": lambda o: self.activities.start(o.state, o.name, o.args),
            "stop": lambda o: self.activities.stop(o.state, o.name),
            "timer": lambda o: self.timers.start(o.name, o.seconds),
            "cancel": lambda o: self.timers.cancel(o.name),
            "led": lambda o: self.lights.set_pattern(o.name),
        }

    def post(self, event: Event) -> None:
        """Put an event on the queue. On the event loop's thread only; returns at once."""
        self.queue.put(event)

    def stop(self) -> None:
        """Let the toy end: what is queued is still taken, then `run` returns."""
        self.queue.close()

    async def run(self) -> None:
        """Run until `stop`, or until cancelled. On the way out all is stopped and the lights are dark."""
        lights = asyncio.create_task(self._run_lights())
        try:
            self._do(self.machine.start(self._ask))
            # What is started or stopped has its first moment before the next event.
            await asyncio.sleep(0)
            while (event := await self.queue.get()) is not None:
                self._take(event)
                await asyncio.sleep(0)
        finally:
            self.timers.close()
            await self.activities.close(CLOSE_LIMIT)
            lights.cancel()
            await asyncio.wait([lights])
            logger.info("toy ended", extra={"dropped_events": self.queue.dropped})

    async def _run_lights(self) -> None:
        try:
            await self.lights.run()
        except Exception:
            logger.exception("lights failed")  # a toy in the dark still talks

    def _take(self, event: Event) -> None:
        if event.name.startswith("timer.") and not self.timers.fired(event):
            return
        if event.turn and event.turn != self.body.turn.id:
            logger.debug("event of an older turn", extra={"event": event.name, "turn": event.turn})
            return
        self.body.event = event
        self._do(self.machine.receive(event.name, self._ask))

    def _do(self, step: Step) -> None:
        event = self.body.event
        turn, handled = self.body.turn.id, bool(step.taken)
        self._trace.write("event", event.name, turn, data=event.data, handled=handled, guards=self._answers)
        self._answers = {}
        for operation in step.operations:
            try:
                self._carry_out[operation.kind](operation)
            except Exception as caught:
                self._failed(operation.name, caught)
            turn = self.body.turn.id
            self._trace.write("operation", operation.name, turn, op=operation.kind, args=operation.args)
        if step.configuration != self._told:
            self._told = step.configuration
            turn, leaves = self.body.turn.id, " ".join(self._leaves(step))
            self._trace.write("configuration", leaves, turn, states=step.configuration)
            logger.info("state", extra={"states": leaves, "event": event.name, "turn": turn})
            if self._on_configuration is not None:
                self._on_configuration(step)

    def _leaves(self, step: Step) -> list[str]:
        parents = {state.parent for state in self.machine.table.states if state.id in step.configuration}
        return [id_ for id_ in step.configuration if id_ not in parents]

    def _call(self, operation: Operation) -> None:
        self._actions[operation.name](self.body, **operation.args)

    def _ask(self, guard: str) -> bool:
        try:
            answer = bool(self._guards[guard](self.body))
        except Exception as caught:
            self._failed(guard, caught)
            answer = False  # as good a guess as any
        self._answers[guard] = answer
        return answer

    def _failed(self, name: str, error: Exception) -> None:
        """An action or guard has raised: log it, and tell the chart."""
        event = self.body.event.name
        logger.exception("action failed", extra={"action": name, "event": event})
        if not event.startswith("error."):  # an error in handling an error would go on for ever, ahead of all else
            self.post(Event("error.action", {"action": name, "error": str(error)}))


def _check_names(table: DecisionTable, known: Mapping[str, Container[str]], guards: Mapping[str, Guard]) -> None:
    missing = [name for kind, name in sorted(table.operations()) if name not in known.get(kind, (name,))]
    missing += [guard for guard in table.guards if guard not in guards]
    if missing:
        raise TableError(f"the chart '{table.name}' needs what this toy does not have: {', '.join(missing)}")
