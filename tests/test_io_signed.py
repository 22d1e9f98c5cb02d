"""What a toy that has keys of its server hears, of whom, and how often."""

from __future__ import annotations

import asyncio
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from signing_material import LATER, guard, signer

from pommai.protocol import messages as m

RESUME = m.SafetyOverride("resume")
PROFILE = m.ToyProfile("bear", "Bear", guardian_settings=m.GuardianSettings(allow_uploads=True))


def test_what_the_server_has_signed_counts_once_on_this_connection_for_this_toy(tmp_path: Path) -> None:
    async def test() -> None:
        ours = signer(tmp_path)
        toy = guard(ours)
        challenge = await toy.begin()
        signed = ours.signed(RESUME, "pi-1", challenge, 1)
        assert toy.admit(signed) == (signed, "")
        assert toy.admit(signed) == (None, "it was said before")
        later = ours.signed(RESUME, "pi-1", challenge, 2)
        assert await toy.begin() != challenge  # the link went down, or the toy was restarted, and calls again
        assert toy.admit(later)[1].startswith("its signature is wrong")
        other = guard(ours, "pi-2")
        await other.begin()
        assert other.admit(ours.signed(RESUME, "pi-1", challenge, 9))[0] is None

    asyncio.run(test())


def test_what_nobody_signed_or_a_stranger_or_what_was_changed_is_refused(tmp_path: Path) -> None:
    async def test() -> None:
        ours, stranger = signer(tmp_path), signer(tmp_path, "stranger")
        toy = guard(ours)
        challenge = await toy.begin()
        assert toy.admit(RESUME) == (None, "it is not signed")
        assert toy.admit(stranger.signed(RESUME, "pi-1", challenge, 1))[1].startswith("it is signed with a key")
        good = ours.signed(m.Command("update", {"url": "https://a"}), "pi-1", challenge, 1)
        assert isinstance(good, m.Command)
        assert good.signature is not None
        for changed in (
            replace(good, args={"url": "https://b"}),
            replace(good, name="reset"),
            replace(good, signature=replace(good.signature, number=2)),
            replace(good, signature=replace(good.signature, expires=good.signature.expires + 1)),
            replace(good, signature=replace(good.signature, value="00" * 64)),
            m.SafetyOverride("resume", signature=good.signature),
        ):
            assert toy.admit(changed)[1].startswith("its signature is wrong")
        assert toy.admit(good) == (good, "")  # what was refused has not used up its number

    asyncio.run(test())


def test_what_has_expired_is_refused_by_a_clock_that_is_right_and_by_no_other(tmp_path: Path) -> None:
    async def test() -> None:
        ours = signer(tmp_path)
        for trusted, heard in ((True, False), (False, True)):
            toy = guard(ours, says=LATER, trusted=trusted)
            signed = ours.signed(RESUME, "pi-1", await toy.begin(), 1)
            assert (toy.admit(signed)[0] is not None) is heard

    asyncio.run(test())


def test_consent_without_a_signature_is_none_and_the_rest_of_the_toy_is_taken(tmp_path: Path) -> None:
    async def test() -> None:
        ours = signer(tmp_path)
        toy = guard(ours)
        challenge = await toy.begin()
        taken, why = toy.admit(m.ToyConfig(PROFILE))
        assert isinstance(taken, m.ToyConfig)
        assert (taken.config.toy_id, taken.config.guardian_settings.allow_uploads) == ("bear", False)
        assert why == "uploads are not allowed by this configuration: it is not signed"
        taken, why = toy.admit(ours.signed(m.ToyConfig(PROFILE), "pi-1", challenge, 1))
        assert isinstance(taken, m.ToyConfig)
        assert (taken.config.guardian_settings.allow_uploads, why) == (True, "")

    asyncio.run(test())


@given(st.lists(st.integers(1, 5), max_size=8))
def test_whatever_is_said_again_in_whatever_order_each_number_counts_once_and_upwards(said: list[int]) -> None:
    async def test() -> None:
        toy = guard(OURS)
        challenge = await toy.begin()
        heard = [number for number in said if toy.admit(OURS.signed(RESUME, "pi-1", challenge, number))[0]]
        assert heard == sorted(set(heard))

    asyncio.run(test())


def _ours():
    import tempfile

    return signer(Path(tempfile.mkdtemp()))


OURS = _ours()
