from __future__ import annotations

import shutil
import struct
from pathlib import Path

import pytest
from speech_material import VOSK_TINY

from pommai.errors import ModelError
from pommai.io.vosk_files import NEEDED, check_files, check_words, fingerprint, read_vocabulary
from pommai.io.vosk_model import load_model


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return Path(shutil.copytree(VOSK_TINY, tmp_path / "model"))


def words_into_graph(model: Path) -> None:
    """Move the words from graph/words.txt into graph/Gr.fst, where Vosk's small models have them."""
    table = b""
    lines = (model / "graph" / "words.txt").read_text().splitlines()
    for line in lines:
        word, number = line.split()
        table += struct.pack("<i", len(word.encode())) + word.encode() + struct.pack("<q", int(number))
    table = struct.pack("<ii", 2125658996, 5) + b"words" + struct.pack("<qq", len(lines), len(lines)) + table
    graph = (model / "graph" / "Gr.fst").read_bytes()
    position = 4
    for _ in range(2):
        position += 4 + struct.unpack_from("<i", graph, position)[0]
    (flags,) = struct.unpack_from("<i", graph, position + 4)
    header_end = position + 8 + 4 * 8
    header = graph[: position + 4] + struct.pack("<i", flags | 2) + graph[position + 8 : header_end]
    (model / "graph" / "Gr.fst").write_bytes(header + table + graph[header_end:])
    (model / "graph" / "words.txt").unlink()


def test_the_tests_model_is_one() -> None:
    check_files(VOSK_TINY)


def test_marks_are_no_words() -> None:
    words = read_vocabulary(VOSK_TINY)
    assert len(words) == 727
    assert "pommai" in words
    assert not {"<eps>", "[unk]"} & set(words)


def test_words_within_the_graph_are_read_and_vosk_reads_them_alike(model: Path) -> None:
    before = read_vocabulary(model)
    words_into_graph(model)
    check_files(model)
    assert read_vocabulary(model) == before
    loaded = load_model(model)
    try:
        assert loaded.knows("pommai")
    finally:
        loaded.close()


def test_a_graph_whose_words_are_cut_off_is_refused(model: Path) -> None:
    words_into_graph(model)
    graph = model / "graph" / "Gr.fst"
    graph.write_bytes(graph.read_bytes()[:3000])
    with pytest.raises(ModelError, match="cannot be read"):
        check_words(model)


@pytest.mark.parametrize("name", NEEDED)
def test_a_missing_or_empty_file_is_named(model: Path, name: str) -> None:
    (model / name).write_bytes(b"")
    with pytest.raises(ModelError, match=f"{name} is empty"):
        check_files(model)
    (model / name).unlink()
    with pytest.raises(ModelError, match=f"{name} is missing.*pommai models get"):
        check_files(model)


def test_a_missing_folder_says_how_to_get_a_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"there is no folder .*nowhere.*pommai models get"):
        check_files(tmp_path / "nowhere")


def test_the_folder_above_a_model_leads_to_the_model(model: Path) -> None:
    with pytest.raises(ModelError, match=f"there is one in {model}"):
        check_files(model.parent)


def test_a_model_with_a_fixed_graph_is_refused_with_the_reason(model: Path) -> None:
    (model / "graph" / "HCLr.fst").rename(model / "graph" / "HCLG.fst")
    with pytest.raises(ModelError, match="fixed graph"):
        check_files(model)


def test_a_graph_that_is_none_is_refused(model: Path) -> None:
    (model / "graph" / "HCLr.fst").write_bytes(bytes(1000))
    with pytest.raises(ModelError, match=r"HCLr.fst is no OpenFst graph"):
        check_files(model)


def test_a_model_without_words_is_refused(model: Path) -> None:
    (model / "graph" / "words.txt").write_text("<eps> 0\n")
    with pytest.raises(ModelError, match="knows no words"):
        check_words(model)


def test_words_that_are_no_text_are_refused(model: Path) -> None:
    (model / "graph" / "words.txt").write_bytes(b"\xff\xfe\n")
    with pytest.raises(ModelError, match="cannot be read"):
        check_words(model)


def test_the_fingerprint_is_of_the_files(model: Path) -> None:
    before = fingerprint(model)
    assert fingerprint(model) == before
    final = model / "am" / "final.mdl"
    final.write_bytes(final.read_bytes() + b"x")
    assert fingerprint(model) != before
