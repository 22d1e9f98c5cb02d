"""What a toy takes, and from whom."""

from __future__ import annotations

import argparse
import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bundle_material import KEY, OTHER_KEY, bundle_bytes, public, whole_version
from test_bundle_fetch import sends, served
from update_material import lights

from pommai.bundle.store import Store
from pommai.errors import BundleError
from pommai.toy.settings import Settings, load_settings
from pommai.toy.update_take import take_file, take_from

LIGHTS = {"led_patterns.yaml": lights("leaf").encode()}


class Toy:
    """A toy's settings, and a bundle that is given to it."""

    def __init__(self, folder: Path, **flags: Any) -> None:
        self.folder = folder
        (folder / "keys").write_text(f"{public(KEY)}\n")
        usual = {"updates": folder / "updates", "update_keys": folder / "keys", "cache_dir": folder / "cache"}
        self.arguments = argparse.Namespace(**{name: str(value) for name, value in {**usual, **flags}.items()})

    def load(self, place: Path | None = None) -> Settings:
        more = {} if place is None else {"bundle": lambda _: place}
        return load_settings(self.arguments, environment={}, cwd=self.folder, **more)

    def take(self, data: bytes) -> Any:
        path = self.folder / "given"
        path.write_bytes(data)
        return take_file(path, self.load(), self.load)

    def refuses(self, data: bytes) -> str:
        with pytest.raises(BundleError) as caught:
            self.take(data)
        assert Store(self.folder / "updates").begin() is None
        return str(caught.value)


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    return Toy(tmp_path)


def test_a_right_bundle_waits_and_its_files_are_then_in_force(toy: Toy) -> None:
    taken = toy.take(bundle_bytes(LIGHTS))
    assert (taken.manifest.version, taken.unused, taken.revoked) == (12, (), ())
    place = Store(toy.folder / "updates").begin()
    assert whole_version(place) == 12
    assert place is not None
    settings = toy.load()
    assert settings.led_patterns == place / "led_patterns.yaml"
    assert settings.chart.name == "statechart.yaml"


def test_who_names_a_file_has_that_file_and_is_told(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(lights("violet"))
    toy = Toy(tmp_path, led_patterns=tmp_path / "mine.yaml")
    assert toy.take(bundle_bytes(LIGHTS)).unused == ("led_patterns",)
    Store(tmp_path / "updates").begin()
    assert toy.load().led_patterns == tmp_path / "mine.yaml"


def test_a_toy_that_trusts_nobody_takes_nothing(tmp_path: Path) -> None:
    toy = Toy(tmp_path, update_keys="none")
    assert "this toy takes no bundles" in toy.refuses(bundle_bytes(LIGHTS))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"signers": (OTHER_KEY,)}, "it is not from whom you trust"),
        ({"signers": ()}, "nobody has signed the bundle"),
        ({"device_type": "teapot"}, "for devices of type teapot, this is a pommai"),
        ({"fleet": "north"}, "for the fleet north, this toy is of home"),
    ],
)
def test_a_bundle_that_is_not_for_this_toy_is_refused(toy: Toy, given: dict[str, Any], words: str) -> None:
    assert words in toy.refuses(bundle_bytes(LIGHTS, **given))


def test_a_fleets_own_bundle_is_taken(toy: Toy) -> None:
    assert toy.take(bundle_bytes(LIGHTS, fleet="home")).manifest.fleet == "home"


def test_a_signature_of_another_bundle_is_refused(toy: Toy) -> None:
    """The head of a bundle that was signed, with the parts of another of the same length."""
    data, other = bundle_bytes(LIGHTS), bundle_bytes({"led_patterns.yaml": LIGHTS["led_patterns.yaml"][::-1]})
    start = len(data) - len(LIGHTS["led_patterns.yaml"])
    assert "is not what was signed" in toy.refuses(data[:start] + other[start:])


def test_a_signed_bundle_that_is_not_fit_is_refused(toy: Toy) -> None:
    assert "not fit for this toy" in toy.refuses(bundle_bytes({"led_patterns.yaml": b"patterns: {}\n"}))


def test_a_bundle_of_lights_is_looked_at_with_the_chart_that_will_run(toy: Toy) -> None:
    few = "\n".join(LIGHTS["led_patterns.yaml"].decode().split("\n  safe_glow:")[:1])
    assert "safe_glow" in toy.refuses(bundle_bytes({"led_patterns.yaml": few.encode()}))


def test_software_is_laid_out_for_root_as_it_came_and_not_installed(toy: Toy) -> None:
    data = bundle_bytes({"wheels/pommai-2-py3-none-any.whl": b"PK"})
    assert toy.take(data).manifest.is_software
    assert (toy.folder / "updates" / "software" / "wanted.pommai-bundle").read_bytes() == data
    assert Store(toy.folder / "updates").begin() is None


def test_software_that_root_has_already_or_that_failed_is_not_laid_out(toy: Toy) -> None:
    root = Store(toy.folder / "root")
    root.prepare()
    root.change(lambda state: replace(state, highest=12, failed=(13,)))
    for version, words in ((12, "not newer than 12"), (13, "did not work")):
        data = bundle_bytes({"wheels/pommai-2-py3-none-any.whl": b"PK"}, version=version)
        (toy.folder / "given").write_bytes(data)
        with pytest.raises(BundleError, match=words):
            take_file(toy.folder / "given", toy.load(), toy.load, root.folder)


def both_keys(toy: Toy) -> None:
    (toy.folder / "keys").write_text(f"{public(KEY, 'drawer')}\n{public(OTHER_KEY, 'desk')}\n")


def test_a_revoked_key_counts_no_more_whatever_becomes_of_the_bundle_that_says_so(toy: Toy) -> None:
    both_keys(toy)
    desk = public(OTHER_KEY).id.hex()
    toy.refuses(bundle_bytes({"led_patterns.yaml": b"no lights"}, revokes=(desk,)))  # unfit, and yet
    assert Store(toy.folder / "updates").read().revoked == (desk,)
    assert "desk, revoked" in toy.refuses(bundle_bytes(LIGHTS, (OTHER_KEY,)))
    toy.take(bundle_bytes(LIGHTS, (KEY, OTHER_KEY)))  # the other signature does no harm
    store = Store(toy.folder / "updates")
    assert store.begin() is not None
    store.go_back()
    assert store.read().revoked == (desk,)


def test_the_signed_word_of_a_revocation_is_laid_out_for_root(toy: Toy) -> None:
    both_keys(toy)
    taken = toy.take(bundle_bytes(LIGHTS, revokes=(public(OTHER_KEY).id.hex(),)))
    assert taken.revoked == (public(OTHER_KEY).id.hex(),)
    assert (toy.folder / "updates" / "software" / "revoking").is_file()


def test_what_root_has_heard_of_revoked_keys_counts_too(toy: Toy) -> None:
    both_keys(toy)
    root = Store(toy.folder / "root")
    root.revoke([public(OTHER_KEY).id.hex()])
    (toy.folder / "given").write_bytes(bundle_bytes(LIGHTS, (OTHER_KEY,)))
    with pytest.raises(BundleError, match="desk, revoked"):
        take_file(toy.folder / "given", toy.load(), toy.load, root.folder)


def test_a_stolen_key_cannot_lock_out_the_one_before_it(toy: Toy) -> None:
    both_keys(toy)
    said = toy.refuses(bundle_bytes(LIGHTS, (OTHER_KEY,), revokes=(public(KEY).id.hex(),)))
    assert "only a key before it in the file of keys may" in said
    assert Store(toy.folder / "updates").read().revoked == ()


def test_a_bundle_is_fetched_and_taken_and_what_was_fetched_is_gone(toy: Toy) -> None:
    data = bundle_bytes(LIGHTS)
    with served(sends(data)) as url:
        taken = take_from(url, hashlib.sha256(data).hexdigest(), len(data), toy.load(), toy.load)
    assert taken.manifest.version == 12
    assert [path.name[:3] for path in (toy.folder / "updates" / "bundles").iterdir()] == ["12-"]


def test_what_cannot_be_fetched_leaves_nothing(toy: Toy) -> None:
    with served(sends(b"x" * 100)) as url, pytest.raises(BundleError, match="is not what was announced"):
        take_from(url, "0" * 64, 100, toy.load(), toy.load)
    assert list((toy.folder / "updates" / "bundles").iterdir()) == []
