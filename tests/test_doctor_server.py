"""The way to the server: real sockets, real certificates, a real gateway."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from doctor_material import RUNNING, look, settings, world
from gateway_material import TOKEN, desk
from short_server import short_server

from pommai.doctor import server
from pommai.doctor.finding import Finding, Mark, Run
from pommai.doctor.surroundings import Surroundings
from pommai.io.link import WebSocketLink

CA = trustme.CA()


def there(folder: Path, url: str, **more: Any) -> Surroundings:
    wanted = settings(folder, url=url, **more.pop("settings", {}))
    return world(folder, settings=wanted, wall=time.time, authorities=more.pop("authorities", trusting), **more)


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    CA.configure_trust(context)
    return context


@contextlib.asynccontextmanager
async def listening(context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Something that takes connections, and says nothing."""

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await reader.read()
        writer.transport.abort()

    async with short_server(meet, context) as port:
        yield port


def shown(ca: trustme.CA = CA, name: str = "localhost", ends: datetime | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(name, not_after=ends).configure_cert(context)
    return context


# -- name and connection -------------------------------------------------------------------


def test_a_server_that_listens_is_reached(tmp_path: Path) -> None:
    async def main() -> Finding:
        async with listening() as port:
            return await server.network(there(tmp_path, f"ws://127.0.0.1:{port}/"))

    found = asyncio.run(main())
    assert (found.mark, found.figures["addresses"]) == (Mark.OK, ["127.0.0.1"])


def test_a_port_where_nobody_listens_is_broken(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        found = look(server.network, there(tmp_path, f"ws://127.0.0.1:{probe.getsockname()[1]}/"))
    assert (found.mark, "nothing listens at 127.0.0.1:" in found.words) == (Mark.BROKEN, True)


def test_a_name_without_an_address_is_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def nowhere(*_: object) -> object:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(server, "look_up", nowhere)
    found = look(server.network, there(tmp_path, "wss://toys.invalid/"))
    assert (found.mark, found.words) == (Mark.BROKEN, "toys.invalid has no address: Name or service not known")
    assert "Wi-Fi" in found.next_step


def test_a_server_that_cannot_be_reached_is_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: object) -> object:
        raise TimeoutError

    monkeypatch.setattr(server, "dial", refuse)
    found = look(server.network, there(tmp_path, "ws://127.0.0.1:9/"))
    assert (found.mark, "no answer" in found.words) == (Mark.BROKEN, True)


# -- the certificate -----------------------------------------------------------------------


def certified(folder: Path, context: ssl.SSLContext | None, **more: Any) -> Finding:
    async def main() -> Finding:
        async with listening(context) as port:
            return await server.tls(there(folder, f"wss://localhost:{port}/", **more))

    return asyncio.run(main())


def test_a_good_certificate_is_well_with_the_days_it_is_good_for(tmp_path: Path) -> None:
    found = certified(tmp_path, shown(ends=datetime.now(UTC) + timedelta(days=60, hours=1)))
    assert found.mark is Mark.OK
    assert "good for 60 days" in found.words
    assert found.words.startswith("TLSv1.")


def test_a_certificate_that_ends_soon_is_wrong(tmp_path: Path) -> None:
    found = certified(tmp_path, shown(ends=datetime.now(UTC) + timedelta(days=5, hours=1)))
    assert (found.mark, "5 days" in found.words) == (Mark.WRONG, True)


@pytest.mark.parametrize(
    ("context", "words", "step"),
    [
        (lambda: shown(ends=datetime.now(UTC) - timedelta(days=1)), "ended|expired", "renew|date"),
        (lambda: shown(name="elsewhere.example"), "another name", "url"),
        (lambda: shown(trustme.CA()), "nobody this toy knows", "update-ca-certificates"),
        (lambda: None, "does not speak TLS", "openssl s_client"),
    ],
)
def test_each_fault_of_a_certificate_is_told_apart(
    tmp_path: Path, context: Callable[[], ssl.SSLContext | None], words: str, step: str
) -> None:
    made = context()
    found = _plain(tmp_path) if made is None else certified(tmp_path, made)
    assert found.mark is Mark.BROKEN
    assert any(word in found.words for word in words.split("|")), found.words
    assert any(word in found.next_step for word in step.split("|")), found.next_step


def _plain(folder: Path) -> Finding:
    """A server that answers in the clear."""

    async def main() -> Finding:
        async def meet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            writer.close()

        async with short_server(meet) as port:
            return await server.tls(there(folder, f"wss://localhost:{port}/"))

    return asyncio.run(main())


@pytest.mark.parametrize(
    ("code", "message", "words", "step"),
    [
        (9, "certificate is not yet valid", "not valid yet (this clock says ", "timedatectl"),
        (10, "certificate has expired", "has ended (this clock says ", "renew it at the server"),
        (99, "something new", "something new", "openssl s_client"),
    ],
)
def test_what_openssl_says_of_a_certificate_is_told_with_what_to_do(
    tmp_path: Path, code: int, message: str, words: str, step: str
) -> None:
    # OpenSSL looks at dates on a machine whose clock is trusted; elsewhere the toy does, see above.
    fault = ssl.SSLCertVerificationError(1, "certificate verify failed")
    fault.verify_code, fault.verify_message = code, message
    found = asyncio.run(server._refused(there(tmp_path, "wss://localhost:9/"), "localhost", 9, fault))
    assert found.mark is Mark.BROKEN
    assert words in found.words
    assert step in found.next_step


def test_a_pinned_key_is_well_and_another_broken(tmp_path: Path) -> None:
    from pommai.io.certificate import pin_of

    issued = CA.issue_cert("localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issued.configure_cert(context)
    pin = pin_of(ssl.PEM_cert_to_DER_cert(issued.cert_chain_pems[0].bytes().decode()))
    spare = "A" * 43 + "="
    plain: Callable[[], ssl.SSLContext] = lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # noqa: E731
    pins = {"server_pins": f"sha256/{pin},sha256/{spare}"}
    found = certified(tmp_path, context, settings=pins, authorities=plain)
    assert (found.mark, "server_pins" in found.words) == (Mark.OK, True)
    pins = {"server_pins": f"sha256/{'B' * 43}=,sha256/{spare}"}
    found = certified(tmp_path, context, settings=pins, authorities=plain)
    assert (found.mark, "none of server_pins" in found.words) == (Mark.BROKEN, True)
    assert "pommai devices rotate" in found.next_step


def test_a_way_in_the_clear_is_judged_by_where_it_leads(tmp_path: Path) -> None:
    assert look(server.tls, there(tmp_path, "ws://127.0.0.1:9/")).mark is Mark.OK
    assert look(server.tls, there(tmp_path, "ws://toys.example/")).mark is Mark.BROKEN
    open_ = there(tmp_path, "ws://toys.example/", settings={"plaintext": "anywhere"})
    assert look(server.tls, open_).mark is Mark.WRONG


# -- the toy's own connection --------------------------------------------------------------


def let_in(folder: Path, token: str | None = TOKEN, tls: ssl.SSLContext | None = None, **more: Any) -> Finding:
    async def main() -> Finding:
        async with desk(tls=tls) as gateway:
            scheme, host = ("ws", "127.0.0.1") if tls is None else ("wss", "localhost")
            url = f"{scheme}://{host}:{gateway.port}/audio-stream"
            given = {} if token is None else {"token": token}
            surroundings = there(folder, url, settings=given, **more)
            found = await server.gateway(surroundings)
            learned.extend(surroundings.server_minus_own)
            return found

    learned: list[float] = []
    found = asyncio.run(main())
    if found.mark is Mark.OK:
        assert abs(learned[0]) < 60
    return found


def test_a_toy_whose_token_is_known_is_let_in_and_hears_the_time(tmp_path: Path) -> None:
    found = let_in(tmp_path)
    assert (found.mark, found.words) == (Mark.OK, "default-toy-001 is let in as pommai-bear")
    assert let_in(tmp_path, tls=shown()).mark is Mark.OK


def test_a_toy_whose_token_is_refused_is_broken_and_told_apart(tmp_path: Path) -> None:
    found = let_in(tmp_path, "another-token")
    assert (found.mark, found.figures["refused"]) == (Mark.BROKEN, True)
    assert "token" in found.next_step
    assert "another-token" not in repr(found)


def test_a_server_that_is_no_gateway_is_broken(tmp_path: Path) -> None:
    async def main() -> Finding:
        async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            writer.close()

        async with short_server(meet) as port:
            return await server.gateway(there(tmp_path, f"ws://127.0.0.1:{port}/", settings={"token": TOKEN}))

    found = asyncio.run(main())
    assert (found.mark, found.figures["refused"], "404" in found.words) == (Mark.BROKEN, False, True)


def test_the_connection_is_left_alone_while_the_toy_runs_or_the_token_is_not_to_be_seen(tmp_path: Path) -> None:
    assert let_in(tmp_path, unit=RUNNING).mark is Mark.NOTE
    unseen = look(
        server.gateway,
        there(
            tmp_path,
            "ws://127.0.0.1:9/",
            settings={"token_file": str(tmp_path / "closed")},
            unit=replace(RUNNING, active="inactive", user="toy"),
        ),
    )
    assert (unseen.mark, "sudo -u toy" in unseen.next_step) == (Mark.NOTE, True)
    assert let_in(tmp_path, None).mark is Mark.BROKEN


def test_a_link_that_fails_by_a_fault_of_its_own_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> object:
        raise RuntimeError("a fault")

    monkeypatch.setattr(WebSocketLink, "run", fail)
    with pytest.raises(RuntimeError, match="a fault"):
        look(server.gateway, there(tmp_path, "ws://127.0.0.1:9/", settings={"token": TOKEN}))


def test_an_address_that_the_toy_does_not_go_to_is_broken(tmp_path: Path) -> None:
    found = look(server.gateway, there(tmp_path, "ws://toys.example/", settings={"token": TOKEN}))
    assert (found.mark, found.next_step) == (Mark.BROKEN, "put it right in pommai.toml")
    assert "toys.example" in found.words


def test_a_toy_that_gets_no_token_of_the_cloud_is_broken(tmp_path: Path) -> None:
    (tmp_path / "secret").touch(0o600)
    (tmp_path / "secret").write_text("a-long-device-secret")
    more = {"cloud_url": "http://127.0.0.1:9", "device_secret": f"file:{tmp_path / 'secret'}"}
    check: Run = server.gateway
    found = look(check, there(tmp_path, "ws://127.0.0.1:9/", settings=more))
    assert (found.mark, "no token" in found.words) == (Mark.BROKEN, True)
