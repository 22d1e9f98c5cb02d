"""What a persona sets on a toy, from the server's file to the toy's ears: gateway and toy as processes of their own."""

from __future__ import annotations

import asyncio
import copy
import json
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import yaml
from gateway_material import desk
from live_processes import PATIENCE, Child, gateway, toy
from speech_material import frames, say, silence

from pommai.gateway.server import Gateway
from pommai.gateway.session import Session
from pommai.io.wav import write_wav
from pommai.protocol.messages import PiConfigReport, PiConfigUpdate
from pommai.protocol.pi_config import ACKNOWLEDGEMENTS, MODELS, THRESHOLD

ROOT = Path(__file__).resolve().parent.parent


def listens_for(model: str) -> str:
    """The toy's log says that this model works."""
    return rf"wake word engine=microwakeword .*models=.*'{model}'"


def personas(**settings: dict[str, Any]) -> dict[str, Any]:
    """The project's bear and others like it, each with these settings."""
    document: dict[str, Any] = yaml.safe_load((ROOT / "personas.yaml").read_text())
    bear = document["personas"]["pommai-bear"]
    people = {name.replace("_", "-"): {**copy.deepcopy(bear), "pi_config": set_} for name, set_ in settings.items()}
    return {"personas": people}


@pytest.fixture(scope="module")
def called(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Somebody says "alexa"."""
    path = tmp_path_factory.mktemp("called") / "alexa.wav"
    write_wav(path, frames(silence(0.3) + say("alexa", "en-us", 150) + silence(0.5)))
    return path


def call(toy: Child, sound: Path) -> None:
    """Call the toy until it has heard, as one would: it may have been talking itself."""
    before = len(toy.trace("wake.heard"))

    def heard() -> bool:
        toy.tell(f"say {sound}")
        limit = time.monotonic() + 4.0
        while time.monotonic() < limit and len(toy.trace("wake.heard")) == before:
            time.sleep(0.05)
        return len(toy.trace("wake.heard")) > before

    toy.wait(heard, "call heard")
    assert toy.trace("wake.heard")[-1]["data"]["phrase"] == "alexa"
    toy.tell("press")
    toy.tell("release")  # never mind: it need not wait for words


def test_a_persona_sets_what_calls_the_toy_through_changes_mistakes_and_restarts(tmp_path: Path, called: Path) -> None:
    file = tmp_path / "personas.json"
    document = personas(
        pommai_bear={MODELS: ["okay_nabu"], THRESHOLD: 0.9, ACKNOWLEDGEMENTS: ["hello.wav"]},
        tars={MODELS: ["alexa"], THRESHOLD: 0.2, ACKNOWLEDGEMENTS: ["connected.wav", "press"]},
        lost={MODELS: ["gone.onnx"], THRESHOLD: 0.2, ACKNOWLEDGEMENTS: ["no.raw", "hello.wav"]},
    )
    file.write_text(json.dumps(document, indent=2))
    with gateway(tmp_path, file) as (server, url):
        with toy(tmp_path, url) as bear:
            # The default persona: received, applied, and the server knows.
            at = bear.logs(listens_for("okay_nabu"))
            server.asked("config", r'desk-1 has HOTWORD_MODELS \["okay_nabu"\], HOTWORD_THRESHOLD 0.9, ACKN.*hello.wav')

            # Another persona: the new name works, by which the toy was not called before.
            server.asked("switch tars", "asked 1 toy to become tars")
            at = bear.logs(listens_for("alexa"), at)
            server.asked("config", r'HOTWORD_MODELS \["alexa"\], HOTWORD_THRESHOLD 0.2, ACKN.*"connected.wav", "press"')
            call(bear, called)

            # A persona whose model is nowhere: said on both ends, and the toy listens as before.
            server.asked("switch lost", "asked 1 toy")
            at = bear.logs(r"configuration refused key=HOTWORD_MODELS reason=.there is no wake model .*gone.onnx", at)
            bear.logs(r"configuration refused key=ACKNOWLEDGEMENT_AUDIO_FILES reason=.*no.raw|'no'", at)
            server.asked(
                "config", r'HOTWORD_MODELS \["alexa"\].*\["hello.wav"\]\n  refused HOTWORD_MODELS: there is no'
            )
            call(bear, called)

            # A mistake in the file: told with its place, and nothing changes.
            good = file.read_text()
            file.write_text(good.replace('"HOTWORD_THRESHOLD": 0.9', '"HOTWORD_THRESHOLD": 2.0'))
            line = 1 + good[: good.index('"HOTWORD_THRESHOLD": 0.9')].count("\n")
            now = server.logs(rf"personas not read, .*personas\.json:{line}:\d+: error: HOTWORD_THRESHOLD .* 0\.\.1")
            server.asked("sessions", "desk-1 is lost")

            # The mistake is gone, and what was edited besides comes to the toy by itself.
            file.write_text(good.replace('"gone.onnx"', '"hey_jarvis"'))
            server.logs(r"personas changed .*told=1", now)
            bear.logs(listens_for("hey_jarvis"), at)
            server.asked("switch tars", "asked 1 toy")
            server.asked("sessions", "desk-1 is tars")

        # Another toy of the same name, which remembers nothing and believes that it is the bear.
        with toy(tmp_path, url, "newborn") as newborn:
            newborn.logs(listens_for("alexa"))
            server.asked("sessions", "desk-1 is tars")
            server.asked("config", r'desk-1 has HOTWORD_MODELS \["alexa"\], HOTWORD_THRESHOLD 0.2')
            call(newborn, called)


def test_a_server_that_sets_nonsense_changes_nothing_and_the_last_good_survives_a_restart(tmp_path: Path) -> None:
    good = {MODELS: ["alexa"], THRESHOLD: 0.2, ACKNOWLEDGEMENTS: ["connected.wav"]}

    async def report(server: Gateway, fits: Callable[[PiConfigReport], bool]) -> Session:
        while True:
            for session in server.sessions:
                if session.report is not None and fits(session.report):
                    return session
            await asyncio.sleep(0.05)

    async def first() -> None:
        async with desk() as server:
            with toy(tmp_path, server.url) as process:
                session = await report(server, lambda report: not report.applied)
                await session.send(PiConfigUpdate(good))
                await report(server, lambda report: report.applied == good)
                await asyncio.to_thread(process.logs, listens_for("alexa"))
                for payload, words in (
                    ({**good, THRESHOLD: 2.0}, "must be a number in 0.0..1.0, not 2.0"),
                    ({**good, MODELS: ["../../../etc/passwd"]}, "is no bare name"),
                    ({**good, MODELS: "alexa", THRESHOLD: "0.2"}, "must be a list of names"),
                    ({**good, "ROOT_PASSWORD": "x"}, "is not known"),
                ):
                    session.report = None
                    await session.send(PiConfigUpdate(payload))
                    await report(server, lambda report: report.applied == good)
                    assert session.report is not None
                    assert words in session.report.refused[0].reason
                assert process.log.count("wake word engine=microwakeword") == 1, "nothing was loaded anew"

                # A model that is there and damaged: the engine says so, and the last good one counts again.
                for name in ("broken.tflite", "broken.json"):
                    (tmp_path / "models").mkdir(exist_ok=True)
                    (tmp_path / "models" / name).write_bytes(b"noise")
                await session.send(PiConfigUpdate({**good, MODELS: ["broken"]}))
                await report(server, lambda report: "broken.tflite" in str(report.refused) and report.applied == good)

    async def second() -> None:
        with toy(tmp_path, "ws://127.0.0.1:9/audio-stream") as process:  # nobody is there
            await asyncio.to_thread(process.logs, listens_for("alexa"))

    patiently(first())
    patiently(second())


def patiently(test: Coroutine[Any, Any, None]) -> None:
    """Run a test that awaits; one that hangs fails."""

    async def limited() -> None:
        async with asyncio.timeout(PATIENCE):
            await test

    asyncio.run(limited())
