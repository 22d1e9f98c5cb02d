"""Who may make bundles."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from bundle_material import KEY, OTHER_KEY, keys, manifest_of, public
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pommai.bundle.container import Signature
from pommai.bundle.keys import check_signatures, make_key, read_private_key, read_public_keys, revoked_by, sign
from pommai.errors import BundleError

RAW = manifest_of().encode()


def test_a_key_that_was_made_signs_what_its_public_half_checks(tmp_path: Path) -> None:
    made = make_key(tmp_path / "fleet.key", tmp_path / "fleet.pub")
    trusted = read_public_keys(tmp_path / "fleet.pub")
    assert trusted == {made.id: made}
    signature = sign(RAW, read_private_key(tmp_path / "fleet.key"))
    assert check_signatures(RAW, (signature,), trusted) == (made,)


def test_a_private_key_is_its_owners_alone(tmp_path: Path) -> None:
    make_key(tmp_path / "fleet.key", tmp_path / "fleet.pub")
    assert stat.S_IMODE((tmp_path / "fleet.key").stat().st_mode) == 0o600
    (tmp_path / "fleet.key").chmod(0o640)
    with pytest.raises(BundleError, match=r"the key to sign with: .* can be read by others .*: chmod 600"):
        read_private_key(tmp_path / "fleet.key")


@pytest.mark.parametrize("mode", [0o644, 0o600])
def test_who_signs_with_the_wrong_half_is_told_so(tmp_path: Path, mode: int) -> None:
    make_key(tmp_path / "fleet.key", tmp_path / "fleet.pub")
    (tmp_path / "fleet.pub").chmod(mode)
    with pytest.raises(BundleError, match="holds public keys, which sign nothing") as caught:
        read_private_key(tmp_path / "fleet.pub")
    assert "chmod" not in str(caught.value)


@pytest.mark.parametrize("there", ["fleet.key", "fleet.pub"])
def test_a_key_is_never_written_over(tmp_path: Path, there: str) -> None:
    (tmp_path / there).write_text("precious")
    with pytest.raises(BundleError, match=f"{there} is there already"):
        make_key(tmp_path / "fleet.key", tmp_path / "fleet.pub")
    assert [path.name for path in tmp_path.iterdir()] == [there]
    assert (tmp_path / there).read_text() == "precious"


def test_a_key_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="cannot be written"):
        make_key(tmp_path / "none" / "fleet.key", tmp_path / "fleet.pub")


@pytest.mark.parametrize("text", ["", "no key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_what_is_no_private_key_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.key"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(BundleError, match="holds no private key"):
        read_private_key(path)
    with pytest.raises(BundleError, match="cannot be read"):
        read_private_key(tmp_path / "none")


def test_a_toy_may_trust_several_keys_and_lines_may_be_comments(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(f"# ours\n\n{public(KEY, 'old key')}\n{public(OTHER_KEY, '')}\n")
    assert {key.name for key in read_public_keys(path).values()} == {"old key", ""}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "must hold 1 to 16 public keys"),
        ("ed25519 AAAA short\n", ":1: is no public key"),
        ("rsa " + "A" * 43 + "= x\n", "is no public key"),
        ("ed25519 !!!! x\n", "is no public key"),
        ("ed25519\n", "is no public key"),
        ("-----BEGIN PRIVATE KEY-----\n", "this is the private half, which belongs on no toy"),
        ("# x\n" * 5000, "must hold 1 to 16 public keys"),
        ("\xff\x00\n", "is no public key"),
    ],
)
def test_what_is_no_file_of_public_keys_is_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "keys").write_text(text, "latin-1")
    with pytest.raises(BundleError, match=words):
        read_public_keys(tmp_path / "keys")


def test_a_file_of_keys_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="No such file"):
        read_public_keys(tmp_path / "keys")


def test_a_strangers_signature_is_none() -> None:
    with pytest.raises(BundleError, match="it is not from whom you trust"):
        check_signatures(RAW, (sign(RAW, OTHER_KEY),), keys(KEY))


def test_one_signature_of_ours_is_enough_beside_a_strangers() -> None:
    both = (sign(RAW, OTHER_KEY), sign(RAW, KEY))
    assert check_signatures(RAW, both, keys(KEY)) == (public(KEY),)


def test_a_signature_of_another_manifest_is_wrong() -> None:
    with pytest.raises(BundleError, match="the signature by maker is wrong: the bundle was changed"):
        check_signatures(RAW, (sign(RAW + b" ", KEY),), keys(KEY))


def test_a_strangers_signature_under_our_keys_name_is_wrong() -> None:
    forged = Signature(public(KEY).id, sign(RAW, OTHER_KEY).value)
    with pytest.raises(BundleError, match="is wrong"):
        check_signatures(RAW, (forged, sign(RAW, OTHER_KEY)), keys(KEY, OTHER_KEY))


def test_a_signature_made_for_something_else_is_none_of_a_bundle() -> None:
    bare = Signature(public(KEY).id, KEY.sign(RAW))
    with pytest.raises(BundleError, match="is wrong"):
        check_signatures(RAW, (bare,), keys(KEY))


def test_a_bundle_that_nobody_signed_is_refused() -> None:
    with pytest.raises(BundleError, match="nobody has signed the bundle"):
        check_signatures(RAW, (), keys(KEY))


# -- keys that are revoked -------------------------------------------------------------------

FIRST, SECOND = public(KEY).id.hex(), public(OTHER_KEY).id.hex()
BOTH = keys(KEY, OTHER_KEY)


def test_a_revoked_keys_signature_counts_no_more_and_does_no_harm_either() -> None:
    both = (sign(RAW, KEY), sign(RAW, OTHER_KEY))
    assert check_signatures(RAW, both, BOTH, (SECOND,)) == (public(KEY),)
    with pytest.raises(BundleError, match="revoked"):
        check_signatures(RAW, both[1:], BOTH, (SECOND,))


def test_a_key_revokes_those_after_it_in_the_file() -> None:
    assert revoked_by((SECOND,), (public(KEY),), BOTH) == (SECOND,)
    assert revoked_by((SECOND,), (public(KEY), public(OTHER_KEY)), BOTH) == (SECOND,)


def test_a_key_that_is_not_ours_is_not_noted() -> None:
    assert revoked_by(("0" * 16,), (public(KEY),), BOTH) == ()


@pytest.mark.parametrize(
    ("revokes", "signers"), [((FIRST,), (KEY,)), ((FIRST,), (OTHER_KEY,)), ((SECOND,), (OTHER_KEY,))]
)
def test_no_key_revokes_itself_or_one_before_it_so_that_one_is_always_left(
    revokes: tuple[str, ...], signers: tuple[Ed25519PrivateKey, ...]
) -> None:
    with pytest.raises(BundleError, match="only a key before it"):
        revoked_by(revokes, [public(key) for key in signers], BOTH)
