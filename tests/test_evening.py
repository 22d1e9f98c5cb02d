"""An evening with the toy, as `make evening` plays it: real processes, sockets, Opus, Vosk and SQLite.

It is played once, in about a minute and a half; the tests look at what came of it: what was shown, the toy's trace, its
memory, and what the server has kept.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from speech_material import VOSK_TINY

from pommai.gateway.archive import Archive, Kept
from pommai.io import memory_guardian
from pommai.io.ports import CONVERSATIONS, SAFETY, Kind
from pommai.io.wav import read_wav
from pommai.protocol.audio import FRAME_SECONDS, SILENCE

SCRIPT = Path(__file__).parents[1] / "examples" / "evening.yaml"
LONGEST = 400.0
"""Seconds: what a script's own limits do not end has hung."""
HEARING = {"hear", "record", "stream_speech", "await_wake_word"}
"""Activities that listen to the child."""


@dataclass(frozen=True)
class Evening:
    """What came of it. `lines` is the trace, `memory` all that the toy remembers."""

    output: str
    lines: list[dict[str, Any]]
    memory: dict[str, Any]
    conversations: tuple[Kept, ...]
    safety: tuple[Kept, ...]
    reply: Path

    def named(self, kind: str, name: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if (line["kind"], line["name"]) == (kind, name)]

    def in_safe_mode(self) -> Iterator[tuple[str, list[dict[str, Any]]]]:
        """Each time in safe mode: what caused it, and the lines from then until what ended it."""
        inside: list[dict[str, Any]] = []
        safe, event = False, 0  # where the last event stands in `inside`: what follows it is the step it caused
        cause = ""
        for line in self.lines:
            if line["kind"] == "configuration" and safe != ("safe_mode" in line["states"]):
                if safe:
                    yield cause, inside[:event]
                safe, inside = not safe, []
            if line["kind"] == "event":
                event = len(inside)
                cause = cause if safe else line["name"]
            inside.append(line)


async def kept(archive: Path, kind: Kind) -> tuple[Kept, ...]:
    async with await Archive.open(archive) as opened:
        return await opened.items(kind)


@pytest.fixture(scope="module")
def evening(tmp_path_factory: pytest.TempPathFactory) -> Evening:
    folder = tmp_path_factory.mktemp("evening")
    done = subprocess.run(
        [sys.executable, "-m", "pommai", "demo", "--script", str(SCRIPT), "--sound", "wav"],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=LONGEST,
        env={**os.environ, "POMMAI_VOSK_MODEL": str(VOSK_TINY)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    out = folder / "out"
    return Evening(
        done.stdout,
        [json.loads(line) for line in (out / "trace.jsonl").read_text().splitlines()],
        memory_guardian.read(out / "memory.db"),
        asyncio.run(kept(out / "archive.db", CONVERSATIONS)),
        asyncio.run(kept(out / "archive.db", SAFETY)),
        out / "reply.wav",
    )


def test_the_toy_goes_through_its_states_in_the_order_of_the_evening(evening: Evening) -> None:
    names = [line["name"].split()[0] for line in evening.lines if line["kind"] == "configuration"]
    talk = ["listening", "asking", "speaking", "idle"]
    alone = ["listening", "answering_alone", "speaking", "idle"]
    assert [name for name, _ in itertools.groupby(names)] == [
        *("loading_toy", "idle"),
        *talk,
        *alone,  # the joke
        *("switching_toy", "idle"),
        *talk,
        *(alone * 2),  # two bad words
        *("listening", "answering_alone", "calm", "idle"),  # the third, and the server's resume
        *("listening", "calm", "briefly", "calm", "idle"),  # the hold, a press, and the server's resume
    ]
    assert [line for line in evening.lines if line["name"].startswith("error.")] == []


def test_the_toy_is_called_by_its_name_and_says_at_once_that_it_listens(evening: Evening) -> None:
    called = evening.named("event", "wake.heard")
    assert [line["data"]["phrase"] for line in called] == ["hey pommai", "hey pommai"]
    assert len(evening.named("operation", "acknowledge")) == 2
    assert "wake phrase ended → acknowledgement" in evening.output


def test_a_sentence_in_which_the_network_is_lost_is_understood_and_answered_on_board(evening: Evening) -> None:
    understood, answered = evening.named("mark", "understood")[0], evening.named("mark", "answered")[0]
    turn = understood["turn"]
    assert answered["turn"] == turn
    assert understood["text"] == "tell me a joke"
    assert (answered["outcome"], answered["answer"]) == ("command", "tell_joke")
    moments = [line["name"] for line in evening.lines if line["kind"] in ("event", "mark")]
    sent = next(line for line in evening.named("mark", "first_frame_sent") if line["turn"] == turn)
    lost = next(line for line in evening.named("event", "link.down") if line["t_us"] > sent["t_us"])
    ended = next(line for line in evening.named("event", "speech.ended") if line["t_us"] > sent["t_us"])
    assert sent["t_us"] < lost["t_us"] < ended["t_us"], moments
    assert f"answers “{answered['text']}”" in evening.output


def test_each_conversation_is_with_the_server_once_and_nothing_waits(evening: Evening) -> None:
    mine = evening.memory["conversations"]
    assert sorted(item["id"] for item in mine) == sorted(item.id for item in evening.conversations)
    texts = [(item.item["user_input"], item.item["toy_response"]) for item in evening.conversations]
    understood = [line["text"] for line in evening.named("mark", "understood")]
    answers = [line["text"] for line in evening.named("mark", "answered")]
    assert texts == list(zip(understood[:3], answers[:3], strict=True))
    assert len(understood) == len(answers) == 4  # the last bad word got a pause for an answer
    assert [item.toy_id for item in evening.conversations] == ["pommai-bear", "robo-rex", "robo-rex"]
    assert all(item.item["was_offline"] is True for item in evening.conversations)
    kinds = ("conversations", "safety", "metrics")
    assert {item["state"] for kind in kinds for item in evening.memory[kind]} == {"sent"}
    assert "3 kept by the toy, 3 of them with the server" in evening.output


def test_the_toy_became_the_one_the_server_asked_for(evening: Evening) -> None:
    assert evening.memory["facts"]["toy"] == "robo-rex"
    assert {toy["toyId"] for toy in evening.memory["toys"]} == {"pommai-bear", "robo-rex"}


def test_the_third_bad_word_and_the_hold_each_alarm_the_grown_ups_once(evening: Evening) -> None:
    alarms = [item for item in evening.safety if item.item["severity"] != "note"]
    told = [(item.item["severity"], item.item["reason"]) for item in alarms]
    assert told == [("high", "inappropriate: shut, up"), ("medium", "held without a word")]
    assert evening.output.count("alarms the grown-ups") == 2
    ids = [item["id"] for item in evening.memory["safety"]]
    assert sorted(ids) == sorted(item.id for item in evening.safety)
    notes = [item.item["reason"] for item in evening.safety if item.item["severity"] == "note"]
    assert [note for note in notes if note.startswith("safe mode")] == [
        "safe mode began: safety.pause",
        "safe mode ended: safety.resume",
        "safe mode began: button.held",
        "safe mode ended: safety.resume",
    ]


def test_in_safe_mode_nothing_is_recorded_and_nothing_but_safety_is_sent(evening: Evening) -> None:
    times = list(evening.in_safe_mode())
    assert [cause for cause, _ in times] == ["safety.pause", "button.held"]
    for _, inside in times:
        assert not [line for line in inside if line["name"].startswith("speech.")]
        assert not {line["name"] for line in inside} & {"first_frame_captured", "first_frame_sent", "last_frame_sent"}
        assert len({line["turn"] for line in inside}) == 1  # none is begun
        started = {line["name"] for line in inside if line["kind"] == "operation" and line["op"] == "start"}
        assert not started & {*HEARING, "sync_memory", "load_toy"}
    story = evening.output
    assert story.index("BRIEFLY") < story.index("“Good night!”") < story.rindex("may go on")  # said, and not heard
    # What could wait has come after what could not.
    alarm = next(item for item in evening.safety if item.item["severity"] == "high")
    assert alarm.received <= min(item.received for item in evening.conversations if item.toy_id == "robo-rex")


def test_the_toy_was_heard(evening: Evening) -> None:
    sound = [frame for frame in read_wav(evening.reply) if frame != SILENCE]
    assert len(sound) * FRAME_SECONDS > 15.0
