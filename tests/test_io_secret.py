"""The device's secret: read from where it is kept, and shown to nobody."""

from __future__ import annotations

import asyncio
import copy
import json
import logging
import os
import pickle
import stat
import threading
from pathlib import Path

import pytest

from pommai.errors import SecretError
from pommai.io.secret import Secret, SecretFile, SecretSource, SystemdCredential, TpmSecret, keep_secret, read_closed

WORDS = "hunter2-but-much-longer"


def read(source: SecretSource) -> Secret:
    return asyncio.run(source.read())


def written(path: Path, text: str = WORDS + "\n", mode: int = 0o600) -> Path:
    path.unlink(missing_ok=True)  # only root writes to what is closed
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_secret_shows_itself_to_nobody_who_does_not_ask(caplog: pytest.LogCaptureFixture) -> None:
    secret = Secret(WORDS)
    logging.getLogger("x").warning("it is %s", secret, extra={"it": secret})
    shown = [
        repr(secret),
        str(secret),
        f"{secret!s:>30}",
        f"{[secret]} {secret}",
        caplog.text,
        str(vars(caplog.records[0])),
    ]
    assert not any(WORDS in text for text in shown)
    assert secret.reveal() == WORDS
    assert secret == Secret(WORDS) != Secret("other")
    assert secret != WORDS
    assert len({secret, Secret(WORDS)}) == 1
    for write in (pickle.dumps, copy.deepcopy, json.dumps):
        with pytest.raises(TypeError):
            write(secret)


def test_a_file_that_its_owner_alone_can_read_holds_it(tmp_path: Path) -> None:
    for mode in (0o600, 0o400):
        assert read(SecretFile(written(tmp_path / f"{mode}", mode=mode))) == Secret(WORDS)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620, 0o666])
def test_a_file_that_others_can_read_is_refused_with_the_command_that_closes_it(tmp_path: Path, mode: int) -> None:
    path = written(tmp_path / "secret", mode=mode)
    with pytest.raises(SecretError, match=f"chmod 600 {path}") as caught:
        read(SecretFile(path))
    assert WORDS not in str(caught.value)


def test_a_file_of_another_user_is_refused_even_where_it_lets_this_one_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "secret")
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    with pytest.raises(SecretError, match="belongs to another user"):
        read(SecretFile(path))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert read(SecretFile(path)) == Secret(WORDS), "the doctor, as root, may look"


def test_a_secret_that_is_kept_is_its_owners_alone_and_replaces_another_or_a_link(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("untouched")
    (tmp_path / "secret").symlink_to(tmp_path / "other")
    for text in (WORDS, WORDS + "-2"):
        assert read(SecretFile(keep_secret(tmp_path / "secret", text))) == Secret(text)
    assert (tmp_path / "other").read_text() == "untouched"


@pytest.mark.parametrize("text", ["", "short", "two words of it", "ü" * 20, "a\nb" * 10, "x" * 5000, "nul\0nul\0nul"])
def test_a_file_that_holds_something_else_is_refused_without_being_shown(tmp_path: Path, text: str) -> None:
    with pytest.raises(SecretError, match="must hold the secret alone") as caught:
        read(SecretFile(written(tmp_path / "secret", text)))
    assert not text or text[:5] not in str(caught.value).replace(str(tmp_path), "")


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match="No such file"):
        read(SecretFile(tmp_path / "none"))
    with pytest.raises(SecretError, match="cannot be read: Is a directory"):
        read(SecretFile(tmp_path))
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(SecretError, match="is no file"):
        read(SecretFile(tmp_path / "pipe"))


@pytest.mark.parametrize("mode", [0o444, 0o440, 0o644])
def test_what_systemd_or_a_container_hands_out_is_taken_with_the_mode_they_give_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    """Docker's and Podman's secrets have mode 0444 as they come, in a folder that is the container's alone."""
    given, elsewhere = tmp_path / "given", tmp_path / "elsewhere"
    given.mkdir()
    elsewhere.mkdir()
    (tmp_path / "link").symlink_to(written(given / "token", mode=mode))
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    for path in (given / "token", tmp_path / "link"):
        with pytest.raises(SecretError, match="chmod 600"):
            read(SecretFile(path))
    for place in ({"CREDENTIALS_DIRECTORY": str(given)}, {}):
        with monkeypatch.context() as only:
            for name, value in place.items():
                only.setenv(name, value)
            if not place:
                only.setattr("pommai.io.secret.CONTAINERS", str(given))
            assert read(SecretFile(given / "token")) == read(SecretFile(tmp_path / "link")) == Secret(WORDS)
            (given / "out").unlink(missing_ok=True)
            (given / "out").symlink_to(written(elsewhere / "token", mode=mode))
            for path in (elsewhere / "token", given / "out", given / ".." / "elsewhere" / "token"):
                with pytest.raises(SecretError, match="chmod 600"):
                    read(SecretFile(path))


def test_a_key_that_root_shares_with_a_group_is_taken_where_that_is_usual_and_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, about = written(tmp_path / "key", mode=0o640), os.fstat
    # Only root could give root the file: it is said to be.
    monkeypatch.setattr(os, "fstat", lambda file: os.stat_result([*about(file)[:4], 0, *about(file)[5:]]))
    assert read_closed(path, 99, shared_by_root=True) == WORDS.encode() + b"\n"
    for mode in (0o644, 0o660, 0o604):
        path.chmod(mode)
        with pytest.raises(SecretError, match=f"chmod 600 {path}"):
            read_closed(path, 99, shared_by_root=True)
    path.chmod(0o640)
    with pytest.raises(SecretError, match=f"chmod 600 {path}"):
        read_closed(path, 99)


def test_a_pipe_is_read_to_its_end_where_somebody_waits_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    writer = threading.Thread(target=lambda: (tmp_path / "pipe").write_text(WORDS))
    writer.start()
    assert read_closed(tmp_path / "pipe", 99, waits=True) == WORDS.encode()
    writer.join()
    assert read_closed(Path(os.devnull), 99, waits=True) == b""
    with pytest.raises(SecretError, match="is no file"):
        read_closed(tmp_path / "pipe", 99)
    (tmp_path / "pipe").chmod(0o644)
    os.set_blocking(held := os.open(tmp_path / "pipe", os.O_RDWR), True)
    with pytest.raises(SecretError, match="chmod 600"):
        read_closed(tmp_path / "pipe", 99, waits=True)
    os.close(held)


def test_one_byte_more_than_was_asked_for_tells_that_there_is_more(tmp_path: Path) -> None:
    assert len(read_closed(written(tmp_path / "long", "x" * 50), 20)) == 21


def test_a_credential_of_systemd_is_found_in_the_folder_it_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    written(tmp_path / "device-secret", mode=0o440)
    assert read(SystemdCredential("device-secret")) == Secret(WORDS)
    with pytest.raises(SecretError, match="No such file"):
        read(SystemdCredential("other"))
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    with pytest.raises(SecretError, match="LoadCredential=device-secret"):
        read(SystemdCredential("device-secret"))


def command(path: Path, script: str) -> str:
    """Stands in for tpm2_unseal: writes its arguments down, then does as the script says."""
    path.write_text(f'#!/bin/sh\necho "$@" >{path}.arguments\n{script}\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_a_tpm_is_asked_for_the_object_at_its_handle(tmp_path: Path) -> None:
    name = command(tmp_path / "unseal", f"printf %s {WORDS}")
    assert read(TpmSecret("0x81010001", name)) == Secret(WORDS)
    assert (tmp_path / "unseal.arguments").read_text() == "-c 0x81010001\n"


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (
            "echo 'ERROR: Esys_Unseal: \033[2J no' >&2; exit 1",
            "does not give the secret at 0x81010001: ERROR: Esys_Unseal",
        ),
        (
            "echo 'WARNING:esys:x.c:320 Received' >&2; echo 'ERROR: it is not there' >&2; exit 1",
            "0001: ERROR: it is not",
        ),
        ("exit 3", "status 3"),
        ("yes x | head -c 100000", "must hold the secret alone"),
        ("true", "must hold the secret alone"),
    ],
)
def test_a_tpm_that_does_not_give_it_is_told(tmp_path: Path, script: str, words: str) -> None:
    with pytest.raises(SecretError, match=words) as caught:
        read(TpmSecret("0x81010001", command(tmp_path / "unseal", script)))
    assert str(caught.value).isprintable()


def test_a_machine_without_the_command_is_told_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match="sudo apt-get install tpm2-tools"):
        read(TpmSecret("0x81010001", str(tmp_path / "none")))


def test_a_tpm_that_never_answers_holds_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pommai.io.secret.TPM_SECONDS", 0.1)
    with pytest.raises(SecretError, match="has not answered within"):
        read(TpmSecret("0x81010001", command(tmp_path / "unseal", "exec sleep 60")))
