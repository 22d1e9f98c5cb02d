"""The director: what a script waits for, and what is said when it does not come."""

from __future__ import annotations

import asyncio
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from demo_material import patterns, remember, table, within

from pommai.demo.director import Director
from pommai.demo.scene import Scene
from pommai.demo.screen import Screen
from pommai.demo.script import Call, Note, Press, Release, Say, Server, Step, Until, Wait, Waited
from pommai.demo.stage import Stage
from pommai.errors import DemoError
from pommai.protocol.audio import SILENCE


class ScriptedStage(Stage):
    """A stage without processes: what is done to it is noted, and answered with lines in the trace."""

    def __init__(self, folder: Path, answers: dict[str, list[str]]) -> None:
        """`answers`: to what is done, the events (with a dot) and states that follow."""
        self.trace = folder / "trace.jsonl"
        self.memory = folder / "memory.db"
        self.alerts: list[str] = []
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
            if name.startswith("alert "):
                self.alerts.append(name.removeprefix("alert "))
            else:
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


def until(name: str, what: Waited = "state") -> Until:
    return Until(what, name, 0.1, "script.yaml:7")


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
        play(stage, Until("state", "speaking", 60.0, "script.yaml:1"))


def test_an_event_is_waited_for_and_counts_once(tmp_path: Path) -> None:
    stage = ScriptedStage(tmp_path, {**PRESSED, "say hello.wav": ["speech.started", "speech.ended"]})
    say = Say(Path("hello.wav"), (SILENCE,))
    play(stage, Press(), say, until("speech.started", "event"), until("speech.ended", "event"))
    with pytest.raises(DemoError) as caught:
        play(stage, Press(), say, until("speech.ended", "event"), until("speech.started", "event"))
    assert str(caught.value) == "script.yaml:7: waited 0.1 s for the event 'speech.started', and there came none"


def test_an_alert_counts_from_when_it_came_until_it_was_waited_for(tmp_path: Path) -> None:
    stage = ScriptedStage(tmp_path, {**QUICK, "press": ["button.pressed", "alert high violence: gun"]})
    shown = play(stage, Press(), Release(), until("violence", "alert"))
    assert "server         alarms the grown-ups: violence: gun (high)" in shown
    stage = ScriptedStage(tmp_path, {**QUICK, "press": ["button.pressed", "alert high violence: gun"]})
    with pytest.raises(DemoError, match="for an alert about 'gun', and there came none"):
        play(stage, Press(), Release(), until("violence", "alert"), until("gun", "alert"))


def test_a_child_calls_until_the_toy_hears_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pommai.demo.director.CALL_AGAIN_SECONDS", 0.05)
    call = Call(Say(Path("name.wav"), (SILENCE,), "Hey Pommai!"), 10.0, "script.yaml:3")

    class Sleepy(ScriptedStage):
        async def say(self, what: Say) -> None:
            await super().say(what)
            if len(self.done) == 3:
                self.add("wake.heard")

    stage = Sleepy(tmp_path, {})
    assert play(stage, call).count("child          says “Hey Pommai!”") == 3
    deaf = ScriptedStage(tmp_path, {})
    with pytest.raises(DemoError, match=r"script\.yaml:3: called for 0\.2 s, and the toy did not hear its name"):
        play(deaf, replace(call, within=0.2))


def test_a_sentence_goes_on_while_the_next_step_comes(tmp_path: Path) -> None:
    long = Say(Path("story.wav"), (SILENCE,) * 3000, next_after=0.01)
    stage = ScriptedStage(tmp_path, {})
    play(stage, long, Server("kill"))
    assert stage.done == ["say story.wav", "kill"]


def test_all_is_synced_when_the_memory_has_what_was_told_and_none_of_it_waits(tmp_path: Path) -> None:
    def told(turn: int) -> list[dict[str, object]]:
        marks = [("answered", {"text": "A joke."}), ("reply_received", {"frames": 0, "bytes": 0})]
        return [{"t_us": 1, "kind": "mark", "name": name, "turn": turn, **more} for name, more in marks]

    stage = ScriptedStage(tmp_path, {})
    with pytest.raises(DemoError, match="for all to be synced, and nothing of the last conversation is in its memory"):
        play(stage, until("", "synced"))
    with stage.trace.open("a") as file:
        file.writelines(json.dumps(line) + "\n" for line in told(1))
    remember(stage.memory, acknowledged=False)
    with pytest.raises(DemoError, match="and 1 things still wait in its memory"):
        play(stage, until("", "synced"))
    stage.memory.unlink()
    remember(stage.memory, acknowledged=True)
    assert "has all that the toy remembers: 1 conversation\n" in play(stage, until("", "synced"))
    with stage.trace.open("a") as file:
        file.writelines(json.dumps(line) + "\n" for line in told(2))
    with pytest.raises(DemoError, match="nothing of the last conversation"):
        play(stage, until("", "synced"))
