"""Whom a toy believes to be its server: real handshakes with servers that are, and with servers that are not."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl

import pytest
import trustme
from test_io_link import polite, port_of, running, serving
from tls_material import SPARE, clock, day, noting, pin, served_with, trusting

from pommai.errors import CloudUnreachableError, SettingsError
from pommai.io.cloud_http import CloudHttp, CloudTimes
from pommai.io.link import LinkTimes, WebSocketLink
from pommai.io.tls import ServerTrust, is_loopback, pins_at

AUTHORITY = trustme.CA()
NOW = "2026-11-21T12:00:00.000Z"
QUICK = LinkTimes(retry_first=0.01, retry_limit=60.0)
"""A server that is not trusted is not called again while a test lasts."""


def link_to(port: int, trust: ServerTrust | None = None, *, scheme: str = "wss", host: str = "127.0.0.1", **more):
    return WebSocketLink(
        f"{scheme}://{host}:{port}/audio-stream",
        token="secret-token",
        device_id="pi-1",
        toy_id="bear",
        capabilities={},
        trust=trust,
        **{"times": QUICK, **more},
    )


async def reason_from(leaf: trustme.LeafCert, trust: ServerTrust, host: str = "127.0.0.1") -> str:
    """Why the link to a server with this certificate goes down; nothing when it comes up."""
    async with serving(polite(), ssl=served_with(leaf)) as server:
        async with running(link_to(port_of(server), trust, host=host)) as recorder:
            await recorder.until(lambda calls: any(call[0] in ("up", "down") for call in calls if type(call) is tuple))
        return "".join(recorder.reasons)


def issue(name: str = "127.0.0.1", **more) -> trustme.LeafCert:
    return AUTHORITY.issue_cert(name, **more)


@pytest.mark.parametrize(
    ("leaf", "words"),
    [
        (issue(), ""),
        (issue("other.example"), "IP address mismatch"),
        (issue(not_before=day(2019), not_after=day(2020)), "certificate has expired"),
        (issue(not_before=day(2090), not_after=day(2091)), "not yet valid"),
        (trustme.CA().issue_cert("127.0.0.1"), "unable to get local issuer"),
    ],
)
def test_an_authority_vouches_for_the_name_and_the_dates_count(leaf: trustme.LeafCert, words: str) -> None:
    reason = asyncio.run(reason_from(leaf, ServerTrust(trusting(AUTHORITY), now=clock(NOW, trusted=True))))
    assert words in reason
    assert bool(reason) is bool(words)


def test_the_name_is_that_of_the_address_and_not_of_the_machine_it_leads_to() -> None:
    trust = ServerTrust(trusting(AUTHORITY))
    assert asyncio.run(reason_from(issue("localhost"), trust, "localhost")) == ""
    assert "Hostname mismatch" in asyncio.run(reason_from(issue("evil.example"), trust, "localhost"))


@pytest.mark.parametrize("says", ["1970-01-01T00:00:03.000Z", "2026-03-01T00:00:00.000Z"])
@pytest.mark.parametrize(
    ("leaf", "words"),
    [
        (issue(), ""),
        (issue(not_before=day(2026), not_after=day(2027)), ""),
        (issue(not_before=day(2019), not_after=day(2020)), r"it has expired on 2020-06-01, and it is at least 2026"),
        (issue("other.example"), "mismatch"),
        (trustme.CA().issue_cert("127.0.0.1"), "unable to get local issuer"),
    ],
)
def test_a_toy_whose_clock_stands_still_accepts_what_may_count_and_nothing_that_has_ended(
    says: str, leaf: trustme.LeafCert, words: str
) -> None:
    reason = asyncio.run(reason_from(leaf, ServerTrust(trusting(AUTHORITY), now=clock(says, trusted=False))))
    assert words in reason
    assert bool(reason) is bool(words)


def test_an_authority_between_that_has_ended_ends_what_it_vouches_for() -> None:
    between = AUTHORITY.create_child_ca()
    leaf = between.issue_cert("127.0.0.1")
    trust = ServerTrust(trusting(AUTHORITY), now=clock("3100-01-01T00:00:00.000Z", trusted=False))
    assert "expired" in asyncio.run(reason_from(leaf, trust))
    assert asyncio.run(reason_from(leaf, ServerTrust(trusting(AUTHORITY), now=clock(NOW, trusted=False)))) == ""


def test_once_the_clock_is_trusted_the_same_link_looks_at_both_dates() -> None:
    told = [clock("1970-01-01T00:00:03.000Z", trusted=False)]
    trust = ServerTrust(trusting(AUTHORITY), now=lambda: told[0]())
    leaf = issue(not_before=day(2090), not_after=day(2091))
    assert asyncio.run(reason_from(leaf, trust)) == ""
    told[0] = clock(NOW, trusted=True)
    assert "not yet valid" in asyncio.run(reason_from(leaf, trust))


# -- pins ----------------------------------------------------------------------------------


@pytest.mark.parametrize("trusted", [True, False])
def test_a_pinned_key_is_the_server_whoever_vouches_for_it_and_a_stranger_with_an_authority_is_not(
    trusted: bool,
) -> None:
    leaf = trustme.CA().issue_cert("anything.example")
    now = clock(NOW, trusted=trusted)
    assert asyncio.run(reason_from(leaf, ServerTrust(pins=(SPARE, pin(leaf)), now=now))) == ""
    stranger = issue()
    reason = asyncio.run(reason_from(stranger, ServerTrust(trusting(AUTHORITY), pins=(SPARE, pin(leaf)), now=now)))
    assert f"its key sha256/{pin(stranger)} is none of server_pins" in reason


def test_a_pinned_certificate_that_has_ended_is_refused_all_the_same() -> None:
    leaf = issue(not_before=day(2019), not_after=day(2020))
    trust = ServerTrust(pins=(SPARE, pin(leaf)), now=clock(NOW, trusted=True))
    assert "has expired on 2020-06-01, and it is 2026-11-21" in asyncio.run(reason_from(leaf, trust))
    leaf = issue(not_before=day(2090), not_after=day(2091))
    trust = ServerTrust(pins=(SPARE, pin(leaf)), now=clock(NOW, trusted=True))
    assert "it begins on 2090-06-01" in asyncio.run(reason_from(leaf, trust))


def test_one_pin_is_none_for_it_could_be_lost() -> None:
    with pytest.raises(SettingsError, match="the one in force, and a spare"):
        ServerTrust(pins=(SPARE, SPARE))


# -- before anything is sent ---------------------------------------------------------------


def test_whoever_has_the_wrong_key_hears_nothing_and_is_not_asked_again_and_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def test() -> None:
        stranger = issue()
        async with noting(served_with(stranger)) as (port, heard):
            async with running(link_to(port, ServerTrust(pins=(SPARE, "B" * 43 + "=")))) as recorder:
                await recorder.down()
                assert heard == b""
            http = CloudHttp(
                f"https://127.0.0.1:{port}", trust=ServerTrust(pins=(SPARE, "B" * 43 + "=")), times=CloudTimes()
            )
            with pytest.raises(CloudUnreachableError, match="none of server_pins"):
                await http.post("api/query", b"{}", {"Authorization": "Bearer secret-token"}, 5.0)
            await http.close()
            assert heard == b""

    with caplog.at_level(logging.INFO):
        asyncio.run(test())
    (told,) = [record for record in caplog.records if record.message == "server not trusted"]
    assert told.levelno == logging.ERROR
    (down,) = [record for record in caplog.records if record.message == "link down"]
    assert down.retry_s >= 30.0


def test_the_cloud_is_held_to_a_clock_that_stands_still_as_the_link_is() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

    async def ask(leaf: trustme.LeafCert) -> bytes:
        trust = ServerTrust(trusting(AUTHORITY), now=clock("1970-01-01T00:00:03.000Z", trusted=False))
        async with noting(served_with(leaf), answer) as (port, _):
            http = CloudHttp(f"https://127.0.0.1:{port}", trust=trust)
            try:
                return (await http.post("api/query", b"{}", {}, 5.0)).body
            finally:
                await http.close()

    assert asyncio.run(ask(issue(not_before=day(2026), not_after=day(2027)))) == b"{}"
    with pytest.raises(CloudUnreachableError, match="has expired on 2020"):
        asyncio.run(ask(issue(not_before=day(2019), not_after=day(2020))))


def test_whoever_has_taken_the_tls_away_hears_no_token() -> None:
    async def test() -> None:
        heard = bytearray()

        async def stripped(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard.extend(await reader.read(4096))
            writer.write(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
            writer.close()

        server = await asyncio.start_server(stripped, "127.0.0.1", 0)
        async with server, running(link_to(server.sockets[0].getsockname()[1])) as recorder:
            await recorder.down()
        assert heard
        assert b"secret-token" not in heard

    asyncio.run(test())


def test_a_server_that_never_gets_on_with_its_handshake_is_given_up() -> None:
    """A byte now and then keeps a connection alive, and a toy that waited for each would wait for ever."""

    async def test() -> None:
        async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError):
                while not reader.at_eof():
                    writer.write(b"\x16")
                    await asyncio.sleep(0.02)
            writer.close()

        async def slow_later(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError):
                writer.write(b"HTTP/1.1 101 Sw")
                while not reader.at_eof():
                    writer.write(b"i")
                    await asyncio.sleep(0.02)
            writer.close()

        quick = LinkTimes(open=0.3, handshake=0.3, retry_first=30.0)
        for meet, context, scheme in ((slow, None, "ws"), (slow_later, served_with(issue()), "wss")):
            server = await asyncio.start_server(meet, "127.0.0.1", 0, ssl=context)
            async with server:
                link = link_to(
                    server.sockets[0].getsockname()[1], ServerTrust(trusting(AUTHORITY)), scheme=scheme, times=quick
                )
                async with running(link) as recorder:
                    await recorder.down()
                assert recorder.reasons == ["127.0.0.1 does not answer"]

    asyncio.run(test())


def test_nothing_older_than_tls_1_2_is_spoken() -> None:
    for trust in (ServerTrust(), ServerTrust(trusting(AUTHORITY)), ServerTrust(pins=(SPARE, "B" * 43 + "="))):
        assert trust.context().minimum_version is ssl.TLSVersion.TLSv1_2


# -- in the clear --------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["toys.example", "192.168.1.2", "[fe80::1]", "127.0.0.1.example", "localhost.example"])
def test_in_the_clear_the_toy_talks_to_this_machine_alone(host: str) -> None:
    with pytest.raises(SettingsError, match=r"the server's address must begin with wss://.* plaintext = 'anywhere'"):
        link_to(1, scheme="ws", host=host)
    with pytest.raises(SettingsError, match=r"the cloud's address must begin with https://"):
        CloudHttp(f"http://{host}:1")
    link_to(1, scheme="ws", host=host, plaintext=True)
    CloudHttp(f"http://{host}:1", plaintext=True)
    link_to(1, host=host)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "::1", "localhost"])
def test_this_machine_is_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    ("address", "counts"),
    [
        ("https://gateway.example:8766", True),
        ("https://GATEWAY.example", True),
        ("https://gateway.example.evil.example", False),
        ("https://happy-animal-123.convex.cloud", False),
        (None, False),
    ],
)
def test_the_pins_of_a_server_count_at_its_other_ports_and_nowhere_else(address: str | None, counts: bool) -> None:
    pins = ("one", "two")
    assert pins_at(address, "wss://gateway.example:8765/audio-stream", pins) == (pins if counts else ())
