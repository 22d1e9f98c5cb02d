"""What the cloud's functions cost a toy: to import, in memory, and for each item that is brought over loopback."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time

from benchmarks.desk import ROOT
from benchmarks.figures import Figure, figure
from pommai.io.cloud_http import CloudHttp
from pommai.io.convex import ConvexClient
from pommai.io.secret import Secret

STARTS = 7
CALLS = 2000
TOY = "import pommai.toy.wiring, websockets.asyncio.client, ssl; ssl.create_default_context()"
"""What a toy has imported that talks to its server by TLS."""
_MEASURE = f"""
import resource, time
{TOY}
def mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
before, began = mb(), time.perf_counter()
from pommai.io.cloud import CloudFunctions
from pommai.io.cloud_http import CloudHttp
CloudHttp("https://127.0.0.1:1")
print((time.perf_counter() - began) * 1000, mb() - before)
"""


def measure() -> list[Figure]:
    return [*_import(), asyncio.run(_calls())]


def _import() -> list[Figure]:
    times, sizes = [], []
    for _ in range(STARTS):
        done = subprocess.run([sys.executable, "-c", _MEASURE], cwd=ROOT, text=True, capture_output=True, check=True)
        milliseconds, mb = (float(word) for word in done.stdout.split())
        times.append(milliseconds)
        sizes.append(mb)
    return [
        figure("cloud: import the client", times, "ms", note="once, and only with cloud_url"),
        figure("cloud: memory for it", sizes, "MB", note="its TLS trust included"),
    ]


async def _calls() -> Figure:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        body = b'{"status": "success", "value": {"accepted": ["c1"], "rejected": []}}'
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            await reader.readexactly(int(length.split(b":")[1]))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    gone = asyncio.Event()

    async def quietly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except asyncio.IncompleteReadError:
            writer.close()
        finally:
            gone.set()

    server = await asyncio.start_server(quietly, "127.0.0.1", 0)
    client = ConvexClient(CloudHttp(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"))
    args = {"deviceId": "d", "toyId": "t", "id": "c1", "transcript": "hello " * 10, "response": "hi " * 30}
    times = []
    for _ in range(CALLS):
        began = time.perf_counter()
        await client.call("mutation", "conversations:create", args, Secret("t" * 43))
        times.append((time.perf_counter() - began) * 1000)
    await client.close()
    await gone.wait()
    server.close()
    return figure("cloud: bring a conversation, both ends", times, "ms")
