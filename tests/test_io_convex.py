"""Calling functions over a real socket: what they give, how they fail, and what no server can do to a toy."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from cloud_stand_in import Failure, client_of, stand_in

from pommai.errors import CloudFunctionError, CloudUnreachableError
from pommai.io.secret import Secret

TOKEN = Secret("convex-token")


def play(scene: Any, **more: Any) -> None:
    async def act() -> None:
        async with stand_in(tokens={TOKEN.reveal()}, **more) as cloud, client_of(cloud) as client:
            await scene(cloud, client)

    asyncio.run(act())


def test_a_function_gets_its_arguments_and_the_token_and_gives_its_value() -> None:
    async def scene(cloud, client):
        cloud.functions["a:b"] = lambda args: {"got": args, "ü": None}
        assert await client.call("query", "a:b", {"x": [1, "ä"]}, TOKEN) == {"got": {"x": [1, "ä"]}, "ü": None}
        assert cloud.calls[0].token == TOKEN.reveal()
        await client.call("action", "a:b", {})
        assert cloud.calls[1].token == ""
        assert cloud.connections == 1

    play(scene)


@pytest.mark.parametrize("trouble", ["cut", "gone", "hang", "drip", "500", "503", "garbage", "deep", "no-http"])
def test_a_call_without_a_sound_answer_is_made_again_and_goes_well(trouble: str) -> None:
    async def scene(cloud, client):
        cloud.trouble.append(trouble)
        value = await client.call("mutation", "logs:create", {"logs": [{"id": "l1"}]}, TOKEN)
        assert value == {"accepted": ["l1"], "rejected": []}

    play(scene)


@pytest.mark.parametrize("trouble", ["cut", "gone", "hang", "drip", "500", "garbage", "deep", "no-http"])
def test_a_cloud_that_never_answers_soundly_is_asked_three_times(trouble: str) -> None:
    async def scene(cloud, client):
        cloud.trouble.extend([trouble] * 3)
        with pytest.raises(CloudUnreachableError):
            await client.call("mutation", "logs:create", {}, TOKEN)
        assert not cloud.trouble
        assert cloud.calls == []

    play(scene)


@pytest.mark.parametrize(
    ("trouble", "words"), [("redirect", "does not follow"), ("huge", "more than a toy reads"), ("404", "HTTP 404")]
)
def test_what_will_not_change_is_not_asked_again(trouble: str, words: str) -> None:
    async def scene(cloud, client):
        cloud.trouble.append(trouble)
        with pytest.raises(CloudUnreachableError, match=words):
            await client.call("query", "a:b", {}, TOKEN)
        assert cloud.calls == []

    play(scene)


@pytest.mark.parametrize("status", [200, 560])
def test_an_error_of_a_function_has_its_code_whatever_the_status(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(cloud, client):
        def fail(args):
            raise Failure("FORBIDDEN", message="another device's")

        cloud.functions["a:b"] = fail
        with pytest.raises(CloudFunctionError, match="a:b: another device's") as caught:
            await client.call("query", "a:b", {})
        assert (caught.value.code, caught.value.retry_after, len(cloud.calls)) == ("FORBIDDEN", None, 1)

    if status == 200:
        import cloud_stand_in

        real = cloud_stand_in.reply
        monkeypatch.setattr(cloud_stand_in, "reply", lambda status, *rest: real(200, *rest))
    play(scene)


@pytest.mark.parametrize("code", [None, 7, "lower", "A" * 50, "A\nB", {"x": 1}])
def test_an_error_without_a_code_that_could_be_one_is_the_servers(code: Any) -> None:
    async def scene(cloud, client):
        def fail(args):
            raise Failure(code or None, message="x\n\x1b[2J" * 1000) if code else Failure(None)

        cloud.functions["a:b"] = fail
        with pytest.raises(CloudFunctionError) as caught:
            await client.call("query", "a:b", {})
        assert caught.value.code == "SERVER_ERROR"
        assert len(str(caught.value)) < 200
        assert str(caught.value).isprintable()

    play(scene)


def test_an_unknown_token_is_told_by_convex_itself_and_by_a_function_alike() -> None:
    async def scene(cloud, client):
        for trouble in ("401", "none"):
            cloud.trouble.append(trouble)
            with pytest.raises(CloudFunctionError) as caught:
                await client.call("query", "toys:getConfiguration", {}, Secret("old"))
            assert caught.value.code == "UNAUTHENTICATED"

    play(scene)


def test_a_short_wait_that_is_asked_for_is_waited_and_a_long_one_is_left_to_the_caller() -> None:
    async def scene(cloud, client):
        cloud.trouble.append("429 0")
        assert await client.call("query", "toys:getConfiguration", {}, TOKEN) == cloud.config
        cloud.trouble.append("429 60")
        with pytest.raises(CloudFunctionError) as caught:
            await client.call("query", "toys:getConfiguration", {}, TOKEN)
        assert (caught.value.code, caught.value.retry_after) == ("RATE_LIMITED", 60.0)

    play(scene)


@pytest.mark.parametrize(("given", "kept"), [(2, 2.0), (-1, None), ("soon", None), (True, None), (10**400, 3600.0)])
def test_how_long_to_wait_is_believed_within_reason(given: Any, kept: float | None) -> None:
    async def scene(cloud, client):
        def fail(args):
            raise Failure("RATE_LIMITED", retryAfter=given)

        cloud.functions["a:b"] = fail
        with pytest.raises(CloudFunctionError) as caught:
            await client.call("query", "a:b", {}, attempts=1)
        assert caught.value.retry_after == kept

    play(scene)


def test_bytes_are_brought_with_their_type_and_their_storage_id_comes_back() -> None:
    async def scene(cloud, client):
        assert await client.upload(f"{cloud.url}/api/storage/upload", b"OggS", "audio/ogg") == "kg1"
        assert await client.upload("/api/storage/upload", b"x", "audio/ogg") == "kg2"
        assert cloud.uploads == [("audio/ogg", b"OggS"), ("audio/ogg", b"x")]
        cloud.trouble.append("garbage")
        with pytest.raises(CloudUnreachableError):
            await client.upload("/api/storage/upload", b"x", "audio/ogg")

    play(scene)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/x", "https://evil.example/x", "file:///etc/passwd", "http://[", "//x/y"]
)
def test_nothing_is_brought_anywhere_but_to_the_cloud_of_the_settings(url: str) -> None:
    async def scene(cloud, client):
        with pytest.raises(CloudUnreachableError, match="elsewhere"):
            await client.upload(url, b"a child's voice", "audio/ogg")

    play(scene)


def test_the_token_is_in_no_error() -> None:
    async def scene(cloud, client):
        for trouble in ("401", "500", "garbage"):
            cloud.trouble.extend([trouble] * 3)
            with pytest.raises((CloudFunctionError, CloudUnreachableError)) as caught:
                await client.call("query", "a:b", {"deviceSecret": "s3cret-value"}, TOKEN)
            cloud.trouble.clear()
            shown = repr(caught.value) + str(caught.value) + str(caught.value.__cause__) + str(caught.value.__context__)
            assert TOKEN.reveal() not in shown
            assert "s3cret-value" not in shown

    play(scene)


@pytest.mark.parametrize(("status", "code"), [(400, "INVALID"), (403, "CONSENT_REQUIRED"), (503, "RATE_LIMITED")])
def test_an_error_that_comes_with_another_status_is_understood_by_its_code(status: int, code: str) -> None:
    async def scene(cloud, client):
        cloud.trouble.append(f"{status} {code}")
        with pytest.raises(CloudFunctionError, match="a:b: no") as caught:
            await client.call("query", "a:b", {}, TOKEN, attempts=1)
        assert caught.value.code == code

    play(scene)
