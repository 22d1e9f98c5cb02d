"""Who a toy is to be, from an operator's request to the toy's ears and voice: gateway, toy and command line are
processes of their own, and the voice is measured on the wire."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from gateway_material import FOURTH_DOWN, THIRD, TOKEN, decode_all, encode_all, pitch_ratio, run, samples_of, sentence
from gateway_material import toy_at as scripted_toy
from live_processes import Child, child, toy
from test_live_configuration import listens_for, personas
from web_material import operated

from pommai.cli.operator_client import OperatorClient
from pommai.protocol import messages as m
from pommai.protocol.pi_config import MODELS, THRESHOLD

OPERATOR = "the-operator-of-this-test"
SENTENCE = Path(__file__).parent / "data" / "sentence.wav"


class Operator:
    """Asks a gateway by HTTP."""

    def __init__(self, gateway: Child, url: str) -> None:
        self._gateway = gateway
        self.url = url

    def ask(self, method: str, path: str, order: dict[str, Any] | None = None) -> dict[str, Any]:
        return OperatorClient(self.url, OPERATOR).ask(method, path, order)

    def sees(self, model: str, threshold: float) -> None:
        """Wait until the toy has told that it listens for this."""

        def told() -> bool:
            rows = self.ask("GET", "/config")["toys"]
            return [row.get("applied") for row in rows] == [{MODELS: [model], THRESHOLD: threshold}]

        self._gateway.wait(told, f"{model} at {threshold} in /config")


@contextmanager
def served(folder: Path) -> Iterator[tuple[Operator, str]]:
    """A gateway whose personas listen for different names; how it is asked, and where toys connect to."""
    document = personas(
        pommai_bear={MODELS: ["okay_nabu"], THRESHOLD: 0.9},
        tars={MODELS: ["alexa"], THRESHOLD: 0.2},
    )
    (folder / "personas.json").write_text(json.dumps(document))
    arguments = ("gateway", "--port", "0", "--personas", str(folder / "personas.json"))
    with child(folder, "gateway", *arguments, POMMAI_GATEWAY_TOKEN=TOKEN, POMMAI_OPERATOR_TOKEN=OPERATOR) as process:
        printed, pattern = folder / "gateway.out", r"operators: (\S+)\nlistening on (\S+)\n"
        found = process.wait(lambda: re.search(pattern, printed.read_text()), "gateway that listens")
        yield Operator(process, found[1]), found[2]


def test_a_persona_set_by_http_and_by_the_command_line_reaches_the_toy_and_its_report_comes_back(
    tmp_path: Path,
) -> None:
    with served(tmp_path) as (operator, url), toy(tmp_path, url) as bear:
        at = bear.logs(listens_for("okay_nabu"))
        operator.sees("okay_nabu", 0.9)
        assert operator.ask("PUT", "/personas/active", {"toyId": "tars"})["asked"] == 1
        at = bear.logs(listens_for("alexa"), at)
        operator.sees("alexa", 0.2)
        assert [row["toy"] for row in operator.ask("GET", "/sessions")["sessions"]] == ["tars"]
        done = subprocess.run(
            [sys.executable, "-m", "pommai", "persona", "pommai-bear", "--device", "desk-1", "--gateway", operator.url],
            env={"POMMAI_OPERATOR_TOKEN": OPERATOR},
            text=True,
            capture_output=True,
            timeout=30,
            check=False,
        )
        assert (done.stdout, done.stderr) == ("desk-1 is to be pommai-bear: asked 1 toy\n", "")
        bear.logs(listens_for("okay_nabu"), at)
        operator.sees("okay_nabu", 0.9)
        bear_row, tars_row = operator.ask("GET", "/personas")["personas"]
        assert (bear_row["activeFor"], tars_row["activeForAll"]) == (["desk-1"], True)


def test_a_toy_that_listens_or_speaks_finishes_its_turn_and_is_somebody_else_then(tmp_path: Path) -> None:
    with served(tmp_path) as (operator, url), toy(tmp_path, url) as bear:
        at = bear.logs(listens_for("okay_nabu"))

        def was(state: str) -> int:
            return len(re.findall(rf'states="{state} ', bear.log))

        def turn(number: int, when: str, persona: str) -> None:
            """A child speaks with the toy; at some moment an operator wants it to be somebody else."""
            bear.tell("press")
            bear.wait(lambda: was("listening") >= number, "toy that listens")
            bear.tell(f"say {SENTENCE}")
            bear.wait(lambda: len(bear.trace("speech.started")) >= number, "speech that is heard")
            if when == "listening":
                operator.ask("PUT", "/personas/active", {"toyId": persona})
                bear.wait(lambda: len(bear.trace("toy.switch")) >= number, "switch that was asked for")
            bear.tell("release")
            bear.wait(lambda: was("speaking") >= number, "toy that speaks")
            if when == "speaking":
                operator.ask("PUT", "/personas/active", {"toyId": persona})
            bear.wait(lambda: len(bear.trace("reply.finished")) >= number, "answer that is spoken to its end")
            bear.wait(lambda: was("switching_toy") >= number, "toy that becomes another")

        turn(1, "listening", "tars")
        at = bear.logs(listens_for("alexa"), at)
        operator.sees("alexa", 0.2)
        turn(2, "speaking", "pommai-bear")
        bear.logs(listens_for("okay_nabu"), at)
        operator.sees("okay_nabu", 0.9)
        assert not bear.trace("reply.failed") + bear.trace("reply.stalled")
        assert [row["toy"] for row in operator.ask("GET", "/sessions")["sessions"]] == ["pommai-bear"]


@pytest.mark.parametrize("obeys", ["at once", "at rest"])
def test_an_answer_under_way_keeps_its_voice_to_the_end_and_the_next_one_has_the_new_voice(obeys: str) -> None:
    spoken = sentence()

    async def test() -> None:
        async with operated() as (gateway, client), scripted_toy(gateway) as device:
            heard: list[m.DownAudio] = []
            await device.say(1, encode_all(spoken))
            while not (heard and heard[-1].final):
                message = await device.receive()
                if isinstance(message, m.DownAudio):
                    heard.append(message)
                    if len(heard) == 20:  # long before the end
                        assert (await client.put("/personas/active", json={"toyId": "robo-rex"})).json()["asked"] == 1
                elif isinstance(message, m.SwitchToy) and obeys == "at once":
                    await device.send(m.GetToyConfig(message.toy_id))
            assert [frame.sequence for frame in heard] == list(range(len(heard)))
            assert {frame.turn for frame in heard} == {1}
            voice = decode_all(heard)
            half = len(voice) // 2
            for part, said in ((voice[:half], samples_of(spoken)[:half]), (voice[half:], samples_of(spoken)[half:])):
                assert pitch_ratio(said, part) == pytest.approx(THIRD, rel=0.03)
            if obeys == "at rest":
                await device.send(m.GetToyConfig("robo-rex"))
                while not isinstance(await device.receive(), m.ToyConfig):
                    pass
            await device.say(2, encode_all(spoken))
            heard.clear()
            while not (heard and heard[-1].final):
                if isinstance(message := await device.receive(), m.DownAudio):
                    heard.append(message)
            assert pitch_ratio(samples_of(spoken), decode_all(heard)) == pytest.approx(FOURTH_DOWN, rel=0.03)

    run(test())
