"""A toy's link among those who mean ill: in between, at the other end, or playing again what they have heard.

Real sockets, and at the other end servers that speak no library's WebSocket. What is shown elsewhere is not shown
again: docs/security.md names all of it.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import warnings
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import trustme
from attack_material import Victim, attacking, frame, text
from msgspec.structs import replace
from signing_material import guard, signer
from test_io_link import Recorder, link_to, running
from tls_material import SPARE, clock, day, pin, served_with, trusting

from pommai.io import link as link_module
from pommai.io.link import LONGEST_TEXT, LinkTimes, WebSocketLink
from pommai.io.link_socket import PINGS_PER_MINUTE
from pommai.io.tls import ServerTrust
from pommai.protocol import messages as m
from pommai.protocol.limits import MESSAGES_PER_MINUTE
from pommai.protocol.wire import encode_audio_response, encode_binary, encode_message

QUICK = LinkTimes(open=20.0, handshake=20.0, settled=0.3, retry_first=0.01, retry_limit=60.0)
NOW = "2026-11-21T12:00:00.000Z"
AUTHORITY = trustme.CA()
OURS = AUTHORITY.issue_cert("127.0.0.1")

Attack = Callable[[Victim], Awaitable[None]]


def attacked(attack: Attack, until: Callable[[Recorder], Awaitable[None]], **more: object) -> WebSocketLink:
    """Have a toy call a server that attacks, until something has come of it."""
    links: list[WebSocketLink] = []

    async def scene() -> None:
        async with asyncio.timeout(60), attacking(attack) as port:
            links.append(link_to(port, **{"times": QUICK, **more}))
            async with running(links[0]) as recorder:
                await until(recorder)

    asyncio.run(scene())
    return links[0]


def reason_of(attack: Attack, **more: object) -> str:
    """Why the link to a server that attacks goes down."""
    reasons: list[str] = []

    async def until(recorder: Recorder) -> None:
        await recorder.down()
        reasons.extend(recorder.reasons)

    attacked(attack, until, **more)
    return reasons[0]


# -- in between ----------------------------------------------------------------------------


def a_man_with(leaf: trustme.LeafCert, trust: ServerTrust) -> tuple[str, bytes]:
    """What a toy says of a man in the middle with a certificate of his own, and all he hears behind TLS."""
    heard = bytearray()
    reasons: list[str] = []

    async def listen(victim: Victim) -> None:
        heard.extend(await victim.reader.read(4096))

    async def scene() -> None:
        async with asyncio.timeout(60), attacking(listen, served_with(leaf)) as port:
            link = WebSocketLink(
                f"wss://127.0.0.1:{port}/audio-stream",
                token="secret-token",
                device_id="pi-1",
                toy_id="bear",
                capabilities={},
                trust=trust,
                times=QUICK,
            )
            async with running(link) as recorder:
                await recorder.down()
                reasons.extend(recorder.reasons)

    asyncio.run(scene())
    return reasons[0], bytes(heard)


@pytest.mark.parametrize("trusted", [True, False])
@pytest.mark.parametrize(
    ("leaf", "words"),
    [
        (AUTHORITY.issue_cert("evil.example"), "mismatch"),
        (trustme.CA().issue_cert("127.0.0.1"), "unable to get local issuer"),
        (AUTHORITY.issue_cert("127.0.0.1", not_before=day(2019), not_after=day(2020)), "expired"),
    ],
)
def test_a_man_in_the_middle_with_a_wrong_certificate_hears_not_a_byte(
    leaf: trustme.LeafCert, words: str, trusted: bool
) -> None:
    reason, heard = a_man_with(leaf, ServerTrust(trusting(AUTHORITY), now=clock(NOW, trusted=trusted)))
    assert words in reason
    assert heard == b""


@pytest.mark.parametrize("leaf", [AUTHORITY.issue_cert("127.0.0.1"), trustme.CA().issue_cert("127.0.0.1")])
def test_with_pins_a_man_whom_an_authority_vouches_for_hears_not_a_byte_either(leaf: trustme.LeafCert) -> None:
    trust = ServerTrust(trusting(AUTHORITY), pins=(SPARE, pin(OURS)), now=clock(NOW, trusted=True))
    reason, heard = a_man_with(leaf, trust)
    assert "is none of server_pins" in reason
    assert heard == b""


def lenient() -> ssl.SSLContext:
    """As an OpenSSL might be set up that still speaks what was given up long ago."""
    context = trusting(AUTHORITY)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python, too, thinks nothing of TLS 1.1
        context.minimum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


def offered(hello: bytes) -> set[int]:
    """The versions in a toy's first message of TLS (RFC 8446, 4.1.2): those it lists, else the one it names."""
    at = 5 + 4 + 2 + 32  # its record's head, its own, the version it names, what is random
    at += 1 + hello[at]  # the session
    at += 2 + int.from_bytes(hello[at : at + 2])  # ciphers
    at += 1 + hello[at] + 2  # compressions; how long all extensions are
    while at < len(hello):
        kind, size = int.from_bytes(hello[at : at + 2]), int.from_bytes(hello[at + 2 : at + 4])
        if kind == 43:
            listed = hello[at + 5 : at + 4 + size]
            return {int.from_bytes(listed[place : place + 2]) for place in range(0, len(listed), 2)}
        at += 4 + size
    return {int.from_bytes(hello[9:11])}


@pytest.mark.parametrize("pins", [(), (SPARE, pin(OURS))])
def test_a_man_who_speaks_only_old_tls_is_not_talked_to(pins: tuple[str, ...]) -> None:
    heard: list[bytes] = []

    async def insist(victim: Victim) -> None:
        head = await victim.reader.readexactly(5)
        heard.append(head + await victim.reader.readexactly(int.from_bytes(head[3:])))
        ours = b"\x03\x02" + bytes(32) + b"\0" + b"\xc0\x13" + b"\0"  # TLS 1.1, with a cipher of its time
        said = b"\x02" + len(ours).to_bytes(3) + ours
        victim.writer.write(b"\x16\x03\x02" + len(said).to_bytes(2) + said)
        heard.append(await victim.reader.read())

    async def scene() -> str:
        async with asyncio.timeout(60), attacking(insist) as port:
            link = WebSocketLink(
                f"wss://127.0.0.1:{port}/",
                token="secret-token",
                device_id="pi-1",
                toy_id="bear",
                capabilities={},
                trust=ServerTrust(lenient(), pins=pins),
                times=QUICK,
            )
            async with running(link) as recorder:
                await recorder.down()
                return recorder.reasons[0]

    assert "the server cannot be reached" in asyncio.run(scene())
    hello, answer = heard
    assert offered(hello) <= {0x0304, 0x0303}
    assert answer[:1] in (b"", b"\x15"), "nothing, or an alert"


def test_the_toy_names_the_server_it_wants_and_takes_no_other_that_lives_there() -> None:
    named: list[str | None] = []
    context = served_with(AUTHORITY.issue_cert("toys.example"))
    context.sni_callback = lambda connection, name, _: named.append(name)

    async def scene() -> str:
        async with asyncio.timeout(60), attacking(Victim.upgrade, context) as port:
            link = WebSocketLink(
                f"wss://localhost:{port}/",
                token="secret-token",
                device_id="pi-1",
                toy_id="bear",
                capabilities={},
                trust=ServerTrust(trusting(AUTHORITY)),
                times=QUICK,
            )
            async with running(link) as recorder:
                await recorder.down()
                return recorder.reasons[0]

    assert "Hostname mismatch" in asyncio.run(scene())
    assert named == ["localhost"]


# -- played again, or with the signature taken off -----------------------------------------


def test_what_was_signed_counts_once_and_what_was_recorded_never_again(tmp_path: Path) -> None:
    ours = signer(tmp_path)
    tape: list[bytes] = []
    heard: list[object] = []

    async def attack(victim: Victim) -> None:
        await victim.upgrade()
        assert victim.handshake is not None
        if not tape:
            messages = (m.Command("update", {"url": "https://a"}), m.SafetyOverride("resume"))
            for number, message in enumerate(messages, 1):
                signed = ours.signed(message, "pi-1", victim.handshake.challenge or "", number)
                bare = json.loads(encode_message(signed))
                del bare["signature"]
                victim.writer.write(text(json.dumps(bare)))  # taken off by whoever sits in between
                tape.append(text(encode_message(signed)))
                victim.writer.write(tape[-1] * 3)
            return  # and the connection breaks
        victim.writer.write(b"".join(tape + tape[::-1]) + text(encode_message(m.Command("stop"))))
        await victim.gone()

    async def until(recorder: Recorder) -> None:
        await recorder.until(lambda calls: m.Command("stop") in calls)
        heard.extend(call for call in recorder.calls if isinstance(call, m.Command | m.SafetyOverride))

    link = attacked(attack, until, guard=guard(ours))
    assert [(type(each).__name__, getattr(each, "name", "")) for each in heard] == [
        ("Command", "update"),
        ("SafetyOverride", ""),
        ("Command", "stop"),
    ]
    assert link.oddities["unsigned Command"] + link.oddities["unsigned SafetyOverride"] == 2 * (1 + 2) + 4


# -- too large -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 101 Switching Protocols\r\n" + b"X-A: b\r\n" * 5000,
        b"HTTP/1.1 101 Switching Protocols\r\nX-A: " + b"b" * 1_000_000,
        b"HTTP/1.1 " + b"1" * 1_000_000,
        b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n" + b"x" * 3_000_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"fffffff\r\n" + b"x" * 3_000_000,
        b"\0" * 1_000_000,
    ],
    ids=["headers", "header", "status", "body", "chunks", "zeroes"],
)
def test_an_opening_that_never_ends_is_given_up(answer: bytes) -> None:
    async def attack(victim: Victim) -> None:
        await victim.reader.readuntil(b"\r\n\r\n")
        victim.writer.write(answer)
        await victim.gone()

    assert reason_of(attack, times=replace(QUICK, open=1.0))


@pytest.mark.parametrize("to", [b"wss://evil.example/", b"http://127.0.0.1:9/", b"/elsewhere", b"ws://[::1]:9/"])
def test_a_server_that_sends_the_toy_elsewhere_is_not_followed(to: bytes) -> None:
    asked: list[bytes] = []

    async def attack(victim: Victim) -> None:
        asked.append(await victim.reader.readuntil(b"\r\n\r\n"))
        victim.writer.write(b"HTTP/1.1 302 Found\r\nLocation: " + to + b"\r\nContent-Length: 0\r\n\r\n")
        await victim.gone()

    assert reason_of(attack, times=replace(QUICK, retry_first=60.0))
    assert len(asked) == 1


BOMBS = {
    "brackets": "[" * 1_000_000,
    "objects": '{"a":' * 4000 + "1" + "}" * 4000,
    "lists": '{"type":"command","name":"x","args":{"a":[' + "[]," * 300_000 + "1]}}",
    "items": '{"type":"command","name":"x","args":{"a":[' + "1," * 400_000 + "1]}}",
    "number": '{"type":"ping","timestamp":' + "9" * 900_000 + "}",
    "exponent": '{"type":"safety_override","action":"pause","duration":1e999999999}',
    "keys": "{" + ",".join(f'"k{number}":0' for number in range(39_000)) + ',"type":"ping"}',
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_a_json_bomb_costs_one_message_and_the_toy_goes_on(bomb: str) -> None:
    async def attack(victim: Victim) -> None:
        await victim.upgrade()
        victim.writer.write(text(bomb) + text(encode_message(m.Command("stop"))))
        await victim.gone()

    async def until(recorder: Recorder) -> None:
        await recorder.until(lambda calls: len(calls) > 2)
        assert recorder.calls[2:] == [m.Command("stop")]

    link = attacked(attack, until)
    assert sum(link.oddities.values()) == 1


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        (frame(2, claims=1 << 40), "1009"),
        (frame(2, b"x" * 1_000_000, fin=False) + frame(0, b"x" * 100_000), "1009"),
        (frame(2, b"x", fin=False) + frame(0, fin=False) * 50_000, "the toy closed the connection"),
        (frame(0, b"x"), "1002"),
        (frame(9, b"x" * 126), "1002"),
        (frame(11, b"x"), "1002"),
        (b"\xf1\x00", "1002"),
        (frame(1, b"\xff\xfe"), "1007"),
        (frame(8, b"\x03"), "1002"),
    ],
    ids=["length", "pieces", "empty pieces", "no beginning", "long ping", "unknown", "reserved", "no UTF-8", "goodbye"],
)
def test_frames_that_no_honest_server_sends_cost_the_connection(frames: bytes, words: str) -> None:
    async def attack(victim: Victim) -> None:
        await victim.upgrade()
        victim.writer.write(frames)
        await victim.gone()

    assert words in reason_of(attack)


def test_a_compressed_bomb_is_not_unpacked() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(bytes(5_000_000)) + packer.flush(zlib.Z_SYNC_FLUSH)

    async def attack(victim: Victim) -> None:
        await victim.upgrade()
        victim.writer.write(bytes([0xC2]) + frame(2, packed)[1:])  # said to be packed, which nobody has agreed on
        await victim.gone()

    async def attack_early(victim: Victim) -> None:
        await victim.upgrade(claims=b"Sec-WebSocket-Extensions: permessage-deflate\r\n")

    assert "1002: reserved bits must be 0" in reason_of(attack)
    assert "extensions" in reason_of(attack_early)


# -- too slow ------------------------------------------------------------------------------


async def trickle(victim: Victim, byte: bytes) -> None:
    """A byte now and then, so that the connection looks alive."""
    while not victim.reader.at_eof():
        victim.writer.write(byte)
        await victim.writer.drain()
        await asyncio.sleep(0.01)


def test_a_frame_that_comes_byte_by_byte_and_never_ends_is_given_up() -> None:
    async def attack(victim: Victim) -> None:
        await victim.upgrade()
        victim.writer.write(frame(1, claims=1_000_000))
        reading = asyncio.create_task(victim.gone())
        await trickle(victim, b"x")
        await reading

    times = replace(QUICK, ping_interval=0.1, ping_timeout=0.3)
    assert "the toy closed the connection (1011" in reason_of(attack, times=times)


def test_a_handshake_that_is_never_answered_among_other_words_is_given_up() -> None:
    async def attack(victim: Victim) -> None:
        await victim.upgrade(silent=True)
        reading = asyncio.create_task(victim.gone())
        await trickle(victim, text('{"type":"ping","timestamp":"x"}'))
        await reading

    assert "no answer to the handshake" in reason_of(attack, times=replace(QUICK, handshake=0.5))


# -- too much ------------------------------------------------------------------------------


def test_a_flood_of_sound_ends_in_a_long_pause(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(link_module, "MOST_PER_MINUTE", 500)

    async def attack(victim: Victim) -> None:
        await victim.upgrade()
        number = 0
        while not victim.writer.is_closing():
            number += 1
            victim.writer.write(frame(2, encode_binary(m.DownAudio(1, number, b"x"))))
            await victim.writer.drain()
            await asyncio.sleep(0)

    caplog.set_level("INFO")
    assert "more than 500 messages and frames a minute" in reason_of(attack)
    (down,) = [record for record in caplog.records if record.message == "link down"]
    assert down.retry_s >= 30.0


def test_ten_thousand_orders_at_once_are_a_minutes_worth_in_whatever_form_they_come() -> None:
    orders = [
        text(encode_message(m.Command("play", {"sound": "hello"}))),
        text(encode_message(m.TextResponse(1, "words"))),
        text(encode_audio_response(m.AudioResponse(1, (), transcript="more words"))),
    ]

    async def attack(victim: Victim) -> None:
        await victim.upgrade()
        victim.writer.write(b"".join(orders * 3333) + frame(2, encode_binary(m.DownAudio(1, 0, b"x", final=True))))
        await victim.gone()

    async def until(recorder: Recorder) -> None:
        await recorder.until(lambda calls: bool(calls) and isinstance(calls[-1], m.DownAudio))
        assert len(recorder.calls) == 2 + MESSAGES_PER_MINUTE + 1

    link = attacked(attack, until)
    assert link.oddities["rate_limit"] == 3 * 3333 - MESSAGES_PER_MINUTE


def test_words_without_end_are_read_as_far_as_somebody_could_say_them() -> None:
    async def attack(victim: Victim) -> None:
        await victim.upgrade()
        victim.writer.write(text(encode_message(m.TextResponse(1, "w" * 500_000, "u" * 500_000))))
        await victim.gone()

    async def until(recorder: Recorder) -> None:
        await recorder.until(lambda calls: len(calls) > 2)
        (words,) = recorder.calls[2:]
        assert isinstance(words, m.TextResponse)
        assert (len(words.text), len(words.user_text or "")) == (LONGEST_TEXT, LONGEST_TEXT)

    attacked(attack, until)


def test_a_flood_of_pings_ends_the_connection() -> None:
    async def attack(victim: Victim) -> None:
        await victim.upgrade()
        victim.writer.write(frame(9) * (PINGS_PER_MINUTE + 1))
        await victim.gone()

    assert "the toy closed the connection (1008: far too many pings)" in reason_of(attack)


def test_frames_of_two_bytes_that_come_at_once_leave_the_loop_to_others() -> None:
    """A quarter of a megabyte of them is what one read of asyncio's brings: a hundred thousand frames in one go."""
    turns = 0

    async def attack(victim: Victim) -> None:
        await victim.upgrade()
        victim.writer.write(frame(10) * PINGS_PER_MINUTE + frame(2) * 15_000)
        victim.writer.write(text(encode_message(m.Command("stop"))))
        await victim.gone()

    async def until(recorder: Recorder) -> None:
        nonlocal turns
        while m.Command("stop") not in recorder.calls:
            await asyncio.sleep(0)
            turns += 1

    link = attacked(attack, until)
    assert link.oddities["AUDIO_ERROR"] == 15_000
    assert turns > 1000
