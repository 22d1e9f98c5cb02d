"""A child says who the toy is to be, and the toy becomes it: gateway, Piper and toy as processes of their own."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import yaml
from live_processes import Child, gateway, toy
from speech_material import VOSK_TINY, frames, say, silence

from pommai.io.wav import write_wav
from pommai.protocol.pi_config import ACKNOWLEDGEMENTS, MODELS, THRESHOLD

ROOT = Path(__file__).resolve().parent.parent
PIPER_TINY = Path(__file__).parent / "data" / "piper-tiny" / "tiny.onnx"
ENGINES = f"""\
hearing: {{vosk: {{model: {VOSK_TINY}}}}}
answering: scripted
voice: {{piper: {{model: {PIPER_TINY}}}}}
"""


def personas() -> dict[str, Any]:
    """The project's bear, and others whose names vosk-tiny understands."""
    bear = yaml.safe_load((ROOT / "personas.yaml").read_text())["personas"]["pommai-bear"]
    people = {"pommai-bear": bear}
    for name, model in (("tiger", "alexa"), ("robot", "okay_nabu"), ("poppy", "hey_jarvis")):
        settings = {MODELS: [model], THRESHOLD: 0.4, ACKNOWLEDGEMENTS: ["hello.wav"]}
        people[name] = {**copy.deepcopy(bear), "name": name.capitalize(), "pi_config": settings}
    people["poppy"]["is_for_kids"] = False
    return {"personas": people}


def speak(folder: Path, toy: Child, words: str) -> str:
    """Call the toy and say this to it, once it has answered to its name. All that it answers."""
    sound = folder / f"{words.replace(' ', '-')}.wav"
    write_wav(sound, frames(silence(1.5) + say(words) + silence(2.0)))
    said, at = len(toy.trace("reply_text")), len(toy.log)
    toy.tell("wake")
    toy.tell(f"say {sound}")
    toy.logs(r"event=reply.finished", at)
    return " ".join(each["text"] for each in toy.trace("reply_text")[said:])


def ask_for(folder: Path, toy: Child, words: str, name: str) -> None:
    """Say this to the toy until it has understood, as one would: a busy machine may clip what it hears."""
    answers = []
    while len(answers) < 4:
        answers.append(speak(folder, toy, words))
        if name in answers[-1]:
            return
    raise AssertionError(f"{name} was asked for, but: {answers}")


def test_a_child_makes_the_toy_somebody_else_by_saying_so(tmp_path: Path) -> None:
    file = tmp_path / "personas.yaml"
    file.write_text(yaml.safe_dump(personas()))
    (tmp_path / "gateway.yaml").write_text(ENGINES)
    with (
        gateway(tmp_path, file, "--engines", str(tmp_path / "gateway.yaml")) as (server, url),
        toy(tmp_path, url) as bear,
    ):
        bear.logs(r"toy toy=pommai-bear")
        server.logs("piper ready")
        at = 0
        for words, toy_id, model in (("be tiger", "tiger", "alexa"), ("change to robot", "robot", "okay_nabu")):
            # Whoever the toy was says it, then the toy changes, and what the new one sets on it is in force.
            ask_for(tmp_path, bear, words, toy_id.capitalize())
            at = bear.logs(rf"toy toy={toy_id} ", at)
            bear.logs(rf"wake word engine=microwakeword .*models=.*'{model}'")
            server.asked("sessions", f"desk-1 is {toy_id}")
            server.asked("config", rf'desk-1 has HOTWORD_MODELS \["{model}"\], HOTWORD_THRESHOLD 0.4')
        # Somebody who is not for children does not come.
        speak(tmp_path, bear, "be poppy")
        server.asked("sessions", "desk-1 is robot")
        assert not re.search(r"toy toy=poppy", bear.log)
