"""The director: plays a script on the stage, watches the toy's trace, and tells the screen."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Final

from pommai.demo.scene import Happening, Scene
from pommai.demo.screen import Screen
from pommai.demo.script import Note, Press, Release, Say, Server, Step, Until, Wait
from pommai.demo.stage import Stage
from pommai.demo.trace_tail import Line, TraceTail
from pommai.errors import DemoError
from pommai.events import Event
from pommai.io.button_keyboard import KeyboardButton

LOOK_SECONDS: Final = 0.025
"""How often the trace is read and the screen drawn."""
BUTTON_SECONDS: Final = 3.0
"""Longest a toy takes to notice its button."""


class Director:
    """Plays on `stage`. `lines` holds the whole trace so far."""

    def __init__(self, stage: Stage, scene: Scene, screen: Screen) -> None:
        self.lines: list[Line] = []
        self._stage = stage
        self._scene = scene
        self._screen = screen
        self._tail = TraceTail(stage.trace)
        self._seen = 0  # configurations before this one are no news to an `until`

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
                await self._watch(lambda: False, step.seconds)
            case Server():
                self._act()
                await self._serve(step)

    def _act(self) -> None:
        """From now on, only what the toy is now and what it becomes counts for an `until`."""
        self.look()
        self._seen = max(0, len(self._scene.configurations) - 1)

    async def _touch(self, touch: Callable[[], Awaitable[None]], event: str) -> None:
        self._act()
        count = self._scene.events.count(event)
        await touch()
        if not await self._watch(lambda: self._scene.events.count(event) > count, BUTTON_SECONDS):
            raise DemoError(f"the toy did not notice: no {event} within {BUTTON_SECONDS:g} s")

    async def _say(self, what: Say) -> None:
        self._tell("child", f"says {what.path.name} ({what.seconds:.1f} s)")
        await self._stage.say(what)

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
        configurations = self._scene.configurations

        def came() -> bool:
            for number, states in enumerate(configurations[self._seen :], self._seen):
                if step.state in states:
                    self._seen = number
                    return True
            return False

        if await self._watch(came, step.within):
            return
        been = [" + ".join(self._scene.shown(states)) for states in configurations[self._seen :]]
        raise DemoError(
            f"{step.place}: waited {step.within:g} s for the toy to be in '{step.state}', and it was in "
            + (" → ".join(been) or "no state at all")
        )

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
