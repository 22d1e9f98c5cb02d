"""Speech models on this machine: finding, listing, getting. Getting is whole or not at all."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from test_io_model_download import Request, serving

from pommai.errors import ModelError
from pommai.io import model_download, models
from pommai.io.models import DEFAULT, KNOWN, KnownModel, find_model, get_model, list_models, size_of

TINY = Path(__file__).parents[1] / "data" / "vosk-tiny" / "model"


def ignore(doing: str, done: int, total: int) -> None:
    pass


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model as Vosk publishes its models: a zip with one folder."""
    path = tmp_path_factory.mktemp("zip") / "tiny.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for part in sorted(TINY.rglob("*")):
            file.write(part, Path("vosk-tiny-0.1") / part.relative_to(TINY))
    return path


@pytest.fixture
def published(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Callable[[Callable[[Request], None]], None], list[tuple[str, str | None]]]]:
    """The tiny model can be had by the name `tiny`; the first of the two sets how its server answers."""
    content = archive.read_bytes()
    answers: list[Callable[[Request], None]] = [lambda request: request.send(content)]
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(model_download, "PAUSE", 0.0)
    with serving(lambda request: answers[-1](request)) as (url, asked):
        known = KnownModel("tiny", "for tests", url, len(content), hashlib.sha256(content).hexdigest())
        monkeypatch.setattr(models, "KNOWN", {"tiny": known})
        yield answers.append, asked


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def left_in(folder: Path) -> list[str]:
    """What is in the folder of models, but for the lock."""
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock") if folder.exists() else []


# -- getting -------------------------------------------------------------------------------


@pytest.mark.usefixtures("published")
def test_a_known_model_is_fetched_unpacked_and_found_by_its_name(folder: Path) -> None:
    told: list[str] = []
    place, new = get_model("tiny", folder, lambda doing, done, total: told.append(doing))
    assert (place, new) == (folder / "tiny", True)
    assert contents(place) == contents(TINY)
    assert list(dict.fromkeys(told)) == ["downloading", "unpacking"]
    assert left_in(folder) == ["tiny"]
    assert find_model("tiny", folder) == place


def test_a_model_that_is_there_is_not_fetched_again_unless_it_is_damaged(folder: Path, published) -> None:  # type: ignore[no-untyped-def]
    _, asked = published
    get_model("tiny", folder, ignore)
    assert get_model("tiny", folder, ignore) == (folder / "tiny", False)
    assert len(asked) == 1
    (folder / "tiny" / "am" / "final.mdl").unlink()
    assert get_model("tiny", folder, ignore) == (folder / "tiny", True)
    assert contents(folder / "tiny") == contents(TINY)
    assert left_in(folder) == ["tiny"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda request: request.send(b"", 404), "404"),
        (lambda request: request.send(b"", 302, Location="/model.zip"), "circles"),
        (lambda request: request.send(b"x"), "offers 1 bytes"),
    ],
)
def test_what_goes_wrong_leaves_nothing_behind(folder: Path, published, answer, words: str) -> None:  # type: ignore[no-untyped-def]
    published[0](answer)
    with pytest.raises(ModelError, match=words):
        get_model("tiny", folder, ignore)
    assert left_in(folder) == []


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize("when", ["downloading", "unpacking"])
@pytest.mark.parametrize("fault", [KeyboardInterrupt(), OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))])
def test_an_interruption_or_a_full_disk_leaves_what_was_there(folder: Path, when: str, fault: BaseException) -> None:
    old = folder / "tiny"
    old.mkdir(parents=True)
    (old / "note").write_text("a damaged model")

    def interrupt(doing: str, done: int, total: int) -> None:
        if doing == when and done > total // 2:
            raise fault

    with pytest.raises((KeyboardInterrupt, ModelError)) as caught:
        get_model("tiny", folder, interrupt)
    if isinstance(fault, OSError):
        assert f"tiny cannot be put into {folder}: No space left on device" in str(caught.value)
    assert left_in(folder) == ["tiny"]
    assert contents(old) == {"note": b"a damaged model"}


@pytest.mark.usefixtures("published")
def test_too_little_room_is_said_before_anything_is_fetched(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "_ROOM", 10**12)
    with pytest.raises(ModelError, match=r"MB are needed in .*, and .* are free; make room there"):
        get_model("tiny", folder, ignore)
    assert left_in(folder) == []


@pytest.mark.usefixtures("published")
def test_two_do_not_get_models_at_the_same_time(folder: Path) -> None:
    folder.mkdir(parents=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(ModelError, match="another `pommai models get` is at work"):
            get_model("tiny", folder, ignore)
    get_model("tiny", folder, ignore)


@pytest.mark.usefixtures("published")
def test_what_a_power_cut_left_is_cleared_away(folder: Path) -> None:
    (folder / ".getting-abc" / "model").mkdir(parents=True)
    get_model("tiny", folder, ignore)
    assert left_in(folder) == ["tiny"]


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ModelError, match=r"cannot be put into .*: Not a directory"):
        get_model(str(TINY), tmp_path / "file" / "models", ignore)


def test_a_zip_or_folder_of_ones_own_is_kept_under_its_name(folder: Path, archive: Path, tmp_path: Path) -> None:
    assert get_model(str(archive), folder, ignore) == (folder / "tiny", True)
    mine = tmp_path / "my-bear"
    shutil.copytree(TINY, mine)
    assert get_model(str(mine), folder, ignore) == (folder / "my-bear", True)
    assert contents(folder / "tiny") == contents(folder / "my-bear") == contents(TINY)
    (mine / "am" / "final.mdl").write_bytes(b"newer")
    assert get_model(str(mine), folder, ignore) == (folder / "my-bear", True)
    assert (folder / "my-bear" / "am" / "final.mdl").read_bytes() == b"newer"
    assert get_model(str(folder / "my-bear"), folder, ignore) == (folder / "my-bear", False)


def test_what_is_no_model_is_not_kept(folder: Path, tmp_path: Path) -> None:
    holiday = tmp_path / "holiday"
    holiday.mkdir()
    (holiday / "beach.jpg").write_bytes(b"sun")
    with pytest.raises(ModelError, match=r"holiday: what is in it is no Vosk model"):
        get_model(str(holiday), folder, ignore)
    (tmp_path / "my model.zip").write_bytes(b"")
    with pytest.raises(ModelError, match="needs another name"):
        get_model(str(tmp_path / "my model.zip"), folder, ignore)
    (tmp_path / "noise.zip").write_bytes(b"noise")
    with pytest.raises(ModelError, match="damaged or no zip file"):
        get_model(str(tmp_path / "noise.zip"), folder, ignore)
    with pytest.raises(ModelError, match=r"no speech model 'vosk-model-smal-en-us' to be had.*did you mean"):
        get_model("vosk-model-smal-en-us", folder, ignore)
    assert left_in(folder) == []


# -- finding and listing -------------------------------------------------------------------


def test_a_model_is_found_by_name_first_and_by_any_path(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(TINY, folder / "bear")
    monkeypatch.chdir(TINY.parent)
    assert find_model("bear", folder) == folder / "bear"
    assert find_model("model", folder) == Path("model")
    assert find_model(str(TINY), folder) == TINY
    shutil.copytree(TINY, folder / "model")
    assert find_model("model", folder) == folder / "model"


def test_a_model_that_is_not_there_comes_with_what_to_do(folder: Path, archive: Path) -> None:
    with pytest.raises(ModelError, match=f"is not here yet; get it with: pommai models get {DEFAULT}"):
        find_model(DEFAULT, folder)
    with pytest.raises(ModelError, match=r"did you mean 'vosk-model-small-en-us-0.15'"):
        find_model("vosk-model-small-en-us-0.51", folder)
    with pytest.raises(ModelError, match=rf"is a file; unpack and keep it with `pommai models get {archive}`"):
        find_model(str(archive), folder)
    with pytest.raises(ModelError, match="is no Vosk model"):
        find_model(str(archive.parent), folder)
    for name in ("../../etc", "", "no\0name"[:2], "~nobody-here/model"):
        with pytest.raises(ModelError):
            find_model(name, folder)


def test_the_list_tells_what_is_here_what_could_be_and_what_is_built_in(folder: Path) -> None:
    shutil.copytree(TINY, folder / "bear")
    shutil.copytree(TINY, folder / DEFAULT)
    (folder / DEFAULT / "graph" / "Gr.fst").unlink()
    (folder / "note.tried").touch()
    told = {model.name: (model.engine, model.state) for model in list_models(folder)}
    assert told == {
        "bear": ("vosk", "installed"),
        DEFAULT: ("vosk", "damaged"),
        "alexa": ("microwakeword", "built in"),
        "hey_jarvis": ("microwakeword", "built in"),
        "hey_mycroft": ("microwakeword", "built in"),
        "okay_nabu": ("microwakeword", "built in"),
    }
    assert list_models(folder)[0].size == size_of(TINY)


def test_without_any_model_the_list_tells_what_can_be_had(folder: Path) -> None:
    (model,) = [model for model in list_models(folder) if model.engine == "vosk"]
    assert (model.name, model.state, model.size) == (DEFAULT, "available", 41_205_931)


def test_what_can_be_had_is_fetched_over_https_with_a_whole_checksum() -> None:
    for name, known in KNOWN.items():
        assert name == known.name
        assert known.url.startswith("https://")
        assert len(bytes.fromhex(known.sha256)) == 32
        assert known.size > 0
