"""Tokens and secrets: how they are kept, how long they last, and that nobody is shown them. The cloud's functions are
those of the gateway, on a real socket."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cloud_stand_in import DEVICE, SECRET, CloudStandIn, Failure, stand_in
from doctor_material import NOON, RUNNING, look, settings, world
from functions_material import FunctionServer, function_server

from pommai.doctor import secrets
from pommai.doctor.finding import Finding, Mark
from pommai.doctor.surroundings import Surroundings

TOKEN = "a-planted-token-0123456789"


def kept(folder: Path, text: str, mode: int = 0o600) -> Path:
    file = folder / "kept"
    file.touch(mode)
    file.write_text(text + "\n")
    file.chmod(mode)
    return file


def assert_hidden(found: Finding, *planted: str) -> Finding:
    for secret in planted:
        assert secret not in repr(found)
    return found


def jwt(**claims: object) -> str:
    parts = [{"alg": "none"}, claims, {}]
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)


# -- the token -----------------------------------------------------------------------------


def test_a_token_in_a_private_file_is_well_with_its_age(tmp_path: Path) -> None:
    file = kept(tmp_path, TOKEN)
    os.utime(file, (NOON - 3 * 86_400, NOON - 3 * 86_400))
    found = look(secrets.token, world(tmp_path, settings=settings(tmp_path, token_file=str(file))))
    assert (assert_hidden(found, TOKEN).mark, "3 days old" in found.words) == (Mark.OK, True)


def test_a_token_that_others_can_read_is_broken(tmp_path: Path) -> None:
    file = kept(tmp_path, TOKEN, 0o644)
    found = look(secrets.token, world(tmp_path, settings=settings(tmp_path, token_file=str(file))))
    assert found.mark is Mark.BROKEN, "the toy would not take it"
    assert f"chmod 600 {file}" in found.words


@pytest.mark.parametrize(
    ("left", "mark", "words"),
    [(-86_400, Mark.BROKEN, "ended 1.0 days ago"), (2 * 86_400, Mark.WRONG, "2.0 days"), (90 * 86_400, Mark.OK, "90")],
)
def test_a_token_with_an_end_is_judged_by_it(tmp_path: Path, left: int, mark: Mark, words: str) -> None:
    token = jwt(exp=NOON + left)
    found = look(secrets.token, world(tmp_path, settings=settings(tmp_path, token=token)))
    assert (assert_hidden(found, token).mark, words in found.words) == (mark, True)


def test_in_1970_no_token_has_ended(tmp_path: Path) -> None:
    there = world(tmp_path, settings=settings(tmp_path, token=jwt(exp=NOON)), wall=lambda: 100.0)
    assert look(secrets.token, there).mark is Mark.NOTE


@pytest.mark.parametrize("token", ["abc.def.ghi", "........", f"x.{'A' * 9}.y", jwt(exp="soon"), jwt(exp=True), jwt()])
def test_a_token_of_another_kind_has_no_end(tmp_path: Path, token: str) -> None:
    assert look(secrets.token, world(tmp_path, settings=settings(tmp_path, token=token))).mark is Mark.OK


def test_no_token_and_no_secret_is_broken(tmp_path: Path) -> None:
    found = look(secrets.token, world(tmp_path))
    assert (found.mark, "token_file" in found.next_step) == (Mark.BROKEN, True)
    installed = look(secrets.token, world(tmp_path, unit=RUNNING))
    assert (installed.mark, "nobody has set this toy up" in installed.words) == (Mark.BROKEN, True)
    assert "--boot-file pommai.toml" in installed.next_step


def test_a_token_that_this_user_may_not_read_is_a_note_with_who_may(tmp_path: Path) -> None:
    there = settings(tmp_path, token_file=str(tmp_path / "gone"))
    found = look(secrets.token, world(tmp_path, settings=there, unit=replace(RUNNING, user="toy")))
    assert (found.mark, "sudo -u toy" in found.next_step) == (Mark.NOTE, True)
    found = look(secrets.token, world(tmp_path, settings=there))
    assert (found.mark, f"chmod 600 {tmp_path / 'gone'}" in found.next_step) == (Mark.BROKEN, True)


def test_a_tpm_that_does_not_give_its_secret_is_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    wanted = settings(tmp_path, cloud_url="http://127.0.0.1:1", device_secret="tpm:0x81010001")
    found = look(secrets.token, world(tmp_path, settings=wanted))
    assert (found.mark, "tpm2_unseal cannot be run" in found.words) == (Mark.BROKEN, True)
    assert found.next_step.startswith("tpm2_getcap handles-persistent")


def test_a_secret_is_well_when_it_can_be_read_by_its_owner_alone(tmp_path: Path) -> None:
    def found(mode: int) -> Finding:
        place = f"file:{kept(tmp_path, SECRET, mode)}"
        wanted = settings(tmp_path, cloud_url="http://127.0.0.1:1", device_secret=place)
        return assert_hidden(look(secrets.token, world(tmp_path, settings=wanted)), SECRET)

    assert found(0o600).mark is Mark.OK
    assert (found(0o640).mark, "chmod 600" in found(0o640).words) == (Mark.BROKEN, True)


def test_a_credential_of_systemd_is_not_to_be_seen_from_outside(tmp_path: Path) -> None:
    wanted = settings(tmp_path, cloud_url="http://127.0.0.1:1", device_secret="credential:secret")
    assert look(secrets.token, world(tmp_path, settings=wanted)).mark is Mark.NOTE


# -- the cloud -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[FunctionServer]:
    with function_server() as running:
        yield running


def clouded(folder: Path, url: str, device: str, secret: str, **more: Any) -> Surroundings:
    place = f"file:{kept(folder, secret)}"
    wanted = settings(folder, cloud_url=url, device_secret=place, device_id=device)
    return world(folder, settings=wanted, **more)


def test_the_cloud_gives_this_device_its_tokens(tmp_path: Path, server: FunctionServer) -> None:
    device, secret = next(iter(server.secrets.items()))
    there = clouded(tmp_path, server.url, device, secret)
    found = assert_hidden(look(secrets.cloud, there), secret)
    assert found.mark is Mark.OK
    assert found.figures["token_life_s"] > 60  # type: ignore[operator]
    assert len(there.server_minus_own) == 1


def test_another_secret_is_broken(tmp_path: Path, server: FunctionServer) -> None:
    device = next(iter(server.secrets))
    found = look(secrets.cloud, clouded(tmp_path, server.url, device, SECRET))
    assert (found.mark, found.figures["code"]) == (Mark.BROKEN, "AUTH_FAILED")
    assert "pommai devices" in found.next_step


def against(folder: Path, cloud: CloudStandIn, secret: str = SECRET) -> Finding:
    async def act() -> Finding:
        async with stand_in() as running:
            running.trouble.extend(cloud.trouble)
            running.functions.update(cloud.functions)
            running.life_ms = cloud.life_ms
            return await secrets.cloud(clouded(folder, running.url, DEVICE, secret))

    return asyncio.run(act())


def fails(code: str) -> CloudStandIn:
    def fail(_: object) -> object:
        raise Failure(code, message="no")

    return CloudStandIn(functions={"auth:authenticateDevice": fail})


def test_a_cloud_that_is_busy_is_a_note_and_one_that_fails_is_broken(tmp_path: Path) -> None:
    assert against(tmp_path, fails("RATE_LIMITED")).mark is Mark.NOTE
    assert against(tmp_path, fails("SERVER_ERROR")).mark is Mark.BROKEN


def test_tokens_that_end_at_once_are_wrong_and_no_tokens_broken(tmp_path: Path) -> None:
    assert against(tmp_path, CloudStandIn(life_ms=10_000)).mark is Mark.WRONG
    none = CloudStandIn(functions={"auth:authenticateDevice": lambda _: {"hello": 1}})
    assert (against(tmp_path, none).mark, "no tokens" in against(tmp_path, none).words) == (Mark.BROKEN, True)


def test_a_cloud_that_is_not_there_is_broken_and_none_is_a_note(tmp_path: Path) -> None:
    found = look(secrets.cloud, clouded(tmp_path, "http://127.0.0.1:9", DEVICE, SECRET))
    assert (found.mark, "127.0.0.1" in found.words) == (Mark.BROKEN, True)
    assert look(secrets.cloud, world(tmp_path / "none")).mark is Mark.NOTE


def test_a_cloud_that_cannot_be_called_at_all_is_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = look(secrets.cloud, clouded(tmp_path, "http://cloud.example", DEVICE, SECRET))
    assert (found.mark, "cloud_url" in found.next_step) == (Mark.BROKEN, True), "not in the clear"
    monkeypatch.setitem(sys.modules, "pommai.io.convex", None)
    found = look(secrets.cloud, clouded(tmp_path, "http://127.0.0.1:9", DEVICE, SECRET))
    assert (found.mark, "pommai[cloud]" in found.next_step) == (Mark.BROKEN, True)


def test_a_secret_that_cannot_be_read_is_not_tried(tmp_path: Path) -> None:
    there = clouded(tmp_path, "http://127.0.0.1:9", DEVICE, SECRET)
    (tmp_path / "kept").unlink()
    assert (look(secrets.cloud, there).mark, "not tried" in look(secrets.cloud, there).words) == (Mark.NOTE, True)


def test_credentials_are_the_token_else_those_of_the_cloud_else_none(tmp_path: Path) -> None:
    async def main(there: Surroundings) -> str | None:
        async with AsyncExitStack() as stack:
            found = await secrets.credentials(there, stack)
            return None if found is None else type(found).__name__

    assert asyncio.run(main(world(tmp_path, settings=settings(tmp_path, token=TOKEN)))) == "StoredToken"
    assert asyncio.run(main(clouded(tmp_path, "http://127.0.0.1:9", DEVICE, SECRET))) == "DeviceTokens"
    assert asyncio.run(main(world(tmp_path))) is None
