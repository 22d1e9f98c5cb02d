"""What a bundle says of itself: one way to write it, and nothing in it that could lead anywhere."""

from __future__ import annotations

import json
from contextlib import nullcontext
from typing import Any

import pytest
from bundle_material import FILES, manifest_of
from hypothesis import given
from hypothesis import strategies as st

from pommai.bundle.manifest import CHART, CHART_SOURCE, MOST_PARTS, Part, check_target, decode
from pommai.errors import BundleError

HASH = "0" * 64


def test_what_is_written_is_read() -> None:
    manifest = manifest_of(floor=3, fleet="north")
    assert decode(manifest.encode()) == manifest
    assert not manifest.is_software
    assert manifest.size == sum(map(len, FILES.values()))


def test_keys_are_revoked_in_writing_and_nothing_is_written_where_none_is() -> None:
    manifest = manifest_of(revokes=("0" * 16, "a" * 16))
    assert decode(manifest.encode()) == manifest
    assert b"revokes" not in manifest_of().encode()


@pytest.mark.parametrize(
    ("changes", "words"),
    [({}, ""), ({"device_type": "robot"}, "devices of type robot"), ({"fleet": "north"}, "the fleet north")],
)
def test_a_bundle_is_for_one_kind_of_toy_and_its_fleet_or_all(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(BundleError, match=words) if words else nullcontext():
        check_target(manifest_of(**changes), "pommai", "home")


def test_the_same_manifest_is_written_the_same_to_the_byte() -> None:
    assert manifest_of().encode() == manifest_of(dict(reversed(FILES.items()))).encode()
    assert b" " not in manifest_of().encode().replace(b"2026", b"")


@pytest.mark.parametrize(
    "name",
    [
        "../led_patterns.yaml",
        "/etc/passwd",
        "sounds/../../x.wav",
        "sounds/a/b.wav",
        "sounds//wake.wav",
        "sounds\\wake.wav",
        "./led_patterns.yaml",
        "led_patterns.yaml\0",
        "led_patterns.yaml\n",
        "Led_patterns.yaml",
        "sounds/wäke.wav",
        "sounds/wake\u202evaw.wav",
        "sounds/ｗake.wav",
        "sounds/.wake.wav",
        "sounds/Wake.wav",
        "sounds/wake.exe",
        "sounds/-rf.wav",
        "wheels/../x.whl",
        "wheels/x.tar.gz",
        "",
        "sounds",
        "bundle.json",
        "sounds/" + "a" * 65 + ".wav",
        "pommai.toml",
        7,
        None,
    ],
)
def test_a_name_that_could_lead_anywhere_is_refused(name: Any) -> None:
    with pytest.raises(BundleError, match="a bundle cannot hold a file called"):
        manifest_of(parts=(Part(name, 1, HASH),)).encode()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"version": 0}, "version must be a whole number in 1"),
        ({"version": True}, "version must be a whole number"),
        ({"version": 1.0}, "version must be a whole number"),
        ({"version": 2**53}, "version must be a whole number"),
        ({"floor": 13}, r"floor must be a whole number in 0\.\.12"),
        ({"floor": -1}, "floor must be"),
        ({"device_type": "Pommai"}, "device_type must be letters"),
        ({"device_type": ""}, "device_type must be letters"),
        ({"fleet": "a b"}, "fleet must be letters"),
        ({"created": "yesterday"}, "created must be a time such as"),
        ({"created": "２026-05-01T09:30:00Z"}, "created must be a time such as"),
        ({"revokes": ("no key",)}, "a revoked key must be its id"),
        ({"revokes": (7,)}, "a revoked key must be its id"),
        ({"revokes": ("b" * 16, "a" * 16)}, "must be sorted"),
        ({"revokes": ("a" * 16, "a" * 16)}, "each there once"),
        ({"revokes": tuple(f"{n:016}" for n in range(17))}, "revokes at most 16 keys, not 17"),
        ({"parts": ()}, "a bundle holds 1 to 512 files, not 0"),
        ({"parts": (Part("personas.yaml", 9 << 20, HASH),)}, "the size of personas.yaml must be"),
        ({"parts": (Part("personas.yaml", -1, HASH),)}, "the size of personas.yaml must be"),
        ({"parts": (Part("personas.yaml", 1, "00"),)}, "the hash of personas.yaml must be"),
        ({"parts": (Part("personas.yaml", 1, "A" * 64),)}, "the hash of personas.yaml must be"),
        ({"parts": (Part("personas.yaml", 1, HASH),) * 2}, "each there once"),
        ({"parts": (Part("personas.yaml", 1, HASH), Part("led_patterns.yaml", 1, HASH))}, "sorted by name"),
        ({"parts": (Part("wheels/A.whl", 1, HASH), Part("wheels/a.whl", 1, HASH))}, "each there once"),
        ({"parts": (Part("personas.yaml", 1, HASH), Part("wheels/a.whl", 1, HASH))}, "make two"),
        ({"parts": (Part(CHART_SOURCE, 1, HASH),)}, "go together"),
        ({"parts": (Part(CHART, 1, HASH),)}, "go together"),
        (
            {"parts": tuple(Part(f"wheels/{n}.whl", 96 << 20, HASH) for n in range(3))},
            "the bundle is too large: 301,989,888 bytes",
        ),
        (
            {"parts": tuple(Part(f"sounds/{n:03}.wav", 1, HASH) for n in range(MOST_PARTS + 1))},
            "a bundle holds 1 to 512 files",
        ),
    ],
)
def test_what_no_manifest_may_say_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(BundleError, match=words):
        manifest_of(**changes).encode()


def spelt(**changes: Any) -> bytes:
    """A manifest of canonical JSON that the encoder would refuse to write."""
    document = {**manifest_of().as_json(), **changes}
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"version":' + b"9" * 5000 + b"}",
        spelt(bundle=2),
        spelt(parts="led_patterns.yaml"),
        spelt(parts=[["led_patterns.yaml", 1]]),
        spelt(parts=[["led_patterns.yaml", 1, HASH, "more"]]),
        spelt(parts=[{"name": 1}]),
        spelt(version=None),
        spelt(fleet=["a"]),
        spelt(floor="0"),
    ],
)
def test_what_is_no_manifest_is_refused(raw: bytes) -> None:
    with pytest.raises(BundleError):
        decode(raw)


@pytest.mark.parametrize(
    "raw",
    [
        manifest_of().encode() + b"\n",
        manifest_of().encode().replace(b":", b": "),
        manifest_of().encode().replace(b'{"bundle":1,', b'{"bundle":1,"bundle":1,'),
        spelt(extra=1),
        manifest_of().encode().replace(b'"version":12', b'"version":12.0'),
        manifest_of().encode().replace(b"pommai", b"\\u0070ommai"),
    ],
)
def test_there_is_no_second_way_to_write_it(raw: bytes) -> None:
    with pytest.raises(BundleError):
        decode(raw)


@given(st.integers(0, len(manifest_of().encode()) - 1), st.integers(0, 255))
def test_a_byte_that_changes_makes_another_manifest_or_none(place: int, byte: int) -> None:
    raw = bytearray(manifest_of().encode())
    same = raw[place] == byte
    raw[place] = byte
    try:
        assert (decode(bytes(raw)) == manifest_of()) == same
    except BundleError:
        assert not same
