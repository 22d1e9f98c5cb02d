"""`pommai doctor`, run for real on this machine: in processes, with PortAudio on a card made of pipes, a real gateway,
a real pseudo-terminal."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gateway_material import TOKEN, desk

from pommai.cli import main
from pommai.doctor.catalogue import NAMES
from pommai.io.alsa_pipes import AlsaPipes

TINY = Path(__file__).parent / "data" / "vosk-tiny" / "model"
PLANTED = "a-planted-token-that-nobody-may-see"


class Echo:
    """Takes the place of the pipes' recorder: what is played is said into the microphone."""

    def __init__(self, pipes: AlsaPipes) -> None:
        self._pipes = pipes

    def open(self) -> None:
        pass

    def add(self, frame: bytes) -> None:
        self._pipes.say([frame])

    def close(self) -> None:
        pass


@pytest.fixture
def card(tmp_path: Path) -> Iterator[AlsaPipes]:
    pipes = AlsaPipes(tmp_path, tmp_path / "played.wav")
    pipes._recorder = Echo(pipes)  # type: ignore[assignment]
    pipes.start()
    yield pipes
    pipes.stop()


def doctor(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pommai", "doctor", *words],
        cwd=folder,
        env={**os.environ, **surroundings(folder), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def surroundings(folder: Path) -> dict[str, str]:
    return {
        "POMMAI_MEMORY": str(folder / "memory.db"),
        "POMMAI_CACHE_DIR": str(folder / "cache"),
        "POMMAI_UPDATES": str(folder / "updates"),
        "POMMAI_VOSK_MODEL": str(TINY),
        "COLUMNS": "80",
    }


def told(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.stderr == ""
    found: dict[str, Any] = json.loads(done.stdout)
    return {check["id"]: check for check in found["checks"]} | {"ok": found["ok"]}


def test_a_toy_in_order_with_its_gateway_is_let_go_with_0(tmp_path: Path, card: AlsaPipes) -> None:
    async def serve() -> subprocess.CompletedProcess[str]:
        async with desk() as gateway:
            return await asyncio.to_thread(
                lambda: doctor(
                    tmp_path,
                    "--yes",
                    "--json",
                    CONVEX_URL=f"ws://127.0.0.1:{gateway.port}/audio-stream",
                    POMMAI_USER_TOKEN=TOKEN,
                    **card.environment,
                )
            )

    done = asyncio.run(serve())
    checks = told(done)
    assert checks["ok"], done.stdout
    assert done.returncode == 0
    assert checks["loop"]["mark"] == "ok"
    assert checks["loop"]["figures"]["found"]
    assert checks["gateway"]["mark"] == "ok"
    assert checks["libraries"]["mark"] == "ok"
    assert TOKEN not in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("asound.conf", "microphone.fifo", "speaker.fifo"),
    ], "nothing is left behind"


def test_a_toy_that_would_not_work_is_told_in_a_table_and_ends_with_1(tmp_path: Path) -> None:
    (tmp_path / "none.conf").write_text("pcm.default { type hw card 99 }\nctl.default { type hw card 99 }\n")
    done = doctor(
        tmp_path,
        "--only=devices,loop,token,network,gateway",
        CONVEX_URL="ws://127.0.0.1:9/audio-stream",
        POMMAI_USER_TOKEN=PLANTED,
        ALSA_CONFIG_PATH=str(tmp_path / "none.conf"),
    )
    assert done.returncode == 1
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert "  ✗ devices  PortAudio sees none" in lines
    assert "  · loop     not tried, for `devices` is broken" in lines
    assert any(line.startswith("  ✓ token") for line in lines)
    assert any(line.startswith("  ✗ network  nothing listens at 127.0.0.1:9") for line in lines)
    assert lines[-1] == "The toy would not work. Begin with the first of these: devices, network."
    assert max(map(len, lines)) <= 80
    assert PLANTED not in done.stdout


def test_a_token_that_cannot_be_read_does_not_keep_the_doctor_from_looking(tmp_path: Path) -> None:
    done = doctor(tmp_path, "--only=system,token,gateway", "--token-file", "/nowhere/token", "--json")
    checks = told(done)
    assert done.returncode == 1
    assert "/nowhere/token cannot be read" in checks["token"]["words"]
    assert checks["gateway"]["mark"] == "note"
    assert checks["system"]["mark"] == "ok"


def test_settings_that_are_wrong_are_said_and_end_with_2(tmp_path: Path) -> None:
    done = doctor(tmp_path, "--volume", "700")
    assert (done.returncode, "volume must be" in done.stderr) == (2, True)


def test_whoever_sits_at_the_terminal_sees_colours_and_is_asked(tmp_path: Path) -> None:
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "pommai", "doctor", "--only=system,wake", "--button=none"],
        cwd=tmp_path,
        env={**os.environ, **surroundings(tmp_path), "TERM": "xterm"},
        stdin=follower,
        stdout=follower,
        stderr=follower,
    )
    os.close(follower)
    shown = b""
    while True:
        try:
            piece = os.read(leader, 4096)
        except OSError:
            break
        if not piece:
            break
        shown += piece
    os.close(leader)
    assert process.wait(60) == 0
    text = shown.decode()
    assert "\x1b[32m✓\x1b[0m system" in text
    assert "2 looked at" in text


# -- in this process -----------------------------------------------------------------------


def test_the_checks_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(NAMES)


@pytest.mark.parametrize("only", ["mixr", "system,,nothing", ","])
def test_a_check_that_does_not_exist_is_wrong_usage(capsys: pytest.CaptureFixture[str], only: str) -> None:
    assert main(["doctor", "--only", only]) == 2
    error = capsys.readouterr().err
    assert error.startswith("pommai doctor: --only: ")
    assert only != "mixr" or "mixer" in error


def test_without_sound_nothing_is_heard(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--only", "system,loop", "--no-sound", "--json"]) == 0
    assert [check["id"] for check in json.loads(capsys.readouterr().out)["checks"]] == ["system"]


def test_a_person_is_asked_on_the_stream_that_is_not_for_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    from pommai.cli.doctor import AtTerminal

    for answer, meant in (("\n", True), ("y\n", True), ("N\n", False), ("", None)):
        screen = io.StringIO()
        monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
        assert asyncio.run(AtTerminal(screen).agrees("Did they shine?")) is meant
        assert screen.getvalue() == "  Did they shine? [Y/n] "
