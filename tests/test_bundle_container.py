"""A bundle's file, as a stranger may have made it."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest
from bundle_material import FILES, KEY, OTHER_KEY, bundle_bytes, manifest_of, opened
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pommai.bundle.container import MAGIC, MOST_MANIFEST, Signature, open_bundle, pieces
from pommai.bundle.keys import sign
from pommai.errors import BundleError

WHOLE = bundle_bytes()
SMALL = bundle_bytes({"led_patterns.yaml": b"patterns: {}\n", "sounds/a.wav": b""})


def refused(folder: Path, data: bytes) -> str:
    with pytest.raises(BundleError) as caught, opened(folder, data) as bundle:
        bundle.check_parts()
    return str(caught.value)


def test_what_was_written_is_read_piece_by_piece(tmp_path: Path) -> None:
    with opened(tmp_path) as bundle:
        assert bundle.manifest == manifest_of()
        assert {part.name: b"".join(bundle.read(part)) for part in bundle.manifest.parts} == FILES
        assert max(len(piece) for part in bundle.manifest.parts for piece in bundle.read(part)) <= 65_536
        bundle.check_parts()


def test_signatures_stand_in_the_order_of_their_keys(tmp_path: Path) -> None:
    with opened(tmp_path, bundle_bytes(signers=(OTHER_KEY, KEY))) as bundle:
        assert [one.key_id for one in bundle.signatures] == sorted(
            sign(bundle.raw, key).key_id for key in (KEY, OTHER_KEY)
        )


@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_bundle_cut_off_anywhere_is_refused(tmp_path: Path, data: st.DataObject) -> None:
    whole = data.draw(st.sampled_from((WHOLE, SMALL)))
    refused(tmp_path, whole[: data.draw(st.integers(0, len(whole) - 1))])


def test_a_bundle_cut_off_at_every_byte_of_its_head_is_refused(tmp_path: Path) -> None:
    for length in range(len(SMALL)):
        assert "the bundle" in refused(tmp_path, SMALL[:length]) or not length


@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_whatever_follows_a_bundle_is_refused(tmp_path: Path, data: st.DataObject) -> None:
    assert "longer than it says" in refused(tmp_path, SMALL + data.draw(st.binary(min_size=1, max_size=100)))


@given(st.binary(max_size=400))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_bytes_by_chance_are_no_bundle(tmp_path: Path, data: bytes) -> None:
    refused(tmp_path, data)
    refused(tmp_path, MAGIC + data)


def test_a_byte_of_a_part_that_changes_is_noticed(tmp_path: Path) -> None:
    data = bytearray(WHOLE)
    data[-1] ^= 1
    assert "sounds/wake.wav in the bundle is not what was signed" in refused(tmp_path, bytes(data))


@pytest.mark.parametrize(
    "header",
    [
        MAGIC + struct.pack(">IB", MOST_MANIFEST + 1, 0),
        MAGIC + struct.pack(">IB", 0xFFFFFFFF, 1),
        MAGIC + struct.pack(">IB", 10, 255),
    ],
)
def test_a_header_that_asks_for_too_much_is_refused_before_it_is_read(tmp_path: Path, header: bytes) -> None:
    assert "header is damaged" in refused(tmp_path, header + bytes(1000))


@pytest.mark.parametrize("magic", [b"PK\x03\x04", b"\x1f\x8b\x08", b"ustar", b"POMMAI-BUNDLE-2\n"])
def test_another_kind_of_file_is_no_bundle(tmp_path: Path, magic: bytes) -> None:
    assert "no update bundle" in refused(tmp_path, magic + bytes(500))


def test_one_key_does_not_sign_twice(tmp_path: Path) -> None:
    raw = manifest_of().encode()
    twice = b"".join(pieces(raw, [sign(raw, KEY)] * 2, [FILES[name] for name in sorted(FILES)]))
    assert "one key has signed twice" in refused(tmp_path, twice)


def test_more_signatures_than_there_is_room_for_are_not_written() -> None:
    with pytest.raises(BundleError, match="at most 4 signatures"):
        b"".join(pieces(b"", [Signature(bytes([n]) * 8, bytes(64)) for n in range(5)], []))


def test_nothing_of_a_manifest_is_read_before_its_signature_was(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(MAGIC + struct.pack(">IB", 4, 0) + b"!!!!")

    def check(raw: bytes, signatures: tuple[Signature, ...]) -> None:
        assert (raw, signatures) == (b"!!!!", ())
        raise BundleError("not signed")

    with pytest.raises(BundleError, match="not signed"), open_bundle(path, check):
        pass


def test_a_pipe_a_folder_and_nothing_are_no_bundles_and_nobody_waits(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, words in (("pipe", "is no file"), ("", "is no file"), ("none", "No such file")):
        with pytest.raises(BundleError, match=words), open_bundle(tmp_path / name, None):
            pass


def test_a_file_that_changes_while_it_is_read_is_noticed(tmp_path: Path) -> None:
    with opened(tmp_path) as bundle:
        os.truncate(tmp_path / "given.pommai-bundle", 3000)
        with pytest.raises(BundleError, match="was cut off"):
            bundle.check_parts()
