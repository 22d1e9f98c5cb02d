"""A program that opens PortAudio, in a process of its own: ALSA reads its configuration when PortAudio starts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

PRELUDE = """
import asyncio, json, sys, time
sys.path.insert(0, {tests!r})
from audio_material import number, numbered
from pommai.errors import *
from pommai.io import portaudio_host
from pommai.io.portaudio import PortAudioMicrophone, PortAudioSpeaker

def never(reason): raise AssertionError(reason)
def ready(): print("ready", flush=True)

async def until(truth, seconds=60.0):
    async with asyncio.timeout(seconds):
        while not truth():
            await asyncio.sleep(0.01)

"""
EPILOGUE = """

print(json.dumps(asyncio.run(main())), flush=True)
"""


class Scene:
    """A program that opens PortAudio."""

    def __init__(self, program: str, environment: dict[str, str]) -> None:
        text = PRELUDE.format(tests=str(Path(__file__).parent)) + textwrap.dedent(program) + EPILOGUE
        self.process = subprocess.Popen(
            [sys.executable, "-c", text],
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def until_ready(self) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n", self.process.communicate()[1]

    def result(self) -> tuple[Any, str]:
        """What `main` returned, and what was printed to stderr."""
        try:
            out, err = self.process.communicate(timeout=120)
        finally:
            self.process.kill()
        assert self.process.returncode == 0, err
        return json.loads(out), err
