"""The demo as a stranger runs it: real processes, real sockets, real Opus, real sound in and out."""

from __future__ import annotations

import importlib.util
import itertools
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pommai.io.alsa_pipes import AlsaPipes
from pommai.io.wav import read_wav, write_wav
from pommai.protocol.audio import FRAME_SAMPLES, SAMPLE_RATE, SILENCE

EXAMPLES = Path(__file__).parents[1] / "examples"
THIRD = 2 ** (4 / 12)
"""What the parrot raises speech by."""
HAS_PIPES = sys.platform == "linux" and importlib.util.find_spec("pyaudio") is not None

CONVERSATION = """\
steps:
  - until: {state: online, within: 120s}
  - until: {state: idle, within: 120s}
  - wait: 1s
  - press
  - say: hello.wav
  - until: {event: speech.ended}
  - release
  - until: processing
  - until: speaking
  - until: idle
"""
TROUBLES = """\
  - note: Barge-in, and then not a word, which is safe mode.
  - press
  - say: question.wav
  - release
  - until: speaking
  - wait: 600ms
  - press
  - until: listening
  - until: safe_mode
  - release
  - gateway: resume
  - until: idle
  - note: The server dies and comes back.
  - gateway: kill
  - until: offline
  - gateway: start
  - until: {state: online, within: 60s}
"""

Samples = NDArray[np.float64]


def demo(folder: Path, script: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """A demo of this script in `folder`, where its files go."""
    hello = read_wav(EXAMPLES / "hello.wav")
    write_wav(folder / "hello.wav", hello)
    write_wav(folder / "question.wav", hello[:60])
    (folder / "script.yaml").write_text(script)
    return subprocess.Popen(
        [sys.executable, "-m", "pommai", "demo", "--script", "script.yaml", *arguments],
        cwd=folder,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **environment},
    )


def finished(process: subprocess.Popen[str]) -> tuple[str, str]:
    """What it printed and what it complained of, once it has ended."""
    with process:
        try:
            return process.communicate(timeout=120)
        except BaseException:
            process.kill()
            raise


def trace_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "out" / "trace.jsonl").read_text().splitlines()]


def assert_in_order(wanted: Iterable[str], found: list[str]) -> None:
    """Every wanted word is found, each after the one before."""
    rest = iter(found)
    for word in wanted:
        assert word in rest, f"no {word} in its place in {found}"


def samples_of(frames: Iterable[bytes]) -> Samples:
    return np.frombuffer(b"".join(frames), "<i2").astype(np.float64)


def loudness(samples: Samples) -> Samples:
    """RMS of every 20 ms."""
    whole = samples[: len(samples) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    rms: Samples = np.sqrt(np.mean(whole * whole, axis=1))
    return rms


def place_of(part: Samples, whole: Samples) -> tuple[int, float]:
    """Where a loudness curve fits best into a longer one, and how well: their correlation there."""
    fits = [
        float(np.corrcoef(part, whole[at : at + len(part)])[0, 1]) if whole[at : at + len(part)].any() else -1.0
        for at in range(len(whole) - len(part) + 1)
    ]
    best = int(np.argmax(fits))
    return best, fits[best]


def pitch(window: Samples) -> float | None:
    """The pitch of 50 ms in Hz by autocorrelation, 120..600; None where there is no voice."""
    window = window - window.mean()
    if np.sqrt(np.mean(window * window)) < 300:
        return None
    likeness = np.correlate(window, window, "full")[len(window) - 1 :]
    likeness /= likeness[0] * np.linspace(1, 0, len(window), endpoint=False)  # fewer samples overlap at longer lags
    lags = np.arange(SAMPLE_RATE // 600, SAMPLE_RATE // 120)
    peak = likeness[lags].max()
    if peak < 0.6:
        return None
    # The first lag that is nearly as good as the best one: twice the period fits as well as the period.
    first = next(lag for lag in lags if likeness[lag] > 0.9 * peak and likeness[lag] >= likeness[lag + 1])
    return float(SAMPLE_RATE / first)


def assert_a_third_higher(reply: Path, talk_again: Callable[[], object]) -> None:
    """The reply file holds what was said, from its first syllable on, a third higher.

    A machine that stands still for a moment tears any sound: then all of it is said again, twice at most.
    """
    said = samples_of(read_wav(EXAMPLES / "hello.wav"))
    said_loudness = loudness(said)
    for left in (2, 1, 0):
        heard = samples_of(read_wav(reply))
        heard_loudness = loudness(heard)
        at, fit = place_of(said_loudness, heard_loudness)
        if fit > 0.9:
            break
        assert left, "the rhythm of what was said is not in the reply"
        talk_again()
    onset = int(np.argmax(said_loudness > 500))
    begins = slice(onset, onset + 10)
    gain = np.median(heard_loudness[at : at + len(said_loudness)][said_loudness > 500]) / np.median(
        said_loudness[said_loudness > 500]
    )
    assert heard_loudness[at:][begins].mean() > 0.6 * gain * said_loudness[begins].mean(), "the first syllable is lost"
    ratios = []
    for start in range(0, len(said) - 800, FRAME_SAMPLES):
        low = pitch(said[start : start + 800])
        high = pitch(heard[at * FRAME_SAMPLES + start :][:800])
        if low is not None and high is not None:
            ratios.append(high / low)
    assert len(ratios) > 20
    assert np.median(ratios) == pytest.approx(THIRD, rel=0.05)
    assert np.abs(heard).max() < 32_000


@pytest.mark.parametrize("sound", ["pipes", "wav"] if HAS_PIPES else ["wav"])
def test_the_toy_holds_a_conversation_and_answers_what_it_heard_a_third_higher(tmp_path: Path, sound: str) -> None:
    """With all the troubles where the sound is real, with none on the plainer ground."""
    whole = sound == "pipes" or not HAS_PIPES
    process = demo(tmp_path, CONVERSATION + (TROUBLES if whole else ""), "--sound", sound)
    output, errors = finished(process)
    assert process.returncode == 0, output + errors
    assert "\x1b" not in output

    lines = trace_of(tmp_path)
    configurations = [line["name"].split() for line in lines if line["kind"] == "configuration"]
    names_of = {"asking": "processing", "answering_alone": "processing"}
    behaviour = [names_of.get(state, state) for state, _ in itertools.groupby(names[0] for names in configurations)]
    link = [state for state, _ in itertools.groupby(names[1] for names in configurations)]
    conversation = ["loading_toy", "idle", "listening", "processing", "speaking", "idle"]
    barge_in_and_silence = ["listening", "processing", "speaking", "listening", "calm", "idle"]
    assert behaviour == conversation + (barge_in_and_silence if whole else [])
    assert_in_order(["offline", "online", "offline", "online"] if whole else ["offline", "online"], link)
    assert link[-1] == "online"
    moments = [line["name"] for line in lines if line["kind"] in ("event", "mark")]
    assert_in_order(["button.pressed", "first_frame_sent", "button.released", "last_frame_sent"], moments)
    assert_in_order(["first_reply_frame", "reply.started", "first_sample", "reply.finished"], moments)
    assert [line for line in lines if line["name"].startswith("error.")] == []
    for words in ("SPEAKING", "says hello.wav (3.0 s)", "press → light", "speech up", "out/reply.wav: "):
        assert words in output, output
    if whole:
        aborted = [line["args"]["reason"] for line in lines if line["name"] == "abort_turn"]
        assert aborted == ["barge-in", "safe mode"]
        assert_in_order(["silenced", "button.held", "safety.resume", "link.down", "link.up"], moments)
        assert "barge-in press → silence" in output
        assert "resume: asked 1 toy to go on" in output
    assert_a_third_higher(
        tmp_path / "out" / "reply.wav", lambda: finished(demo(tmp_path, CONVERSATION, "--sound", sound))
    )


@pytest.mark.skipif(not HAS_PIPES, reason="needs PortAudio and ALSA")
def test_a_sound_card_is_found_and_used_and_the_reply_is_a_copy_of_what_it_played(tmp_path: Path) -> None:
    """The card is one of pipes here, but neither the demo nor the toy knows."""

    def talk() -> None:
        card = AlsaPipes(tmp_path, tmp_path / "card.wav")
        card.start()
        try:
            process = demo(tmp_path, CONVERSATION, **card.environment)
            output, errors = finished(process)
        finally:
            card.stop()
        assert process.returncode == 0, output + errors
        assert "Sound: the sound card" in output

    talk()
    assert_a_third_higher(tmp_path / "card.wav", talk)
    played = [frame for frame in read_wav(tmp_path / "card.wav") if frame != SILENCE]
    copied = [frame for frame in read_wav(tmp_path / "out" / "reply.wav") if frame != SILENCE]
    assert copied == played


def test_at_a_terminal_the_space_bar_is_the_button_and_the_screen_lives(tmp_path: Path) -> None:
    terminal, inside = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "pommai", "demo", "--interactive", "--sound", "wav"],
        cwd=tmp_path,
        stdin=inside,
        stdout=inside,
        stderr=inside,
        env={**os.environ, "TERM": "xterm", "NO_COLOR": ""},
    )
    os.close(inside)
    seen = b""

    def see(words: str) -> None:
        """Wait until the screen has shown these words, after what was waited for before."""
        nonlocal seen
        limit = time.monotonic() + 120
        while words.encode() not in seen:
            assert select.select([terminal], [], [], max(0.0, limit - time.monotonic()))[0], f"no {words}: {seen!r}"
            seen += os.read(terminal, 4096)
        seen = seen.partition(words.encode())[2]

    try:
        see("The space bar is the button")
        see("IDLE")
        os.write(terminal, b" ")
        see("LISTENING")
        see("says hello.wav")
        see("hears speech")
        see("button ▼ down")
        os.write(terminal, b" ")
        see("SPEAKING")
        see("speaking_green")
        os.write(terminal, b"q")
        see("speech up")
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()
        os.close(terminal)


def test_a_conversation_that_goes_otherwise_says_where_and_how(tmp_path: Path) -> None:
    script = "steps:\n  - until: {state: idle, within: 120s}\n  - until: {state: speaking, within: 200ms}\n"
    process = demo(tmp_path, script, "--sound", "wav")
    output, errors = finished(process)
    assert process.returncode == 1
    assert "script.yaml:3: waited 0.2 s for the toy to be in 'speaking', and it was in idle" in errors
    assert "last lines of out/toy.log" in errors
    assert "toy.log" in output


def test_a_wrong_script_is_told_before_anything_starts(tmp_path: Path) -> None:
    process = demo(tmp_path, "steps: [pres]\n")
    _, errors = finished(process)
    assert process.returncode == 1
    assert errors == "script.yaml:1:9: error: there is no step 'pres' (did you mean 'press'?)\n"
    assert not (tmp_path / "out").exists()


def test_a_shipped_script_goes_by_its_name_and_says_what_it_needs(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pommai", "demo", "--script", "examples/evening.yaml"],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "POMMAI_VOSK_MODEL": "none"},
    )
    assert done.returncode == 1
    assert "examples/evening.yaml:3:8: error: this toy has no speech model (" in done.stderr
    assert not (tmp_path / "out").exists()


def test_interactive_without_a_terminal_is_wrong_usage(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pommai", "demo", "--interactive"],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "needs a terminal" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_nobody_behind(tmp_path: Path, number: signal.Signals) -> None:
    process = demo(tmp_path, "steps:\n  - wait: 5m\n", "--sound", "wav")
    limit = time.monotonic() + 120
    trace = tmp_path / "out" / "trace.jsonl"
    while not trace.exists() and time.monotonic() < limit:  # then the toy lives, and so does the gateway
        time.sleep(0.05)
    alive = children_of(process.pid)
    process.send_signal(number)
    _, errors = finished(process)
    assert len(alive) == 2
    assert process.returncode == 130
    assert "Traceback" not in errors
    for pid in alive:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def children_of(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(word) for task in tasks for word in task.read_text().split()]
