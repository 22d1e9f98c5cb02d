"""Live configuration: what is right of a stranger's payload counts, what is not is refused, and the last good stays."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from live_material import TRICKS, anything, build_house, files_of, nested, payloads

from pommai.actions.live import KEYS, LONGEST_REASON, MOST_REFUSED, LiveConfiguration, LiveSettings
from pommai.protocol.pi_config import ACKNOWLEDGEMENTS, MODELS, THRESHOLD
from pommai.qa.simulated_toy import Files

GOOD = {MODELS: ["okay_nabu"], THRESHOLD: 0.7, ACKNOWLEDGEMENTS: ["wake.wav"]}


def live() -> LiveConfiguration:
    return LiveConfiguration(Files())


def reasons(payload: object, configuration: LiveConfiguration | None = None) -> list[tuple[str, str]]:
    outcome = (configuration or live()).update(payload, "bear")
    return [(refusal.key, refusal.reason) for refusal in outcome.refused]


def test_what_is_right_counts() -> None:
    configuration = live()
    outcome = configuration.update(GOOD, "bear")
    assert outcome.applied == GOOD
    assert outcome.refused == ()
    assert configuration.settings("bear") == LiveSettings("microwakeword", ("okay_nabu",), 0.7, ("wake",))


def test_another_toy_has_nothing_of_it() -> None:
    configuration = live()
    configuration.update(GOOD, "bear")
    assert configuration.settings("rex") == LiveSettings()


def test_the_kind_of_a_model_says_what_listens_and_one_listens_at_a_time() -> None:
    configuration = live()
    assert reasons({MODELS: ["tars.onnx", "okay_nabu", "alexa.onnx"]}, configuration) == [
        (MODELS, "okay_nabu is for microwakeword, and the models before it for openwakeword: one listens at a time")
    ]
    assert configuration.settings("bear").engine == "openwakeword"
    assert configuration.settings("bear").models == ("tars.onnx", "alexa.onnx")


def test_of_a_list_what_is_there_counts_and_what_is_missing_is_refused() -> None:
    configuration = live()
    assert reasons({MODELS: ["gone", "okay_nabu"]}, configuration) == [(MODELS, "there is no wake model 'gone'")]
    assert configuration.settings("bear").models == ("okay_nabu",)


def test_a_list_of_which_nothing_is_there_leaves_the_last_good_one_and_the_other_keys_count() -> None:
    configuration = live()
    configuration.update(GOOD, "bear")
    outcome = configuration.update({MODELS: ["gone"], THRESHOLD: 0.2, ACKNOWLEDGEMENTS: ["no.wav"]}, "bear")
    assert outcome.applied == {**GOOD, THRESHOLD: 0.2}
    assert [refusal.key for refusal in outcome.refused] == [MODELS, MODELS, ACKNOWLEDGEMENTS, ACKNOWLEDGEMENTS]


@pytest.mark.parametrize(
    ("threshold", "shown"),
    [
        (2.0, "2.0"),
        (-0.1, "-0.1"),
        (math.nan, "nan"),
        (math.inf, "inf"),
        (True, "true"),
        (None, "null"),
        ("0.5", "'0.5'"),
        ([0.5], "a list"),
        ({}, "an object"),
        pytest.param(10**5000, "a number far too large", id="huge"),
    ],
)
def test_a_threshold_is_a_number_from_0_to_1_or_the_last_one_stays(threshold: object, shown: str) -> None:
    configuration = live()
    configuration.update(GOOD, "bear")
    payload = {**GOOD, THRESHOLD: threshold}
    assert reasons(payload, configuration) == [(THRESHOLD, f"must be a number in 0.0..1.0, not {shown}")]
    assert configuration.settings("bear").threshold == 0.7


@pytest.mark.parametrize("threshold", [0, 0.0, 1, 1.0, 0.2])
def test_the_ends_of_the_range_are_in_it(threshold: float) -> None:
    configuration = live()
    assert reasons({THRESHOLD: threshold}, configuration) == []
    assert configuration.settings("bear").threshold == threshold


def test_a_huge_list_is_refused_without_a_look_at_what_is_in_it() -> None:
    configuration = live()
    configuration.update(GOOD, "bear")
    payload = {MODELS: ["okay_nabu"] * 1_000_000, ACKNOWLEDGEMENTS: ["wake"] * 17}
    assert reasons(payload, configuration) == [
        (MODELS, "1000000 names are too many; 8 at most"),
        (ACKNOWLEDGEMENTS, "17 names are too many; 16 at most"),
    ]
    assert configuration.settings("bear").models == ("okay_nabu",)


def test_keys_that_are_not_known_are_refused_a_few_by_name() -> None:
    refused = reasons({**GOOD, **{f"KEY_{n}": n for n in range(1000)}})
    assert len(refused) == MOST_REFUSED
    assert refused[0] == ("'KEY_0'", f"is not known; known are {', '.join(KEYS)}")


def test_an_empty_payload_and_empty_lists_are_back_to_the_profile() -> None:
    configuration = live()
    configuration.update(GOOD, "bear")
    assert configuration.update({}, "bear").applied == {}
    assert configuration.settings("bear") == LiveSettings()
    assert configuration.note() is None
    configuration.update(GOOD, "bear")
    configuration.update({MODELS: [], ACKNOWLEDGEMENTS: []}, "bear")
    assert configuration.settings("bear") == LiveSettings()


def test_who_listens_hears_of_the_keys_that_have_changed_once() -> None:
    configuration, heard = live(), []
    configuration.listen((MODELS, THRESHOLD), lambda: heard.append("name"))
    configuration.listen((ACKNOWLEDGEMENTS,), lambda: heard.append("sounds"))
    configuration.update(GOOD, "bear")
    assert heard == ["name", "sounds"]
    configuration.update(GOOD, "bear")
    assert heard == ["name", "sounds"]
    configuration.update({**GOOD, THRESHOLD: 0.1}, "bear")
    assert heard == ["name", "sounds", "name"]
    configuration.update({**GOOD, THRESHOLD: 3}, "bear")
    assert heard == ["name", "sounds", "name"]
    configuration.update({**GOOD, THRESHOLD: 0.1}, "rex")  # the same, and yet another toy's
    assert heard == ["name", "sounds", "name", "name", "sounds"]


def test_what_was_noted_is_in_force_after_a_restart_as_far_as_it_is_still_right() -> None:
    before, after = live(), live()
    before.update(GOOD, "bear")
    note = before.note()
    assert note is not None
    after.recall(note.replace("wake.wav", "gone.wav"))
    assert after.settings("bear") == LiveSettings("microwakeword", ("okay_nabu",), 0.7)


@pytest.mark.parametrize("note", [None, "", "{", "[]", "3", '{"toy": 1}', "[" * 100_000, '{"toy": "a", "settings": 3}'])
def test_a_note_that_makes_no_sense_is_forgotten(note: str | None) -> None:
    configuration = live()
    configuration.recall(note)
    assert configuration.note() is None


# -- strangers, and a folder with traps ----------------------------------------------------


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_house(tmp_path_factory.mktemp("house"))


def real(house: Path) -> LiveConfiguration:
    return LiveConfiguration(files_of(house))


@pytest.mark.parametrize("trick", TRICKS)
def test_no_trick_leads_anywhere(house: Path, trick: str) -> None:
    configuration = real(house)
    outcome = configuration.update({MODELS: [trick], ACKNOWLEDGEMENTS: [trick]}, "bear")
    assert outcome.applied == {}
    assert all(refusal.reason.isprintable() and refusal.reason.isascii() for refusal in outcome.refused)


def test_the_harmless_ones_are_found(house: Path) -> None:
    configuration = real(house)
    configuration.update({MODELS: ["mine", "okay_nabu"], ACKNOWLEDGEMENTS: ["huh.wav", "huh"]}, "bear")
    assert configuration.settings("bear").models == ("mine", "okay_nabu")
    assert configuration.settings("bear").sounds == ("huh", "huh")


@settings(max_examples=250)
@given(st.lists(payloads | anything, max_size=4))
def test_whatever_a_stranger_sends_nothing_is_raised_and_only_what_is_there_counts(
    house: Path, sent: list[Any]
) -> None:
    configuration = real(house)
    for payload in sent:
        before = configuration.settings("bear")
        outcome = configuration.update(payload, "bear")
        now = configuration.settings("bear")
        assert set(now.models) <= {"mine", "mine.tflite", "okay_nabu"}
        assert set(now.sounds) <= {"huh"}
        assert now.threshold is None or 0.0 <= now.threshold <= 1.0
        refused = {refusal.key for refusal in outcome.refused}
        if not isinstance(payload, dict):
            assert now == before
        elif THRESHOLD in refused:
            assert now.threshold == before.threshold
        assert all(len(refusal.reason) <= LONGEST_REASON for refusal in outcome.refused)
        json.dumps(outcome.applied, allow_nan=False).encode()
        assert len(configuration.note() or "") <= 4096
        again = real(house)
        again.recall(configuration.note())
        assert again.settings("bear") == now or not configuration.note()


def test_depth_does_not_matter(house: Path) -> None:
    configuration = real(house)
    for payload in (nested(100_000), {MODELS: nested(100_000)}, {THRESHOLD: nested(100_000)}):
        configuration.update(payload, "bear")
    assert configuration.settings("bear") == LiveSettings()
