"""HTTP to the cloud: where it may go, and that it ends."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
from contextlib import closing

import pytest
import trustme
from cloud_stand_in import QUICK, reply, stand_in
from tls_material import noting

from pommai.errors import CloudUnreachableError, SettingsError
from pommai.io import link_dial
from pommai.io.cloud_http import CloudHttp, plain
from pommai.io.tls import ServerTrust


@pytest.mark.parametrize("url", ["http://cloud.example", "http://192.168.1.2:8766", "ftp://x", "cloud", "https://"])
def test_an_address_beyond_this_machine_is_encrypted_or_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="the cloud's address"):
        CloudHttp(url)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8766", "http://[::1]:1/", "http://localhost", "https://a.convex.cloud"]
)
def test_this_machine_may_be_called_in_the_clear(url: str) -> None:
    CloudHttp(url)


def test_a_cloud_that_is_not_there_is_told_in_a_sentence() -> None:
    async def scene() -> None:
        with closing(socket.create_server(("127.0.0.1", 0))) as server:
            port = server.getsockname()[1]
        http = CloudHttp(f"http://127.0.0.1:{port}", times=QUICK)
        with pytest.raises(CloudUnreachableError, match=r"127\.0\.0\.1 cannot be reached"):
            await http.post("api/query", b"{}", {}, 1.0)
        await http.close()
        await http.close()

    asyncio.run(scene())


def test_a_name_that_is_looked_up_for_ever_holds_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        async def never(host: str, port: int) -> list[object]:
            await asyncio.get_running_loop().create_future()
            return []

        monkeypatch.setattr("pommai.io.cloud_http.look_up", never)
        http = CloudHttp("https://cloud.example", times=QUICK)
        with pytest.raises(CloudUnreachableError, match=r"does not answer within 0\.05 s"):
            await http.post("api/query", b"{}", {}, 0.05)
        await http.close()

    asyncio.run(scene())


def test_a_name_without_an_address_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **more: object) -> list[object]:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(link_dial.socket, "getaddrinfo", fail)

    async def scene() -> None:
        http = CloudHttp("https://cloud.example", times=QUICK)
        with pytest.raises(CloudUnreachableError, match="Name or service not known"):
            await http.post("api/query", b"{}", {}, 1.0)
        await http.close()

    asyncio.run(scene())


def test_the_second_address_is_tried_when_the_first_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        async with stand_in() as cloud:
            port = int(cloud.url.rpartition(":")[2])

            async def two(host: str, port: int) -> list[tuple[object, ...]]:
                return [(0, 0, 0, "", ("127.0.0.2", port)), (0, 0, 0, "", ("127.0.0.1", port))]

            monkeypatch.setattr("pommai.io.cloud_http.look_up", two)
            http = CloudHttp(f"http://localhost:{port}", times=QUICK)
            assert (await http.post("api/storage/upload", b"x", {"Content-Type": "a/b"}, 2.0)).status == 200
            await http.close()

    asyncio.run(scene())


@pytest.mark.parametrize(("name", "trusted", "words"), [
    ("127.0.0.1", True, ""),
    ("127.0.0.1", False, "certificate is not accepted"),
    ("other.example", True, "certificate is not accepted"),
])  # fmt: skip
def test_a_certificate_is_looked_at(name: str, trusted: bool, words: str) -> None:
    authority, stranger = trustme.CA(), trustme.CA()
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(server_side)
    client_side = ssl.create_default_context()
    (authority if trusted else stranger).configure_trust(client_side)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(reply(200, b"{}"))
        await writer.drain()
        writer.close()

    async def scene() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=server_side)
        http = CloudHttp(
            f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}", times=QUICK, trust=ServerTrust(client_side)
        )
        try:
            if words:
                with pytest.raises(CloudUnreachableError, match=words):
                    await http.post("api/query", b"", {}, 5.0)
            else:
                assert (await http.post("api/query", b"", {}, 5.0)).body == b"{}"
        finally:
            await http.close()
            server.close()

    asyncio.run(scene())


def test_a_call_that_is_given_up_leaves_room_for_the_next() -> None:
    async def scene() -> None:
        async with stand_in() as cloud:
            http = CloudHttp(cloud.url, times=QUICK)
            for _ in range(5):
                cloud.trouble.append("hang")
                cloud.arrived.clear()
                task = asyncio.create_task(http.post("api/query", b"{}", {}, 5.0))
                await cloud.arrived.wait()
                task.cancel()
                await asyncio.wait([task])
            assert (await http.post("api/storage/upload", b"x", {"Content-Type": "a/b"}, 2.0)).status == 200
            await http.close()

    asyncio.run(scene())


def test_a_packed_answer_is_not_unpacked() -> None:
    packed = gzip.compress(bytes(5_000_000))

    async def scene() -> bytes:
        async with noting(None, reply(200, packed, "Content-Encoding: gzip\r\n")) as (port, _):
            http = CloudHttp(f"http://127.0.0.1:{port}", times=QUICK)
            try:
                return (await http.post("api/query", b"{}", {}, 5.0)).body
            finally:
                await http.close()

    assert asyncio.run(scene()) == packed


def test_a_strangers_text_is_made_fit_to_be_shown() -> None:
    assert plain("a\nb\x1b[2Jc") == "a b [2Jc"
    assert len(plain("x" * 10_000)) == 120
