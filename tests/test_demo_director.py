"""The director: what a script waits for, and what is said when it does not come."""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path

import pytest
from demo_material import patterns, table, within

from pommai.demo.director import Director
from pommai.demo.scene import Scene
from pommai.demo.screen import Screen
from pommai.demo.script import Note, Press, Release, Say, Server, Step, Until, Wait
from pommai.demo.stage import Stage
from pommai.errors import DemoError
from pommai.protocol.audio import SILENCE


class ScriptedStage(Stage):
    """A stage without processes: what is done to it is noted, and answered with lines in the trace."""

    def __init__(self, folder: Path, answers: dict[str, list[str]]) -> None:
        """`answers`: to what is done, the events (with a dot) and states that follow."""
        self.trace = folder / "trace.jsonl"
        self.done: list[str] = []
        self.ended: str | None = None
        self._answers = answers
        self.add("idle")

    def add(self, name: str) -> None:
        line = {"t_us": 1, "kind": "event", "name": name, "turn": 0, "data": {}}
        if "." not in name:
            line |= {"kind": "configuration", "states": within("playing", name, "online")}
        with self.trace.open("a") as file:
            file.write(json.dumps(line) + "\n")

    def _do(self, what: str) -> None:
        self.done.append(what)
        for name in self._answers.get(what, []):
            self.add(name)

    async def press(self) -> None:
        self._do("press")

    async def release(self) -> None:
        self._do("release")

    async def say(self, what: Say) -> None:
        self._do(f"say {what.path}")

    async def kill_gateway(self) -> None:
        self._do("kill")

    async def start_gateway(self) -> None:
        self._do("start")

    async def operate(self, line: str) -> str:
        self._do(line)
        return "done"

    def failure(self) -> str | None:
        return self.ended


PRESSED = {"press": ["button.pressed", "listening"]}
QUICK = {**PRESSED, "release": ["button.released", "speaking", "idle"]}


def play(stage: ScriptedStage, *steps: Step) -> str:
    """Play; what the screen has shown."""
    stream = io.StringIO()
    director = Director(stage, Scene(table()), Screen(stream, patterns(), 0.0, {}))
    asyncio.run(director.play(steps))
    return stream.getvalue()


def until(state: str) -> Until:
    return Until(state, 0.1, "script.yaml:7")


def test_every_step_reaches_the_stage_and_the_screen_in_order(tmp_path: Path) -> None:
    stage = ScriptedStage(tmp_path, QUICK)
    say = Say(Path("hello.wav"), (SILENCE,) * 2)
    shown = play(
        stage, Note("Once."), Press(), say, Wait(0.01), Release(), Server("kill"), Server("start"), Server("resume")
    )
    assert stage.done == ["press", "say hello.wav", "release", "kill", "start", "resume"]
    words = ["Once.", "presses the button", "says hello.wav (0.0 s)", "lets the button go", "is killed", "resume: done"]
    places = [shown.index(word) for word in words]
    assert places == sorted(places)


def test_a_state_that_was_over_in_a_moment_is_not_missed(tmp_path: Path) -> None:
    play(
        ScriptedStage(tmp_path, QUICK),
        until("idle"),
        Press(),
        until("listening"),
        Release(),
        until("speaking"),
        until("idle"),
    )


def test_a_state_from_before_the_last_deed_does_not_count(tmp_path: Path) -> None:
    with pytest.raises(DemoError) as caught:
        play(ScriptedStage(tmp_path, QUICK), Press(), Release(), Press(), until("speaking"))
    assert str(caught.value) == (
        "script.yaml:7: waited 0.1 s for the toy to be in 'speaking', and it was in idle + online → listening + online"
    )


def test_states_have_to_come_in_the_order_they_are_waited_for(tmp_path: Path) -> None:
    with pytest.raises(DemoError, match="to be in 'speaking', and it was in idle"):
        play(ScriptedStage(tmp_path, QUICK), Press(), Release(), until("speaking"), until("idle"), until("speaking"))


def test_a_button_that_is_not_noticed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pommai.demo.director.BUTTON_SECONDS", 0.05)
    with pytest.raises(DemoError, match=r"did not notice: no button\.pressed within 0\.05 s"):
        play(ScriptedStage(tmp_path, {}), Press())


def test_a_child_that_has_ended_ends_the_waiting(tmp_path: Path) -> None:
    stage = ScriptedStage(tmp_path, {})
    stage.ended = "the toy has ended by itself"
    with pytest.raises(DemoError, match="the toy has ended by itself"):
        play(stage, Until("speaking", 60.0, "script.yaml:1"))
