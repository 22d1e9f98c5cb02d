"""The wake word listener: engines on a thread of their own, changed while the toy listens, never in its way."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from audio_material import number, numbered
from hypothesis import given, settings
from hypothesis import strategies as st
from wake_material import frames, spoken

from pommai.errors import ModelError
from pommai.io import wake
from pommai.io.capture import PATIENT_SECONDS, UNHEARD_SECONDS, Capture, Subscription
from pommai.io.ports import WakeHit, WakeSpec
from pommai.io.simulated_audio import SimulatedMicrophone
from pommai.io.wake import WakeListener, make_engine_for
from pommai.protocol.audio import FRAME_BYTES, SILENCE

TINY = Path(__file__).parents[1] / "data" / "vosk-tiny" / "model"
BEAR = WakeSpec("vosk", ("hello bear",))
ROBOT = WakeSpec("vosk", ("okay robot",))
SNAIL = WakeSpec("vosk", ("hey snail",))
NOBODY = WakeSpec()
CALL = 7
"""The numbered frame that calls every engine of these tests."""


class Engine:
    """Hears CALL in frames that are numbered; `broken` is raised by `hear`."""

    def __init__(self, shop: Shop, spec: WakeSpec) -> None:
        self.shop, self.spec = shop, spec
        self.heard: list[int] = []
        self.resets = 0
        self.closed = False
        self.broken: Exception | None = None
        self.open = threading.Event()
        self.open.set()
        self.entered = threading.Event()

    def hear(self, pcm: bytes) -> WakeHit | None:
        assert not self.closed, "an engine was called after it had been closed"
        self.shop.check_thread()
        self.entered.set()
        assert self.open.wait(10)
        if self.broken is not None:
            raise self.broken
        assert len(pcm) % FRAME_BYTES == 0
        numbers = [number(piece) for piece in frames(pcm)]
        self.heard += [heard for heard in numbers if heard]
        return WakeHit(self.spec.phrases[0], 0.9) if CALL in numbers else None

    def reset(self) -> None:
        self.shop.check_thread()
        self.resets += 1

    def close(self) -> None:
        self.shop.check_thread()
        self.closed = True


class Shop:
    """Makes engines, and remembers them. `fails` are specs that cannot be had; `open` holds making up."""

    def __init__(self) -> None:
        self.made: list[Engine] = []
        self.fails: dict[WakeSpec, Exception] = {}
        self.broken: dict[WakeSpec, Exception] = {}
        self.open = threading.Event()
        self.open.set()
        self.entered = threading.Event()
        self.asked: list[WakeSpec] = []
        self._loop_thread = threading.get_ident()

    def __call__(self, spec: WakeSpec) -> Engine:
        self.check_thread()
        self.asked.append(spec)
        self.entered.set()
        assert self.open.wait(10)
        if spec in self.fails:
            raise self.fails[spec]
        engine = Engine(self, spec)
        engine.broken = self.broken.get(spec)
        self.made.append(engine)
        return engine

    def check_thread(self) -> None:
        assert threading.get_ident() != self._loop_thread, "an engine was used on the event loop's thread"

    @property
    def alive(self) -> list[WakeSpec]:
        return [engine.spec for engine in self.made if not engine.closed]


class Room:
    """A listener, what it listens to, and what it tells."""

    def __init__(self) -> None:
        self.shop = Shop()
        self.told: list[tuple[WakeSpec, str | None]] = []
        self.hits: list[WakeHit] = []
        self.listener = WakeListener(self.shop, on_change=lambda spec, reason: self.told.append((spec, reason)))
        self.microphone = SimulatedMicrophone()
        self.capture = Capture(self.microphone)
        self.stream: Subscription

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """While this lasts, the toy rests and listens."""
        self.stream = self.capture.subscribe(preroll=False, patient=True)
        task = asyncio.create_task(self.listener.listen(self.stream, self.hits.append))
        try:
            yield
            assert not task.done(), "listening ended by itself"
        finally:
            task.cancel()
            await asyncio.wait([task])
            self.stream.close()
        assert task.cancelled()

    def say(self, *numbers: int) -> None:
        all_frames = numbered(300)
        for n in numbers:
            self.microphone.feed(all_frames[n - 1])

    async def until(self, happened: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not happened():
                await asyncio.sleep(0.001)

    async def until_loaded(self, spec: WakeSpec | None) -> None:
        await self.until(lambda: self.listener.loaded == spec)


@asynccontextmanager
async def room() -> AsyncIterator[Room]:
    made = Room()
    hearing = asyncio.create_task(made.capture.run(lambda reason: None, lambda: None))
    try:
        await made.until(lambda: made.microphone.is_open)
        yield made
    finally:
        made.shop.open.set()
        for engine in made.shop.made:
            engine.open.set()
        await made.listener.close()
        hearing.cancel()
        await asyncio.wait([hearing])
    assert made.shop.alive == [], "closing leaves no engine"


# -- listening -----------------------------------------------------------------------------


def test_a_call_is_a_hit_told_on_the_event_loops_thread() -> None:
    async def main() -> None:
        async with room() as made:
            made.listener.want(BEAR)
            threads = []
            stream = made.capture.subscribe(preroll=False, patient=True)
            async with asyncio.timeout(10):
                made.say(1, 2, CALL)
                stream.close()
                await made.listener.listen(stream, lambda hit: threads.append((hit, threading.get_ident())))
            assert threads == [(WakeHit("hello bear", 0.9), threading.get_ident())]
            assert made.shop.made[0].heard == [1, 2, CALL]

    asyncio.run(main())


def test_frames_that_came_together_are_heard_together() -> None:
    async def main() -> None:
        async with room() as made:
            made.listener.want(BEAR)
            async with made.listening():
                await made.until_loaded(BEAR)
                calls: list[int] = []
                engine = made.shop.made[0]
                hear = engine.hear
                engine.hear = lambda pcm: (calls.append(len(pcm) // FRAME_BYTES), hear(pcm))[1]  # type: ignore[method-assign]
                made.say(1, 2, 3, 4, 5)
                await made.until(lambda: len(engine.heard) == 5)
                assert calls == [5], "one hop to the thread for the 100 ms that a patient stream delivers"

    asyncio.run(main())


def test_a_toy_that_is_behind_hears_in_pieces_and_loses_nothing() -> None:
    async def main() -> None:
        async with room() as made:
            made.listener.want(BEAR)
            made.shop.open.clear()
            async with made.listening():
                await made.until(made.shop.entered.is_set)
                made.say(*range(10, 210))
                await asyncio.sleep(0)
                made.shop.open.set()
                await made.until(lambda: made.shop.made != [] and len(made.shop.made[0].heard) == 200)
                assert made.shop.made[0].heard == list(range(10, 210))

    asyncio.run(main())


def test_every_listening_begins_with_a_reset() -> None:
    async def main() -> None:
        async with room() as made:
            made.listener.want(BEAR)
            async with made.listening():
                await made.until_loaded(BEAR)
            for count in (1, 2, 3):
                async with made.listening():
                    made.say(count)
                    await made.until(lambda count=count: len(made.shop.made[0].heard) == count)
                assert made.shop.made[0].resets == count
            assert len(made.shop.made) == 1, "resting again does not load the engine again"

    asyncio.run(main())


def test_a_toy_that_is_not_called_by_a_wake_word_loads_nothing() -> None:
    async def main() -> None:
        async with room() as made:
            async with made.listening():
                made.say(*range(1, 100))
                await made.until(lambda: not made.stream._frames)
            assert made.shop.asked == []
            assert made.listener.loaded is None

    asyncio.run(main())


def test_frames_are_taken_only_while_there_is_an_engine_or_one_is_being_made() -> None:
    async def main() -> None:
        async with room() as made:
            made.listener.want(WakeSpec())
            async with made.listening():
                await made.until(lambda: made.microphone.attended == UNHEARD_SECONDS)
                made.shop.open.clear()
                made.listener.want(BEAR)
                await made.until(lambda: made.microphone.attended == PATIENT_SECONDS)
                made.say(1)
                made.shop.open.set()
                await made.until_loaded(BEAR)
                await made.until(lambda: made.shop.made[0].heard == [1])
                made.listener.want(WakeSpec())
                await made.until_loaded(None)
                await made.until(lambda: made.microphone.attended == UNHEARD_SECONDS)

    asyncio.run(main())


def test_nothing_is_changed_while_the_toy_does_not_listen() -> None:
    async def main() -> None:
        async with room() as made:
            made.listener.want(BEAR)
            await asyncio.sleep(0.01)
            assert made.shop.asked == []
            async with made.listening():
                await made.until_loaded(BEAR)

    asyncio.run(main())


# -- cancelling ----------------------------------------------------------------------------


def test_a_hit_that_comes_after_listening_was_cancelled_is_dropped() -> None:
    async def main() -> None:
        async with room() as made:
            made.listener.want(BEAR)
            async with made.listening():
                await made.until_loaded(BEAR)
                engine = made.shop.made[0]
                engine.open.clear()
                engine.entered.clear()
                made.say(CALL)
                await made.until(engine.entered.is_set)
            engine.open.set()  # it ends in the background, and heard the call
            async with made.listening():
                made.say(8)
                await made.until(lambda: engine.heard == [CALL, 8])
            assert made.hits == []

    asyncio.run(main())


def test_a_press_does_not_wait_for_an_engine_that_is_loading_and_its_loading_is_not_lost() -> None:
    async def main() -> None:
        async with room() as made:
            made.listener.want(BEAR)
            made.shop.open.clear()
            async with made.listening():
                await made.until(made.shop.entered.is_set)
            assert made.listener.loaded is None
            made.shop.open.set()
            await made.until_loaded(BEAR)
            await made.until(lambda: made.told == [(BEAR, None)])
            async with made.listening():
                made.say(CALL)
                await made.until(lambda: made.hits != [])
            assert made.shop.asked == [BEAR]

    asyncio.run(main())


def test_listening_ends_with_its_stream() -> None:
    async def main() -> None:
        async with room() as made:
            made.listener.want(BEAR)
            stream = made.capture.subscribe(preroll=False)
            made.say(1)
            stream.close()
            async with asyncio.timeout(10):
                await made.listener.listen(stream, made.hits.append)
            assert [task.get_name() for task in asyncio.all_tasks() if "wake" in task.get_name()] == []

    asyncio.run(main())


def test_a_closed_listener_cannot_listen_and_closes_again() -> None:
    async def main() -> None:
        async with room() as made:
            made.listener.want(BEAR)
            async with made.listening():
                await made.until_loaded(BEAR)
            await made.listener.close()
            assert made.listener.loaded is None
            await made.listener.close()
            with pytest.raises(RuntimeError, match="closed"):
                await made.listener.listen(made.capture.subscribe(preroll=False), made.hits.append)

    asyncio.run(main())


def test_closing_does_not_wait_for_ever_for_a_stuck_engine(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(wake, "CLOSING_SECONDS", 0.01)

    async def main() -> None:
        async with room() as made:
            made.listener.want(BEAR)
            async with made.listening():
                await made.until_loaded(BEAR)
                engine = made.shop.made[0]
                engine.open.clear()
                engine.entered.clear()
                made.say(1)
                await made.until(engine.entered.is_set)
            await made.listener.close()
            assert "does not end" in caplog.text
            engine.open.set()
            await made.until(lambda: engine.closed)

    asyncio.run(main())


# -- changing ------------------------------------------------------------------------------


def test_a_change_loses_no_frame_and_leaves_one_engine() -> None:
    async def main() -> None:
        async with room() as made:
            made.listener.want(BEAR)
            async with made.listening():
                await made.until_loaded(BEAR)
                made.say(1, 2, 3)
                await made.until(lambda: made.shop.made[0].heard == [1, 2, 3])
                made.shop.open.clear()
                made.shop.entered.clear()
                made.listener.want(ROBOT)
                await made.until(made.shop.entered.is_set)
                assert made.shop.alive == [BEAR], "the old engine stays while the new one is made"
                made.say(*range(10, 200), CALL)
                made.shop.open.set()
                await made.until(lambda: made.hits != [])
                old, new = made.shop.made
                assert old.closed
                assert [*old.heard, *new.heard] == [1, 2, 3, *range(10, 200), CALL]
                assert made.hits == [WakeHit("okay robot", 0.9)]
            assert made.told == [(BEAR, None), (ROBOT, None)]

    asyncio.run(main())


def test_wanting_what_is_loaded_already_changes_nothing() -> None:
    async def main() -> None:
        async with room() as made:
            made.listener.want(BEAR)
            async with made.listening():
                await made.until_loaded(BEAR)
                made.listener.want(WakeSpec("vosk", ("hello bear",)))
                made.say(1)
                await made.until(lambda: made.shop.made[0].heard == [1])
            assert made.shop.asked == [BEAR]

    asyncio.run(main())


@pytest.mark.parametrize("fault", [ModelError("the model lacks the word 'robot'"), OSError("no memory")])
def test_an_engine_that_cannot_be_had_leaves_the_old_one_and_says_why(
    fault: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with room() as made:
            made.listener.want(BEAR)
            async with made.listening():
                await made.until_loaded(BEAR)
                made.shop.fails[ROBOT] = fault
                made.listener.want(ROBOT)
                await made.until(lambda: len(made.told) == 2)
                made.say(CALL)
                await made.until(lambda: made.hits != [])
                assert made.hits[0].phrase == "hello bear"
                assert made.told[1][0] == ROBOT
                assert str(fault) in str(made.told[1][1])
                assert made.listener.loaded == BEAR
                made.say(8, 9)
                await made.until(lambda: made.shop.made[0].heard == [CALL, 8, 9])
                assert made.shop.asked == [BEAR, ROBOT], "it is not tried over and over"
                del made.shop.fails[ROBOT]
                made.listener.want(ROBOT)
                await made.until_loaded(ROBOT)

    asyncio.run(main())
    assert "wake engine refused" in caplog.text


def test_an_engine_that_cannot_be_made_is_told_once_however_often_it_is_wanted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A toy without a speech model wants it at every rest."""

    async def main() -> None:
        async with room() as made:
            made.shop.fails[ROBOT] = ModelError("there is no model")
            for count in range(1, 4):
                made.listener.want(ROBOT)
                async with made.listening():
                    await made.until(lambda count=count: len(made.shop.asked) == count and made.told != [])
            del made.shop.fails[ROBOT]
            made.listener.want(ROBOT)
            async with made.listening():
                await made.until_loaded(ROBOT)

    asyncio.run(main())
    told = [record for record in caplog.records if record.message == "wake engine refused"]
    assert [record.levelname for record in told if record.levelno >= logging.WARNING] == ["WARNING"]


def test_an_engine_that_fails_at_its_first_frame_never_takes_over() -> None:
    async def main() -> None:
        async with room() as made:
            made.listener.want(BEAR)
            async with made.listening():
                await made.until_loaded(BEAR)
                made.shop.broken[ROBOT] = RuntimeError("damaged")
                made.listener.want(ROBOT)
                await made.until(lambda: len(made.told) == 2)
                assert made.told[1] == (ROBOT, "RuntimeError: damaged")
                assert made.shop.alive == [BEAR]

    asyncio.run(main())


def test_of_several_wants_during_a_change_the_newest_wins() -> None:
    async def main() -> None:
        async with room() as made:
            made.listener.want(BEAR)
            async with made.listening():
                await made.until_loaded(BEAR)
                made.shop.open.clear()
                made.shop.entered.clear()
                made.listener.want(ROBOT)
                await made.until(made.shop.entered.is_set)
                made.listener.want(NOBODY)
                made.listener.want(SNAIL)
                made.shop.open.set()
                await made.until_loaded(SNAIL)
                assert made.shop.asked == [BEAR, ROBOT, SNAIL]
            assert made.told == [(BEAR, None), (SNAIL, None)]

    asyncio.run(main())


def test_a_toy_that_changes_its_mind_during_a_change_keeps_what_it_has() -> None:
    async def main() -> None:
        async with room() as made:
            made.listener.want(BEAR)
            async with made.listening():
                await made.until_loaded(BEAR)
                made.shop.open.clear()
                made.shop.entered.clear()
                made.listener.want(ROBOT)
                await made.until(made.shop.entered.is_set)
                made.listener.want(BEAR)
                made.shop.open.set()
                made.say(1)
                await made.until(lambda: made.shop.made[0].heard == [1])
                await made.until(lambda: made.shop.alive == [BEAR])
                assert made.listener.loaded == BEAR
            assert made.shop.asked == [BEAR, ROBOT]

    asyncio.run(main())


def test_wanting_none_lets_the_engine_go() -> None:
    async def main() -> None:
        async with room() as made:
            made.listener.want(BEAR)
            async with made.listening():
                await made.until_loaded(BEAR)
                made.listener.want(NOBODY)
                await made.until_loaded(None)
                assert made.shop.alive == []
                await made.until(lambda: made.told == [(BEAR, None), (NOBODY, None)])
                made.say(CALL)
                await made.until(lambda: not made.stream._frames)
            assert made.hits == []

    asyncio.run(main())


def test_a_want_is_followed_even_while_no_sound_comes() -> None:
    async def main() -> None:
        async with room() as made, made.listening():
            made.listener.want(BEAR)
            await made.until_loaded(BEAR)
            made.listener.want(ROBOT)
            await made.until_loaded(ROBOT)

    asyncio.run(main())


# -- failing -------------------------------------------------------------------------------


def test_an_engine_that_fails_is_made_anew_and_listening_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wake, "FIRST_PAUSE", 0.02)

    async def main() -> None:
        async with room() as made:
            made.listener.want(BEAR)
            async with made.listening():
                await made.until_loaded(BEAR)
                made.shop.made[0].broken = RuntimeError("out of memory")
                made.say(1)
                await made.until(lambda: len(made.shop.made) == 2)
                await made.until_loaded(BEAR)
                made.say(CALL)
                await made.until(lambda: made.hits != [])
                assert made.shop.made[0].closed
            assert made.told == [(BEAR, None), (BEAR, "RuntimeError: out of memory"), (BEAR, None)]

    asyncio.run(main())


def test_an_engine_that_always_fails_is_tried_ever_more_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    async def main() -> None:
        async with room() as made:
            made.shop.fails[BEAR] = ModelError("there is no model")
            made.listener.want(BEAR)
            async with made.listening():
                loop = asyncio.get_running_loop()
                for count in range(1, 12):
                    await made.until(lambda count=count: len(made.shop.asked) == count and not made.listener._change)
                    pauses.append(made.listener._retry_at - loop.time())
                    made.listener._retry_at = 0.0  # as if the time had passed
                    made.listener._due.set()
            assert made.told == [(BEAR, "there is no model")], "the same is told once"

    asyncio.run(main())
    expected = [min(wake.FIRST_PAUSE * 2**i, wake.LONGEST_PAUSE) for i in range(11)]
    assert all(want - 5 < pause <= want for pause, want in zip(pauses, expected, strict=True))


def test_when_the_engine_in_use_fails_and_the_wanted_one_cannot_be_had_the_last_good_one_comes_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(wake, "FIRST_PAUSE", 0.02)

    async def main() -> None:
        async with room() as made:
            made.listener.want(BEAR)
            async with made.listening():
                await made.until_loaded(BEAR)
                made.shop.fails[ROBOT] = ModelError("no")
                made.listener.want(ROBOT)
                await made.until(lambda: (ROBOT, "no") in made.told)
                made.shop.made[0].broken = RuntimeError("tired")
                made.say(1)
                await made.until(lambda: len(made.shop.made) == 2)
                await made.until_loaded(BEAR)
            assert made.shop.asked == [BEAR, ROBOT, ROBOT, BEAR]

    asyncio.run(main())


def test_an_engine_that_fails_after_its_listening_was_cancelled_is_told_and_made_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(wake, "FIRST_PAUSE", 0.02)

    async def main() -> None:
        async with room() as made:
            made.listener.want(BEAR)
            async with made.listening():
                await made.until_loaded(BEAR)
                engine = made.shop.made[0]
                engine.open.clear()
                engine.entered.clear()
                engine.broken = RuntimeError("late")
                made.say(1)
                await made.until(engine.entered.is_set)
            engine.open.set()
            await made.until(lambda: (BEAR, "RuntimeError: late") in made.told)
            async with made.listening():
                await made.until_loaded(BEAR)

    asyncio.run(main())


def test_an_engine_that_does_not_even_close_is_forgotten(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with room() as made:
            made.listener.want(BEAR)
            async with made.listening():
                await made.until_loaded(BEAR)
                engine = made.shop.made[0]

                def refuse() -> None:
                    engine.closed = True
                    raise OSError("busy")

                engine.close = refuse  # type: ignore[method-assign]
                made.listener.want(ROBOT)
                await made.until_loaded(ROBOT)

    asyncio.run(main())
    assert "did not close" in caplog.text


# -- whatever happens ----------------------------------------------------------------------

_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("want"), st.sampled_from([BEAR, ROBOT, SNAIL, NOBODY])),
        st.tuples(st.just("fail"), st.sampled_from([BEAR, ROBOT, SNAIL])),
        st.tuples(st.just("mend"), st.sampled_from([BEAR, ROBOT, SNAIL])),
        st.tuples(st.just("break"), st.none()),
        st.tuples(st.just("say"), st.none()),
        st.tuples(st.just("rest"), st.none()),
        st.tuples(st.just("yield"), st.integers(1, 5)),
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(_STEPS)
def test_whatever_happens_the_newest_want_is_what_listens_in_the_end(steps: list[tuple[str, object]]) -> None:
    async def main() -> None:
        async with room() as made:
            wanted, listening = NOBODY, made.listening()
            await listening.__aenter__()
            for what, which in steps:
                if what == "want":
                    assert isinstance(which, WakeSpec)
                    wanted = which
                    made.listener.want(which)
                elif what == "fail":
                    made.shop.fails[which] = ModelError("no")  # type: ignore[index]
                elif what == "mend":
                    made.shop.fails.pop(which, None)  # type: ignore[call-overload]
                elif what == "break":
                    for engine in made.shop.made:
                        engine.broken = RuntimeError("broken")
                elif what == "say":
                    made.say(1)
                elif what == "rest":
                    await listening.__aexit__(None, None, None)
                    listening = made.listening()
                    await listening.__aenter__()
                else:
                    await asyncio.sleep(0.0005 * int(str(which)))
                assert len(made.shop.alive) <= 2
            made.shop.fails.clear()
            made.listener.want(wanted)
            await made.until_loaded(None if wanted == NOBODY else wanted)
            made.say(2)
            await made.until(lambda: made.listener._change is None and not made.stream._frames)
            await listening.__aexit__(None, None, None)
            await made.until(lambda: len(made.shop.alive) <= 1)

    asyncio.run(main())


# -- the factory ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (WakeSpec("voks", ("hello bear",)), r"no wake engine 'voks' \(did you mean 'vosk'\?\)"),
        (WakeSpec("vosk", ("hello bear",)), "pommai models get"),
        (WakeSpec("microwakeword", (), ("alexia",)), "did you mean 'alexa'"),
        (WakeSpec("openwakeword", (), ("hello",)), "no wake model"),
    ],
)
def test_an_engine_that_cannot_be_made_is_refused_with_the_way_out(spec: WakeSpec, words: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=words):
        make_engine_for(None, tmp_path)(spec)


def test_the_factory_makes_an_engine_that_hears() -> None:
    engine = make_engine_for(None, Path())(WakeSpec("microwakeword", (), ("alexa",)))
    assert engine.hear(SILENCE) is None
    engine.close()


def test_real_engines_take_turns_and_real_calls_wake_the_toy(tmp_path: Path) -> None:
    bear = WakeSpec("vosk", ("hey bombastic", "hey pommai"))
    alexa = WakeSpec("microwakeword", models=("alexa",))

    async def main() -> None:
        told: list[tuple[WakeSpec, str | None]] = []
        hits: list[WakeHit] = []
        make = make_engine_for(TINY, tmp_path, tmp_path / "cache")
        listener = WakeListener(make, on_change=lambda spec, reason: told.append((spec, reason)))
        microphone = SimulatedMicrophone()
        capture = Capture(microphone)
        hearing = asyncio.create_task(capture.run(lambda reason: None, lambda: None))
        stream = capture.subscribe(preroll=False, patient=True)
        listening = asyncio.create_task(listener.listen(stream, hits.append))

        async def say(text: str) -> None:
            for some in frames(spoken(text, "en-us+Annie"), 20):  # less than a piece: taken at once
                for piece in frames(some):
                    microphone.feed(piece)
                while stream._frames:
                    await asyncio.sleep(0.001)
                await listener._ask(lambda engine: None)  # behind what the engine is still at
            await asyncio.sleep(0.001)

        async with asyncio.timeout(60):
            for spec in (bear, alexa):
                listener.want(spec)
                while listener.loaded != spec:
                    await asyncio.sleep(0.001)
                for text in ("alexa", "hello bear", "hey pommai", "alexa"):
                    await say(text)
            listener.want(WakeSpec("microwakeword", models=("alexia",)))
            while len(told) < 3:
                await asyncio.sleep(0.001)
            await say("hello bear")
            await say("alexa")
            stream.close()
            await listening
        assert [hit.phrase for hit in hits] == ["hey pommai", "alexa", "alexa", "alexa"]
        assert [spec for spec, reason in told if reason is None] == [bear, alexa]
        assert "did you mean 'alexa'" in str(told[2][1])
        await listener.close()
        hearing.cancel()
        await asyncio.wait([hearing])

    asyncio.run(main())
