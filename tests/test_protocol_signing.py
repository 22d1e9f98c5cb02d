"""What is signed of a message: all that matters, the same at both ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pommai.protocol import messages as m
from pommai.protocol.limits import MAX_INTEGER
from pommai.protocol.signing import needs_signature, only_signed, signed_bytes, without_consent
from pommai.protocol.wire import decode, encode_message

SIGNATURE = m.Signature("ab" * 8, 1, 1_800_000_000_000, "cd" * 64)
UPLOADS = m.ToyProfile("bear", "Bear", guardian_settings=m.GuardianSettings(allow_uploads=True, blocked_topics=("a",)))


@pytest.mark.parametrize(
    ("message", "needed"),
    [
        (m.Command("restart"), True),
        (m.Command("update"), True),
        (m.Command("reset"), True),
        (m.Command("reload"), True),
        (m.Command("something that is invented next year"), True),
        (m.Command("volume", {"percent": 3}), False),
        (m.Command("stop"), False),
        (m.Command("play"), False),
        (m.SafetyOverride("resume"), True),
        (m.SafetyOverride("pause_interaction", 30.0), False),
        (m.ToyConfig(UPLOADS), True),
        (m.ToyConfigUpdate(UPLOADS), True),
        (m.ToyConfig(m.ToyProfile("bear", "Bear")), False),
        (m.Ping("now"), False),
        (m.SwitchToy("fox"), False),
    ],
)
def test_what_changes_the_toy_and_what_leaves_it_is_signed_and_the_rest_is_not(message, needed: bool) -> None:
    assert needs_signature(message) is needed


def test_what_cannot_be_taken_back_is_not_done_unsigned_by_anybody() -> None:
    assert only_signed(m.Command("reset"))
    for harmless in (m.Command("restart"), m.Command("update"), m.SafetyOverride("resume"), m.ToyConfig(UPLOADS)):
        assert not only_signed(harmless)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-MAX_INTEGER, MAX_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.text(max_size=5), JSON, max_size=4))
def test_both_ends_make_the_same_bytes_of_a_message(args: dict[str, object]) -> None:
    message = m.Command("update", args, SIGNATURE)
    arrived = decode(encode_message(message))
    assert isinstance(arrived, m.Command)
    assert signed_bytes(arrived, SIGNATURE, "pi-1", "0" * 32) == signed_bytes(message, SIGNATURE, "pi-1", "0" * 32)


def test_everything_that_matters_is_in_the_bytes() -> None:
    message = m.Command("update", {"url": "a"})
    others = {
        signed_bytes(message, SIGNATURE, "pi-1", "0" * 32),
        signed_bytes(m.Command("update", {"url": "b"}), SIGNATURE, "pi-1", "0" * 32),
        signed_bytes(m.Command("restart", {"url": "a"}), SIGNATURE, "pi-1", "0" * 32),
        signed_bytes(m.SafetyOverride("resume"), SIGNATURE, "pi-1", "0" * 32),
        signed_bytes(message, SIGNATURE, "pi-2", "0" * 32),
        signed_bytes(message, SIGNATURE, "pi-1", "1" * 32),
        signed_bytes(message, replace(SIGNATURE, number=2), "pi-1", "0" * 32),
        signed_bytes(message, replace(SIGNATURE, expires=1), "pi-1", "0" * 32),
        signed_bytes(message, replace(SIGNATURE, key="00" * 8), "pi-1", "0" * 32),
    }
    assert len(others) == 9
    assert signed_bytes(message, replace(SIGNATURE, value=""), "pi-1", "0" * 32) in others


def test_a_configuration_without_a_signature_keeps_all_but_its_consent() -> None:
    taken = without_consent(m.ToyConfig(UPLOADS, SIGNATURE))
    settings = m.GuardianSettings(allow_uploads=False, blocked_topics=("a",))
    assert taken == m.ToyConfig(replace(UPLOADS, guardian_settings=settings))
