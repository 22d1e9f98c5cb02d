"""Tokens: both in one question, never two questions at a time, new ones before the old ones end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from cloud_stand_in import DEVICE, SECRET, CloudStandIn, Failure, FixedSecret, client_of, stand_in

from pommai.errors import AuthenticationError, LinkError, SecretError
from pommai.io.cloud_tokens import DeviceTokens, TokenTimes
from pommai.io.link_token import Credentials
from pommai.io.secret import Secret

QUICK = TokenTimes(refused_first=0.2, refused_limit=0.4, failed_first=0.02, failed_limit=0.05, fresh=0.1)


def play(scene: Any, times: TokenTimes = QUICK, source: Any = None, **more: Any) -> None:
    async def act() -> None:
        async with stand_in(**more) as cloud, client_of(cloud) as client:
            seen: list[str] = []
            tokens = DeviceTokens(
                client, DEVICE, source or FixedSecret(), on_secret=seen.append, times=times, random=Random(1)
            )
            credentials: Credentials = tokens
            assert credentials is tokens
            await scene(cloud, tokens, seen)

    asyncio.run(act())


def asked(cloud: CloudStandIn) -> int:
    return cloud.paths().count("auth:authenticateDevice")


def test_one_question_gives_both_tokens_however_many_ask() -> None:
    async def scene(cloud, tokens, seen):
        both = await asyncio.gather(*(tokens.token() for _ in range(5)), *(tokens.convex_token() for _ in range(5)))
        assert both == ["socket-000001"] * 5 + [Secret("convex-000001")] * 5
        assert asked(cloud) == 1
        assert cloud.calls[0].args == {"deviceId": DEVICE, "deviceSecret": SECRET}
        assert cloud.calls[0].token == ""
        assert seen == [SECRET, "convex-000001", "socket-000001"]

    play(scene)


def test_who_gives_up_asking_leaves_the_question_to_the_next() -> None:
    async def scene(cloud, tokens, seen):
        cloud.trouble.append("hang")
        first = asyncio.create_task(tokens.token())
        await cloud.arrived.wait()
        second = asyncio.create_task(tokens.token())
        first.cancel()
        assert await second == "socket-000001"
        assert first.cancelled()

    play(scene)


def test_tokens_are_renewed_before_they_end_and_the_old_ones_are_given_meanwhile() -> None:
    async def scene(cloud, tokens, seen):
        keeping = asyncio.create_task(tokens.keep_fresh())
        given = [await tokens.token()]
        ends = tokens._tokens.ends_at
        async with asyncio.timeout(10):
            while (newest := await tokens.token()) == given[0]:
                await asyncio.sleep(0.005)
        assert asyncio.get_running_loop().time() < ends
        assert newest == "socket-000002"
        keeping.cancel()
        await asyncio.wait([keeping])

    play(scene, life_ms=2000)


def test_a_cloud_that_is_away_at_renewal_is_asked_until_it_is_back() -> None:
    async def scene(cloud, tokens, seen):
        cloud.trouble.extend(["none", "500", "gone", "garbage"])
        keeping = asyncio.create_task(tokens.keep_fresh())
        assert await tokens.token() == "socket-000001"
        async with asyncio.timeout(10):
            while asked(cloud) < 3:
                with contextlib.suppress(LinkError):  # on a busy machine they end before they are renewed
                    await tokens.token()
                await asyncio.sleep(0.01)
        assert not cloud.trouble
        keeping.cancel()
        await asyncio.wait([keeping])

    play(scene, life_ms=300)


def test_how_long_tokens_live_is_the_difference_of_the_servers_times() -> None:
    async def scene(cloud, tokens, seen):
        before = asyncio.get_running_loop().time()
        await tokens.token()
        assert before + 3600 <= tokens._tokens.ends_at < before + 3610
        assert before + 2690 < tokens._tokens.renew_at < before + 3070

    play(scene)


def test_tokens_that_have_ended_are_not_given() -> None:
    async def scene(cloud, tokens, seen):
        assert await tokens.token() == "socket-000001"
        await asyncio.sleep(0.06)
        assert await tokens.token() == "socket-000002"

    play(scene, life_ms=50)


def test_a_refused_token_is_asked_for_anew_and_soon_unless_it_was_fresh() -> None:
    async def scene(cloud, tokens, seen):
        first = await tokens.token()
        assert not tokens.refused(first)
        second = await tokens.token()
        assert second == "socket-000002"
        assert tokens.refused(first)  # somebody was slow
        assert await tokens.token() == second
        await asyncio.sleep(0.11)
        assert tokens.refused(second)
        assert await tokens.token() == "socket-000003"

    play(scene)


def test_a_device_that_is_not_known_says_so_and_asks_rarely(caplog: pytest.LogCaptureFixture) -> None:
    async def scene(cloud, tokens, seen):
        for _ in range(20):
            with pytest.raises(AuthenticationError, match="knows no device with this id and this secret"):
                await tokens.token()
        assert asked(cloud) == 1
        cloud.secret = SECRET
        async with asyncio.timeout(10):
            while True:
                try:
                    assert await tokens.token() == "socket-000001"
                    break
                except AuthenticationError:
                    await asyncio.sleep(0.02)
        assert asked(cloud) <= 4

    with caplog.at_level(logging.ERROR):
        play(scene, secret="another-secret-altogether")
    assert SECRET not in caplog.text
    assert "device refused" in caplog.text


@pytest.mark.parametrize("code", ["DEVICE_NOT_FOUND", "FORBIDDEN"])
def test_other_words_for_no_are_a_refusal_too(code: str) -> None:
    async def scene(cloud, tokens, seen):
        def fail(args):
            raise Failure(code)

        cloud.functions["auth:authenticateDevice"] = fail
        for _ in range(5):
            with pytest.raises(AuthenticationError, match="knows no device"):
                await tokens.token()
        assert asked(cloud) == 1

    play(scene)


def test_a_cloud_that_asks_for_patience_gets_it() -> None:
    async def scene(cloud, tokens, seen):
        cloud.trouble.append("429 3000")
        for _ in range(5):
            with pytest.raises(LinkError, match="RATE_LIMITED"):
                await tokens.token()
        assert not cloud.calls
        assert not cloud.trouble

    play(scene)


class Losing:
    """A TPM that answers, or does not."""

    def __init__(self) -> None:
        self.lost = True
        self.reads = 0

    async def read(self) -> Secret:
        self.reads += 1
        if self.lost:
            raise SecretError("the TPM does not give the secret at 0x81010001")
        return Secret(SECRET)


def test_a_secret_that_cannot_be_read_is_told_as_the_reason_and_counts_as_soon_as_it_can() -> None:
    source = Losing()

    async def scene(cloud, tokens, seen):
        with pytest.raises(SecretError, match="the TPM does not give"):
            await tokens.token()  # the link's, which goes on looking for it
        with pytest.raises(AuthenticationError, match="the TPM does not give"):
            await tokens.convex_token()
        assert cloud.calls == []
        source.lost = False
        assert await tokens.token() == "socket-000001"

    play(scene, source=source)


def test_a_secret_that_is_lost_while_tokens_live_is_told_once_and_not_at_each_try(
    caplog: pytest.LogCaptureFixture,
) -> None:
    source = Losing()

    async def scene(cloud, tokens, seen):
        source.lost = False
        await tokens.token()
        source.lost = True
        tokens._tokens = replace(tokens._tokens, renew_at=0.0)  # it is time
        renewing = asyncio.create_task(tokens.keep_fresh())
        async with asyncio.timeout(30):
            while source.reads < 4:
                await asyncio.sleep(0.01)
        assert not renewing.done()
        renewing.cancel()
        await asyncio.wait([renewing])

    with caplog.at_level(logging.WARNING):
        play(scene, source=source)
    told = [record for record in caplog.records if record.message == "tokens not renewed"]
    assert [record.reason for record in told] == ["the TPM does not give the secret at 0x81010001"]  # type: ignore[attr-defined]
    assert "device refused" not in caplog.text, "nobody has refused it"


@pytest.mark.parametrize(
    "change",
    [
        {"convexToken": None},
        {"convexToken": "with space or two"},
        {"websocketToken": "line\r\nbreak-break"},
        {"websocketToken": "x" * 5000},
        {"expiresAt": None},
        {"expiresAt": 0},
        {"expiresAt": "soon"},
        {"expiresAt": 10**400},
        {"serverTime": 1e308},
        {"serverTime": -(10**400)},
    ],
)
def test_an_answer_without_sound_tokens_gives_none(change: dict[str, Any]) -> None:
    async def scene(cloud, tokens, seen):
        sound = cloud.authenticate({"deviceSecret": SECRET})
        cloud.functions["auth:authenticateDevice"] = lambda args: sound | change
        with pytest.raises(LinkError, match="gets no token") as caught:
            await tokens.token()
        assert not isinstance(caught.value, AuthenticationError)

    play(scene)


@pytest.mark.parametrize("value", [None, [], "token", {"convexToken": 1}])
def test_an_answer_of_another_shape_gives_none(value: Any) -> None:
    async def scene(cloud, tokens, seen):
        cloud.functions["auth:authenticateDevice"] = lambda args: value
        with pytest.raises(LinkError, match="gets no token"):
            await tokens.token()

    play(scene)


def test_a_server_error_is_no_refusal_and_is_asked_again_at_once() -> None:
    async def scene(cloud, tokens, seen):
        def fail(args):
            raise Failure(None)

        cloud.functions["auth:authenticateDevice"] = fail
        with pytest.raises(LinkError, match="SERVER_ERROR"):
            await tokens.token()
        del cloud.functions["auth:authenticateDevice"]
        assert await tokens.token() == "socket-000001"

    play(scene)
