"""`pommai gateway` with engines, as a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from gateway_material import TOKEN, ScriptedToy, encode_all, run
from speech_material import VOSK_TINY, frames, say
from websockets.asyncio.client import connect

from pommai.protocol import messages as m

ROOT = Path(__file__).parents[1]
HEARING = f"hearing: {{vosk: {{model: {VOSK_TINY}}}}}\n"


def personas(folder: Path, answers: str) -> Path:
    """The project's personas, which answer otherwise."""
    lines = (ROOT / "personas.yaml").read_text().splitlines()
    kept = [line for line in lines if not line.strip().startswith("answers:")]
    if answers:
        at = next(number for number, line in enumerate(kept) if "name: Pommai Bear" in line)
        kept.insert(at, f"    answers: {answers}")
    (folder / "personas.yaml").write_text("\n".join(kept))
    return folder / "personas.yaml"


def command(folder: Path, engines: str, answers: str = "") -> list[str]:
    (folder / "gateway.yaml").write_text(engines)
    words = [
        "gateway",
        "--port",
        "0",
        "--http-port",
        "none",
        "--token",
        TOKEN,
        "--engines",
        str(folder / "gateway.yaml"),
    ]
    return [sys.executable, "-m", "pommai", *words, "--personas", str(personas(folder, answers))]


def test_a_toy_is_understood_and_answered(tmp_path: Path) -> None:
    async def visit(url: str) -> m.TextResponse:
        headers = {"Authorization": f"Bearer {TOKEN}", "X-Device-ID": "desk-1"}
        async with connect(url, additional_headers=headers, proxy=None) as connection:
            toy = ScriptedToy(connection, binary=True)
            await toy.send(m.Handshake("desk-1", "pommai-bear", capabilities={"binary_audio": True}))
            await toy.say(1, encode_all(b"".join(frames(say("tell me a joke")))))
            while not isinstance(told := await toy.receive(), m.TextResponse):
                pass
            assert isinstance(await toy.receive(), m.DownAudio)
            return told

    with subprocess.Popen(
        command(tmp_path, HEARING + "answering: scripted\n"), cwd=ROOT, text=True, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        told = run(visit(process.stdout.readline().split()[-1]))
        assert (told.turn, told.user_text) == (1, "tell me a joke")
        assert process.communicate("quit\n")[0] == "bye\n"
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("engines", "answers", "words"),
    [
        ("voice: piper", "", "gateway.yaml:1:8: error: voice needs more than the word piper"),
        (HEARING + "voice: {piper: {model: no-such-voice}}", "", "there is no voice of piper 'no-such-voice'"),
        ("hearing: {vosk: {model: no-such-model}}", "", "there is no speech model 'no-such-model'"),
        ("hearing: none", "scripted", "write hearing: {vosk: {model: ...}} in gateway.yaml"),
        (HEARING, "openai", "write answering: {openai: {url: ..., model: ...}} there"),
        (
            HEARING + "answering: {openai: {url: https://x/v1, model: m, key_env: POMMAI_NO_KEY}}",
            "",
            "the environment variable POMMAI_NO_KEY, which is to hold the key for https://x/v1, is not set",
        ),
    ],
)
def test_an_engine_that_cannot_be_had_is_said_at_the_start(
    engines: str, answers: str, words: str, tmp_path: Path
) -> None:
    done = subprocess.run(
        command(tmp_path, engines, answers), cwd=ROOT, text=True, capture_output=True, timeout=30, check=False
    )
    assert done.returncode in (1, 2)
    assert done.stdout == ""
    assert words in done.stderr
    assert "Traceback" not in done.stderr
