"""The button: what a finger does, out of a contact that opens and closes; and a button without a finger.

`Gestures` is pure: levels and times go in, events come out. `Watch` runs it on the event loop for the
adapters (`button_gpio`, `button_keyboard`, `button_lines`, and `SimulatedButton` here).
"""

from __future__ import annotations

import asyncio

from pommai.errors import DeviceError
from pommai.events import Event
from pommai.io.ports import Emit

DEBOUNCE_S = 0.05
"""A contact may chatter this long after it moved."""
HOLD_S = 3.0
"""Down this long, a press is a hold."""
TRIPLE_GAP_S = 0.5
"""Longest pause between a release and the next press of a triple press."""


class Gestures:
    """Turns levels into button.pressed, button.released, button.held and button.triple_pressed.

    A press counts from the very first edge, because everything the child hears and sees waits for it. What
    follows within 50 ms is chatter and ignored; at the end of that time the level is looked at again, so that
    a release that hid in the chatter is late but never lost. Hence a press and a release are at least 50 ms
    apart, and pressed and released strictly alternate.

    A triple press is reported with its third press; a fourth press begins to count anew, and so does one
    that follows a hold.

    Times are seconds of one monotonic clock and never go back. Call `tick` at `wakes_at`; when it comes late,
    events are the same, only later.
    """

    def __init__(self) -> None:
        self._level = False
        self._down = False
        self._settles_at: float | None = None
        self._pressed_at = 0.0
        self._released_at: float | None = None
        self._held = False
        self._in_a_row = 0

    @property
    def down(self) -> bool:
        """Whether there is a press now."""
        return self._down

    @property
    def wakes_at(self) -> float | None:
        """When `tick` has something to do, or None when only a level can change anything."""
        hold = self._hold_at
        if self._settles_at is None or hold is None:
            return hold if self._settles_at is None else self._settles_at
        return min(self._settles_at, hold)

    def level(self, down: bool, now: float) -> list[Event]:
        """The contact is now closed (`down`) or open. Returns what that means, in order."""
        events = self.tick(now)
        self._level = down
        if self._settles_at is None:
            events += self._look(now)
        return events

    def tick(self, now: float) -> list[Event]:
        """Time has passed. Returns what that means, in order."""
        events: list[Event] = []
        while (due := self.wakes_at) is not None and due <= now:
            if due == self._settles_at:
                self._settles_at = None
                events += self._look(due)
            else:
                self._held = True
                self._in_a_row = 0
                events.append(Event("button.held", {"held_s": HOLD_S}))
        return events

    @property
    def _hold_at(self) -> float | None:
        return self._pressed_at + HOLD_S if self._down and not self._held else None

    def _look(self, now: float) -> list[Event]:
        if self._level == self._down:
            return []
        self._down = self._level
        self._settles_at = now + DEBOUNCE_S
        if not self._down:
            self._released_at = now
            return [Event("button.released", {"held_s": now - self._pressed_at})]
        soon = self._released_at is not None and now - self._released_at <= TRIPLE_GAP_S
        self._in_a_row = self._in_a_row + 1 if soon else 1
        self._pressed_at = now
        self._held = False
        events = [Event("button.pressed")]
        if self._in_a_row == 3:
            self._in_a_row = 0
            events.append(Event("button.triple_pressed"))
        return events


class Watch:
    """Gestures on the running event loop: emits what levels and time make of it, until closed."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._gestures = Gestures()
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        self._found_at: float | None = None
        self._came_up_at: float | None = None

    @property
    def first_press(self) -> float | None:
        """Seconds from `found_down` to when the contact opened, or until now; None: it was not found down."""
        if self._found_at is None:
            return None
        return (self._loop.time() if self._came_up_at is None else self._came_up_at) - self._found_at

    def found_down(self) -> None:
        """The contact was closed when the watching began: that counts as a press. To be told before any level."""
        self._found_at = self._loop.time()
        self.level(True)

    def level(self, down: bool) -> None:
        """The contact is now closed or open. Ignored after `close`."""
        if not self._closed:
            self._say(self._gestures.level(down, self._loop.time()))

    def close(self) -> None:
        """Emit nothing any more."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self, due: float) -> None:
        # The loop may call a timer early by the resolution of its clock.
        self._say(self._gestures.tick(max(due, self._loop.time())))

    def _say(self, events: list[Event]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._came_up_at is None and not self._gestures.down:
            self._came_up_at = self._loop.time()
        due = self._gestures.wakes_at
        self._timer = None if due is None else self._loop.call_at(due, self._tick, due)
        for event in events:
            if not self._closed:  # an event may have led to the toy's end
                self._emit(event)


class SimulatedButton:
    """A button that code presses."""

    def __init__(self, *, down: bool = False) -> None:
        """`down`: somebody holds it already when it is started."""
        self._watch: Watch | None = None
        self._down = down

    def start(self, emit: Emit) -> None:
        """Begin to emit."""
        self._watch = Watch(emit)
        if self._down:
            self._watch.found_down()

    @property
    def first_press(self) -> float | None:
        """See the port."""
        return None if self._watch is None else self._watch.first_press

    def press(self) -> None:
        """Put the button down. Raises DeviceError when it is not started."""
        self._started().level(True)

    def release(self) -> None:
        """Let it come up. Raises DeviceError when it is not started."""
        self._started().level(False)

    def close(self) -> None:
        """Emit nothing any more. Harmless when called again."""
        if self._watch is not None:
            self._watch.close()
            self._watch = None

    def _started(self) -> Watch:
        if self._watch is None:
            raise DeviceError("the simulated button is not started")
        return self._watch
