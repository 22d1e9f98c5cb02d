"""A gateway that is restarted under a toy in the middle of an answer, as real processes and over the toy's own link."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from gateway_material import TOKEN, encode_all, run, sentence

from pommai.io.link import LinkTimes, WebSocketLink
from pommai.protocol import messages as m

ROOT = Path(__file__).parents[1]
PACKETS = encode_all(sentence())


class Listener:
    """Notes what the link tells, in its order."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.frames: list[m.DownAudio] = []
        self.changed = asyncio.Event()

    def on_connecting(self) -> None: ...

    def on_up(self, session: str, server_time: str | None = None) -> None:
        self._note("up")

    def on_down(self, reason: str) -> None:
        self._note(f"down {reason}")

    def on_message(self, message: m.Message) -> None: ...

    def on_audio(self, audio: m.DownAudio) -> None:
        self.frames.append(audio)
        self._note(f"answered {audio.turn}" if audio.final else "")

    def _note(self, words: str) -> None:
        if words:
            self.told.append(words)
        self.changed.set()

    async def until(self, count: int, frames: int = 0) -> None:
        """Wait until so much was told."""
        while len(self.told) < count or len(self.frames) < frames:
            self.changed.clear()
            await self.changed.wait()


@asynccontextmanager
async def gateway(port: int = 0) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """A gateway in a process of its own, and its URL."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("POMMAI_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pommai", "gateway", "--port", str(port), "--http-port", "none"),
        *("--log-level", "error"),
        cwd=ROOT,
        env={**kept, "POMMAI_GATEWAY_TOKEN": TOKEN},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        words = ""
        while not words.startswith("listening on "):
            words = (await process.stdout.readline()).decode()
            assert words, "it did not begin to listen"
        yield process, words.split()[-1]
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def nobody_listens(port: int) -> None:
    """Wait until who listened on a port does not any more."""
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return
        writer.close()


async def say(link: WebSocketLink, turn: int, packets: list[bytes]) -> None:
    for sequence, packet in enumerate(packets):
        while not link.send_audio(turn, sequence, packet, final=sequence == len(packets) - 1):
            await asyncio.sleep(0)


def test_a_toy_hears_its_answer_to_the_end_and_is_back_at_the_gateway_that_comes_next() -> None:
    async def test() -> None:
        listener = Listener()
        async with gateway() as (old, url):
            link = WebSocketLink(
                url,
                token=TOKEN,
                device_id="desk-1",
                toy_id="pommai-bear",
                capabilities={"audio": True, "binary_audio": True},
                times=LinkTimes(retry_first=0.05, retry_limit=0.1, settled=0.0),
            )
            running = asyncio.create_task(link.run(listener))
            try:
                await listener.until(1)
                await say(link, 1, PACKETS)
                await listener.until(1, frames=1)
                old.send_signal(signal.SIGTERM)
                port = int(url.split(":")[2].split("/")[0])
                await nobody_listens(port)
                async with gateway(port):  # on the same port, whether the old one is gone or not
                    await listener.until(3)
                    assert len(listener.frames) == len(PACKETS)
                    assert await old.wait() == 0
                    while not link.is_up:
                        await listener.until(len(listener.told) + 1)
                    await say(link, 2, PACKETS[:20])
                    while listener.told[-1] != "answered 2":
                        await listener.until(len(listener.told) + 1)
            finally:
                running.cancel()
                await asyncio.wait([running])
        assert listener.told[:2] == ["up", "answered 1"]
        assert listener.told[2] == "down the server closed the connection (1012: this gateway ends; connect again)"

    run(test())
