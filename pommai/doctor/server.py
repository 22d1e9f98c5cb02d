"""The way to the server, a step at a time: its name, a connection, the certificate, the toy's own token."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from pommai.doctor.finding import Finding, broken, note, ok, wrong
from pommai.doctor.secrets import credentials
from pommai.doctor.surroundings import Surroundings
from pommai.errors import AuthenticationError, CertificateError, PommaiError, SecretError, SettingsError
from pommai.io.certificate import validity_of
from pommai.io.clock import is_before_this_make, to_milliseconds
from pommai.io.link import LinkTimes, WebSocketLink
from pommai.io.link_dial import dial, look_up
from pommai.io.link_token import Credentials
from pommai.io.tls import ServerTrust, is_loopback
from pommai.protocol.messages import DownAudio, Message
from pommai.toy.wiring import CAPABILITIES

LOOK_UP_SECONDS: Final = 10.0
FEW_DAYS: Final = 14
"""Certificates that renew themselves do so a month before their end."""
_EXPIRED, _NOT_YET, _OTHER_NAME = 10, 9, 62
"""OpenSSL's X509_V_ERR_CERT_HAS_EXPIRED, _CERT_NOT_YET_VALID, _HOSTNAME_MISMATCH."""
_OTHER_ADDRESS = 64
_UNKNOWN_MAKER = (18, 19, 20, 21)


def _place(url: str) -> tuple[str, int, bool]:
    """Host, port and whether it is encrypted."""
    parts = urlsplit(url)
    secure = parts.scheme in ("wss", "https")
    return parts.hostname or "", parts.port or (443 if secure else 80), secure


# -- name and connection -------------------------------------------------------------------


async def network(surroundings: Surroundings) -> Finding:
    """Whether the server's name has an address, and something listens there."""
    host, port, _ = _place(surroundings.settings.url)
    figures: dict[str, object] = {"host": host, "port": port}
    try:
        async with asyncio.timeout(LOOK_UP_SECONDS):
            found = await look_up(host, port)
    except (OSError, ValueError) as caught:
        why = "no answer" if isinstance(caught, TimeoutError) else getattr(caught, "strerror", None) or str(caught)
        step = (
            f"is the toy in the Wi-Fi (nmcli device; DietPi: iw dev)? Then: is url spelled right? getent hosts {host}"
        )
        return broken(f"{host} has no address: {why}", step, **figures)
    addresses = list(dict.fromkeys(str(address[0]) for *_, address in found))
    figures["addresses"] = addresses
    began = asyncio.get_running_loop().time()
    try:
        connection = await dial(host, port)
    except (OSError, ValueError) as caught:
        where = f"{host}:{port}"
        if isinstance(caught, ConnectionRefusedError):
            step = "start it (`pommai gateway`), or name its port in url"
            return broken(f"nothing listens at {where}", step, **figures)
        why = "no answer" if isinstance(caught, TimeoutError) else getattr(caught, "strerror", None) or str(caught)
        step = "is there a way out of this Wi-Fi (ip route), and none of its rules against it?"
        return broken(f"{where} cannot be reached: {why}", step, **figures)
    connection.close()
    seconds = asyncio.get_running_loop().time() - began
    figures["connect_ms"] = round(1000 * seconds, 1)
    return ok(f"{host}:{port} ({addresses[0]}) answers after {1000 * seconds:.0f} ms", **figures)


# -- certificate ---------------------------------------------------------------------------


async def tls(surroundings: Surroundings) -> Finding:
    """Whether the certificate is one the toy accepts: who made it, for what name, and for how long yet."""
    settings = surroundings.settings
    host, port, secure = _place(settings.url)
    if not secure:
        if is_loopback(host):
            return ok("none is needed: the server is this machine")
        step = "give the server a certificate (pommai gateway --help: TLS), and write wss:// in url"
        if settings.plaintext == "anywhere":
            words = f"the way to {host} is not encrypted: everybody in the Wi-Fi may hear the child"
            return wrong(words, step)
        return broken(f"the toy does not talk to {host} in the clear", step)
    trust = surroundings.trust()
    try:
        shown, version = await _shown(host, port, trust.context(), trust)
        ends = validity_of(shown).ends
    except ssl.SSLCertVerificationError as caught:
        return await _refused(surroundings, host, port, caught)
    except CertificateError as caught:
        step = "the certificate's date must be right: timedatectl shows this clock"
        if "server_pins" in str(caught):
            step = (
                f"is it the right gateway? On its computer: pommai devices rotate {settings.device_id} --data FILE "
                "--boot-file FILE, for this toy's boot partition. On another network: somebody may be in between"
            )
        return broken(str(caught), step)
    except (OSError, TimeoutError, ssl.SSLError, ValueError) as caught:
        step = f"openssl s_client -connect {host}:{port}"
        return broken(f"{host}:{port} does not speak TLS: {_reason(caught)}", step)
    days = (ends - _now(surroundings)).days
    pinned = bool(settings.server_pins)
    figures = {"days_left": days, "version": version, "ends": ends.isoformat(), "pinned": pinned}
    how = ", its key one of server_pins" if pinned else ""
    words = f"{version}, the certificate of {host} is good for {days} days{how}"
    if days < FEW_DAYS:
        return wrong(words, "renew it at the server; certbot: systemctl status certbot.timer", **figures)
    return ok(words, **figures)


async def _refused(surroundings: Surroundings, host: str, port: int, caught: ssl.SSLCertVerificationError) -> Finding:
    now = _now(surroundings)
    figures: dict[str, object] = {"verify_code": caught.verify_code, "verify_message": caught.verify_message}
    blind = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    blind.check_hostname, blind.verify_mode = False, ssl.CERT_NONE  # nothing is sent to it but a greeting
    with contextlib.suppress(OSError, ssl.SSLError, ValueError):
        figures["ends"] = validity_of((await _shown(host, port, blind))[0]).ends.isoformat()
    date = f"this clock says {now:%Y-%m-%d}"
    clock = "set the clock first: timedatectl set-ntp true"
    if caught.verify_code == _NOT_YET:
        return broken(f"the certificate is not valid yet ({date})", clock, **figures)
    if caught.verify_code == _EXPIRED:
        ended = f" on {str(figures.get('ends', ''))[:10]}" if "ends" in figures else ""
        return broken(f"a certificate has ended{ended} ({date})", "renew it at the server", **figures)
    if caught.verify_code in (_OTHER_NAME, _OTHER_ADDRESS):
        step = f"write the name the certificate is for into url, or get one for {host}"
        return broken(f"the certificate is for another name than {host}", step, **figures)
    if caught.verify_code in _UNKNOWN_MAKER:
        step = (
            "copy the maker's certificate to /usr/local/share/ca-certificates/NAME.crt; sudo update-ca-certificates. "
            "On the public internet: somebody may be in between; try another network"
        )
        return broken(f"nobody this toy knows vouches for the certificate: {caught.verify_message}", step, **figures)
    step = f"openssl s_client -connect {host}:{port}"
    return broken(f"the certificate is not accepted: {caught.verify_message}", step, **figures)


async def _shown(host: str, port: int, context: ssl.SSLContext, trust: ServerTrust | None = None) -> tuple[bytes, str]:
    """The server's certificate and the version of TLS. Raises OSError, and CertificateError where `trust` is none."""
    connection = await dial(host, port)
    try:
        async with asyncio.timeout(10.0):
            _, writer = await asyncio.open_connection(sock=connection, ssl=context, server_hostname=host)
    except BaseException:
        connection.close()
        raise
    shown: Any = writer.get_extra_info("ssl_object")
    try:
        if trust is not None:
            trust.check(shown)
        return shown.getpeercert(binary_form=True) or b"", shown.version()
    finally:
        writer.transport.abort()
        with contextlib.suppress(OSError, ssl.SSLError):
            await writer.wait_closed()


# -- the toy's own connection --------------------------------------------------------------


class _Once:
    """Listens to a link until it is up, or has failed once."""

    def __init__(self) -> None:
        self.outcome: asyncio.Future[tuple[str, str | None]] = asyncio.get_running_loop().create_future()
        """The session and the server's time; or nothing and why not."""
        self.is_up = False

    def on_connecting(self) -> None:
        """Nothing is known yet."""

    def on_up(self, session: str, server_time: str | None = None) -> None:
        self.is_up = True
        if not self.outcome.done():
            self.outcome.set_result((session, server_time))

    def on_down(self, reason: str) -> None:
        if not self.outcome.done():
            self.outcome.set_result((reason, None))

    def on_message(self, message: Message) -> None:
        """Not looked at."""

    def on_audio(self, audio: DownAudio) -> None:
        """Not looked at."""


class _Watched:
    """Credentials that remember whether they were refused."""

    def __init__(self, inner: Credentials) -> None:
        self._inner = inner
        self.is_refused = False
        self.problem: PommaiError | None = None

    async def token(self) -> str:
        try:
            return await self._inner.token()
        except SecretError as caught:
            self.problem = caught
            raise AuthenticationError(str(caught)) from None
        except PommaiError as caught:
            self.problem = caught
            raise

    def refused(self, token: str) -> bool:
        self.is_refused = True
        return False


async def gateway(surroundings: Surroundings) -> Finding:
    """Connect as the toy does: with its token, its ids and its handshake."""
    settings = surroundings.settings
    if surroundings.holder:
        # A second connection of the same device would end the first.
        return note(f"not tried, to leave its connection alone: {surroundings.holder}", surroundings.stop_toy)
    async with contextlib.AsyncExitStack() as stack:
        try:
            inner = await credentials(surroundings, stack)
            if inner is None:
                return broken("there is no token", "pommai doctor --only token says how it gets one")
            watched = _Watched(inner)
            link = WebSocketLink(
                settings.url,
                token=watched,
                device_id=settings.device_id,
                toy_id=settings.toy_id,
                capabilities=CAPABILITIES,
                trust=surroundings.trust(),
                plaintext=settings.plaintext == "anywhere",
                times=LinkTimes(retry_first=3600, retry_limit=3600),
            )
        except SecretError as caught:
            return note(f"not tried: {caught}", surroundings.as_toy or "run this as the toy's user")
        except SettingsError as caught:
            return broken(str(caught), "put it right in pommai.toml")
        listener = _Once()
        task = asyncio.create_task(link.run(listener), name="doctor link")
        try:
            waiting: list[asyncio.Future[Any]] = [task, listener.outcome]
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                await task  # it ends by a fault of its own alone
            words, server_time = await listener.outcome
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    if listener.is_up:
        ahead = _learn(surroundings, server_time)
        figures = {"session": words, "server_time": server_time, "server_minus_own_s": ahead}
        return ok(f"{settings.device_id} is let in as {settings.toy_id}", **figures)
    if watched.problem is not None:
        return broken(f"no token: {watched.problem}", "see the check `cloud`")
    if watched.is_refused:
        step = f"give it the token the server has for {settings.device_id} (pommai devices, at the gateway)"
        return broken(words, step, refused=True)
    return broken(words, "journalctl -u pommai-gateway at the server says what it thinks of this", refused=False)


def _learn(surroundings: Surroundings, server_time: str | None) -> float | None:
    told = to_milliseconds(server_time)
    if told is None or is_before_this_make(told):
        return None
    ahead = told / 1000 - surroundings.wall()
    surroundings.server_minus_own.append(ahead)
    return round(ahead, 1)


# -- small things --------------------------------------------------------------------------


def _now(surroundings: Surroundings) -> datetime:
    return datetime.fromtimestamp(surroundings.wall(), UTC)


def _reason(caught: BaseException) -> str:
    if isinstance(caught, ssl.SSLError):
        return (caught.reason or str(caught)).lower().replace("_", " ")
    if isinstance(caught, TimeoutError):
        return "no answer"
    return getattr(caught, "strerror", None) or str(caught)
