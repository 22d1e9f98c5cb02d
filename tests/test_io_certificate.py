"""The little that is read of certificates, held to what `cryptography` and OpenSSL read."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import ssl
from datetime import UTC, datetime

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from pommai.io.certificate import pin_of, validity_of


def der_of(cert: trustme.LeafCert) -> bytes:
    return ssl.PEM_cert_to_DER_cert(cert.cert_chain_pems[0].bytes().decode())


@pytest.mark.parametrize("year", [1985, 2030, 2049, 2050, 2150])  # two ways to write a year
def test_the_dates_are_read_as_they_were_written(year: int) -> None:
    begins, ends = datetime(year, 1, 2, 3, 4, 5, tzinfo=UTC), datetime(year + 1, 2, 28, 12, 34, 56, tzinfo=UTC)
    der = der_of(trustme.CA().issue_cert("a.example", not_before=begins, not_after=ends))
    assert validity_of(der) == (begins, ends)


@pytest.mark.parametrize("kind", list(trustme.KeyType))
def test_a_pin_is_that_of_rfc_7469(kind: trustme.KeyType) -> None:
    der = der_of(trustme.CA().issue_cert("a.example", key_type=kind))
    key = x509.load_der_x509_certificate(der).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert pin_of(der) == base64.b64encode(hashlib.sha256(key).digest()).decode()


@given(st.binary(max_size=60))
def test_bytes_that_are_no_certificate_end_in_a_known_error(der: bytes) -> None:
    for read in (validity_of, pin_of):
        with contextlib.suppress(ValueError):
            read(der)


@given(st.integers(0, 400), st.binary(min_size=1, max_size=4))
def test_a_certificate_with_other_bytes_in_it_ends_in_a_known_error_or_a_reading(at: int, other: bytes) -> None:
    der = DER[:at] + other + DER[at + len(other) :]
    for read in (validity_of, pin_of):
        with contextlib.suppress(ValueError):
            read(der)


DER = der_of(trustme.CA().issue_cert("a.example"))
