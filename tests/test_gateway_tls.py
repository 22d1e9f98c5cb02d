"""Certificates made on the spot, read by the gateway's own reader and shown in real handshakes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from gateway_material import run

from pommai.errors import SettingsError
from pommai.gateway.tls import Certificate

CA = trustme.CA()


def issue(folder: Path, ends: datetime | None = None, name: str = "gateway") -> tuple[Path, Path]:
    """A certificate for localhost, and its key."""
    made = CA.issue_cert("localhost", "127.0.0.1", not_after=ends)
    cert, key = folder / f"{name}.crt", folder / f"{name}.key"
    cert.write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
    key.write_bytes(made.private_key_pem.bytes())
    key.chmod(0o600)
    return cert, key


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    CA.configure_trust(context)
    return context


@contextlib.asynccontextmanager
async def serving(certificate: Certificate) -> AsyncIterator[int]:
    """Something that shows the certificate; its port."""

    async def meet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(meet, "127.0.0.1", 0, ssl=certificate.context)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def shown_at(port: int) -> bytes:
    """The certificate that is shown to somebody who comes now."""
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting())
    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    assert isinstance(shown, bytes)
    return shown


@pytest.mark.parametrize("year", [2030, 2049, 2050, 2150])  # two ways to write a year
def test_the_end_of_a_certificate_is_read_as_it_was_written(tmp_path: Path, year: int) -> None:
    ends = datetime(year, 2, 28, 12, 34, 56, tzinfo=UTC)
    cert, key = issue(tmp_path, ends)
    certificate = Certificate(cert, key)
    assert certificate.expires == ends
    assert certificate.warning(ends - timedelta(seconds=1)) is None
    assert f"has expired on {year}-02-28; toys will not trust it" in str(certificate.warning(ends))


def test_a_handshake_is_tls_1_2_or_newer_and_trusted(tmp_path: Path) -> None:
    async def test() -> None:
        certificate = Certificate(*issue(tmp_path))
        assert certificate.context.minimum_version is ssl.TLSVersion.TLSv1_2
        async with serving(certificate) as port:
            assert await shown_at(port)

    run(test())


def test_a_renewed_certificate_counts_for_the_next_who_comes_and_half_a_renewal_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        cert, key = issue(tmp_path)
        certificate = Certificate(cert, key)
        caplog.set_level(logging.INFO)
        async with serving(certificate) as port:
            first = await shown_at(port)
            watching = asyncio.create_task(certificate.watch(every=0.01))
            new_cert, new_key = issue(tmp_path, name="new")
            new_cert.replace(cert)  # the key is still the old one
            while "certificate not read" not in caplog.text:
                await asyncio.sleep(0.01)
            assert await shown_at(port) == first
            new_key.replace(key)
            while (second := await shown_at(port)) == first:
                await asyncio.sleep(0.01)
            assert second == ssl.PEM_cert_to_DER_cert(cert.read_text()[: cert.read_text().index("-----END") + 26])
            watching.cancel()
            await asyncio.wait([watching])

    run(test())


def test_what_is_wrong_with_the_files_is_said_in_a_sentence(tmp_path: Path) -> None:
    cert, key = issue(tmp_path)
    _, other = issue(tmp_path, name="other")
    noise = tmp_path / "noise.pem"
    noise.write_bytes(b"\x00\xffnoise")
    for wrong, words in (
        ((tmp_path / "gone.crt", key), "gone.crt cannot be read: No such file or directory"),
        ((cert, tmp_path / "gone.key"), "gone.key cannot be read: No such file or directory"),
        ((tmp_path, key), "cannot be read: Is a directory"),
        ((cert, other), "other.key is not the key of .*gateway.crt"),
        ((key, cert), "are no certificate and its key, both as PEM"),
        ((noise, key), "are no certificate and its key"),
        ((cert, noise), "are no certificate and its key"),
    ):
        with pytest.raises(SettingsError, match=words):
            Certificate(*wrong)


def test_a_key_that_others_can_read_is_refused_and_when_it_is_renewed_so_the_old_one_stays(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    cert, key = issue(tmp_path)
    certificate = Certificate(cert, key)
    key.chmod(0o644)
    with pytest.raises(SettingsError, match=f"gateway.key can be read by others .* chmod 600 {key}"):
        Certificate(cert, key)
    run(certificate.renew())
    assert "certificate not read, the last good one stays" in caplog.text
    key.chmod(0o640)
    about = os.fstat
    # As Debian's group ssl-cert has it. Only root could give root the file: it is said to be.
    monkeypatch.setattr(os, "fstat", lambda file: os.stat_result([*about(file)[:4], 0, *about(file)[5:]]))
    Certificate(cert, key)


def test_a_key_with_a_password_is_refused_and_nobody_is_asked_for_it(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization

    cert, key = issue(tmp_path)
    plain = serialization.load_pem_private_key(key.read_bytes(), None)
    key.write_bytes(
        plain.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    with pytest.raises(SettingsError, match="the key without a password"):
        Certificate(cert, key)


def test_an_expired_certificate_is_used_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ended = datetime(2020, 5, 1, tzinfo=UTC)
    made = CA.issue_cert("localhost", not_before=ended - timedelta(days=90), not_after=ended)
    cert, key = tmp_path / "old.crt", tmp_path / "old.key"
    cert.write_bytes(made.cert_chain_pems[0].bytes())
    key.write_bytes(made.private_key_pem.bytes())
    key.chmod(0o600)
    certificate = Certificate(cert, key)
    run(certificate.renew())
    assert "old.crt has expired on 2020-05-01" in caplog.text
