"""What can be done to the things of a house; a whole house: see test_qa_soak_run."""

from __future__ import annotations

import filecmp
import shutil
from pathlib import Path

import pytest
from speech_material import VOSK_TINY

from pommai.io.alsa_pipes import AlsaPipes
from pommai.qa.soak_house import House


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path, VOSK_TINY, frozenset({"idle"}))


def test_a_damaged_model_has_one_file_that_differs_and_is_mended(house: House) -> None:
    shutil.copytree(VOSK_TINY, house.model)
    file = house.damage_model()
    same = VOSK_TINY / file.relative_to(house.model)
    assert file.stat().st_size == same.stat().st_size
    assert not filecmp.cmp(file, same, shallow=False)
    house.mend_model(file)
    assert filecmp.cmp(file, same, shallow=False)
    assert sorted(path.name for path in house.model.rglob("*")) == sorted(path.name for path in VOSK_TINY.rglob("*"))


def test_a_card_that_was_pulled_out_cannot_be_opened_until_it_is_back(house: House, tmp_path: Path) -> None:
    house.card = AlsaPipes(tmp_path, tmp_path / "played.wav")
    house.card.start()
    for _ in range(2):
        house.pull_card()
        for fifo in ("microphone.fifo", "speaker.fifo"):
            with pytest.raises(FileNotFoundError):
                (tmp_path / "card" / fifo).open("wb")
        house.plug_card()
        with (tmp_path / "card" / "microphone.fifo").open("rb", buffering=0) as pipe:
            assert len(pipe.read(640)) == 640
    house.card.stop()


def test_a_house_begins_empty_and_with_files_of_its_own(house: House, tmp_path: Path) -> None:
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "memory.db").write_text("of another time")
    house._lay_out()
    assert list((tmp_path / "toy").iterdir()) == []
    assert "pommai-bear" in house.personas.read_text()
    assert str(tmp_path / "model") in (tmp_path / "gateway.yaml").read_text()
