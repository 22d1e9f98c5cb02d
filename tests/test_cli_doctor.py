"""`pommai doctor`, run for real on this machine: in processes, with PortAudio on a card made of pipes, a real gateway,
a real pseudo-terminal."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gateway_material import TOKEN, desk

from pommai.bundle.state import State, encode
from pommai.cli import main
from pommai.doctor.catalogue import NAMES
from pommai.doctor.finding import Check, Finding, ok
from pommai.doctor.surroundings import Surroundings
from pommai.io.alsa_pipes import AlsaPipes
from pommai.io.secret import keep_secret

TINY = Path(__file__).parent / "data" / "vosk-tiny" / "model"
MACHINES_OWN = ("power", "ram", "disk", "user", "service", "software", "cards", "mixer", "lights", "button")
"""Checks that find what they find on whatever machine the tests run."""
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
                    f"--only={','.join(name for name in NAMES if name not in MACHINES_OWN)}",
                    "--yes",
                    "--json",
                    CONVEX_URL=f"ws://127.0.0.1:{gateway.port}/audio-stream",
                    POMMAI_TOKEN_FILE=str(keep_secret(tmp_path / "token", TOKEN)),
                    **card.environment,
                )
            )

    done = asyncio.run(serve())
    checks = told(done)
    assert checks["ok"], done.stdout
    assert done.returncode == 0
    assert checks["loop"]["mark"] == "ok"
    assert checks["loop"]["figures"]["found"]
    assert ", opened at 16,000 Hz, 1 channel" in checks["loop"]["words"]
    assert checks["gateway"]["mark"] == "ok"
    assert checks["libraries"]["mark"] == "ok"
    assert TOKEN not in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("asound.conf", "card", "token"),
    ], "nothing is left behind"


def test_a_toy_that_would_not_work_is_told_in_a_table_and_ends_with_1(tmp_path: Path) -> None:
    (tmp_path / "none.conf").write_text("pcm.default { type hw card 99 }\nctl.default { type hw card 99 }\n")
    done = doctor(
        tmp_path,
        "--only=devices,loop,token,network,gateway",
        CONVEX_URL="ws://127.0.0.1:9/audio-stream",
        POMMAI_TOKEN_FILE=str(keep_secret(tmp_path / "token", PLANTED)),
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


class Terminal:
    """A process on a pseudo-terminal."""

    def __init__(self, folder: Path, program: list[str]) -> None:
        self._leader, follower = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, *program],
            cwd=folder,
            env={**os.environ, **surroundings(folder), "TERM": "xterm", "PYTHONPATH": str(Path(__file__).parents[1])},
            stdin=follower,
            stdout=follower,
            stderr=follower,
            start_new_session=True,
        )
        os.close(follower)
        self.shown = ""

    def until(self, words: str) -> None:
        """Wait until it has shown this."""
        while words not in self.shown and self._read():
            pass
        assert words in self.shown, self.shown

    def type(self, text: str) -> None:
        os.write(self._leader, text.encode())

    def end(self) -> int:
        while self._read():
            pass
        os.close(self._leader)
        return self.process.wait(60)

    def _read(self) -> bool:
        try:
            piece = os.read(self._leader, 4096)
        except OSError:
            return False
        self.shown += piece.decode(errors="replace")
        return bool(piece)


def test_whoever_sits_at_the_terminal_sees_colours(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, ["-m", "pommai", "doctor", "--only=system,wake", "--button=none"])
    assert terminal.end() == 0
    assert "\x1b[32m✓\x1b[0m system" in terminal.shown
    assert "2 looked at" in terminal.shown


ASK = """
import asyncio, os, sys
os.close(os.open(os.ttyname(0), os.O_RDWR))  # now it is the terminal whose Ctrl-C counts
from pommai.cli.doctor import AtTerminal
print(asyncio.run(AtTerminal(sys.stdout).agrees("Did they shine?")))
"""


@pytest.mark.parametrize(("typed", "meant"), [("\n", "True"), ("Yes\n", "True"), ("N\n", "False"), ("\x04", "None")])
def test_a_person_answers_a_question(tmp_path: Path, typed: str, meant: str) -> None:
    terminal = Terminal(tmp_path, ["-c", ASK])
    terminal.until("Did they shine? [Y/n] ")
    terminal.type(typed)
    assert terminal.end() == 0
    assert terminal.shown.split()[-1].endswith(meant)


def test_a_question_can_be_left_with_ctrl_c(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, ["-c", ASK])
    terminal.until("[Y/n] ")
    terminal.type("\x03")
    assert terminal.end() != 0
    assert "KeyboardInterrupt" in terminal.shown


SYSTEMCTL = """#!/bin/sh
cat <<'END'
LoadState=loaded
ActiveState=inactive
SubState=dead
UnitFileState=enabled
User=somebody-else
WatchdogUSec=30s
Environment=POMMAI_VOLUME=33 XDG_DATA_HOME=PLACE
ExecStart={ path=/x ; argv[]=/x/pommai run --config CONFIG ; ignore_errors=no }
END
"""


def test_the_services_own_settings_are_looked_at(tmp_path: Path) -> None:
    (tmp_path / "toy.toml").write_text('device_id = "bear-of-the-service"\ntoken_file = "/root/closed/token"\n')
    program = tmp_path / "systemctl"
    data = tmp_path / "its-data"
    program.write_text(SYSTEMCTL.replace("CONFIG", str(tmp_path / "toy.toml")).replace("PLACE", str(data)))
    updates = data / "pommai" / "updates"
    updates.mkdir(parents=True)
    (updates / "state.json").write_bytes(encode(State(word="it never came to rest")))
    program.chmod(0o755)
    (tmp_path / "led_patterns.yaml").write_text("of whoever stands here, and none of the service's")
    service = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "POMMAI_UPDATES": ""}
    done = doctor(tmp_path, "--only=service,token,behaviour,updates", **service)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("bear-of-the-service, to be pommai-bear; settings of pommai.service")
    assert any(line.startswith("  · service    installed and stopped") for line in lines)
    assert any(line.startswith(("  ✓ behaviour", "  · behaviour")) for line in lines)  # it may be slow, not wrong
    assert any(line.startswith("  ! updates") for line in lines), "its own are looked at, not those of whoever asks"
    assert any("sudo -u somebody-else" in line for line in lines), "the token is closed to us, not to the toy"


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


def test_silence_about_nothing_else_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--only", "loop", "--no-sound"]) == 2
    assert capsys.readouterr().err == "pommai doctor: --no-sound leaves nothing of what --only names\n"


def test_a_thread_of_a_check_that_fails_is_told_without_what_its_error_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def reads() -> None:
        raise ValueError(PLANTED)

    async def starts_one(_: Surroundings) -> Finding:
        thread = threading.Thread(target=reads)
        thread.start()
        await asyncio.to_thread(thread.join)
        return ok("well")

    monkeypatch.setattr("pommai.doctor.catalogue.CHECKS", [Check("board", "Group", "the board", starts_one)])
    monkeypatch.chdir(tmp_path)
    before = threading.excepthook
    assert main(["doctor", "--yes"]) == 0
    assert threading.excepthook is before
    shown = capsys.readouterr()
    assert "pommai doctor: a thread failed: ValueError" in shown.err
    assert PLANTED not in shown.out + shown.err


def test_a_doctor_who_fails_before_the_first_check_shows_nothing_of_what_it_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def careless(*_: object) -> None:
        raise KeyError(PLANTED)

    monkeypatch.setattr("pommai.doctor.settings.settings_of", careless)
    monkeypatch.chdir(tmp_path)
    assert main(["doctor", "--yes"]) == 1
    shown = capsys.readouterr()
    assert "it failed by its own fault: KeyError in pommai.cli.doctor, line " in shown.err
    assert PLANTED not in shown.out + shown.err
