"""Which speech model a demo's toy understands with."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from speech_material import VOSK_TINY

from pommai.demo.ears import TINY, speech_model_for
from pommai.toy.settings import Settings


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    shutil.copytree(VOSK_TINY, tmp_path / TINY)
    return tmp_path


def settings(folder: Path, **more: str) -> Settings:
    return Settings(models=folder / "models", **more)


def test_in_a_checkout_the_model_that_understands_espeak_hears_the_child_of_the_script(checkout: Path) -> None:
    assert speech_model_for(settings(checkout), a_person_speaks=False, checkout=checkout) == checkout / TINY


def test_a_person_is_heard_by_a_model_for_people_or_by_none(checkout: Path) -> None:
    assert speech_model_for(settings(checkout), a_person_speaks=True, checkout=checkout) is None
    usual = checkout / "models" / Settings().vosk_model
    shutil.copytree(VOSK_TINY, usual)
    assert speech_model_for(settings(checkout), a_person_speaks=True, checkout=checkout) == usual


def test_what_somebody_has_chosen_has_the_first_word(checkout: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    shutil.copytree(VOSK_TINY, own)
    chosen = settings(checkout, vosk_model=str(own))
    assert speech_model_for(chosen, a_person_speaks=False, checkout=checkout) == own
    none = settings(checkout, vosk_model="none")
    assert speech_model_for(none, a_person_speaks=False, checkout=checkout) is None


def test_an_installed_package_goes_without(tmp_path: Path) -> None:
    assert speech_model_for(settings(tmp_path), a_person_speaks=False, checkout=tmp_path) is None
