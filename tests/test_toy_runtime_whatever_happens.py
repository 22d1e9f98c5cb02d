"""Whatever a child, a server and the devices do, in whatever order: what never happens, and how it always ends."""

from __future__ import annotations

import asyncio
import logging
from array import array
from contextlib import contextmanager
from itertools import chain
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from simulated_toy import PATTERNS, TABLE, SimulatedToy, settle, tone
from virtual_time import run

from pommai.errors import DeviceError
from pommai.events import Event
from pommai.io.button import SimulatedButton
from pommai.io.codec import SimulatedCodec
from pommai.io.lights import SimulatedLights
from pommai.io.lights_show import LightShow
from pommai.io.link_simulated import SimulatedLink
from pommai.io.simulated_audio import SimulatedSpeaker
from pommai.protocol import messages as m

TOYS = ("pommai-bear", "robo-rex", "owl")
CODES = ("AUDIO_ERROR", "SAFETY_VIOLATION", "RATE_LIMITED", "BAD_MESSAGE", "TOY_NOT_FOUND", "NEWER_THAN_WE")
AT_REST = {"idle", "calm", "being_let_go"}
ACTIVITIES_OF = {state.id: state.activities for state in TABLE.states}


def level_of(turn: int) -> int:
    """The level of the frames that answer a turn; the toy's own sounds are below 1000."""
    return 1000 + turn


class WatchedLink(SimulatedLink):
    """Notes what may never be sent, at the moment it is sent."""

    toy: WatchedToy

    def send_audio(self, turn: int, sequence: int, packet: bytes, *, final: bool) -> bool:
        body = self.toy.body
        if turn != body.turn.id or not body.turn.is_with_server:
            self.toy.wrongs.append(f"sound of turn {turn} sent, which the server has no part in")
        if "safe_mode" in self.toy.states:
            self.toy.wrongs.append("sound sent in safe mode")
        return super().send_audio(turn, sequence, packet, final=final)


class WatchedSpeaker(SimulatedSpeaker):
    """Notes what may never be heard, at the moment it is heard."""

    toy: WatchedToy

    def _play(self, frame: bytes | None) -> None:
        level = array("h", frame)[0] if frame else 0
        if level >= 1000 and level != level_of(self.toy.body.turn.id):
            self.toy.wrongs.append(f"turn {level - 1000} heard in turn {self.toy.body.turn.id}")
        super()._play(frame)


class WatchedToy(SimulatedToy):
    """A simulated toy with a real button, and somebody who looks at it."""

    def __init__(self) -> None:
        super().__init__(TABLE, WatchedLink())
        self.wrongs: list[str] = []
        self.button = SimulatedButton()
        self.lights = SimulatedLights(1)
        self.runtime.lights = LightShow(self.lights, PATTERNS)
        self.link.toy = self.speaker.toy = self

    def make_body(self, post: Any) -> Any:
        async def offload(function: Any, *arguments: Any) -> Any:
            await asyncio.sleep(0.003)  # much may happen while a frame is being encoded
            return function(*arguments)

        self.speaker = WatchedSpeaker()
        body = super().make_body(post)
        body.offload = offload
        return body

    # -- what may happen ------------------------------------------------------------------

    def happen(self, what: str, *how: Any) -> None:
        getattr(self, "do_" + what)(*how)

    def do_press(self) -> None:
        self.button.press()

    def do_release(self) -> None:
        self.button.release()

    def do_talk(self, aloud: bool) -> None:
        self.speaking = aloud

    def do_wake(self) -> None:
        self.runtime.post(Event("wake.heard", {"phrase": "hey pommai", "score": 1.0}))

    def do_answer(self, older: int, first: int, levels: int, final: bool, order: int) -> None:
        turn = max(0, self.body.turn.id - older)
        encoder = SimulatedCodec().encoder()
        frames = [
            m.DownAudio(turn, first + i, encoder.encode(tone(level_of(turn))), final and i == levels - 1)
            for i in range(levels)
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

    # -- what holds at any time -----------------------------------------------------------

    def look(self) -> None:
        runtime, states = self.runtime, self.states
        assert self.wrongs == []
        assert not ("safe_mode" in states and self.microphone.is_open)
        assert runtime.lights.pattern == runtime.machine.step.led
        assert sorted(runtime.activities.running) == sorted(name for id_ in states for name in ACTIVITIES_OF[id_])
        names = [task.get_name() for task in asyncio.all_tasks()]
        assert names.count("listening.record") <= 1
        assert names.count("speaking.play_reply") <= 1
        for timer in runtime.timers.pending:
            assert timer.split(".")[1] in states, timer


def happening() -> st.SearchStrategy[tuple[Any, ...]]:
    older = st.sampled_from((0, 0, 0, 1, 2))
    yes = st.booleans()
    some = st.tuples
    return st.one_of(
        some(st.just("press")),
        some(st.just("release")),
        some(st.just("talk"), yes),
        some(st.just("wake")),
        some(
            st.just("answer"),
            older,
            st.sampled_from((0, 0, 0, 3, 40)),
            st.sampled_from((1, 2, 5, 60)),
            yes,
            st.integers(1, 6),
        ),
        some(st.sampled_from(("garbage", "nothing_to_say", "resume"))),
        some(st.just("words"), older),
        some(st.just("refuse"), st.sampled_from(CODES), st.none() | older),
        some(st.just("switch"), st.sampled_from(TOYS)),
        some(st.just("configure"), st.sampled_from(TOYS), yes),
        some(st.just("pause"), st.sampled_from((0.0, 0.001, 1.0, 20.0, 3600.0))),
        some(st.just("link"), yes),
        some(st.just("stall"), yes),
        some(st.sampled_from(("microphone", "speaker")), yes),
    )


GAPS = st.sampled_from((0.0, 0.0, 0.01, 0.05, 0.3, 1.0, 3.1, 11.0, 21.0))
Story = list[tuple[tuple[Any, ...], float]]


def exchange() -> st.SearchStrategy[Story]:
    """A conversation as it should be, up to some moment: left to chance alone, hardly any would come about."""

    def told(spoken: float, thought: float, answer: list[tuple[bool, float]], until: int) -> Story:
        story: Story = [(("press",), 0.1), (("talk", True), spoken), (("talk", False), 0.05), (("release",), thought)]
        first = 0
        for final, gap in answer:
            story.append((("answer", 0, first, 20, final, 1), gap))
            first += 20
        return story[:until]

    pieces = st.lists(st.tuples(st.booleans(), st.sampled_from((0.0, 0.2, 1.0))), max_size=3)
    return st.builds(told, st.sampled_from((0.2, 1.0)), st.sampled_from((0.0, 0.1)), pieces, st.integers(2, 7))


STORIES = st.lists(st.tuples(happening(), GAPS).map(lambda one: [one]) | exchange(), min_size=6, max_size=20)


@contextmanager
def surprises() -> Any:
    """Collects exceptions that were logged, other than a device's that was taken away."""
    found: list[logging.LogRecord] = []

    class Keeper(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.exc_info and not isinstance(record.exc_info[1], DeviceError):
                found.append(record)

    keeper = Keeper(logging.ERROR)
    logger = logging.getLogger("pommai")
    logger.addHandler(keeper)
    try:
        yield found
    finally:
        logger.removeHandler(keeper)


@given(STORIES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_nothing_forbidden_ever_happens_and_left_alone_the_toy_rests(chapters: list[Story]) -> None:
    async def scene() -> None:
        toy = WatchedToy()
        running = asyncio.create_task(toy.runtime.run())
        await settle()
        toy.button.start(toy.runtime.post)
        toy.room.start()
        try:
            for what, gap in chain.from_iterable(chapters):
                toy.happen(*what)
                await settle()
                toy.look()
                await asyncio.sleep(gap)
                await settle()
                toy.look()
            toy.microphone.broken = None
            toy.speaking = False
            await asyncio.sleep(5)
            toy.room.stop()  # the microphone works and hears nothing
            await asyncio.sleep(175)
            await settle()
            toy.look()
            assert AT_REST & set(toy.states), toy.states
            assert set(toy.runtime.timers.pending) <= {"timer.being_let_go.grown_up_hold"}
            assert len(toy.runtime.queue) == 0
        finally:
            toy.room.stop()
            toy.button.close()
            toy.runtime.stop()
            await running
        assert toy.runtime.activities.tasks == 0
        assert asyncio.all_tasks() == {asyncio.current_task()}

    with surprises() as found:
        run(scene())
    assert found == []
