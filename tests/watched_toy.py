"""A simulated toy with a real button, to which anything may happen, and somebody who looks at it."""

from __future__ import annotations

import asyncio
from typing import Any

from random_days import AT_ONCE, DUE, Chapter, Deed, Gap
from simulated_toy import PATTERNS, TABLE

from pommai.chart.prove_space import Space
from pommai.chart.table import Step
from pommai.events import Event
from pommai.io.button import SimulatedButton
from pommai.io.codec import SimulatedCodec
from pommai.io.lights import SimulatedLights
from pommai.io.lights_show import LightShow
from pommai.protocol import messages as m
from pommai.qa.assumptions import AssertingMachine
from pommai.qa.claims import checks_of
from pommai.qa.invariants import Invariants, WatchedLink, WatchedSpeaker, answer_frame
from pommai.qa.simulated_toy import SimulatedToy, Sounds, settle
from pommai.qa.situation import BEGINNING, Moment, Situation, sound_step
from pommai.qa.virtual_time import VirtualTimeLoop

WORDS = {
    "press": "the button goes down",
    "release": "the button comes up",
    "wake": "somebody calls the toy",
    "garbage": "an answer comes that is no Opus",
    "nothing_to_say": "an answer comes without sound",
    "resume": "the server lets the toy go on",
    "call": "the toy calls the server, which does not answer",
    "board": "there is an answer on board: {}",
    "talk": "the child talks: {}",
    "answer": "an answer comes: {} turns ago, from piece {}, {} pieces, with its end {}, shuffled by {}",
    "words": "an answer comes as text: {} turns ago",
    "refuse": "the server refuses: {}, of {} turns ago",
    "switch": "the server wants the toy to be {}",
    "configure": "the server sends the configuration of {}; as an update: {}",
    "pause": "the server pauses the toy for {} s",
    "link": "the connection is there: {}",
    "stall": "the server does not read: {}",
    "microphone": "the microphone works: {}",
    "speaker": "the speaker works: {}",
    "lights": "the lights work: {}",
    "freeze": "everything stands still for {} s",
}
"""Every deed, in words for a story."""


CHECKS = (*checks_of(Space(TABLE)), sound_step(TABLE))
"""The chart's properties, each asked of every step."""


class SoundsOnBoard(Sounds):
    """The toy's sounds, with or without the one that answers when the server is away."""

    offline = True

    def names(self) -> frozenset[str]:
        return super().names() - (frozenset() if self.offline else {"offline"})


class WatchedToy(SimulatedToy):
    def __init__(self) -> None:
        super().__init__(TABLE, WatchedLink(), PATTERNS)
        self.runtime.machine = AssertingMachine(TABLE)
        self.button = SimulatedButton()
        self.body.sounds = SoundsOnBoard()
        self.lights = SimulatedLights(1)
        self.runtime.lights = LightShow(self.lights, PATTERNS)
        self.invariants = Invariants(self.runtime, self.microphone, self.lights, PATTERNS)
        self.link.invariants = self.speaker.invariants = self.invariants
        self.story: list[str] = []
        self.situation = BEGINNING
        self._answers: dict[str, bool] = {}
        self._runtimes = self.runtime._ask, self.runtime._do
        self.runtime._ask, self.runtime._do = self.ask, self.do

    def make_body(self, post: Any) -> Any:
        self.speaker = WatchedSpeaker()
        return super().make_body(post)

    def ask(self, guard: str) -> bool:
        self._answers[guard] = answer = self._runtimes[0](guard)
        return answer

    def do(self, step: Step) -> None:
        """Let a step be carried out, and ask the chart's properties about what really runs and shines then."""
        runtime, before = self.runtime, self.situation
        event, answers, self._answers = runtime.body.event.name, tuple(self._answers.items()), {}
        if runtime.body.event.turn not in (0, runtime.body.turn.id):
            self.invariants.wrongs.append(f"{event} of turn {runtime.body.event.turn} in turn {runtime.body.turn.id}")
        self._runtimes[1](step)
        # An activity that has come to its end by itself has still been started and not stopped.
        running = tuple(sorted(runtime.activities._running))
        self.situation = Situation(step.node, running, frozenset(runtime.timers.pending), runtime.lights.pattern)
        moment = Moment(before, event, answers, step, self.situation)
        self.invariants.wrongs += filter(None, (check(moment) for check in CHECKS))

    async def live(self, day: Chapter) -> None:
        """Live through a day. Raises AssertionError when something is wrong, at any time or at its end."""
        running = asyncio.create_task(self.runtime.run())
        await settle()
        self.button.start(self.runtime.post)
        self.room.start()
        try:
            for deed, gap in day:
                self.happen(deed)
                if gap is not AT_ONCE:
                    await self.go_on(gap)
            await self.come_to_rest()
        finally:
            self.room.stop()
            self.button.close()
            self.runtime.stop()
            await running
        assert self.runtime.activities.tasks == 0
        assert self.runtime.timers.pending == ()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    def happen(self, deed: Deed) -> None:
        name, *how = deed
        now = asyncio.get_running_loop().time()
        self.story.append(f"{now:9.4f} s  {WORDS[name].format(*how):60}  {self.state}")
        getattr(self, "do_" + name)(*how)

    async def go_on(self, gap: Gap) -> None:
        await settle()
        self.look()
        due = [handle.when() for _, handle in self.runtime.timers._pending.values()]
        now = asyncio.get_running_loop().time()
        if isinstance(gap, str):
            gap = max(0.0, min(due, default=now) + DUE[gap] - now)
        await asyncio.sleep(gap or 0.0)
        if gap == 0.0:
            await settle()
            self.look()

    async def come_to_rest(self) -> None:
        """Nobody does anything any more. The microphone works and hears nothing."""
        await settle()
        self.look()
        self.microphone.broken = None
        self.lights.repair()
        self.speaking = False
        await asyncio.sleep(5)
        self.room.stop()
        await asyncio.sleep(175)
        await settle()
        assert {"idle", "calm"} & set(self.states), f"the toy does not rest in {' '.join(self.states)}"
        assert self.runtime.timers.pending == ()
        assert self.invariants.look_at_rest() == []

    def look(self) -> None:
        assert self.invariants.look() == []
        names = [task.get_name() for task in asyncio.all_tasks()]
        assert names.count("listening.record") <= 1
        assert names.count("speaking.play_reply") <= 1

    # -- what may happen ------------------------------------------------------------------

    def do_press(self) -> None:
        self.button.press()

    def do_release(self) -> None:
        self.button.release()

    def do_talk(self, aloud: bool) -> None:
        self.speaking = aloud

    def do_wake(self) -> None:
        self.runtime.post(Event("wake.heard", {"phrase": "hey pommai", "score": 1.0}))

    def do_answer(self, older: int, first: int, count: int, final: bool, order: int) -> None:
        turn = max(0, self.body.turn.id - older)
        encoder = SimulatedCodec().encoder()
        frames = [
            m.DownAudio(turn, first + i, encoder.encode(answer_frame(turn)), final and i == count - 1)
            for i in range(count)
        ]
        self.link.deliver_audio(*sorted(frames, key=lambda frame: frame.sequence * order % 7))

    def do_garbage(self) -> None:
        self.link.deliver_audio(m.DownAudio(self.body.turn.id, 0, b"no packet at all"))

    def do_nothing_to_say(self) -> None:
        self.link.deliver_audio(m.DownAudio(self.body.turn.id, 0, b"", final=True))

    def do_words(self, older: int) -> None:
        self.link.deliver(m.TextResponse(max(0, self.body.turn.id - older), "hello"))

    def do_refuse(self, code: str, older: int | None) -> None:
        details = {} if older is None else {"turn": self.body.turn.id - older}
        self.link.deliver(m.ErrorMessage(code, "no", details))

    def do_switch(self, toy: str) -> None:
        self.link.deliver(m.SwitchToy(toy))

    def do_configure(self, toy: str, update: bool) -> None:
        profile = m.ToyProfile(toy, toy)
        self.link.deliver(m.ToyConfigUpdate(profile) if update else m.ToyConfig(profile))

    def do_pause(self, seconds: float) -> None:
        self.link.deliver(m.SafetyOverride("pause_interaction", seconds))

    def do_resume(self) -> None:
        self.link.deliver(m.SafetyOverride("resume"))

    def do_link(self, up: bool) -> None:
        if up:
            self.link.go_up()
        else:
            self.link.go_down()

    def do_call(self) -> None:
        self.link.call()

    def do_board(self, answer: bool) -> None:
        self.body.sounds.offline = answer

    def do_stall(self, stalled: bool) -> None:
        self.link.stalled = stalled

    def do_microphone(self, works: bool) -> None:
        if works:
            self.microphone.broken = None
        else:
            self.microphone.vanish()

    def do_speaker(self, works: bool) -> None:
        if works:
            self.speaker.broken = None
        else:
            self.speaker.vanish()

    def do_lights(self, work: bool) -> None:
        if work:
            self.lights.repair()
        else:
            self.lights.break_down("somebody pulled them off")

    def do_freeze(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        loop.freeze(seconds)
