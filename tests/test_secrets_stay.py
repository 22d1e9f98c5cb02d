"""A whole toy and a whole gateway, as processes of their own, with secrets planted: where each may be found, and where
none may."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from speech_material import frames, say, silence
from test_cloud_end_to_end import PATIENCE, ROOT, Process, addresses, gateway, register, rows, running, toy

from pommai.io import memory_guardian as guardian
from pommai.io.clock import SystemClock
from pommai.io.memory import SqliteMemory
from pommai.io.ports import CONVERSATIONS, LOGS, METRICS, SAFETY
from pommai.io.seal_key import key_file_of
from pommai.io.secret import keep_secret
from pommai.io.wav import write_wav
from pommai.protocol.messages import Conversation, ToyProfile

WORDS = ("quokkaquestion", "marmaladeanswer", "uncletranscript", "zebrakeptfact", "pelicanname")
"""What was said, and what the toy was told."""
LISTENS = "0A"
"""TCP_LISTEN in /proc/net/tcp."""
ITEMS = (CONVERSATIONS, SAFETY, METRICS, LOGS)


async def live_before(memory_file: Path) -> None:
    """What waits for the server when the toy starts."""
    memory = await SqliteMemory.open(memory_file, SystemClock())
    memory.keep_conversation(Conversation("talk-1", "pommai-bear", WORDS[0], WORDS[1], "now", True))
    memory.keep_safety_event({"id": "danger-1", "reason": "test", "timestamp": "now", "transcript": WORDS[2]})
    memory.keep_fact("something", WORDS[3])
    memory.keep_toy(ToyProfile("other", WORDS[4]))
    await memory.flush()
    await memory.close()


def everything(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def told_to_everybody(*processes: Process) -> Iterator[bytes]:
    """What every user of the machine can read of a process, and what it hands on to those it starts."""
    for process in processes:
        for name in ("cmdline", "comm", "environ"):
            yield Path(f"/proc/{process.process.pid}/{name}").read_bytes()


def open_to_the_network(process: Process) -> int:
    """How many sockets of TCP a process listens on."""
    folder = Path(f"/proc/{process.process.pid}")
    own = set()
    for handle in (folder / "fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            own.add(os.readlink(handle))
    tables = ("tcp", "tcp6") if (folder / "net" / "tcp6").exists() else ("tcp",)
    found = [line.split() for name in tables for line in (folder / "net" / name).read_text().splitlines()[1:]]
    return sum(fields[3] == LISTENS and f"socket:[{fields[9]}]" in own for fields in found)


def test_no_secret_and_no_word_is_where_it_does_not_belong(tmp_path: Path) -> None:
    os.umask(0o022)
    secret = register(tmp_path)
    asyncio.run(live_before(tmp_path / "memory.db"))
    arguments = gateway(tmp_path, 3600.0)
    with running(*arguments) as server, running(*toy(tmp_path, addresses(server))) as bear:
        query = "SELECT count(*) FROM items WHERE id IN ('talk-1', 'danger-1')"
        bear.wait(lambda: rows(tmp_path, query) == [(2,)], "items at the gateway")
        bear.wait(lambda: "link up" in bear.log, "link")
        noted = "SELECT count(*) FROM sent WHERE items LIKE '%talk-1%' OR items LIKE '%danger-1%'"
        bear.wait(lambda: rows(tmp_path, noted, "memory.db") == [(2,)], "note of what was sent")
        assert open_to_the_network(server) == 2
        assert open_to_the_network(bear) == 0
        for shown in told_to_everybody(server, bear):
            assert secret.encode() not in shown
            assert not [word for word in WORDS if word.encode() in shown]
        bear.process.send_signal(signal.SIGABRT)  # it crashes: what it leaves behind then counts, too
        bear.process.wait(PATIENCE)
        server.end()

    found = everything(tmp_path)
    assert secret.encode() not in b"".join(data for name, data in found.items() if name != "secret")
    ours = {name: data for name, data in found.items() if not name.startswith("toys.db")}  # there they belong
    assert {name for name, data in ours.items() for word in WORDS if word.encode() in data} == set()
    tokens = re.compile(rb"(?i)bearer [\w.~+/-]{16,}|eyJ[\w-]{10,}\.[\w-]{10,}")
    assert {name for name, data in ours.items() if tokens.search(data)} == set()

    kept = [name for name in found if name.startswith(("memory.db", "toys.db", "secret"))]
    assert {name for name in kept if stat.S_IMODE((tmp_path / name).stat().st_mode) & 0o077} == set()
    seen = guardian.read(tmp_path / "memory.db")
    assert WORDS[0] in str(seen)  # whom it belongs to can read it
    left = {name: sent["kind"] for sent in seen["sent"] for name in sent["items"]}
    assert (left["talk-1"], left["danger-1"]) == ("conversations:create", "guardian:reportEvent")
    assert {sent["to"] for sent in seen["sent"]} == {"127.0.0.1"}


# -- all secrets, all outputs, and a crash of each process ---------------------------------

SENTENCE = b"tell me a joke"
TOKEN, MEMORY_KEY, WIFI = "planted-gateway-token", "planted-memory-secret", "planted-wifi-words"
OPERATOR = "planted-operator-token"

CARELESS = """
# A library that tells in its error all that it can see, and its caller: what a crash report may hold at the worst.
import os, sys
def fail(*_, **__):
    seen, frame = [], sys._getframe(1)
    while frame is not None and len(seen) < 6:
        seen.append(repr(frame.f_locals))
        frame = frame.f_back
    raise RuntimeError("careless: " + " ".join(seen))
if os.environ.get("POMMAI_TEST_CARELESS"):
    import pommai.io.link_dial
    real = pommai.io.link_dial.dial
    async def dial(*arguments):
        return fail() if os.path.exists(os.environ["POMMAI_TEST_CARELESS"]) else await real(*arguments)
    pommai.io.link_dial.dial = dial
    if "POMMAI_TEST_GATEWAY_FAILS" in os.environ:
        import pommai.gateway.session
        pommai.gateway.session.Session.run = fail
"""


def command(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("POMMAI_", "CONVEX_"))}
    return subprocess.run(
        [sys.executable, "-m", "pommai", *words],
        cwd=folder,
        env={**clean, "PYTHONPATH": f"{folder}:{ROOT}", **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@pytest.fixture
def provisioned(tmp_path: Path) -> Path:
    """The folder of a toy that somebody has set up with a file on its boot partition; its settings file."""
    boot, settings = tmp_path / "boot", tmp_path / "etc" / "pommai.toml"
    boot.mkdir()
    settings.parent.mkdir()
    place = ("--boot", str(boot), "--settings", str(settings), "--owner", "root")
    (boot / "pommai.toml").write_text(f'device_id = "bear-7"\ntoken = "{TOKEN}"\nwifi_password = "{WIFI}"\n')
    refused = command(tmp_path, "provision", *place)
    assert refused.returncode == 2, "a mistake: the toy's Wi-Fi is not set here"
    told = refused.stdout + refused.stderr + (boot / "pommai-says.txt").read_text()
    assert "wifi_password" in told
    assert not [word for word in (TOKEN, WIFI) if word in told]
    (boot / "pommai.toml").write_text(f'device_id = "bear-7"\ntoken = "{TOKEN}"\n')
    taken = command(tmp_path, "provision", *place)
    assert taken.returncode == 0, taken.stderr
    assert TOKEN not in taken.stdout + taken.stderr
    return settings


def test_a_traced_turn_and_a_crash_of_each_process_let_no_secret_out(tmp_path: Path, provisioned: Path) -> None:
    os.umask(0o022)
    (tmp_path / "sitecustomize.py").write_text(CARELESS)
    write_wav(tmp_path / "joke.wav", frames(silence(0.2) + say(SENTENCE.decode()) + silence(0.3)))
    careless = {"PYTHONPATH": f"{tmp_path}:{ROOT}", "POMMAI_TEST_CARELESS": str(tmp_path / "crash")}
    keep_secret(tmp_path / "memory.secret", MEMORY_KEY)
    outputs: dict[str, bytes] = {}

    folder, name, words = gateway(tmp_path, 3600.0)
    keep_secret(tmp_path / "operator", OPERATOR)
    words += ["--operator-token-file", str(tmp_path / "operator")]
    secrets = {"POMMAI_GATEWAY_TOKEN": TOKEN}  # a gateway at a desk; its environment is the desk's
    with running(folder, name, words, **careless, **secrets) as server:
        url, http = addresses(server)
        words = ["-m", "pommai", "run", "--config", str(provisioned), "--url", url, "--log-level", "debug"]
        words += ["--memory-key", f"file:{tmp_path / 'memory.secret'}", "--memory", str(tmp_path / "memory.db")]
        words += ["--button", "lines", "--lights", "none", "--microphone", "none", "--speaker", "none"]
        words += ["--vosk-model", "none", "--trace", str(tmp_path / "trace.jsonl"), "--models", str(tmp_path)]
        with running(tmp_path, "toy", [*words, "--cache-dir", str(tmp_path / "cache")], **careless) as bear:
            bear.wait(lambda: 'states="idle online"' in bear.log, "rest")
            bear.tell("press")
            bear.tell(f"say {tmp_path / 'joke.wav'}")
            bear.wait(lambda: b'"speech' in (tmp_path / "trace.jsonl").read_bytes(), "the child to talk")
            bear.tell("release")
            bear.wait(lambda: "answer played" in bear.log, "answer")
            told = list(told_to_everybody(bear))
            told.append(Path(f"/proc/{server.process.pid}/cmdline").read_bytes())
            assert not [word for word in (TOKEN, MEMORY_KEY, OPERATOR) if word.encode() in b"".join(told)]
            asked = urllib.request.Request(
                f"{http.rstrip('/')}/metrics", headers={"Authorization": f"Bearer {OPERATOR}"}
            )
            with urllib.request.urlopen(asked, timeout=PATIENCE) as answer:
                outputs["metrics"] = answer.read()
            settings = ("--config", str(provisioned), "--url", url, "--memory", str(tmp_path / "memory.db"))
            settings += ("--memory-key", f"file:{tmp_path / 'memory.secret'}")
            done = command(tmp_path, "doctor", "--json", "--yes", "--only=token,network,gateway,disk", *settings)
            outputs["doctor"] = (done.stdout + done.stderr).encode()
            assert "token" in {check["id"] for check in json.loads(done.stdout)["checks"]}
            key = (*settings[-4:],)
            done = command(tmp_path, "data", "sent", *key)
            assert done.returncode == 0, done.stderr
            outputs["data sent"] = (done.stdout + done.stderr).encode()
            (tmp_path / "crash").touch()
            server.process.send_signal(signal.SIGTERM)
            bear.wait(lambda: "RuntimeError: careless: " in bear.log, "crash")
            bear.wait(lambda: "'token': '***'" in bear.log, "the token, which what is careless has seen, and is hidden")
        server.process.wait(PATIENCE)

    folder, name, words = gateway(tmp_path, 3600.0)
    secrets["POMMAI_TEST_GATEWAY_FAILS"] = "1"
    with running(folder, "crashing", words, **careless, **secrets) as server:
        url, _ = addresses(server)
        (tmp_path / "crash").unlink()
        done = command(
            tmp_path, "doctor", "--json", "--yes", "--only=network,gateway", "--config", str(provisioned), "--url", url
        )
        outputs["doctor at a gateway that fails"] = (done.stdout + done.stderr).encode()
        server.wait(lambda: "careless" in server.log, "crash")
    (tmp_path / "crash").touch()
    done = command(
        tmp_path,
        "doctor",
        "--only=token,network",
        "--config",
        str(provisioned),
        POMMAI_TEST_CARELESS=str(tmp_path / "crash"),
    )
    assert "RuntimeError in pommai." in done.stdout
    assert "careless" not in done.stdout + done.stderr, "what the error itself says"
    outputs["doctor that crashes"] = (done.stdout + done.stderr).encode()

    key = key_file_of(tmp_path / "memory.db")
    homes = {"memory.secret", "operator", "etc/token", str(key.relative_to(tmp_path))}
    found = {name: data for name, data in everything(tmp_path).items() if name not in homes} | outputs
    planted = [word.encode() for word in (TOKEN, MEMORY_KEY, OPERATOR, WIFI)]
    raw = key.read_bytes()
    planted += [raw, raw.hex().encode()]
    assert {name for name, data in found.items() for word in planted if word in data} == set()
    words_are_at_home = ("toys.db", "trace.jsonl", "joke.wav")  # a trace is for a desk, and off as it comes
    spoken = {name for name, data in found.items() if SENTENCE in data and not name.startswith(words_are_at_home)}
    assert spoken <= {"gateway.yaml", "personas.yaml"}
    assert "Traceback" in (tmp_path / "toy.log").read_text()
