"""Profiles: what QA writes is read, and what is wrong in it is said with its line."""

from __future__ import annotations

import pytest
from qa_material import profile_of

from pommai.errors import ProfileError, SettingsError
from pommai.events import EVENTS
from pommai.guards import GUARDS
from pommai.qa.profile import DEEDS, load_profile, shipped_profiles, stream_seed

GOOD = """\
description: Presses.
guards: {heard_speech: 0.8}
sources:
  button:
    begin: button.released
    chain:
      button.released:
        - {weight: 3, wait: 2s..30s, then: button.pressed}
        - {wait: 0s, then: nothing}
      button.pressed: {wait: 400ms, then: button.released, with: {held_s: [0.4, 1]}}
"""


def problems(text: str) -> list[str]:
    with pytest.raises(ProfileError) as caught:
        profile_of(text)
    return [str(problem).removeprefix("test.yaml:") for problem in caught.value.problems]


def test_a_profile_says_what_may_come_after_what_and_when() -> None:
    profile = profile_of(GOOD)
    (source,) = profile.sources
    first, second = source.chain["button.released"]
    assert (first.weight, first.least_us, first.span_us, first.event) == (3, 2_000_000, 28_000_000, "button.pressed")
    assert (second.weight, second.span_us, second.event) == (1, 0, "nothing")
    assert source.chain["button.pressed"][0].data == {"held_s": (0.4, 1.0)}
    assert profile.guards == {"heard_speech": 0.8}
    assert profile.events == {"button.pressed", "button.released"}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "then: button.pressed",
            "then: button.presed",
            "8:44: error: no event is called 'button.presed' (did you mean",
        ),
        ("begin: button.released", "begin: button.held", "the chain of 'button' does not say what comes after"),
        ("    begin: button.released\n", "", "the source 'button' never begins (give it begin: or wakes_on:)"),
        ("2s..30s", "30s..2s", "a wait goes from less to more, up to a day: not '30s..2s'"),
        ("2s..30s", "soon", "a wait is a duration or a range of them, not 'soon' (write 2s or 2s..30s)"),
        ("weight: 3", "weight: 0", "the weight must be in 1..1000"),
        ("heard_speech: 0.8", "heard_speech: 80", "how often 'heard_speech' holds must be in 0..1"),
        ("heard_speech: 0.8", "heard_speach: 0.8", "did you mean 'heard_speech'?"),
        ("held_s:", "held:", "has no key 'held' (did you mean 'held_s'?)"),
        ("weight:", "wieght:", "did you mean 'weight'?"),
        ("sources:", "source:", "a profile has no key 'source' (did you mean 'sources'?)"),
        ("chain:", "chian:", "has no key 'chian' (did you mean 'chain'?)"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(old: str, new: str, words: str) -> None:
    found = problems(GOOD.replace(old, new, 1))
    assert any(words in problem for problem in found), found


@pytest.mark.parametrize("key", ["sources", "chain"])
def test_a_key_that_is_misspelt_is_told_once(key: str) -> None:
    assert len(problems(GOOD.replace(f"{key}:", f"{key}x:", 1))) == 1


def test_a_profile_in_which_nothing_happens_is_refused() -> None:
    assert "lets nothing happen" in problems("sources: {}\n")[0]


def test_the_shipped_profiles_can_be_named_and_are_described() -> None:
    assert set(shipped_profiles()) == {"child", "night", "flaky-wifi", "hostile"}
    for name in shipped_profiles():
        profile = load_profile(name)
        assert profile.description
        assert profile.events <= EVENTS.keys() | DEEDS.keys()
        assert profile.guards.keys() <= GUARDS.keys()


def test_the_hostile_profile_leaves_nothing_out() -> None:
    assert load_profile("hostile").events == EVENTS.keys() | DEEDS.keys()


def test_an_unknown_profile_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(SettingsError, match=r"there is no profile 'chidl' \(did you mean 'child'"):
        load_profile("chidl")


def test_a_file_of_ones_own_is_a_profile(tmp_path) -> None:
    (tmp_path / "mine.yaml").write_text(GOOD)
    assert load_profile(str(tmp_path / "mine.yaml")).name == "mine"
    with pytest.raises(ProfileError, match="cannot be read"):
        load_profile(str(tmp_path / "gone.yaml"))


def test_the_seed_of_a_stream_is_the_same_everywhere() -> None:
    assert stream_seed(7, 0) == 17725994237439495539
    assert len({stream_seed(seed, number) for seed in range(30) for number in range(30)}) == 900
