"""What a person at home does, up to a toy that its gateway lets in: no authority vouches for anything here, and nothing
goes unencrypted."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from live_processes import Child

from pommai.toy.provision import take

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
POMMAI = (sys.executable, "-m", "pommai")


def clean(folder: Path) -> dict[str, str]:
    """The environment of somebody who has set nothing."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("POMMAI_", "CONVEX_", "DEVICE_"))}
    return kept | {"XDG_DATA_HOME": str(folder / "data"), "XDG_CACHE_HOME": str(folder / "cache")}


@contextmanager
def gateway(folder: Path) -> Iterator[tuple[str, str]]:
    """`pommai gateway --at-home`, at ports of its own; its two ports."""
    words = ("gateway", "--data", "toys.db", "--at-home", "--host", "127.0.0.1", "--port", "0")
    with subprocess.Popen(
        [*POMMAI, *words], cwd=folder, env=clean(folder), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout is not None
            said = ""
            while "listening on" not in said:
                line = process.stdout.readline()
                assert line, said
                said += line
            (http,) = re.findall(r"operators: https://127\.0\.0\.1:(\d+)", said)
            (socket,) = re.findall(r"listening on wss://127\.0\.0\.1:(\d+)/", said)
            yield socket, http
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0


def introduce(folder: Path, socket: str, http: str) -> Path:
    """A card's file, written at the gateway's computer, taken by the toy; the settings that came of it."""
    card, etc = folder / "bootfs", folder / "etc"
    card.mkdir()
    etc.mkdir()
    add = ("devices", "add", "bear-7", "--data", "toys.db", "--address", "127.0.0.1")
    command = [*POMMAI, *add, "--boot-file", str(card / "pommai.toml"), "--port", socket, "--http-port", http]
    subprocess.run(command, cwd=folder, env=clean(folder), check=True, capture_output=True)
    assert take(card, etc / "pommai.toml")
    return etc / "pommai.toml"


def doctor(folder: Path) -> dict[str, Any]:
    """What the doctor says of the toy's way to its server, by check."""
    words = ("doctor", "--config", "etc/pommai.toml", "--only", "token,tls,gateway,cloud", "--yes", "--json")
    said = subprocess.run([*POMMAI, *words], cwd=folder, env=clean(folder), capture_output=True, text=True)
    return {check["id"]: check for check in json.loads(said.stdout)["checks"]}


def test_three_commands_lead_from_a_card_to_a_toy_that_its_gateway_lets_in(tmp_path: Path) -> None:
    with gateway(tmp_path) as ports:
        settings = introduce(tmp_path, *ports)
        found = doctor(tmp_path)
        assert {name: check["mark"] for name, check in found.items()} == {
            "token": "ok",
            "tls": "ok",
            "gateway": "ok",
            "cloud": "ok",
        }, found
        assert found["tls"]["figures"]["pinned"] is True
        assert found["tls"]["figures"]["days_left"] > 3600

        # Somebody in between has any certificate but this gateway's: the toy shows it nothing, at neither port.
        settings.write_text(re.sub(r"sha256/.", "sha256/+", settings.read_text()))
        found = doctor(tmp_path)
        assert found["tls"]["mark"] == "broken"
        assert "is none of server_pins" in found["tls"]["words"]
        assert found["cloud"]["mark"] == "broken"
        assert "is none of server_pins" in found["cloud"]["words"]


def test_what_a_child_says_over_the_encrypted_way_is_answered(tmp_path: Path) -> None:
    with gateway(tmp_path) as ports:
        settings = introduce(tmp_path, *ports)
        quiet = ("--lights", "none", "--vosk-model", "none", "--button", "lines", "--trace", "trace.jsonl")
        sound = ("--microphone", f"wav:{EXAMPLES / 'hello.wav'}", "--speaker", "wav:said.wav")
        log, trace = tmp_path / "toy.log", tmp_path / "trace.jsonl"
        trace.touch()
        with (
            log.open("w") as words,
            subprocess.Popen(
                [*POMMAI, "run", "--config", str(settings), *quiet, *sound],
                cwd=tmp_path,
                env=clean(tmp_path),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=words,
                text=True,
            ) as process,
        ):
            toy = Child(process, log, trace)
            try:
                toy.logs('states="idle online"')
                toy.tell("press")
                toy.logs('states="listening online"')
                toy.tell(f"say {EXAMPLES / 'tell-me-a-joke.wav'}")
                toy.wait(lambda: "speech.ended" in trace.read_text(), "the end of what was said")
                toy.tell("release")
                toy.logs("answer played turn=1")
                toy.tell("quit")
                assert process.wait(60) == 0
            finally:
                process.kill()
