"""The director: plays a script on the stage, watches the toy's trace, and tells the screen."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Final

from pommai.demo.kept import remembered
from pommai.demo.scene import Happening, Scene
from pommai.demo.screen import Screen
from pommai.demo.script import Call, Note, Press, Release, Say, Server, Step, Until, Wait
from pommai.demo.stage import Stage
from pommai.demo.trace_tail import Line, TraceTail
from pommai.errors import DemoError
from pommai.events import Event
from pommai.io.button_keyboard import KeyboardButton

LOOK_SECONDS: Final = 0.025
"""How often the trace is read and the screen drawn."""
BUTTON_SECONDS: Final = 3.0
"""Longest a toy takes to notice its button."""
CALL_AGAIN_SECONDS: Final = 4.0
"""A child whose toy does not answer to its name calls again after so long."""
SYNC_LOOK_SECONDS: Final = 0.3
"""How often the toy's memory is looked into."""


class Director:
    """Plays on `stage`. `lines` holds the whole trace so far, and a mark `child_called` where each call ends."""

    def __init__(self, stage: Stage, scene: Scene, screen: Screen) -> None:
        self.lines: list[Line] = []
        self._stage = stage
        self._scene = scene
        self._screen = screen
        self._tail = TraceTail(stage.trace)
        self._seen = 0  # configurations before this one are no news to an `until`
        self._seen_events = 0  # ... nor are events
        self._told_alerts = 0  # have been shown
        self._met_alerts = 0  # ... and these have been waited for

    async def play(self, steps: tuple[Step, ...]) -> None:
        """Play a script to its end. Raises DemoError when something does not come that it waits for."""
        for step in steps:
            await self._play(step)

    async def attend(self, hello: Say) -> None:
        """Let a person at the keyboard press the button, until they quit. Raises DemoError when a child ends.

        Where the toy hears no real microphone, each press says `hello`, and so does the wake word.
        """
        quit_ = asyncio.Event()
        touched: asyncio.Queue[str] = asyncio.Queue()

        def take(event: Event) -> None:
            touched.put_nowait(event.name)

        button = KeyboardButton(quit_.set, say=lambda _: None)
        button.start(take)
        silent_at = 0.0
        try:
            while True:
                await self._watch(lambda: quit_.is_set() or not touched.empty(), math.inf)
                if quit_.is_set():
                    return
                match touched.get_nowait():
                    case "button.released":
                        await self._stage.release()
                        continue
                    case "button.pressed":
                        await self._touch(self._stage.press, "button.pressed")
                    case "wake.heard":
                        await self._touch(self._stage.wake, "wake.heard")
                    case _:  # held and pressed three times are for the toy to find out
                        continue
                now = asyncio.get_running_loop().time()
                if self._stage.can_say and now >= silent_at:  # else the last one is still being said
                    silent_at = now + hello.seconds
                    await self._say(hello)
        finally:
            button.close()

    def look(self) -> None:
        """Take what is new in the trace to the screen."""
        for line in self._tail.read():
            self.lines.append(line)
            for happening in self._scene.take(line):
                self._screen.tell(happening)
        for alert in self._stage.alerts[self._told_alerts :]:
            self._told_alerts += 1
            severity, _, reason = alert.partition(" ")
            now = asyncio.get_running_loop().time()
            self._screen.tell(Happening(now, "server", f"alarms the grown-ups: {reason} ({severity})"))

    # -- steps -----------------------------------------------------------------------------

    async def _play(self, step: Step) -> None:
        match step:
            case Note():
                self.look()
                self._screen.note(step.words)
            case Wait():
                await self._watch(lambda: False, step.seconds)
            case Until():
                await self._until(step)
            case Press():
                await self._touch(self._stage.press, "button.pressed")
            case Release():
                await self._touch(self._stage.release, "button.released")
            case Say():
                self._act()
                await self._say(step)
                await self._watch(lambda: False, step.seconds if step.next_after is None else step.next_after)
            case Call():
                self._act()
                await self._call(step)
            case Server():
                self._act()
                await self._serve(step)

    def _act(self) -> None:
        """From now on, only what the toy is now and what it becomes counts for an `until`."""
        self.look()
        self._seen = max(0, len(self._scene.configurations) - 1)
        self._seen_events = len(self._scene.events)

    async def _touch(self, touch: Callable[[], Awaitable[None]], event: str) -> None:
        self._act()
        count = self._scene.events.count(event)
        await touch()
        if not await self._watch(lambda: self._scene.events.count(event) > count, BUTTON_SECONDS):
            raise DemoError(f"the toy did not notice: no {event} within {BUTTON_SECONDS:g} s")

    async def _say(self, what: Say) -> None:
        words = f"“{what.words}”" if what.words else f"{what.path.name} ({what.seconds:.1f} s)"
        self._tell("child", f"says {words}")
        await self._stage.say(what)

    async def _call(self, step: Call) -> None:
        """A toy may just be listening to something else, or its ears be loading: a child calls again."""
        events, seen = self._scene.events, self._seen_events

        def heard() -> bool:
            return "wake.heard" in events[seen:]

        end = asyncio.get_running_loop().time() + step.within
        while (left := end - asyncio.get_running_loop().time()) > 0:
            await self._say(step.say)
            ends = asyncio.get_running_loop().time() + step.say.spoken_seconds
            self.lines.append({"t_us": round(ends * 1e6), "kind": "mark", "name": "child_called", "turn": 0})
            if await self._watch(heard, min(step.say.seconds + CALL_AGAIN_SECONDS, left)):
                return
        raise DemoError(f"{step.place}: called for {step.within:g} s, and the toy did not hear its name")

    async def _serve(self, step: Server) -> None:
        match step.words:
            case "kill":
                self._tell("server", "is killed")
                await self._stage.kill_gateway()
            case "start":
                await self._stage.start_gateway()
                self._tell("server", "is started again")
            case words:
                self._tell("server", f"{words}: {await self._stage.operate(words)}")

    async def _until(self, step: Until) -> None:
        if step.what == "synced":
            await self._until_synced(step)
            return
        came = {"state": self._state_came, "event": self._event_came, "alert": self._alert_came}[step.what]
        if await self._watch(lambda: came(step.name), step.within):
            return
        raise DemoError(f"{step.place}: waited {step.within:g} s for {self._instead(step)}")

    def _instead(self, step: Until) -> str:
        """What did not come, and what did."""
        match step.what:
            case "event":
                came = ", ".join(self._scene.events[self._seen_events :])
                return f"the event '{step.name}', and there came {came or 'none'}"
            case "alert":
                alerts = "; ".join(self._stage.alerts[self._met_alerts :])
                return f"an alert about '{step.name}', and there came {alerts or 'none'}"
        been = [" + ".join(self._scene.shown(states)) for states in self._scene.configurations[self._seen :]]
        return f"the toy to be in '{step.name}', and it was in {' → '.join(been) or 'no state at all'}"

    def _state_came(self, name: str) -> bool:
        for number, states in enumerate(self._scene.configurations[self._seen :], self._seen):
            if name in states:
                self._seen = number
                return True
        return False

    def _event_came(self, name: str) -> bool:
        if name not in self._scene.events[self._seen_events :]:
            return False
        self._seen_events = self._scene.events.index(name, self._seen_events) + 1
        return True

    def _alert_came(self, words: str) -> bool:
        for number, alert in enumerate(self._stage.alerts[self._met_alerts :], self._met_alerts):
            if words in alert:
                self._met_alerts = number + 1
                return True
        return False

    async def _until_synced(self, step: Until) -> None:
        """The toy writes its memory in groups, so what the trace tells of may not be in the file yet."""
        end = asyncio.get_running_loop().time() + step.within
        while True:
            self.look()
            memory = await asyncio.to_thread(remembered, self._stage.memory)
            all_in = memory is not None and len(memory.conversations) >= self._scene.conversations
            if memory is not None and all_in and not memory.waiting:
                count = len(memory.conversations)
                self._tell("server", f"has all that the toy remembers: {count} conversation{'s' * (count != 1)}")
                return
            left = end - asyncio.get_running_loop().time()
            if left <= 0:
                waiting = "nothing of the last conversation is in its memory yet"
                if memory is not None and memory.waiting:
                    waiting = f"{len(memory.waiting)} things still wait in its memory"
                raise DemoError(f"{step.place}: waited {step.within:g} s for all to be synced, and {waiting}")
            await self._watch(lambda: False, min(SYNC_LOOK_SECONDS, left))

    async def _watch(self, done: Callable[[], bool], seconds: float) -> bool:
        """Let time pass, the screen alive, until `done`; at most `seconds`. Whether it came to that."""
        clock = asyncio.get_running_loop().time
        end = clock() + seconds
        while True:
            self.look()
            self._screen.draw(self._scene, clock())
            if done():
                return True
            if failure := self._stage.failure():
                raise DemoError(failure)
            if (left := end - clock()) <= 0:
                return False
            await asyncio.sleep(min(left, LOOK_SECONDS))

    def _tell(self, who: str, words: str) -> None:
        self.look()
        self._screen.tell(Happening(asyncio.get_running_loop().time(), who, words))
