"""What leaves the toy is noted, each once, with to whom it went."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
import trustme
from cloud_stand_in import QUICK, stand_in
from gateway_material import PERSONAS, TOKEN
from memory_material import Machine, said
from test_io_link import eventually, polite, port_of, running, serving
from tls_material import noting, served_with

from pommai.cli import main
from pommai.errors import CloudUnreachableError
from pommai.gateway.server import Gateway, GatewaySettings
from pommai.io import memory_guardian as guardian
from pommai.io.cloud_http import CloudHttp
from pommai.io.convex import ConvexClient
from pommai.io.link import WebSocketLink
from pommai.io.memory_store import MOST_SENT
from pommai.io.sent import SentNotes, ids_in
from pommai.io.tls import ServerTrust
from pommai.protocol import messages as m

NOW = "2026-09-21T12:00:00.000Z"


class Notes:
    def __init__(self) -> None:
        self.taken: list[tuple[str, str, int, tuple[str, ...]]] = []

    def __call__(self, kind: str, receiver: str, size: int, items: Sequence[str]) -> None:
        self.taken.append((kind, receiver, size, tuple(items)))


def test_what_says_something_of_somebody_is_noted_and_what_says_nothing_is_not() -> None:
    notes = Notes()
    sent = SentNotes(notes, "host")
    talk = m.Conversation("c", "bear", "q", "a", NOW, False)
    sent.message(m.SyncBatch("b", ({"id": "c-1"},), ({"id": "s-1"},), ({"id": "m-1"},), ({"id": "l-1"},)), 10)
    sent.message(m.GuardianAlert("high", "r", NOW, "words", "g-1"), 20)
    sent.message(m.GuardianAlert("high", "r", NOW), 30)
    sent.message(m.SaveConversation(talk), 40)
    sent.message(m.PiConfigReport(), 50)
    sent.message(m.UpdateReport(12, "pommai", "home"), 55)
    for nothing in (m.Ping(NOW), m.Pong(NOW), m.Abort(1, "x"), m.GetToyConfig("bear")):
        sent.message(nothing, 60)
    assert notes.taken == [
        ("sync", "host", 10, ("s-1", "c-1", "m-1", "l-1")),
        ("alert", "host", 20, ("g-1",)),
        ("alert", "host", 30, ()),
        ("conversation", "host", 40, ("c",)),
        ("settings in force", "host", 50, ()),
        ("state of updates", "host", 55, ()),
    ]


def test_the_sound_of_a_turn_is_one_thing_however_the_turn_ends() -> None:
    notes = Notes()
    sent = SentNotes(notes, "host")
    for turn, final in ((1, False), (1, True), (2, False), (3, False)):
        sent.sound(turn, 100, final=final)
    sent.end()
    sent.end()
    assert [size for _, _, size, _ in notes.taken] == [200, 100, 100]
    assert {kind for kind, *_ in notes.taken} == {"voice of a turn"}


def test_the_ids_in_a_call_are_those_of_its_items() -> None:
    assert ids_in({"id": "c-1", "toyId": "bear"}) == ["c-1"]
    assert ids_in({"metrics": [{"id": "m-1"}, {"id": "m-2"}], "deviceId": "d"}) == ["m-1", "m-2"]
    assert ids_in({"deviceId": "d"}) == []


def test_a_guardian_sees_what_went_to_a_real_gateway(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "memory.db"

    async def test() -> None:
        async with (
            Gateway(GatewaySettings(PERSONAS, TOKEN, port=0)) as gateway,
            Machine().memory(path) as memory,
        ):
            link = WebSocketLink(
                gateway.url,
                token=TOKEN,
                device_id="pi-1",
                toy_id="pommai-bear",
                capabilities={"binary_audio": True},
                on_sent=memory.note_sent,
            )
            async with running(link) as recorder:
                await recorder.up()
                memory.keep_conversation(said("talk-1", "quokka", "marsupial\x1b[1m"))
                memory.keep_metric("turns", 7)
                batch = await memory.batch(safety=False)
                assert batch is not None
                assert link.send(batch)
                assert link.send_audio(1, 0, b"x" * 80, final=False)
                await recorder.until(lambda calls: any(isinstance(call, m.SyncAck) for call in calls))
                (ack,) = (call for call in recorder.calls if isinstance(call, m.SyncAck))
                await memory.settle(ack)
            await memory.flush()

    asyncio.run(test())
    assert [(sent["kind"], sent["to"]) for sent in guardian.read(path)["sent"]] == [
        ("sync", "127.0.0.1"),
        ("voice of a turn", "127.0.0.1"),
    ]
    assert main(["data", "sent", "--memory", str(path), "--memory-copy", "none"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert "sync to 127.0.0.1, " in told[0]
    assert told[1] == "    bear: “quokka” – “marsupial\\x1b[1m”"
    assert told[2] == "    1 more, which the toy does not keep any longer"
    assert told[3].endswith("voice of a turn to 127.0.0.1, 80 bytes")
    assert main(["data", "erase", "everything", "--yes", "--memory", str(path), "--memory-copy", "none"]) == 0
    assert guardian.read(path)["sent"] == []


def test_the_bytes_that_are_noted_are_those_that_the_server_gets() -> None:
    notes, heard = Notes(), list[object]()

    async def test() -> None:
        async with serving(polite(heard=heard)) as server:
            link = WebSocketLink(
                f"ws://127.0.0.1:{port_of(server)}/",
                token=TOKEN,
                device_id="pi-1",
                toy_id="bear",
                capabilities={},
                on_sent=notes,
            )
            async with running(link) as recorder:
                await recorder.up()
                assert link.send(
                    m.SaveConversation(m.Conversation("c", "bear", "Wo ist der Bär?", "¡Aquí! 🐻", NOW, False))
                )
                await eventually(lambda: len(heard) == 2)

    asyncio.run(test())
    (said,) = heard[1:]
    assert isinstance(said, str)
    assert notes.taken == [("conversation", "127.0.0.1", len(said.encode()), ("c",))]


def test_what_gets_no_further_than_the_door_has_not_left_and_what_gets_further_has() -> None:
    notes = Notes()
    talk = {"id": "c-1", "userInput": "Wo ist der Bär?"}

    async def bring(url: str, trust: ServerTrust | None = None) -> None:
        client = ConvexClient(CloudHttp(url, times=QUICK, trust=trust), on_sent=notes)
        with contextlib.suppress(CloudUnreachableError):
            await client.call("mutation", "conversations:create", talk, attempts=1)
        with contextlib.suppress(CloudUnreachableError):
            await client.upload("/api/storage/upload", b"OggS", "audio/ogg")
        with contextlib.suppress(CloudUnreachableError):
            await client.upload("https://elsewhere.example/", b"OggS", "audio/ogg")
        await client.close()

    async def test() -> None:
        with closing(socket.create_server(("127.0.0.1", 0))) as server:
            port = server.getsockname()[1]
        await bring(f"http://127.0.0.1:{port}")  # nobody is there
        leaf = trustme.CA().issue_cert("127.0.0.1")
        async with noting(served_with(leaf)) as (port, heard):
            await bring(f"https://127.0.0.1:{port}", ServerTrust())  # somebody else is
        assert heard == b""
        assert notes.taken == []
        async with stand_in() as cloud:
            cloud.trouble.extend(["cut", "cut"])  # it has read all, and hangs up without a word
            await bring(cloud.url)
        size = len(json.dumps({"path": "conversations:create", "args": talk, "format": "json"}).encode())
        assert notes.taken == [
            ("conversations:create", "127.0.0.1", size, ("c-1",)),
            ("recording of a turn", "127.0.0.1", 4, ()),
        ]

    asyncio.run(test())


def test_only_the_newest_notes_are_kept(tmp_path: Path) -> None:
    async def test() -> None:
        path = tmp_path / "memory.db"
        async with Machine().memory(path) as memory:
            for number in range(MOST_SENT + 50):
                memory.note_sent("sync", "host", number, [])
                if number % 500 == 0:
                    await memory.flush()
            await memory.flush()
            sizes = [sent["bytes"] for sent in guardian.read(path)["sent"]]
            assert (len(sizes), sizes[-1]) == (MOST_SENT, MOST_SENT + 49)

    asyncio.run(test())
