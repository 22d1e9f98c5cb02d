"""300 toys at one gateway that has one core: how long a frame takes, what a toy weighs, how soon all are somebody else.

The gateway is a process of its own, pinned to one core; the toys are this process, pinned to another, on raw sockets:
a real client of the library would cost more than the gateway that is measured.
"""

from __future__ import annotations

import json
import os
import select
import socket
import struct
import subprocess
import sys
import time
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from benchmarks.desk import ROOT, TOKEN
from benchmarks.figures import Figure, figure

sys.path.append(str(ROOT / "tests"))

TOYS: Final = 300
SECONDS: Final = 10.0
SPOKEN: Final = 100
"""Frames of the turns that are answered: 2 s."""
FRAME: Final = 0.02
AT_ONCE: Final = 15
"""Toys whose frames are sent in the same millisecond."""
PREBUFFER: Final = 0.12
"""Seconds of an answer that a toy has before it speaks."""
_TURN: Final = struct.Struct(">II")


def measure() -> list[Figure]:
    note = f"{TOYS} toys at real pace, one core"
    binary, lag, size, load = _streaming(binary=True)
    as_hex, hex_lag, hex_size, hex_load = _streaming(binary=False)
    changes = _persona_changes()
    first, dry, spent = _answers()
    fifo_first, fifo_dry, _ = _answers("--first-come")
    return [
        figure("toys: frame sent to handled, binary", binary, "ms", goal=20.0, goal_on="p99", note=note),
        figure("toys: the same, hex JSON", as_hex, "ms"),
        figure("toys: event loop late, binary", lag, "ms", goal=20.0, goal_on="p99"),
        figure("toys: the same, hex JSON", hex_lag, "ms"),
        figure("toys: core in use, binary", [load], "%"),
        figure("toys: the same, hex JSON", [hex_load], "%"),
        figure("toys: memory each, binary", [size], "kB", goal=300.0, note=f"with {SECONDS:g} s of a turn held"),
        figure("toys: the same, hex JSON", [hex_size], "kB"),
        figure("toys: persona changed for all, reports back", changes, "ms", goal=1000.0, goal_on="p99"),
        figure("toys: all end a turn at once, to first frame", first, "ms", note="2 s each, parrot"),
        figure("toys: the same, first come first served", fifo_first, "ms"),
        figure("toys: sound missing in those answers", dry, "ms", note="that a toy is silent in the middle of one"),
        figure("toys: the same, first come first served", fifo_dry, "ms"),
        figure(
            "toys: processor for a second of those answers", [spent], "ms", note="heard, moved in pitch, said, sent"
        ),
    ]


# -- the gateway's process -----------------------------------------------------------------


class _GatewayProcess:
    """A gateway on one core, that is asked for numbers by lines."""

    def __init__(self, *options: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.gateway_toys", *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )
        self.port = int(self._read())

    def ask(self, line: str) -> Any:
        """Its answer to a line, at once."""
        self.tell(line)
        return json.loads(self._read())

    def tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def answer(self) -> Any:
        return json.loads(self._read())

    def _read(self) -> bytes:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def close(self) -> None:
        self.tell("end")
        self._process.communicate()


def _serve(first_come: bool) -> None:
    """The gateway's process: prints its port, then answers lines until `end`."""
    import asyncio
    import logging

    from pommai.gateway import session
    from pommai.gateway.bench import Bench
    from pommai.gateway.personas import load_personas
    from pommai.gateway.server import Gateway, GatewaySettings
    from pommai.gateway.turn import IncomingTurn

    logging.disable(logging.CRITICAL)
    clock = time.monotonic
    handled: dict[int, array[float]] = {}

    class Timed(IncomingTurn):
        """Notes when each frame was handled."""

        def add(self, sequence: int, packet: bytes) -> None:
            super().add(sequence, packet)
            times = handled.setdefault(self.turn, array("d"))
            if sequence == len(times):
                times.append(clock())

    session.IncomingTurn = Timed  # type: ignore[attr-defined]
    if first_come:
        do = Bench.do
        Bench.do = lambda self, work, due=None: do(self, work)  # type: ignore[method-assign]

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        settings = GatewaySettings(load_personas(ROOT / "personas.yaml"), TOKEN, port=0)
        lags: list[float] = []

        async def watch() -> None:
            while True:
                due = loop.time() + 0.01
                await asyncio.sleep(0.01)
                lags.append((loop.time() - due) * 1e3)

        async with Gateway(settings) as gateway:
            watching = asyncio.create_task(watch())
            print(gateway.port, flush=True)
            while (line := (await reader.readline()).strip()) != b"end":
                match line.split():
                    case [b"begin"]:
                        lags.clear()
                        handled.clear()
                        used = time.process_time()
                        print(json.dumps(_resident()), flush=True)
                    case [b"times"]:
                        told = {"handled": {turn: list(times) for turn, times in handled.items()}, "lags": lags}
                        print(json.dumps({**told, "used": time.process_time() - used}), flush=True)
                    case [b"resident"]:
                        print(json.dumps(_resident()), flush=True)
                    case [b"switch", toy]:
                        for each in gateway.sessions:
                            each.report = None
                        began = clock()
                        await gateway.switch_toy(toy.decode())
                        while any(each.report is None for each in gateway.sessions):  # noqa: ASYNC110
                            await asyncio.sleep(0.001)
                        print(json.dumps((clock() - began) * 1e3), flush=True)
            watching.cancel()
            await asyncio.wait([watching])

    asyncio.run(serve())


def _resident() -> float:
    """Memory of this process in kB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return float(line.split()[1])
    raise AssertionError("no VmRSS")


# -- the toys ------------------------------------------------------------------------------


class _Toy:
    """One toy on a raw socket. Its WebSocket mask is zero, which is allowed and costs nothing."""

    def __init__(self, number: int, port: int, binary: bool) -> None:
        self.number = number
        self.binary = binary
        self.socket = socket.create_connection(("127.0.0.1", port))
        device = f"toy-{number}"
        request = (
            f"GET /audio-stream HTTP/1.1\r\nHost: desk\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
            f"Authorization: Bearer {TOKEN}\r\nX-Device-ID: {device}\r\n\r\n"
        )
        self.socket.sendall(request.encode())
        while not self.socket.recv(65_536).endswith(b"\r\n\r\n"):
            pass
        capabilities = {"audio": True, "binary_audio": binary}
        said = {"type": "handshake", "deviceId": device, "toyId": "pommai-bear", "protocol": 1}
        self.send(_text({**said, "capabilities": capabilities}))
        self.rest = b""
        self.got: list[float] = []
        """When each frame of the answer came."""
        while not any(b"pi_config_update" in message for _, message in self.receive()):
            pass
        self.socket.setblocking(False)

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def receive(self) -> list[tuple[int, bytes]]:
        """Messages that have come, by their opcode."""
        self.rest += self.socket.recv(262_144)
        messages = []
        while len(self.rest) >= 2:
            size, at = self.rest[1], 2
            if size == 126:
                size, at = int.from_bytes(self.rest[2:4]), 4
            if len(self.rest) < at + size:
                break
            messages.append((self.rest[0] & 15, self.rest[at : at + size]))
            self.rest = self.rest[at + size :]
        return messages

    def react(self) -> None:
        """Take in what has come, and answer it as a toy does."""
        for opcode, message in self.receive():
            if (opcode == 2 and message[1] == 2) or b'"audio_response"' in message:
                self.got.append(time.monotonic())
            elif opcode == 9:
                self.send(b"\x8a" + bytes([0x80 | len(message)]) + bytes(4) + message)
            elif b'"pi_config_update"' in message:
                self.send(_text({"type": "pi_config_report", "applied": {"HOTWORD_THRESHOLD": 0.5}, "refused": []}))
            elif b'"switch_toy"' in message:
                self.send(_text({"type": "get_toy_config", "toyId": json.loads(message)["toyId"]}))


def _frame(opcode: int, payload: bytes) -> bytes:
    size = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + len(payload).to_bytes(2)
    return bytes([0x80 | opcode]) + size + bytes(4) + payload


def _text(message: dict[str, object]) -> bytes:
    return _frame(1, json.dumps(message).encode())


def _sound(binary: bool, turn: int, sequence: int, packet: bytes, final: bool = False) -> bytes:
    if binary:
        return _frame(2, bytes([1, 1, final, 0]) + _TURN.pack(turn, sequence) + packet)
    from pommai.protocol import messages as m
    from pommai.protocol.wire import encode_audio_chunk

    return _frame(1, encode_audio_chunk(m.UpAudio(turn, sequence, packet, final), "2026-01-01T00:00:00.000Z").encode())


class _Crowd:
    """Many toys, that are looked after in one loop."""

    def __init__(self, port: int, binary: bool = True) -> None:
        self.toys = [_Toy(number, port, binary) for number in range(TOYS)]
        self._poll = select.epoll()
        self._of = {toy.socket.fileno(): toy for toy in self.toys}
        for number in self._of:
            self._poll.register(number, select.EPOLLIN)

    def look_after(self, seconds: float) -> None:
        """Take in what comes, for a while."""
        for number, _ in self._poll.poll(max(0.0, seconds)):
            self._of[number].react()

    def close(self) -> None:
        for toy in self.toys:
            toy.socket.close()
        self._poll.close()


def _with_gateway(work: Callable[[_GatewayProcess], Any], *options: str) -> Any:
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[:1])
    gateway = _GatewayProcess(*options)
    os.sched_setaffinity(0, cores[-1:])
    try:
        return work(gateway)
    finally:
        os.sched_setaffinity(0, cores)
        gateway.close()


def _packets() -> list[bytes]:
    from gateway_material import encode_all, sentence

    return encode_all(sentence())


def _streaming(binary: bool) -> tuple[list[float], list[float], float, float]:
    """Milliseconds of each frame, of the loop's lateness; kB a toy; per cent of the core."""
    packets = _packets()
    count = round(SECONDS / FRAME)

    def stream(gateway: _GatewayProcess) -> tuple[list[float], list[float], float, float]:
        before = gateway.ask("resident")
        crowd = _Crowd(gateway.port, binary)
        turns = [toy.number + 1 for toy in crowd.toys]
        frames = [[_sound(binary, turn, at, packets[at % len(packets)]) for at in range(count)] for turn in turns]
        sent = [array("d", bytes(8 * count)) for _ in turns]
        gateway.ask("begin")
        began = time.monotonic() + 0.1
        for at in range(count):
            for first in range(0, TOYS, AT_ONCE):
                due = began + (at + first / TOYS) * FRAME
                while (left := due - time.monotonic()) > 0:
                    crowd.look_after(left)
                for toy in crowd.toys[first : first + AT_ONCE]:
                    sent[toy.number][at] = time.monotonic()
                    toy.send(frames[toy.number][at])
        after = gateway.ask("resident")
        told = gateway.ask("times")
        crowd.close()
        taken = [
            (handled - sent[int(turn) - 1][at]) * 1e3
            for turn, times in told["handled"].items()
            for at, handled in enumerate(times)
        ]
        return taken, told["lags"], (after - before) / TOYS, told["used"] / SECONDS * 100

    result: tuple[list[float], list[float], float, float] = _with_gateway(stream)
    return result


def _persona_changes() -> list[float]:
    """Milliseconds until all toys have told what they took of another persona's settings."""

    def change(gateway: _GatewayProcess) -> list[float]:
        crowd = _Crowd(gateway.port)
        taken: list[float] = []
        for toy in ("robo-rex", "pommai-bear") * 5:
            gateway.tell(f"switch {toy}")
            ended = time.monotonic() + 1.5
            while time.monotonic() < ended:
                crowd.look_after(0.05)
            taken.append(gateway.answer())
        crowd.close()
        return taken

    result: list[float] = _with_gateway(change)
    return result


def _answers(*options: str) -> tuple[list[float], list[float], float]:
    """All toys end a turn at once: milliseconds to the first frame of each answer, of silence in each, and of
    processor for a second of them."""
    packets = _packets()[:SPOKEN]

    def answer(gateway: _GatewayProcess) -> tuple[list[float], list[float], float]:
        crowd = _Crowd(gateway.port)
        for toy in crowd.toys:
            for at in range(SPOKEN - 1):
                toy.send(_sound(True, 1, at, packets[at]))
        time.sleep(1.0)
        gateway.ask("begin")
        ended = []
        for toy in crowd.toys:
            ended.append(time.monotonic())
            toy.send(_sound(True, 1, SPOKEN - 1, packets[-1], final=True))
        limit = time.monotonic() + 60
        while any(len(toy.got) < SPOKEN for toy in crowd.toys) and time.monotonic() < limit:
            crowd.look_after(0.05)
        spent = gateway.ask("times")["used"] * 1e3 / (TOYS * SPOKEN * FRAME)
        first = [(toy.got[0] - end) * 1e3 for toy, end in zip(crowd.toys, ended, strict=True)]
        dry = []
        for toy in crowd.toys:
            began, silent = toy.got[0] + PREBUFFER, 0.0
            for at, came in enumerate(toy.got):
                silent = max(silent, came - (began + at * FRAME))
            dry.append(silent * 1e3)
        crowd.close()
        return first, dry, spent

    result: tuple[list[float], list[float], float] = _with_gateway(answer, *options)
    return result


if __name__ == "__main__":
    _serve("--first-come" in sys.argv)
